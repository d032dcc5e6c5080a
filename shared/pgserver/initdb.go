package pgserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"docuvault/shared/secret"
)

func passwordFile(dir string) string { return filepath.Join(dir, "superuser-password") }

// initialise makes the cluster in a folder beside, and renames it when it is
// whole: a start that was killed half-way leaves nothing that looks like data.
func (s *Server) initialise(ctx context.Context, user *osUser) error {
	dir := s.opts.Dir
	password := rand.Text()
	draft := filepath.Join(dir, "data.new")
	pwfile := filepath.Join(dir, "initdb-password")
	defer func() { _ = os.Remove(pwfile) }()
	// The cluster reads it once, as its own user; the lasting copy is ours.
	if err := writeFile(pwfile, password, user); err != nil {
		return fmt.Errorf("make the database: %w", err)
	}

	var failed []error
	for _, locale := range localeArgs(s.binaries.Major) {
		if err := os.RemoveAll(draft); err != nil {
			return fmt.Errorf("make the database: %w", err)
		}
		if err := os.Mkdir(draft, 0o700); err != nil {
			return fmt.Errorf("make the database: %w", err)
		}
		if err := user.own(draft); err != nil {
			return fmt.Errorf("make the database: %w", err)
		}
		args := append([]string{
			"--pgdata=" + draft, "--username=" + Superuser, "--pwfile=" + pwfile,
			"--auth-local=scram-sha-256", "--auth-host=scram-sha-256",
			"--encoding=UTF8", "--lc-messages=C", "--data-checksums",
		}, locale...)
		if s.opts.Throwaway || s.opts.Settings["fsync"] == "off" {
			args = append(args, "--no-sync")
		}
		cmd := exec.CommandContext(ctx, s.binaries.program("initdb"), args...)
		user.apply(cmd)
		out, err := cmd.CombinedOutput()
		if err == nil {
			failed = nil
			break
		}
		failed = append(failed, fmt.Errorf("initdb %s: %w: %s", strings.Join(locale, " "), err, strings.TrimSpace(string(out))))
		if ctx.Err() != nil {
			break
		}
	}
	if failed != nil {
		_ = os.RemoveAll(draft)
		return fmt.Errorf("make the database: %w", errors.Join(failed...))
	}
	if err := writeFile(passwordFile(dir), password, nil); err != nil {
		return fmt.Errorf("keep the superuser's password: %w", err)
	}
	// An empty folder may be there already.
	if err := os.Remove(DataDir(dir)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("make the database: %w", err)
	}
	if err := os.Rename(draft, DataDir(dir)); err != nil {
		return fmt.Errorf("make the database: %w", err)
	}
	return nil
}

// localeArgs lists locales to try, best first. All sort by code point, so an
// index never depends on the operating system's collations.
func localeArgs(major int) [][]string {
	var list [][]string
	if major >= 17 {
		list = append(list, []string{"--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"})
	}
	return append(list, []string{"--locale=C.UTF-8"}, []string{"--locale=C"})
}

// writeFile writes a file of mode 0600 whole or not at all.
func writeFile(path, content string, owner *osUser) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp.Name()) }()
	_, err = temp.WriteString(content + "\n")
	if err := errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if owner != nil {
		if err := owner.own(temp.Name()); err != nil {
			return err
		}
	}
	return os.Rename(temp.Name(), path)
}

func readPassword(dir string) (secret.Text, error) {
	content, err := os.ReadFile(passwordFile(dir))
	if err != nil {
		return secret.Text{}, fmt.Errorf("read the superuser's password: %w", err)
	}
	return secret.New(strings.TrimSpace(string(content))), nil
}
