package search

import (
	"slices"
	"strings"
	"testing"

	"docuvault/shared/database"
	"docuvault/shared/dbtest"
	"docuvault/shared/id"
	"docuvault/shared/lexeme"
)

// A document that older rules indexed is indexed anew, once, and stays as it is
// when it is up to date, somebody else's, or gone.
func TestReindex(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, u := w.user(t)
	ben, _ := w.user(t)
	long := "anfang " + strings.Repeat("wort ", 2*rowWords) + "ende"
	for _, text := range []string{"", "anfang ende", long} {
		document := w.add(t, anna, u, paper{filename: "rechnung.pdf", title: "Titel", text: text, language: "de"})
		era := dbtest.Query1[int](t, w.db, `SELECT era FROM tokens WHERE document_id = $1 AND part = 0`, document.String())
		want := dbtest.Query1[string](t, w.db, `SELECT string_agg(tsv::text, ';' ORDER BY part) FROM tokens WHERE document_id = $1`, document.String())
		rows := func() string {
			return dbtest.Query1[string](t, w.db, `SELECT string_agg(tsv::text, ';' ORDER BY part) FROM tokens WHERE document_id = $1`, document.String())
		}
		reindex := func(actor database.Actor, document id.ID) {
			t.Helper()
			if err := w.searcher.Reindex(t.Context(), actor, document); err != nil {
				t.Fatal(err)
			}
		}
		// As before the columns were there: other tokens, no names by field.
		spoil := func(version int) {
			t.Helper()
			w.db.Exec(t, `UPDATE tokens SET tsv = '''#spoilt'':1', names = '{}', version = $2 WHERE document_id = $1`, document.String(), version)
		}
		spoil(lexeme.TermsVersion)
		spoilt := rows()
		reindex(anna, document)
		if rows() != spoilt {
			t.Error("a document that is up to date was indexed")
		}
		spoil(0)
		reindex(ben, document)
		reindex(anna, id.New())
		if rows() != spoilt {
			t.Error("another user's call indexed it")
		}
		for range 2 {
			reindex(anna, document)
			if got := rows(); got != want {
				t.Fatalf("text of %d bytes: the rows differ from those that the document was stored with", len(text))
			}
		}
		if n := dbtest.Query1[int](t, w.db, `SELECT count(*) FROM tokens WHERE document_id = $1 AND (version <> $2 OR era <> $3)`, document.String(), lexeme.TermsVersion, era); n != 0 {
			t.Errorf("%d rows have another version or era", n)
		}
		if got := ids(w.all(t, anna, "rechnung titel", 50)); !slices.Contains(got, document) {
			t.Error("it is not found")
		}
	}
}

// Every name finds its document, alone and together, and no longer when it has
// changed; a change of one leaves the others.
func TestEveryNameFinds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, u := w.user(t)
	document := w.add(t, anna, u, paper{filename: "x.pdf", text: "Der Text liegt bei.", language: "de"})
	w.add(t, anna, u, paper{filename: "y.pdf", text: "Ein anderer Text.", language: "de"})
	names := map[string]func(*Names, string){
		"Eichhorn":   func(n *Names, s string) { n.Filename = &s },
		"Feldmaus":   func(n *Names, s string) { n.Title = &s },
		"Gorilla":    func(n *Names, s string) { n.Correspondent = &s },
		"Habicht":    func(n *Names, s string) { n.Reference = &s },
		"Iltis":      func(n *Names, s string) { n.Notes = &s },
		"Jaguar":     func(n *Names, s string) { n.Topic = &s },
		"Kaninchen":  func(n *Names, s string) { n.Tags = &[]string{"Tier", s, "Hund Katze"} },
		"2024-08-15": func(n *Names, s string) { n.Title = new("Feldmaus vom 15.8.2024") },
	}
	index := func(n Names) {
		t.Helper()
		if err := w.searcher.vault.DB().Do(t.Context(), anna, func(b *database.Batch) { IndexNames(b, u, document, n) }); err != nil {
			t.Fatal(err)
		}
	}
	finds := func(q string, want bool) {
		t.Helper()
		if got := slices.Contains(ids(w.all(t, anna, q, 50)), document); got != want {
			t.Errorf("%q finds it: %v", q, got)
		}
	}
	for word, set := range names {
		var n Names
		set(&n, word)
		index(n)
		finds(word, true)
	}
	finds("eichhorn feldmaus gorilla habicht iltis jaguar kaninchen text", true)
	for _, prefix := range []string{"eich", "feld", "gori", "habi", "jagu", "kani"} {
		finds(prefix, true)
	}
	finds("ilt", false) // notes are text
	finds(`"hund katze"`, true)
	finds(`"tier kaninchen"`, false) // two tags
	finds(`"kaninchen hund"`, false)
	index(Names{Tags: &[]string{}, Notes: new(""), Topic: new("")})
	finds("kaninchen", false)
	finds("iltis", false)
	finds("jaguar", false)
	finds("eichhorn feldmaus gorilla habicht text", true)
	index(Names{Filename: new("invoice.pdf")})
	finds("inv", true)
	finds("eichhorn", false)
}

// Pages go over every window and tier, each document once, whatever its era.
func TestPagesOverWindows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, u := w.user(t)
	papers := []template{
		{"Brief.pdf", "alpha beta beta"}, {"Brief alpha.pdf", "gamma"}, {"Brief.pdf", "beta alpha gamma alpha"},
		{"Brief.pdf", "delta"}, {"Alpha alpha.pdf", "alpha beta"},
	}
	const n = 6200
	w.fill(t, anna, u, papers, n)
	w.db.Exec(t, `UPDATE documents SET status = 'trashed', status_before = 'ready' WHERE id IN (SELECT id FROM documents ORDER BY id LIMIT 300 OFFSET 4000)`)
	live := func(kinds ...int) (count int) {
		for i := range n {
			if slices.Contains(kinds, i%len(papers)) && (i < 4000 || i >= 4300) {
				count++
			}
		}
		return count
	}
	for q, want := range map[string]int{
		"alpha": live(0, 1, 2, 4), "delta": live(3), `"alpha beta"`: live(0, 4), `"beta alpha"`: live(2), "alpha -gamma": live(0, 4),
		"brief": live(0, 1, 2, 3), "nothing": 0,
	} {
		seen := map[id.ID]bool{}
		r, pages, named := Request{Q: q, Limit: MaxPage}, 0, true
		for {
			page, err := w.searcher.Search(t.Context(), anna, r)
			if err != nil {
				t.Fatal(err)
			}
			pages++
			for _, item := range page.Items {
				if seen[item.Document.ID] {
					t.Fatalf("%q: a document came twice", q)
				}
				seen[item.Document.ID] = true
				if item.Rank >= 1 && !named {
					t.Fatalf("%q: a name came after other documents", q)
				}
				named = item.Rank >= 1
				if len(item.Highlights) == 0 {
					t.Fatalf("%q: a result without a highlight", q)
				}
			}
			if r.Cursor = page.NextCursor; r.Cursor == "" {
				break
			}
			if len(page.Items) != MaxPage {
				t.Fatalf("%q: a page of %d that is not the last", q, len(page.Items))
			}
		}
		if len(seen) != want || pages != max(1, (want+MaxPage-1)/MaxPage) {
			t.Errorf("%q finds %d on %d pages, want %d", q, len(seen), pages, want)
		}
	}
}
