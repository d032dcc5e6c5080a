package layout

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// documents are the texts for people; what they name has to exist.
func documents(t *testing.T) []string {
	t.Helper()
	files := []string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"}
	return append(files, glob(t, "docs/*.md")...)
}

var (
	// A link of Markdown: [text](target).
	link = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	// A path in code quotes: `shared/seal/seal.go`, `functions/uploads/begin`.
	quotedPath = regexp.MustCompile("`((?:shared|functions|db|cmd|test|docs|deploy|localstack|\\.ci)/[A-Za-z0-9_./-]+)`")
	// A file of the root in code quotes.
	quotedFile = regexp.MustCompile("`([A-Za-z.][A-Za-z0-9_.-]*\\.(?:md|ya?ml|go|mod|sum|sql|sh))`")
	// A test in code quotes.
	quotedTest = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z]\\w*)`")
	// make targets.
	quotedMake = regexp.MustCompile("`make ([a-z]+)")
)

// TestDocumentsPaths wants every path and link in the documents to exist.
func TestDocumentsPaths(t *testing.T) {
	t.Parallel()
	for _, file := range documents(t) {
		content := read(t, file)
		dir := filepath.Dir(file)
		for _, match := range link.FindAllStringSubmatch(content, -1) {
			target, _, _ := strings.Cut(match[1], "#")
			if target == "" || strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			exists(t, file, filepath.Join(dir, target))
		}
		for _, match := range quotedPath.FindAllStringSubmatch(content, -1) {
			exists(t, file, match[1])
		}
		for _, match := range quotedFile.FindAllStringSubmatch(content, -1) {
			if name := match[1]; !inTree(t, name) {
				t.Errorf("%s names %s, and no file of the repository is called that", file, name)
			}
		}
		makefile := read(t, "Makefile")
		for _, match := range quotedMake.FindAllStringSubmatch(content, -1) {
			if !regexp.MustCompile(`(?m)^` + match[1] + `:`).MatchString(makefile) {
				t.Errorf("%s names make %s, which the Makefile does not have", file, match[1])
			}
		}
	}
}

func exists(t *testing.T, document, path string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, path)); err != nil {
		t.Errorf("%s names %s, which is not there", document, path)
	}
}

// inTree reports whether some file of the repository has this name.
func inTree(t *testing.T, name string) bool {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, name)); err == nil {
		return true
	}
	found := false
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if entry.Name() == name {
			found = true
			return filepath.SkipAll
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// testNames lists every test function of the repository, with its package's
// folder.
func testNames(t *testing.T) map[string][]string {
	t.Helper()
	declaration := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Z]\w*)\(`)
	names := map[string][]string{}
	goFiles(t, func(path, source string) {
		for _, match := range declaration.FindAllStringSubmatch(source, -1) {
			names[match[1]] = append(names[match[1]], filepath.ToSlash(filepath.Dir(path)))
		}
	})
	return names
}

// TestDocumentsTests wants every test that a document names to exist.
func TestDocumentsTests(t *testing.T) {
	t.Parallel()
	names := testNames(t)
	n := 0
	for _, file := range documents(t) {
		for _, match := range quotedTest.FindAllStringSubmatch(read(t, file), -1) {
			n++
			if len(names[match[1]]) == 0 {
				t.Errorf("%s names %s, and there is no such test", file, match[1])
			}
		}
	}
	if n == 0 {
		t.Error("no document names a test: this test looks in the wrong place")
	}
}

// decisions are the rows that docs/decisions.md has, in this order.
var decisions = []string{
	"PostgreSQL and MinIO", "HKDF key per user", "Presigned URL flow", "Quota by atomic UPDATE",
	"Refresh token in an httpOnly cookie", "Refresh token families", "Background work leaves the process",
	"Audit detail", "documents.user_id", "groups", "Sequence grants", "No admin impersonation", "Two DSNs",
	"MinIO's healthcheck", "Settings", "Tests", "StorageBackend and factory", "Object key in code", "AI settings per user",
	"Any pooler", "https without a proxy", "Previews", "WebP by libwebp in WebAssembly", "URLs of previews",
	"Images", "Few connections on Lambda", "OCR on Lambda", "A backup is logical", "A cluster", "Releases can be made again", "Traces", "Metrics", "OCR is a program beside us",
}

// TestDecisions wants a row for each decision, with a file that realises it and
// a test that fails without it, or the milestone that brings what is missing.
func TestDecisions(t *testing.T) {
	t.Parallel()
	var rows [][]string
	for line := range strings.SplitSeq(read(t, "docs/decisions.md"), "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| decision") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		rows = append(rows, cells)
	}
	if len(rows) != len(decisions) {
		t.Fatalf("docs/decisions.md has %d rows, want %d", len(rows), len(decisions))
	}
	for i, cells := range rows {
		if cells[0] != decisions[i] {
			t.Errorf("row %d is %q, want %q", i+1, cells[0], decisions[i])
			continue
		}
		if len(cells) != 4 {
			t.Errorf("%s has %d cells, want decision, meaning, where, test", cells[0], len(cells))
			continue
		}
		if !strings.Contains(cells[2], "`") {
			t.Errorf("%s names no file", cells[0])
		}
		if !quotedTest.MatchString(cells[3]) && !strings.Contains(cells[3], "milestone") {
			t.Errorf("%s names no test, and no milestone that brings it", cells[0])
		}
	}
}
