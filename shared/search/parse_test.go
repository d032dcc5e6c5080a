package search

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"docuvault/shared/fault"
	"docuvault/shared/lexeme"
)

// String draws the tree, for tests.
func (q *Query) draw(n *node) (drawn string) {
	switch n.op {
	case opLeaf:
		l := q.leaves[n.leaf]
		s := l.text
		if l.in != everywhere {
			defer func() { drawn = string(l.in) + ":" + drawn }()
		}
		if len(l.wants) > 1 {
			s = `"` + s + `"`
		}
		if l.prefix {
			s += "*"
		}
		return s
	case opFilter:
		f := q.filters[n.leaf]
		s := f.kind
		for _, v := range f.values {
			switch {
			case filterForms[f.name].read != nil:
			case v.prefix:
				s += " " + v.text + "*"
			default:
				s += " " + v.text
			}
		}
		if f.low != nil {
			s += fmt.Sprint(" from ", *f.low)
		}
		if f.high != nil {
			s += fmt.Sprint(" below ", *f.high)
		}
		return "[" + strings.Join(append([]string{s}, f.members...), " ") + "]"
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

		// What has a colon and is no filter is text.
		"Re: alpha":           "(Re & alpha*)",
		"12:30 http://x.org":  "(12:30 & http & x & org*)",
		"file:x urn:isbn:1":   "(file & x & urn & isbn & 1*)",
		"date://x":            "(date & x*)",
		`"topic:alpha" x`:     `("topic:alpha" & x*)`,
		"alpha.topic:beta":    "(alpha & topic & beta*)",
		"alpha topic:invoice": "(alpha & [topic invoice])",
		"topic:invoice alpha": "([topic invoice] & alpha*)",

		`TOPIC:"Tax 2024",Inv*`:           "[topic Tax 2024 Inv*]",
		"-tag:a tag:b":                    "(![tag a] & [tag b])",
		"tag:a tag:b":                     "([tag a] & [tag b])",
		"tag:a,b":                         "[tag a b]",
		"topic:a alpha topic:b":           "([topic a b] & alpha)",
		"topic:a AND topic:b":             "([topic a] & [topic b])",
		"topic:a (topic:b topic:c)":       "([topic a] & [topic b c])",
		"topic:a OR tag:b -folder:x":      "([topic a] | ([tag b] & ![folder x]))",
		"from:acme alpha":                 "(from:acme* & alpha*)",
		`from:"acme ag" from:telekom`:     `(from:"acme ag" | from:telekom*)`,
		"name:a name:b":                   "(name:a* & name:b*)",
		"alpha OR from:acme":              "(alpha | from:acme*)",
		"-(from:acme OR beta) alpha":      "(!(from:acme* | beta) & alpha*)",
		"type:pdf lang:DE is:failed":      "([type application/pdf] & [language de] & [status failed])",
		"type:pdf type:image/png":         "[type application/pdf image/png]",
		"in:trash OR in:all":              "([status trashed] | [status stored processing ready failed trashed])",
		"date:1970":                       "[day from 0 below 365]",
		"date:1970-02 date:1971":          "([day from 31 below 59] | [day from 365 below 730])",
		"year:1970..1971":                 "[day from 0 below 730]",
		"date:1970-02-28..":               "[day from 58]",
		"date:>1970 date:<=1972":          "([day from 365] & [day below 1096])",
		"before:1970-02 after:1969-12-31": "([day below 31] & [day from 0])",
		"after:1969 before:1971":          "([day from 0] & [day below 365])",
		"added:1970-01-02":                "[added from 86400 below 172800]",
		"size:>1mb size:<=1.5kb":          "([size from 1048577] & [size below 1537])",
		"size:1mb..5MB OR size:>=10":      "([size from 1048576 below 5242881] | [size from 10])",
		`size:">1GiB"`:                    "[size from 1073741825]",
		"the topic:a":                     "[topic a]",
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
		"alpha OR":               6,
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

		"topc:a":                          0,
		"alpha sender:x":                  6,
		"alpha topic:":                    6,
		"topic: alpha":                    0,
		`topic:""`:                        0,
		`alpha tag:"x`:                    10,
		`größe date:2024-13`:              11,
		"date:2024,2024-02-30":            10,
		"before:20":                       7,
		"before:2024..2025":               7,
		"year:2024-01":                    5,
		"date:2025..2024":                 5,
		"date:..":                         5,
		"size:1mb":                        5,
		"size:>>1":                        5,
		"size:>1xb":                       5,
		"size:>1ib":                       5,
		"size:>9999999999tb":              5,
		"type:foo":                        5,
		"type:pdf*":                       5,
		"lang:german":                     5,
		"is:lost":                         3,
		"in:folder":                       3,
		"from:!!!":                        5,
		"-topic:a":                        0,
		"-topic:a -alpha":                 0,
		"beta alpha OR topic:a":           0,
		"beta -(alpha topic:a)":           5,
		"beta (alpha OR tag:a)":           6,
		strings.Repeat("topic:a OR ", 22): 226,

		strings.Repeat("ä", 501): 0,
		strings.Repeat("(", 50):  8,
	} {
		_, err := Parse("body.q", q)
		f := fault.From(err)
		if err == nil || f.Code() != fault.QueryInvalid {
			t.Errorf("%q: %v", q, err)
			continue
		}
		if got := f.Fields()["position"]; got != want {
			t.Errorf("%q: position %v, want %d (%s)", q, got, want, f.Detail())
		}
		if length, _ := f.Fields()["length"].(int); length < 0 || want+length > utf8.RuneCountInString(q) && utf8.ValidString(q) {
			t.Errorf("%q: position %d, length %d", q, want, length)
		}
		if reason, _ := f.Fields()["reason"].(string); !slices.Contains(Reasons(), reason) {
			t.Errorf("%q: no such reason as %q is known", q, reason)
		}
		errors, _ := f.Fields()["errors"].([]map[string]string)
		if len(errors) != 1 || errors[0]["location"] != "body.q" || !strings.HasPrefix(errors[0]["message"], fmt.Sprintf("At character %d: ", want+1)) {
			t.Errorf("%q: errors %v", q, errors)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a OR (b -c)", `"a b" -"c d"`, "a AND NOT b|c", "„x“", "-(-a b)", "3. März 2024*", "(((",
		`topic:"Tax 2024",in* -tag:a from:x`, "date:2024..2025 size:>1mb (year:2024 year:2025)", "name:a.b type:pdf OR lang:de", "topc:a", "is:failed in:all before:2024-02-29"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, q string) {
		query, err := Parse("q", q)
		if err != nil {
			if fault.CodeOf(err) != fault.QueryInvalid {
				t.Fatal(err)
			}
			fields, all := fault.From(err).Fields(), utf8.RuneCountInString(q)
			at, length := fields["position"].(int), fields["length"].(int)
			if at < 0 || length < 0 || utf8.ValidString(q) && at+length > all {
				t.Fatalf("%d characters at %d of %d", length, at, all)
			}
			if !slices.Contains(Reasons(), fields["reason"].(string)) {
				t.Fatalf("reason %v", fields["reason"])
			}
			return
		}
		if !query.root.wanted() || query.words == nil && query.filter == nil {
			t.Fatalf("%q wants nothing", q)
		}
		if query.words != nil && query.words.wanted() {
			if _, ok := query.tsquery(query.words, true, true, func(int) string { return "x" }); !ok {
				t.Fatalf("%q has no loose form", q)
			}
		}
		printed := query.String()
		again, err := (&parser{q: printed, query: &Query{}}).parse()
		if err != nil {
			t.Fatalf("%q is printed %q: %v", q, printed, err)
		}
		if first, second := query.draw(query.root), again.draw(again.root); first != second || again.String() != printed {
			t.Fatalf("%q, %s, is printed %q, which is %s", q, first, printed, second)
		}
		for n, l := range query.leaves {
			if used := query.used(query.words, false); slices.Contains(used, n) && !slices.ContainsFunc(again.leaves, func(o leaf) bool { return slices.EqualFunc(l.wants, o.wants, sameWant) }) {
				t.Fatalf("%q is printed %q, which asks for other tokens", q, printed)
			}
		}
	})
}

func sameWant(a, b lexeme.Want) bool {
	return a.Width == b.Width && slices.Equal(a.Tokens, b.Tokens) && slices.Equal(a.Prefixes, b.Prefixes)
}
