package layout

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"docuvault/shared/search"
)

var (
	actionConstant = regexp.MustCompile(`(?m)^\t\w+ +Action = "([a-z_.]+)"`)
	alertKinds     = regexp.MustCompile(`CONSTRAINT alerts_kind_check CHECK \(\(kind = ANY \(ARRAY\[(.*)\]\)\)\)`)
	quoted         = regexp.MustCompile(`'([a-z_0-9]+)'::text`)
)

// TestThePageHasWordsForWhatHappened: whoever reads what was done with the
// account reads sentences, in each language, and no codes.
func TestThePageHasWordsForWhatHappened(t *testing.T) {
	t.Parallel()
	var actions, kinds []string
	for _, found := range actionConstant.FindAllStringSubmatch(read(t, "shared/audit/audit.go"), -1) {
		actions = append(actions, strings.ReplaceAll(found[1], ".", "_"))
	}
	if check := alertKinds.FindStringSubmatch(read(t, "db/schema.sql")); check != nil {
		for _, found := range quoted.FindAllStringSubmatch(check[1], -1) {
			kinds = append(kinds, found[1])
		}
	}
	if len(actions) < 50 || len(kinds) < 10 {
		t.Fatalf("only %d actions and %d kinds of alerts were found", len(actions), len(kinds))
	}
	for _, language := range []string{"en", "de"} {
		file := fmt.Sprintf("web/src/i18n/%s.account.ts", language)
		for section, want := range map[string][]string{"actions": actions, "alerts": kinds} {
			_, rest, _ := strings.Cut(read(t, file), "\n  "+section+": {\n")
			rest, _, _ = strings.Cut(rest, "\n  },\n")
			var have []string
			for line := range strings.Lines(rest) {
				key, _, _ := strings.Cut(strings.TrimSpace(line), ":")
				have = append(have, key)
			}
			for _, key := range want {
				if !slices.Contains(have, key) {
					t.Errorf("%s has no words for %s.%s", file, section, key)
				}
			}
		}
	}
}

// TestThePageHasWordsForWrongQueries: in each language, for each reason.
func TestThePageHasWordsForWrongQueries(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"en", "de"} {
		file := fmt.Sprintf("web/src/i18n/%s.ts", language)
		for section, want := range map[string][]string{"searchWrong": search.Reasons(), "searchFilters": search.FilterNames()} {
			_, rest, _ := strings.Cut(read(t, file), "\n  "+section+": {\n")
			rest, _, _ = strings.Cut(rest, "\n  },\n")
			for _, key := range want {
				if !strings.Contains("\n"+rest, "\n    "+key+": '") {
					t.Errorf("%s has no words for %s.%s", file, section, key)
				}
			}
		}
	}
	for _, name := range search.FilterNames() {
		if !strings.Contains(read(t, "web/src/composables/query.ts"), "'"+name+"'") {
			t.Errorf("the page does not know the filter %s:", name)
		}
	}
}
