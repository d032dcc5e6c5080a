package search

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"docuvault/shared/fault"
)

// The examples of docs/search.md are queries, and those of its last chapter are
// wrong ones; each filter is in one of them.
func TestDocumentedQueries(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/search.md")
	if err != nil {
		t.Fatal(err)
	}
	right, wrong, ok := strings.Cut(string(b), "## What is wrong")
	if !ok {
		t.Fatal("there is no chapter on what is wrong")
	}
	example := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")
	all := ""
	for _, m := range example.FindAllStringSubmatch(right, -1) {
		all += " " + m[1]
		if _, err := Parse("q", m[1]); err != nil {
			t.Errorf("%s: %v", m[1], err)
		}
	}
	for _, name := range FilterNames() {
		if !strings.Contains(all, " "+name+":") {
			t.Errorf("no example has %s:", name)
		}
	}
	found := example.FindAllStringSubmatch(wrong, -1)
	for _, m := range found {
		if _, err := Parse("q", m[1]); fault.CodeOf(err) != fault.QueryInvalid {
			t.Errorf("%s: %v", m[1], err)
		}
	}
	if len(found) < 5 {
		t.Errorf("only %d wrong queries", len(found))
	}
	for kind := range fileTypes {
		if !regexp.MustCompile(`\b` + kind + `\b`).MatchString(right) {
			t.Errorf("type:%s is not explained", kind)
		}
	}
}
