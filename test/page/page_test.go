// Package page runs the tests of the web page as tests of Go: its units, and
// its stories in a real browser on a real vault.
package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"docuvault/shared/pgserver"
	"docuvault/shared/testenv"
	"docuvault/test/throwaway"
)

const folder = "../../web"

// sources reads what the tests look at, so that the go command knows when their
// results are old.
func sources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == "dist" || entry.Name() == "test-results"):
			return filepath.SkipDir
		case entry.IsDir():
			return nil
		}
		_, err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// What the page's units compare with what it calls.
	if _, err := os.ReadFile("../../openapi.yaml"); err != nil {
		t.Fatal(err)
	}
}

// needsNPM ends the test where there is no npm.
func needsNPM(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		testenv.NotRun(t, "npm is not installed (Node 20.19 or newer brings it)")
	}
}

// npm is there and what the page is built with is in place, or the test ends.
func npm(t *testing.T, step string) {
	t.Helper()
	sources(t)
	needsNPM(t)
	cmd := exec.CommandContext(t.Context(), "sh", "../../.ci/web", step)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf(".ci/web %s: %v\n%s", step, err, out)
	}
}

// browser returns the Chromium of this machine, or ends the test.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	testenv.NotRun(t, "there is no Chromium (on Debian: apt-get install chromium; elsewhere name one with CHROMIUM=PATH)")
	return ""
}

// run runs one of the page's tools, which writes a report as JSON, into report.
// What it prints is the test's when it fails without one.
func run(t *testing.T, report any, file string, env []string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "npx", append([]string{"--no-install"}, args...)...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	content, readErr := os.ReadFile(file)
	if readErr != nil {
		t.Fatalf("%s: %v, and no report\n%s", args[0], err, out)
	}
	if err := json.Unmarshal(content, report); err != nil {
		t.Fatalf("%s: its report: %v\n%s", args[0], err, out)
	}
}

// TestPageUnits runs vitest: stores and composables.
func TestPageUnits(t *testing.T) {
	t.Parallel()
	npm(t, "deps")
	file := filepath.Join(t.TempDir(), "report.json")
	var report struct {
		Success     bool
		TestResults []struct {
			Name             string
			Message          string
			AssertionResults []struct {
				FullName        string
				Status          string
				FailureMessages []string
			}
		}
	}
	run(t, &report, file, nil, "vitest", "run", "--reporter=json", "--outputFile="+file)
	ran := 0
	for _, f := range report.TestResults {
		if f.Message != "" {
			t.Errorf("%s: %s", filepath.Base(f.Name), f.Message)
		}
		for _, a := range f.AssertionResults {
			t.Run(filepath.Base(f.Name)+"/"+a.FullName, func(t *testing.T) {
				ran++
				if a.Status != "passed" {
					t.Errorf("%s\n%s", a.Status, strings.Join(a.FailureMessages, "\n"))
				}
			})
		}
	}
	if ran == 0 || !report.Success && !t.Failed() {
		t.Errorf("vitest ran %d tests, success %t", ran, report.Success)
	}
}

// suite is a part of Playwright's report: a file or a describe.
type suite struct {
	Title  string
	Suites []suite
	Specs  []struct {
		Title string
		OK    bool
		File  string
		Line  int
		Tests []struct {
			Status      string
			Annotations []struct{ Type, Description string }
			Results     []struct {
				Status string
				Errors []struct{ Message string }
				// Attachments has what the page showed when a story failed.
				Attachments []struct{ Name, Path string }
			}
		}
	}
}

// results makes each story a subtest, and returns how many there were.
func (s suite) results(t *testing.T, prefix string) int {
	n := 0
	for _, spec := range s.Specs {
		n++
		t.Run(prefix+"/"+spec.Title, func(t *testing.T) {
			for _, test := range spec.Tests {
				for _, a := range test.Annotations {
					if a.Type == "measured" {
						t.Log(a.Description)
					}
				}
			}
			if spec.OK && len(spec.Tests) > 0 && spec.Tests[0].Status != "skipped" {
				return
			}
			var told strings.Builder
			for _, test := range spec.Tests {
				for _, r := range test.Results {
					_, _ = fmt.Fprintf(&told, "%s\n", r.Status)
					for _, e := range r.Errors {
						_, _ = fmt.Fprintf(&told, "%s\n", e.Message)
					}
					for _, a := range r.Attachments {
						if a.Name == "error-context" {
							told.WriteString(snapshot(a.Path))
						}
					}
				}
			}
			t.Errorf("web/stories/%s:%d: %s", spec.File, spec.Line, told.String())
		})
	}
	for _, inner := range s.Suites {
		n += inner.results(t, prefix+"/"+inner.Title)
	}
	return n
}

// snapshot is what the page showed, out of the file that Playwright writes about a
// story that failed; "" if there is none.
func snapshot(path string) string {
	content, _ := os.ReadFile(path)
	_, content, _ = bytes.Cut(content, []byte("# Page snapshot"))
	content, _, _ = bytes.Cut(content, []byte("# Test source"))
	return string(content)
}

// TestPageStories runs Playwright in Chromium on a vault of its own, which
// serves the page from its binary.
func TestPageStories(t *testing.T) {
	t.Parallel()
	chromium := browser(t)
	if _, err := pgserver.Find(t.Context(), 0); err != nil {
		testenv.NotRun(t, err.Error())
	}
	npm(t, "build")
	dir, err := throwaway.Folder()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program, err := throwaway.Build(t.Context(), dir, "web")
	if err != nil {
		t.Fatal(err)
	}
	// Small enough that a story can ask for too much; and each story says which
	// network it comes from, as a proxy would (web/stories/vault.ts).
	vault, err := throwaway.Start(t.Context(), program, dir, "DEFAULT_QUOTA_BYTES=104857600", "TRUSTED_PROXIES=127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(vault.Tail())
		}
		if err := vault.Stop(); err != nil {
			t.Error(err)
		}
	})

	large := crowd(t, vault, filepath.Join(dir, "data"))
	file := filepath.Join(t.TempDir(), "report.json")
	var report struct {
		Suites []suite
		Errors []struct{ Message string }
	}
	run(t, &report, file, []string{
		"DOCUVAULT_URL=" + vault.URL, "DOCUVAULT_REPORT=" + file, "DOCUVAULT_PROGRAM=" + program,
		"DOCUVAULT_DATA=" + filepath.Join(dir, "data"), "CHROMIUM=" + chromium,
		"DOCUVAULT_CROWD=" + large.Email + " " + large.Password,
	}, "playwright", "test")
	for _, e := range report.Errors {
		t.Error(e.Message)
	}
	n := 0
	for _, s := range report.Suites {
		n += s.results(t, s.Title)
	}
	if n == 0 {
		t.Error("no story ran")
	}
}
