package servers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// newestPython is the last Python 3 that is looked for by its own name.
const newestPython = 19

// pythons lists the interpreters of Python 3.minor or newer that have venv: those
// of the PATH under their plain names, then others of the PATH and pyenv's
// versions, newest first. ErrMissing says where it looked.
func pythons(ctx context.Context, minor int) ([]string, error) {
	type interpreter struct {
		path  string
		minor int
	}
	var plain, others []interpreter
	var looked []string
	try := func(path string, into *[]interpreter) {
		if slices.Contains(looked, path) {
			return
		}
		looked = append(looked, path)
		// A name of pyenv's on the PATH may start nothing: only one that answers
		// counts.
		out, err := exec.CommandContext(ctx, path, "-c", "import sys, venv, ensurepip; print(sys.version_info[1] if sys.version_info[0] == 3 else 0)").Output()
		if version, parseErr := strconv.Atoi(strings.TrimSpace(string(out))); err == nil && parseErr == nil && version >= minor {
			*into = append(*into, interpreter{path, version})
		}
	}
	onPath := func(name string, into *[]interpreter) {
		if path, err := exec.LookPath(name); err == nil {
			try(path, into)
		}
	}
	for _, name := range []string{"python3", "python"} {
		onPath(name, &plain)
	}
	for version := newestPython; version >= minor; version-- {
		onPath("python3."+strconv.Itoa(version), &others)
	}
	for _, path := range pyenvPythons() {
		try(path, &others)
	}
	slices.SortStableFunc(others, func(a, b interpreter) int { return b.minor - a.minor })
	var paths []string
	for _, found := range append(plain, others...) {
		paths = append(paths, found.path)
	}
	if len(paths) > 0 {
		return paths, nil
	}
	if len(looked) == 0 {
		looked = []string{"python3, python and python3." + strconv.Itoa(minor) + " of the PATH, and pyenv's versions: there is none"}
	}
	return nil, fmt.Errorf("%w: needs Python 3.%d or newer with venv (Debian: python3-venv); looked at %s", ErrMissing, minor, strings.Join(looked, ", "))
}

// pyenvPythons are the interpreters of pyenv's versions, which need not be on the
// PATH.
func pyenvPythons() []string {
	root := os.Getenv("PYENV_ROOT")
	if root == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil
		}
		root = filepath.Join(home, ".pyenv")
	}
	found, err := filepath.Glob(filepath.Join(root, "versions", "3.*", binFolder(), "python"))
	if err != nil {
		return nil
	}
	return found
}
