package search

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"docuvault/shared/database"
	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/lexeme"
)

// names of the papers of TestFinds, by their number.
func ids(results []Result) (all []id.ID) {
	for _, r := range results {
		all = append(all, r.Document.ID)
	}
	return all
}

func TestFinds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, annaKeys := w.user(t)
	ben, benKeys := w.user(t)
	papers := map[string]paper{
		"insurance": {filename: "Police_2024.pdf", correspondent: "Allianz", language: "de",
			text: "Ihre Haftpflichtversicherung mit der Nummer 2024-0815 vom 3. März 2024. Der Beitrag von 1.234,56 EUR wird abgebucht."},
		"power": {filename: "Abschlag Strom.pdf", title: "Stadtwerke Jahresabrechnung", correspondent: "Stadtwerke Köln", language: "de",
			text: "Wir haben Ihren Verbrauch abgerechnet. Zahlen Sie bitte den Beitrag bis zum 03.04.2024 für die Versicherung."},
		"letter": {filename: "letter.txt", language: "en",
			text: "Dear Sir, the insurance contract and the invoices were sent on 3 March 2024. Please pay the invoice."},
		"scan": {filename: "Stadtplan.png"},
	}
	name := map[id.ID]string{}
	for n, p := range papers {
		name[w.add(t, anna, annaKeys, p)] = n
		w.add(t, ben, benKeys, p)
	}
	for q, want := range map[string]string{
		"Versicherung":                  "insurance power",
		"Haftpflicht":                   "insurance",
		"versicherungen beitrag":        "insurance power",
		"versicherung abgebucht":        "insurance",
		"0815":                          "insurance",
		"1234,56":                       "insurance",
		"2024-03-03":                    "insurance letter",
		"3. März 2024":                  "insurance letter",
		"invoice":                       "letter",
		"invoices contract":             "letter",
		`"insurance contract"`:          "letter",
		`"contract insurance"`:          "",
		`"the invoices"`:                "letter",
		`"vom 3.3.2024"`:                "insurance",
		"sta":                           "power scan",
		"stadtwerke":                    "power",
		"stad* letter":                  "",
		"sta versicherung":              "", // the last word only is a beginning
		"sta* versicherung":             "power",
		"Köln":                          "power",
		"koeln":                         "power",
		"insurance OR police":           "insurance letter",
		"versicherung NOT haftpflicht":  "power",
		"versicherung -haftpflicht":     "power",
		"beitrag -(haftpflicht OR bis)": "",
		"(invoice OR haftpflicht) 2024": "insurance letter",
		"(invoice OR strom) -letter":    "power",
		"the":                           "letter",
		"the police":                    "insurance", // "the" asks for nothing beside another word
		`"the police"`:                  "",
		"allianz beitrag":               "insurance", // one in a name, one in the text
		"nothing":                       "",
	} {
		var got []string
		for _, r := range w.all(t, anna, q, 1) {
			got = append(got, name[r.Document.ID])
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%q finds %q, want %q", q, strings.Join(got, " "), want)
		}
	}
	if n := len(w.all(t, ben, "versicherung", 10)); n != 2 {
		t.Errorf("ben finds %d of his own", n)
	}
}

// Nobody without a user, and nobody else's documents, by the functions
// themselves as the app role.
func TestFunctionsKeepUsersApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, annaKeys := w.user(t)
	ben, _ := w.user(t)
	document := w.add(t, anna, annaKeys, paper{text: "secret", language: "en"})
	token := "'" + annaKeys.SearchToken("secret") + "'"
	conn := w.db.AsApp(t)
	w.db.Exec(t, `CREATE VIEW every_document AS SELECT id FROM documents; GRANT SELECT ON every_document TO docuvault_app`)
	for _, c := range []struct {
		user string
		want int
	}{{"", 0}, {ben.User().String(), 0}, {anna.User().String(), 1}} {
		for _, call := range []string{
			`SELECT cardinality(search_few($1::text::tsquery, NULL, NULL, $1::text::tsquery, NULL, NULL, 10))`,
			`SELECT count(*) FROM search_among(ARRAY(SELECT id FROM every_document), $1::text::tsquery, NULL, NULL)`,
			`SELECT count(*) FROM search_page($1::text::tsquery, NULL, NULL, $1::text::tsquery, NULL, NULL, $1::text::tsquery, ARRAY[$1::text::tsquery], NULL, NULL, NULL, NULL, NULL, NULL, NULL, 10,
			  '{ready}', NULL, NULL, NULL, NULL, NULL, NULL)`,
			`SELECT count(*) FROM search_page($1::text::tsquery, NULL, NULL, $1::text::tsquery, NULL, NULL, $1::text::tsquery, ARRAY[$1::text::tsquery], NULL, NULL, NULL, NULL, NULL, NULL, NULL, 10,
			  '{ready}', ARRAY(SELECT id FROM every_document), '{}', '{}', '{}', '{}', '!f1')`,
			`SELECT count(*) FROM search_passing(ARRAY(SELECT id FROM every_document), '{status}', '{NULL}', '{NULL}', '{"{ready}"}', 'f1') WHERE $1::text <> ''`,
		} {
			if _, err := conn.Exec(t.Context(), `SELECT set_config('app.user_id', $1, false)`, c.user); err != nil {
				t.Fatal(err)
			}
			var n int
			if err := conn.QueryRow(t.Context(), call, token).Scan(&n); err != nil || n != c.want {
				t.Errorf("as %q: %d rows, %v; want %d", c.user, n, err, c.want)
			}
		}
	}
	for _, status := range []string{"trashed", "purging"} {
		w.db.Exec(t, `UPDATE documents SET status = $2 WHERE id = $1`, document.String(), status)
		if got := w.all(t, anna, "secret", 10); len(got) != 0 {
			t.Errorf("a %s document is found", status)
		}
	}
	w.db.Exec(t, `DELETE FROM documents WHERE id = $1`, document.String())
	if n := dbtest.Query1[int](t, w.db, `SELECT count(*) FROM tokens`); n != 0 {
		t.Errorf("%d rows of tokens outlive their document", n)
	}
}

// What is found is what a plain evaluation over the words finds, for documents
// of one row and of several.
func TestFindsWhatTheWordsSay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seed := uint64(rand.Uint32())
	random := rand.New(rand.NewPCG(seed, 1))
	vocabulary := strings.Fields(`Rechnung Rechnungen Versicherung Haftpflichtversicherung Haftpflicht Vertrag Verträge invoice invoices insurance
		the für und contract 2024-0815 0815 1.234,56 1234 3.3.2024 2024-03-03 März E-Mail Mail Müller Mueller Straße Strasse seit Seite Stadt Stadtwerke sta`)
	words := func(n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = vocabulary[random.IntN(len(vocabulary))]
		}
		return strings.Join(all, " ")
	}
	var query func(depth int) string
	query = func(depth int) string {
		switch n := random.IntN(10); {
		case depth == 0 || n < 4:
			return words(1)
		case n < 6:
			return `"` + words(2+random.IntN(2)) + `"`
		case n < 7:
			return "(" + query(depth-1) + " OR " + query(depth-1) + ")"
		case n < 8:
			return query(depth-1) + " -" + words(1)
		case n < 9:
			return query(depth-1) + ` NOT "` + words(2) + `"`
		default:
			return query(depth-1) + " " + query(depth-1)
		}
	}
	languages := []string{"de", "en", ""}
	for range 4 {
		anna, annaKeys := w.user(t)
		corpus := map[id.ID]paper{}
		for n := range 12 {
			p := paper{filename: words(2), title: words(random.IntN(3)), text: words(random.IntN(25)), language: languages[random.IntN(3)]}
			if n == 0 { // one with several rows
				p.text = words(4) + " " + strings.Repeat("x ", rowWords+random.IntN(40)-20) + words(20)
			}
			corpus[w.add(t, anna, annaKeys, p)] = p
		}
		hits := 0
		for range 60 {
			q := query(2)
			parsed, err := Parse("q", q)
			if fault.CodeOf(err) == fault.ValidationFailed {
				continue // it wants nothing
			}
			if err != nil {
				t.Fatal(err)
			}
			var want []id.ID
			for document, p := range corpus {
				if reference(parsed, p) {
					want = append(want, document)
				}
			}
			got := ids(w.all(t, anna, q, 5))
			slices.SortFunc(got, func(a, b id.ID) int { return strings.Compare(a.String(), b.String()) })
			slices.SortFunc(want, func(a, b id.ID) int { return strings.Compare(a.String(), b.String()) })
			if !slices.Equal(got, want) {
				t.Errorf("seed %d: %q finds %d, want %d:\n%v\n%v", seed, q, len(got), len(want), got, want)
			}
			hits += len(got)
		}
		if hits == 0 {
			t.Errorf("seed %d: nothing was ever found", seed)
		}
	}
}

// reference evaluates a query on one paper by its terms.
func reference(q *Query, p paper) bool {
	places := func(text, language string) map[string][]int {
		all := map[string][]int{}
		for term := range lexeme.Terms(text, language) {
			all[term.Token] = append(all[term.Token], term.Pos)
		}
		return all
	}
	fields := []map[string][]int{places(p.text, p.language), places(p.filename, ""), places(p.title, ""), places(p.correspondent, "")}
	holds := func(l leaf) bool {
		for _, field := range fields {
			starts := map[int]int{} // where the phrase may begin -> words that fit
			offset := 0
			for i, want := range l.wants {
				fits := map[int]bool{}
				for _, token := range want.Tokens {
					for _, place := range field[token] {
						fits[place-offset] = true
					}
				}
				for start := range fits {
					if starts[start] == i {
						starts[start] = i + 1
					}
				}
				offset += want.Width
			}
			for _, n := range starts {
				if n == len(l.wants) {
					return true
				}
			}
		}
		if l.prefix {
			for _, name := range []string{p.filename, p.title, p.correspondent} {
				for term := range lexeme.Prefixes(name) {
					if slices.Contains(l.wants[0].Prefixes, term.Token) {
						return true
					}
				}
			}
		}
		return false
	}
	var eval func(n *node) bool
	eval = func(n *node) bool {
		switch n.op {
		case opLeaf:
			return holds(q.leaves[n.leaf])
		case opNot:
			return !eval(n.kids[0])
		case opOr:
			return slices.ContainsFunc(n.kids, eval)
		}
		return !slices.ContainsFunc(n.kids, func(kid *node) bool { return !eval(kid) })
	}
	return eval(q.root)
}

func TestNameHitsFirstThenNewest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, u := w.user(t)
	text := "Die Rechnung liegt bei, und sonst nichts."
	old := w.add(t, anna, u, paper{text: text, language: "de"})
	named := w.add(t, anna, u, paper{filename: "Rechnung.pdf"})
	often := w.add(t, anna, u, paper{text: strings.Repeat(text, 100), language: "de"})
	fresh := w.add(t, anna, u, paper{text: text, language: "de"})
	if got, want := ids(w.all(t, anna, "Rechnung", 1)), []id.ID{named, often, fresh, old}; !slices.Equal(got, want) {
		t.Errorf("got %v, want the name, the one that has it often, the newer, the older: %v", got, want)
	}
}

// What is not wanted may be in another row of a long document than what is.
func TestNotOverAllRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, u := w.user(t)
	document := w.add(t, anna, u, paper{text: "anfang " + strings.Repeat("x ", 2*rowWords) + "ende", language: "de"})
	for q, want := range map[string][]id.ID{
		"anfang": {document}, "anfang ende": {document}, "anfang -mitte": {document},
		"anfang -ende": nil, "ende -anfang": nil, "(anfang OR mitte) -ende": nil, `"anfang x" -ende`: nil,
	} {
		if got := ids(w.all(t, anna, q, 10)); !slices.Equal(got, want) {
			t.Errorf("%q finds %v, want %v", q, got, want)
		}
	}
}

func TestNamesChangeAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, u := w.user(t)
	long := "anfang " + strings.Repeat("wort ", 3*rowWords) + "ende"
	for _, text := range []string{"anfang ende", long, ""} {
		document := w.add(t, anna, u, paper{filename: "first.pdf", title: "second", correspondent: "third", text: text, language: "de"})
		rename := func(n Names) {
			t.Helper()
			if err := w.searcher.vault.DB().Do(t.Context(), anna, func(b *database.Batch) { IndexNames(b, u, document, n) }); err != nil {
				t.Fatal(err)
			}
		}
		finds := func(q string, want bool) {
			t.Helper()
			if got := slices.Contains(ids(w.all(t, anna, q, 50)), document); got != want {
				t.Errorf("text of %d bytes: %q finds it: %v", len(text), q, got)
			}
		}
		finds(`first second third`, true)
		for range 40 { // places do not creep
			rename(Names{Title: new("changed title")})
			rename(Names{Filename: new("another.pdf")})
		}
		finds(`"changed title" another third`, true)
		finds("chang", true)
		finds("second", false)
		finds("sec", false)
		finds("first", false)
		rename(Names{Correspondent: new("")})
		finds("third", false)
		if text != "" {
			finds("anfang ende another", true)
			finds("-third ende", true)
		}
		// A new text keeps the names, and loses the rows it does not need.
		if err := w.searcher.vault.DB().Do(t.Context(), anna, func(b *database.Batch) { IndexText(b, u, document, "neuer text", "de") }); err != nil {
			t.Fatal(err)
		}
		finds(`"neuer text" "changed title"`, true)
		finds("anfang", false)
		if n := dbtest.Query1[int](t, w.db, `SELECT count(*) FROM tokens WHERE document_id = $1`, document.String()); n != 1 {
			t.Errorf("%d rows", n)
		}
		w.db.Exec(t, `DELETE FROM documents WHERE id = $1`, document.String())
	}
}

func TestCursorBelongsToItsQuery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, u := w.user(t)
	for range 3 {
		w.add(t, anna, u, paper{text: "one two", language: "en"})
	}
	page, err := w.searcher.Search(t.Context(), anna, Request{Q: "one", Limit: 2})
	if err != nil || len(page.Items) != 2 || page.NextCursor == "" {
		t.Fatalf("%d items, cursor %q, %v", len(page.Items), page.NextCursor, err)
	}
	for _, r := range []Request{{Q: "two", Cursor: page.NextCursor}, {Q: "one", Cursor: "x"}, {Q: "one", Cursor: "e30"}} {
		if _, err := w.searcher.Search(t.Context(), anna, r); fault.CodeOf(err) != fault.CursorInvalid {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

func TestHighlights(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, u := w.user(t)
	text := "Äpfel. " + strings.Repeat("Davor steht etwas. ", 20) + "Ihre Haftpflicht-\nversicherung vom 3. März 2024 und alle Verträge. " + strings.Repeat("Danach auch. ", 30) + "Der Vertrag."
	w.add(t, anna, u, paper{filename: "Stadtwerke_2024.pdf", title: "Über die Prüfung", language: "de", text: text})
	show := func(q string) string {
		var out []string
		for _, r := range w.all(t, anna, q, 10) {
			for _, h := range r.Highlights {
				line, length, whole := h.Field+":", 0, ""
				for _, s := range h.Segments {
					length += len(s.Text)
					whole += s.Text
					if len(s.Words) > 0 {
						line += fmt.Sprintf(" [%s]%q", s.Text, s.Words)
					}
				}
				if h.Field == "text" && !strings.HasPrefix(string([]rune(text)[h.Offset:]), whole) {
					t.Errorf("%q: %q is not at %d", q, whole, h.Offset)
				}
				if length > 300 {
					t.Errorf("%q: a snippet of %d bytes", q, length)
				}
				out = append(out, line)
			}
		}
		return strings.Join(out, "; ")
	}
	for q, want := range map[string]string{
		"Versicherung vertrag":  `text: [Haftpflicht-` + "\n" + `versicherung]["Versicherung"] [Verträge]["vertrag"]; text: [Vertrag]["vertrag"]`,
		`"3.3.2024 und alle"`:   `text: [3. März 2024 und alle]["3.3.2024 und alle"]`,
		"apfel":                 `text: [Äpfel]["apfel"]`,
		"stadt":                 `filename: [Stadtwerke]["stadt"]`,
		"pruefung -haftpflicht": "",
		"pruefung -Zinsen":      `title: [Prüfung]["pruefung"]`,
	} {
		if got := show(q); got != want {
			t.Errorf("%q shows\n%s, want\n%s", q, got, want)
		}
	}
}
