// Package layout holds things equal that would otherwise drift apart: the slice
// of functions, their folders, openapi.yaml, template.yaml, what each binary
// links, the development containers, and the names in the documents.
package layout

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"docuvault/functions"
	"docuvault/shared/host"
)

// root is the repository, as seen from this package.
const root = "../.."

// read returns a file of the repository.
func read(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// glob lists files of the repository, as paths from its root.
func glob(t testing.TB, pattern string) []string {
	t.Helper()
	matches, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil {
		t.Fatal(err)
	}
	for i, match := range matches {
		rel, err := filepath.Rel(root, match)
		if err != nil {
			t.Fatal(err)
		}
		matches[i] = filepath.ToSlash(rel)
	}
	return matches
}

// folder is where a function lives: uploads-begin in functions/uploads/begin.
func folder(fn host.Function) string {
	area, verb, _ := strings.Cut(fn.Name, "-")
	return "functions/" + area + "/" + verb
}

// TestFolders holds functions.All equal to the folders: one folder, one
// package, one binary, one entry.
func TestFolders(t *testing.T) {
	t.Parallel()
	var folders []string
	for _, dir := range glob(t, "functions/*/*") {
		info, err := os.Stat(filepath.Join(root, dir))
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			folders = append(folders, dir)
		}
	}
	if len(folders) == 0 {
		t.Fatal("no folder below functions/: this test looks in the wrong place")
	}
	var listed []string
	for _, fn := range functions.All {
		listed = append(listed, folder(fn))
	}
	for _, dir := range folders {
		verb := filepath.Base(dir)
		for _, file := range []string{dir + "/" + verb + ".go", dir + "/bootstrap/main.go"} {
			if _, err := os.Stat(filepath.Join(root, file)); err != nil {
				t.Errorf("%s is missing: a function is %s.go and bootstrap/main.go", file, verb)
			}
		}
		switch n := count(listed, dir); n {
		case 0:
			t.Errorf("%s is not in functions.All", dir)
		case 1:
		default:
			t.Errorf("%s is in functions.All %d times", dir, n)
		}
	}
	for _, fn := range functions.All {
		if !slices.Contains(folders, folder(fn)) {
			t.Errorf("functions.All has %q: there is no folder %s", fn.Name, folder(fn))
		}
	}
	if !slices.IsSortedFunc(functions.All, func(a, b host.Function) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("functions.All is not sorted by name")
	}
}

// TestFunctionNames holds each function's Name and package to its folder, and
// its sources and names unique.
func TestFunctionNames(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`^[a-z0-9]+-[a-z0-9]+$`)
	sources := map[string]string{}
	for _, fn := range functions.All {
		if !name.MatchString(fn.Name) {
			t.Errorf("function %q: a name is area-verb", fn.Name)
			continue
		}
		key := fn.Trigger.Kind() + " " + fn.Trigger.Source()
		if fn.Trigger.Kind() != "schedule" && sources[key] != "" {
			t.Errorf("%s and %s both answer %s", sources[key], fn.Name, key)
		}
		sources[key] = fn.Name
		_, verb, _ := strings.Cut(fn.Name, "-")
		file := folder(fn) + "/" + verb + ".go"
		if !strings.Contains(read(t, file), `Name: "`+fn.Name+`"`) {
			t.Errorf("%s does not declare Name: %q", file, fn.Name)
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.PackageClauseOnly)
		if err != nil {
			t.Error(err)
			continue
		}
		if syntax.Name.Name != verb {
			t.Errorf("%s is package %s, not %s", file, syntax.Name.Name, verb)
		}
	}
}

// TestMains holds every main to its kind and to no logic: one import of the
// function, one of its host, one call.
func TestMains(t *testing.T) {
	t.Parallel()
	hosts := map[string]string{"http": "hosthttp", "queue": "hostqueue", "schedule": "hostschedule"}
	for _, fn := range functions.All {
		file := folder(fn) + "/bootstrap/main.go"
		source := read(t, file)
		if n := strings.Count(source, "\n"); n > 12 {
			t.Errorf("%s has %d lines: a main holds no logic", file, n)
		}
		if want := hosts[fn.Trigger.Kind()] + ".Serve("; !strings.Contains(source, want) {
			t.Errorf("%s does not call %s…)", file, want)
		}
		if want := `"docuvault/` + folder(fn) + `"`; !strings.Contains(source, want) {
			t.Errorf("%s does not import %s", file, want)
		}
	}
}

func count(list []string, item string) int {
	n := 0
	for _, x := range list {
		if x == item {
			n++
		}
	}
	return n
}
