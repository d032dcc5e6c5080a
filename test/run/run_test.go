package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// written writes a small module and runs its tests through goTest.
func written(t *testing.T, files map[string]string, args ...string) (code int, output string) {
	t.Helper()
	dir := t.TempDir()
	files["go.mod"] = "module example\n\ngo 1.26\n"
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", modules(args)[0].args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	var out bytes.Buffer
	code, err := goTest([]*exec.Cmd{cmd}, nil, &out)
	if err != nil {
		out.WriteString("error: " + err.Error() + "\n")
	}
	return code, out.String()
}

func testFile(body string) string {
	return "package p\n\nimport \"testing\"\n\n" + body
}

func TestReport(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		files   map[string]string
		args    []string
		code    int
		closing string   // the last line
		holds   []string // in this order
		lacks   string
	}{
		{
			name: "all pass; a test with subtests counts as they do",
			files: map[string]string{"a/p_test.go": testFile(`
func TestOne(t *testing.T) { t.Log("quiet") }
func TestTwo(t *testing.T) { t.Run("x", func(*testing.T) {}); t.Run("y", func(*testing.T) {}) }`)},
			closing: "3 passed, 0 failed, 0 skipped",
			holds:   []string{"ok    example/a"},
			lacks:   "quiet",
		},
		{
			name: "NOT RUN comes last, once",
			files: map[string]string{
				"a/p_test.go": testFile(`func TestS3(t *testing.T) { t.Skip("NOT RUN: TestS3: no server") }`),
				"b/p_test.go": testFile(`func TestOK(*testing.T) {}`),
			},
			closing: "1 passed, 0 failed, 1 skipped",
			holds:   []string{"ok    example/b", "NOT RUN: TestS3: no server", "1 passed"},
		},
		{
			name: "a failure shows its output",
			files: map[string]string{"a/p_test.go": testFile(`
func TestOK(t *testing.T) { t.Log("quiet") }
func TestTwo(t *testing.T) { t.Run("x", func(t *testing.T) { t.Error("broken thing") }); t.Run("y", func(*testing.T) {}) }`)},
			code:    1,
			closing: "2 passed, 1 failed, 0 skipped",
			holds:   []string{"--- FAIL: example/a TestTwo/x", "broken thing", "FAIL  example/a"},
			lacks:   "quiet",
		},
		{
			name:    "a panic",
			files:   map[string]string{"a/p_test.go": testFile(`func TestPanic(*testing.T) { panic("oh dear") }`)},
			code:    1,
			closing: "0 passed, 1 failed, 0 skipped",
			holds:   []string{"oh dear"},
		},
		{
			name: "the process ends in the middle",
			files: map[string]string{"a/p_test.go": "package p\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\n" +
				`func TestExit(*testing.T) { os.Exit(3) }`},
			code:    1,
			closing: "0 passed, 1 failed, 0 skipped",
		},
		{
			name: "what does not build",
			files: map[string]string{
				"a/p_test.go": testFile(`func TestA(*testing.T) { undefinedThing() }`),
				"b/p_test.go": testFile(`func TestOK(*testing.T) {}`),
			},
			code:    1,
			closing: "1 passed, 1 failed, 0 skipped",
			holds:   []string{"example/a does not build", "undefinedThing"},
		},
		{
			name:    "not one test",
			files:   map[string]string{"a/p.go": "package p\n"},
			code:    1,
			closing: "error: no test ran",
		},
		{
			name:    "only skipped",
			files:   map[string]string{"a/p_test.go": testFile(`func TestA(t *testing.T) { t.Skip("later") }`)},
			code:    1,
			closing: "error: no test ran",
		},
		{
			name:    "flags and packages are passed on",
			files:   map[string]string{"a/p_test.go": testFile("func TestA(*testing.T) {}\nfunc TestB(*testing.T) {}"), "b/p_test.go": testFile(`func TestA(*testing.T) {}`)},
			args:    []string{"-run=TestB", "./a"},
			closing: "1 passed, 0 failed, 0 skipped",
		},
		{
			name:    "a package that is not there",
			files:   map[string]string{"a/p_test.go": testFile(`func TestA(*testing.T) {}`)},
			args:    []string{"./nowhere"},
			code:    1,
			closing: "0 passed, 1 failed, 0 skipped",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			code, output := written(t, test.files, test.args...)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			lines := strings.Split(strings.TrimSpace(output), "\n")
			if last := lines[len(lines)-1]; last != test.closing {
				t.Errorf("last line %q, want %q", last, test.closing)
			}
			rest := output
			for _, want := range test.holds {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Errorf("%q is missing, or out of order", want)
					continue
				}
				rest = after
			}
			if test.lacks != "" && strings.Contains(output, test.lacks) {
				t.Errorf("%q should not be there", test.lacks)
			}
			if t.Failed() {
				t.Log(output)
			}
		})
	}
}

// All packages are those of the module of test vectors too; some are what was
// named.
func TestModules(t *testing.T) {
	t.Parallel()
	const own = "test/wycheproof: test -json -timeout=30m -race -tags=wycheproof ./..."
	for args, want := range map[string]string{
		"-race":                                  ": test -json -timeout=30m -race ./... | " + own,
		"-race ./...":                            ": test -json -timeout=30m -race ./... | " + own,
		"-race ./shared/seal ./functions/...":    ": test -json -timeout=30m -race ./shared/seal ./functions/...",
		"-race ./test/wycheproof":                own,
		"-race ./test/wycheproof/... ./test/run": ": test -json -timeout=30m -race ./test/run | " + own,
	} {
		var got []string
		for _, m := range modules(strings.Fields(args)) {
			got = append(got, m.dir+": "+strings.Join(m.args, " "))
		}
		if all := strings.Join(got, " | "); all != want {
			t.Errorf("%s: %s, want %s", args, all, want)
		}
	}
}

// What fails in one module fails the run, and the count is of both.
func TestModulesAreCountedTogether(t *testing.T) {
	t.Parallel()
	var runs []*exec.Cmd
	for _, body := range []string{"func TestA(t *testing.T) { t.Error(\"broken\") }", "func TestB(*testing.T) {}"} {
		dir := t.TempDir()
		for name, content := range map[string]string{"go.mod": "module example\n\ngo 1.26\n", "p_test.go": testFile(body)} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("go", modules(nil)[0].args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
		runs = append(runs, cmd)
	}
	var out bytes.Buffer
	code, err := goTest(runs, nil, &out)
	if code != 1 || err != nil || !strings.HasSuffix(strings.TrimSpace(out.String()), "1 passed, 1 failed, 0 skipped") {
		t.Errorf("%d, %v:\n%s", code, err, out.String())
	}
}
