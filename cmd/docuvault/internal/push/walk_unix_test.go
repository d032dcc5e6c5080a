//go:build unix

package push

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

func TestWalkPassesPipesBy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	make1(t, dir, "d/a")
	if err := syscall.Mkfifo(filepath.Join(dir, "d", "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{"d/a -> d", "d/pipe skipped special_file", "d/pipe failed not_a_file"}
	if got := collect(t, dir, "d", "d/pipe"); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestWalkReportsWhatItMayNotRead(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	dir := t.TempDir()
	make1(t, dir, "d/closed/a", "d/open")
	if err := os.Chmod(filepath.Join(dir, "d", "closed"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "d", "closed"), 0o700) })
	want := []string{"d/closed failed unreadable", "d/open -> d"}
	if got := collect(t, dir, "d"); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
