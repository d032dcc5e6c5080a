// Package ocrtest brings tests a tesseract: the one that is installed, or one that
// misbehaves as that never should.
package ocrtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"docuvault/shared/testenv"
)

// Installed is the path of the installed program; without one the test does not
// run.
func Installed(t testing.TB) string {
	t.Helper()
	program, err := exec.LookPath("tesseract")
	if err != nil {
		testenv.NotRun(t, "needs tesseract with German and English (Debian: tesseract-ocr tesseract-ocr-deu)")
	}
	return program
}

// Program is a shell script in tesseract's place: it has English, and does this
// when it is shown a picture.
func Program(t testing.TB, does string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tesseract")
	script := "#!/bin/sh\nif [ \"$1\" = --list-langs ]; then echo 'List of languages:'; echo eng; exit; fi\n" + does + "\n"
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil { // #nosec G306 -- it is run
		t.Fatal(err)
	}
	return path
}
