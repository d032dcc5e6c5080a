// Package embedded is what "docuvault serve" brings along where the
// environment names no real server: PostgreSQL, an S3 server, and the secrets
// that an operator would otherwise provide, all in one data folder.
//
// It promises: secrets are made once, lie in files of mode 0600, and are never
// made anew beside data that needs the old ones; and what runs here ends with
// the process.
package embedded

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"docuvault/shared/auth"
	"docuvault/shared/keys"
	"docuvault/shared/secret"
)

// Folder is the data folder of an embedded vault.
type Folder struct{ path string }

// OpenFolder makes the folder if it is missing. Its path becomes absolute,
// because the embedded S3 server changes the working folder.
func OpenFolder(path string) (Folder, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return Folder{}, fmt.Errorf("--data: %w", err)
	}
	// Others may pass through (the database's user must), not look.
	if err := os.MkdirAll(absolute, 0o711); err != nil {
		return Folder{}, fmt.Errorf("--data: %w", err)
	}
	f := Folder{absolute}
	if err := os.MkdirAll(f.secrets(), 0o700); err != nil {
		return Folder{}, fmt.Errorf("--data: %w", err)
	}
	return f, nil
}

// Path is the folder's absolute path.
func (f Folder) Path() string { return f.path }

// MasterKeys is the file of the master keys, which is to be backed up apart.
func (f Folder) MasterKeys() string { return filepath.Join(f.secrets(), "master-keys") }

func (f Folder) secrets() string  { return filepath.Join(f.path, "secrets") }
func (f Folder) postgres() string { return filepath.Join(f.path, "postgres") }
func (f Folder) objects() string  { return filepath.Join(f.path, "objects") }

// secret returns the content of a secret file, which create makes on first
// use. The file appears whole or not at all.
func (f Folder) secret(name string, create func() (secret.Text, error)) (secret.Text, error) {
	path := filepath.Join(f.secrets(), name)
	content, err := os.ReadFile(path)
	if err == nil {
		return secret.New(strings.TrimSpace(string(content))), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return secret.Text{}, fmt.Errorf("read secret: %w", err)
	}
	value, err := create()
	if err != nil {
		return secret.Text{}, err
	}
	if err := writeOnce(path, value); err != nil {
		return secret.Text{}, fmt.Errorf("write secret: %w", err)
	}
	return value, nil
}

func writeOnce(path string, value secret.Text) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.WriteString(value.Reveal() + "\n")
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// random makes 32 random bytes as text.
func random() (secret.Text, error) {
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return secret.Text{}, err
	}
	return secret.New(base64.RawURLEncoding.EncodeToString(b)), nil
}

// Keys adds the keys that the environment does not name to vars. fresh says
// that there is no data yet; keys that are missing beside data stop the start.
func (f Folder) Keys(vars Vars, fresh bool) error {
	for _, k := range []struct{ variable, file string }{
		{"MASTER_KEYS", "master-keys"}, {"SESSION_KEYS", "session-keys"}, {"JWT_SIGNING_KEYS", "jwt-signing-keys"},
	} {
		if vars.Has(k.variable) {
			continue
		}
		value, err := f.secret(k.file, func() (secret.Text, error) {
			if k.variable == "MASTER_KEYS" && !fresh {
				return secret.Text{}, fmt.Errorf("the master keys are missing: %s is gone, but the vault's data is there and cannot be read without it. Put the file back from your backup", f.MasterKeys())
			}
			return keys.Generate("k1")
		})
		if err != nil {
			return err
		}
		vars.Set(k.variable, value.Reveal())
	}
	return nil
}

// DeriveJWKS sets JWT_PUBLIC_KEYS from JWT_SIGNING_KEYS: one process that signs
// needs no second place to publish to itself. With JWT_SIGNING_KEYS in a file it
// reads that.
func DeriveJWKS(vars Vars) error {
	if vars.Has("JWT_PUBLIC_KEYS") || !vars.Has("JWT_SIGNING_KEYS") {
		return nil
	}
	raw := vars["JWT_SIGNING_KEYS"]
	if path := vars["JWT_SIGNING_KEYS_FILE"]; raw == "" && path != "" {
		content, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("JWT_SIGNING_KEYS_FILE: %w", err)
		}
		raw = strings.TrimSpace(string(content))
	}
	signing, err := keys.ParseSet("JWT_SIGNING_KEYS", secret.New(raw))
	if err != nil {
		return err
	}
	vars.Set("JWT_PUBLIC_KEYS", string(auth.JWKS(signing)))
	return nil
}

// Vars is an environment by name.
type Vars map[string]string

// Environment reads variables in the form of os.Environ.
func Environment(environ []string) Vars {
	v := Vars{}
	for _, kv := range environ {
		if name, value, ok := strings.Cut(kv, "="); ok {
			v[name] = value
		}
	}
	return v
}

// Has reports whether the environment names a value, in any of its forms.
func (v Vars) Has(name string) bool {
	return v[name] != "" || v[name+"_FILE"] != "" || v[name+"_SECRET_ARN"] != ""
}

// Set sets a variable.
func (v Vars) Set(name, value string) { v[name] = value }

// Default sets a variable that the environment does not name.
func (v Vars) Default(name, value string) {
	if !v.Has(name) {
		v[name] = value
	}
}

// Environ returns the variables in the form of os.Environ.
func (v Vars) Environ() []string {
	out := make([]string, 0, len(v))
	for name, value := range v {
		out = append(out, name+"="+value)
	}
	return out
}
