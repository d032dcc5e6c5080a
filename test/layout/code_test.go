package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// maxLines is where a file of Go has become two. Tests and generated files may
// be longer.
const maxLines = 500

// forbidden are package names that say nothing about what is inside.
var forbidden = []string{"util", "utils", "common", "helper", "helpers", "types", "models", "model", "api", "misc", "base", "lib", "core"}

// goFiles calls each for every Go file of the repository.
func goFiles(t *testing.T, each func(path, source string)) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if entry.IsDir() {
			if strings.HasPrefix(entry.Name(), ".") && rel != "." || slices.Contains([]string{"node_modules", "bin", "dist", "testdata"}, entry.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n++
		each(rel, string(content))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 10 {
		t.Fatalf("only %d Go files found: this test looks in the wrong place", n)
	}
}

// TestFileLength keeps files short enough to be read in one go.
func TestFileLength(t *testing.T) {
	t.Parallel()
	goFiles(t, func(path, source string) {
		lines := strings.Count(source, "\n")
		if lines <= maxLines || strings.HasSuffix(path, "_test.go") || strings.Contains(source, "// Code generated") {
			return
		}
		t.Errorf("%s has %d lines; more than %d are two files", path, lines, maxLines)
	})
}

// TestPackages wants a noun of the domain as a package's name, the folder's
// name, and one comment that says what it is for.
func TestPackages(t *testing.T) {
	t.Parallel()
	comments := map[string]int{}
	goFiles(t, func(path, source string) {
		file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Error(err)
			return
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		name := strings.TrimSuffix(file.Name.Name, "_test")
		if slices.Contains(forbidden, name) {
			t.Errorf("%s: package %s says nothing about what is inside", path, name)
		}
		if name != "main" && name != filepath.Base(dir) {
			t.Errorf("%s: package %s lies in a folder of another name", path, name)
		}
		if strings.HasSuffix(path, "_test.go") && dir != "test/layout" {
			return
		}
		comments[dir] += documented(file)
	})
	for dir, n := range comments {
		if n != 1 {
			t.Errorf("%s has %d package comments, want 1", dir, n)
		}
	}
}

func documented(file *ast.File) int {
	if file.Doc == nil {
		return 0
	}
	return 1
}

// TestNoSleep wants tests to wait for what they wait for. Inside a bubble of
// testing/synctest a sleep costs no time; anywhere else it is a guess.
func TestNoSleep(t *testing.T) {
	t.Parallel()
	call := "time." + "Sleep("
	goFiles(t, func(path, source string) {
		if strings.Contains(source, call) && !strings.Contains(source, `"testing/synctest"`) {
			t.Errorf("%s sleeps", path)
		}
	})
}
