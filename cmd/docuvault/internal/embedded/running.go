package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"docuvault/db"
	"docuvault/shared/secret"
)

// running is what operator commands need to know of a vault that runs, beside
// what lies in its folder anyway: where its S3 server listens.
type running struct {
	Endpoint      string `json:"s3_endpoint"`
	Bucket        string `json:"s3_bucket"`
	DerivedBucket string `json:"s3_derived_bucket"`
}

func (f Folder) runFile() string { return filepath.Join(f.secrets(), "running.json") }

// noteRunning writes where the S3 server listens, readable by the owner alone.
// One that a killed vault left behind is overwritten by the next start.
func (f Folder) noteRunning(r running) error {
	content, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("note the running vault: %w", err)
	}
	if err := writeOnce(f.runFile(), secret.New(string(content))); err != nil {
		return fmt.Errorf("note the running vault: %w", err)
	}
	return nil
}

// Running adds to vars, where they do not name it, how to reach the vault that
// runs on this folder: DATABASE_URL, the S3_* variables and MASTER_KEYS. It
// makes nothing. Storage that the folder does not hold (the environment of
// serve named another) is left out.
func (f Folder) Running(vars Vars) error {
	addr, err := f.address()
	if err != nil {
		return err
	}
	if !vars.Has("DATABASE_URL") {
		password, err := f.existing("app-password")
		if err != nil {
			return err
		}
		vars.Set("DATABASE_URL", dsn(db.AppRole, password, addr, ""))
	}
	if !vars.Has("MASTER_KEYS") {
		master, err := f.existing("master-keys")
		if err == nil {
			vars.Set("MASTER_KEYS", master.Reveal())
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if vars.Has("S3_ENDPOINT") || vars.Has("S3_ACCESS_KEY") || vars.Has("S3_BUCKET") {
		return nil
	}
	content, err := os.ReadFile(f.runFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var r running
	if err == nil {
		err = json.Unmarshal(content, &r)
	}
	if err != nil {
		return fmt.Errorf("read where the vault's storage is: %w", err)
	}
	secretKey, err := f.existing("s3-secret-key")
	if err != nil {
		return err
	}
	vars.Set("S3_ENDPOINT", r.Endpoint)
	vars.Set("S3_BUCKET", r.Bucket)
	vars.Set("S3_DERIVED_BUCKET", r.DerivedBucket)
	vars.Set("S3_ACCESS_KEY", accessKey)
	vars.Set("S3_SECRET_KEY", secretKey.Reveal())
	return nil
}

// existing reads a secret and never makes one.
func (f Folder) existing(name string) (secret.Text, error) {
	return f.secret(name, func() (secret.Text, error) {
		return secret.Text{}, fmt.Errorf("%s is missing in %s: %w", name, f.secrets(), fs.ErrNotExist)
	})
}
