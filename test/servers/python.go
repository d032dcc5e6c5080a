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
// pip file with hashes): <user cache>/docuvault/python-<hash of the file>. It is
// made when it is not there, by pip, with packages by name.
func venv(ctx context.Context, requirements string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("%w: no cache folder: %w", ErrMissing, err)
	}
	cache = filepath.Join(cache, "docuvault")
	dir := filepath.Join(cache, fmt.Sprintf("python-%x", sha256.Sum256([]byte(requirements)))[:len("python-")+16])
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	python, err := findPython(ctx)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, installWithin)
	defer cancel()
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", err
	}
	// Beside, then in place: nobody sees half of one, and of two that make it at
	// once the first one's counts.
	fresh, err := os.MkdirTemp(cache, ".python-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	list := filepath.Join(fresh, "requirements.txt")
	if err := os.WriteFile(list, []byte(requirements), 0o600); err != nil {
		return "", err
	}
	for _, args := range [][]string{
		{python, "-m", "venv", fresh},
		{filepath.Join(fresh, binFolder(), "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--retries", "1", "--timeout", "15", "--only-binary", ":all:", "--require-hashes", "-r", list},
	} {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.WaitDelay = 5 * time.Second
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%w: %s: %w: %s", ErrMissing, strings.Join(args[1:3], " "), err, tail(out))
		}
	}
	if err := os.Rename(fresh, dir); err != nil {
		if _, statErr := os.Stat(dir); statErr != nil {
			return "", err
		}
	}
	return dir, nil
}

// findPython looks for Python 3.10 or newer.
func findPython(ctx context.Context) (string, error) {
	for _, name := range []string{"python3", "python"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if exec.CommandContext(ctx, path, "-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))").Run() == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: Python 3.10 or newer with venv (Debian: python3-venv)", ErrMissing)
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
