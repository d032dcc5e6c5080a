package layout

import (
	"regexp"
	"strings"
	"testing"
)

// requirements are those of level 1 and 2 of ASVS 5.0.0, by number.
func requirements(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for line := range strings.Lines(read(t, "test/layout/testdata/asvs-5.0.0.txt")) {
		number, level, _ := strings.Cut(strings.TrimSpace(line), " ")
		if level != "L1" && level != "L2" {
			t.Errorf("%q has no level", line)
		}
		all["v5.0.0-"+number] = true
	}
	if len(all) != 253 {
		t.Fatalf("%d requirements, want 253", len(all))
	}
	return all
}

// TestASVS wants each requirement of level 1 and 2 in exactly one table of
// docs/asvs.md, and a test in each row of the table of those that tests hold.
// TestDocumentsTests wants these tests to exist.
func TestASVS(t *testing.T) {
	t.Parallel()
	all := requirements(t)
	number := regexp.MustCompile(`v5\.0\.0-\d+\.\d+\.\d+`)
	seen := map[string]bool{}
	section := ""
	tested := 0
	for line := range strings.SplitSeq(read(t, "docs/asvs.md"), "\n") {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = title
		}
		if !strings.HasPrefix(line, "| v5") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		for _, id := range number.FindAllString(cells[0], -1) {
			switch {
			case !all[id]:
				t.Errorf("%s: no requirement of level 1 or 2", id)
			case seen[id]:
				t.Errorf("%s: twice", id)
			}
			seen[id] = true
		}
		switch {
		case section != "Held by tests":
			if len(cells) != 2 || cells[1] == "" {
				t.Errorf("%s: want two cells in %q", cells[0], section)
			}
		case len(cells) != 3 || !quotedTest.MatchString(cells[2]):
			t.Errorf("%s: names no test", cells[0])
		default:
			tested++
		}
	}
	for id := range all {
		if !seen[id] {
			t.Errorf("%s is in no table of docs/asvs.md", id)
		}
	}
	if tested < 80 {
		t.Errorf("only %d rows with tests", tested)
	}
}
