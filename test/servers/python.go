package servers

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// installWithin is how long pip may take to fetch and unpack.
const installWithin = 5 * time.Minute

// venv returns a folder with the Python environment of pinned requirements (a
// pip file with hashes), made with Python 3.minor or newer: <user
// cache>/docuvault/python-<hash of the file>. It is made when it is not there, by
// pip, with packages by name.
func venv(ctx context.Context, requirements string, minor int) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("%w: no cache folder: %w", ErrMissing, err)
	}
	cache = filepath.Join(cache, "docuvault")
	dir := filepath.Join(cache, fmt.Sprintf("python-%x", sha256.Sum256([]byte(requirements)))[:len("python-")+16])
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	found, err := pythons(ctx, minor)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", err
	}
	// A Python may be too new for a package that is pinned; then an older one is
	// tried.
	var failed []error
	for _, python := range found {
		if err := installVenv(ctx, python, cache, dir, requirements); err != nil {
			failed = append(failed, err)
			continue
		}
		return dir, nil
	}
	return "", errors.Join(failed...)
}

// installVenv makes the environment beside and then moves it to its place:
// nobody sees half of one, and of two that make it at once the first one's
// counts.
func installVenv(ctx context.Context, python, cache, dir, requirements string) error {
	ctx, cancel := context.WithTimeout(ctx, installWithin)
	defer cancel()
	fresh, err := os.MkdirTemp(cache, ".python-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	list := filepath.Join(fresh, "requirements.txt")
	if err := os.WriteFile(list, []byte(requirements), 0o600); err != nil {
		return err
	}
	// --no-deps: the list is complete.
	for _, args := range [][]string{
		{python, "-m", "venv", fresh},
		{filepath.Join(fresh, binFolder(), "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--retries", "1", "--timeout", "15", "--only-binary", ":all:", "--no-deps", "--require-hashes", "-r", list},
	} {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.WaitDelay = 5 * time.Second
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s: %w: %s", ErrMissing, strings.Join(args[:3], " "), err, tail(out))
		}
	}
	if err := os.Rename(fresh, dir); err != nil {
		if _, statErr := os.Stat(dir); statErr != nil {
			return err
		}
	}
	return nil
}

func binFolder() string {
	if runtime.GOOS == "windows" {
		return "Scripts"
	}
	return "bin"
}

// executable is a program's file of this name in a folder.
func executable(dir, name string) (string, error) {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	path := filepath.Join(dir, name)
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return "", errors.Join(fmt.Errorf("%w: %s", ErrMissing, path), err)
	}
	return path, nil
}

func tail(out []byte) string { return strings.TrimSpace(string(out[max(0, len(out)-1000):])) }
