package page

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// make run and make test on a fresh clone, side by side: what the page is built
// with is fetched by one of them, and the other waits. What a killed one left
// keeps nobody waiting, and what failed is not taken for done.
func TestPageIsMadeByOneAtATime(t *testing.T) {
	t.Parallel()
	needsNPM(t)
	script, err := os.ReadFile("../../.ci/web")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, content string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), mode)); err != nil {
			t.Fatal(err)
		}
	}
	write(".ci/web", string(script), 0o755)
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc", "index.html", "vite.config.ts", "src/main.ts", "public/robots.txt", "build/own.ts"} {
		write("web/"+name, name, 0o644)
	}
	// An npm that says what it was called for, and makes what it should.
	write("bin/npm", `#!/bin/sh
echo "$1" >>calls
[ -e broken ] && exit 7
mkdir -p node_modules dist/.vite`, 0o755)
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	write(".cache/of", "", 0o644)
	if err := os.Symlink(strconv.Itoa(gone.Process.Pid), filepath.Join(dir, ".cache/web.turn")); err != nil {
		t.Fatal(err)
	}
	web := func(step string) error {
		cmd := exec.CommandContext(t.Context(), "sh", filepath.Join(dir, ".ci/web"), step)
		cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
		return cmd.Run()
	}
	calls := func() string {
		said, err := os.ReadFile(filepath.Join(dir, "web/calls"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(string(said)), " ")
	}

	write("web/broken", "", 0o644)
	for _, step := range []string{"deps", "build", "generate"} {
		if web(step) == nil {
			t.Errorf("%s of an npm that fails went well", step)
		}
	}
	if err := os.Remove(filepath.Join(dir, "web/broken")); err != nil {
		t.Fatal(err)
	}
	if got := calls(); got != "ci ci ci" {
		t.Errorf("an npm that fails was called for %q", got)
	}
	var all sync.WaitGroup
	for n := range 6 {
		all.Go(func() {
			if err := web([]string{"deps", "build"}[n%2]); err != nil {
				t.Errorf("beside others: %v", err)
			}
		})
	}
	all.Wait()
	if got := calls(); got != "ci ci ci ci run" {
		t.Errorf("npm was called for %q", got)
	}
}
