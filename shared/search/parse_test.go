package search

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"docuvault/shared/fault"
)

// String draws the tree, for tests.
func (q *Query) draw(n *node) string {
	switch n.op {
	case opLeaf:
		l := q.leaves[n.leaf]
		s := l.text
		if len(l.wants) > 1 {
			s = `"` + s + `"`
		}
		if l.prefix {
			s += "*"
		}
		return s
	case opNot:
		return "!" + q.draw(n.kids[0])
	}
	sign := " & "
	if n.op == opOr {
		sign = " | "
	}
	var parts []string
	for _, kid := range n.kids {
		parts = append(parts, q.draw(kid))
	}
	return "(" + strings.Join(parts, sign) + ")"
}

func TestParse(t *testing.T) {
	t.Parallel()
	for q, want := range map[string]string{
		"a":                         "a*",
		"alpha beta":                "(alpha & beta*)",
		"alpha AND beta":            "(alpha & beta*)",
		"alpha OR beta gamma":       "(alpha | (beta & gamma*))",
		"alpha | beta":              "(alpha | beta*)",
		"(alpha OR beta) gamma":     "((alpha | beta) & gamma*)",
		"(alpha beta)":              "(alpha & beta)",
		"alpha -beta":               "(alpha & !beta)",
		"-beta alpha":               "(!beta & alpha*)",
		"alpha NOT (beta OR gamma)": "(alpha & !(beta | gamma))",
		"alpha NOT NOT beta":        "(alpha & !!beta)",
		"alpha - beta":              "(alpha & beta*)",
		"well-known":                "well-known*",
		`"alpha beta"`:              `"alpha beta"`,
		`„alpha beta“ gamma`:        `("alpha beta" & gamma*)`,
		`gamma"alpha beta"`:         `(gamma & "alpha beta")`,
		`-"alpha beta" gamma`:       `(!"alpha beta" & gamma*)`,
		"alp* beta":                 "(alp* & beta*)",
		"3. März 2024 alpha":        "(3. März 2024 & alpha*)",
		"alpha 3. März 2024":        "(alpha & 3. März 2024*)",
		"the alpha":                 "alpha*",
		"the":                       "the*",
		"for the":                   "(for & the*)",
		`"for the"`:                 `"for the"`,
		"alpha !!! beta":            "(alpha & beta*)",
		"or and not":                "(or & and & not*)", // in capitals only
		"ORDER NOTE ANDREA":         "(ORDER & NOTE & ANDREA*)",
		"alpha OR (the beta)":       "(alpha | beta)",
		`"a b c d e f g h i j k l"`: `("a b c d e f g h i" & "e f g h i j k l")`,
	} {
		query, err := Parse("body.q", q)
		if err != nil {
			t.Errorf("%q: %v", q, err)
			continue
		}
		if got := query.draw(query.root); got != want {
			t.Errorf("%q is %s, want %s", q, got, want)
		}
	}
}

func TestParseSaysWhere(t *testing.T) {
	t.Parallel()
	for q, want := range map[string]int{
		"":                       0,
		"!!!":                    0,
		`größe "alpha`:           6,
		`alpha ""`:               6,
		"alpha (beta":            6,
		"alpha )":                6,
		"alpha ()":               6,
		"alpha OR":               8,
		"OR alpha":               0,
		"alpha OR OR beta":       9,
		"AND alpha":              0,
		"alpha AND":              6,
		"alpha NOT":              6,
		"-alpha":                 0,
		"NOT alpha":              0,
		"alpha OR -beta":         0,
		"alpha OR (-beta -x)":    0,
		"\xff":                   0,
		strings.Repeat("a ", 40): 64,
		strings.Repeat("ä", 501): 0,
		strings.Repeat("(", 50):  9,
	} {
		_, err := Parse("body.q", q)
		f := fault.From(err)
		if err == nil || f.Code() != fault.ValidationFailed {
			t.Errorf("%q: %v", q, err)
			continue
		}
		if got := f.Fields()["position"]; got != want {
			t.Errorf("%q: position %v, want %d (%s)", q, got, want, f.Detail())
		}
		errors, _ := f.Fields()["errors"].([]map[string]string)
		if len(errors) != 1 || errors[0]["location"] != "body.q" || !strings.Contains(errors[0]["message"], fmt.Sprint(want)) {
			t.Errorf("%q: errors %v", q, errors)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a OR (b -c)", `"a b" -"c d"`, "a AND NOT b|c", "„x“", "-(-a b)", "3. März 2024*", "((("} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, q string) {
		query, err := Parse("q", q)
		if err != nil {
			if fault.CodeOf(err) != fault.ValidationFailed {
				t.Fatal(err)
			}
			if at := fault.From(err).Fields()["position"].(int); at < 0 || at > utf8.RuneCountInString(q) {
				t.Fatalf("position %d", at)
			}
			return
		}
		if len(query.used(query.root, true)) == 0 {
			t.Fatalf("%q wants nothing", q)
		}
		if _, ok := query.tsquery(query.root, true, true, func(int) string { return "x" }); !ok {
			t.Fatalf("%q has no loose form", q)
		}
	})
}
