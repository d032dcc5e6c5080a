package search

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"docuvault/db"
	"docuvault/shared/database"
	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/vault"
)

// A word that is in more than ten thousand documents, and a phrase that is in
// few of them, walked page by page: by search, and by the list in each order.
func TestWalkTenThousand(t *testing.T) {
	if testing.Short() {
		t.Skip("fills a table with 12,500 documents")
	}
	t.Parallel()
	w := newWorld(t)
	anna, u := w.user(t)
	ben, _ := w.user(t)
	const n = 12_500
	// All have the words; these in the order of the phrase: the newest, the
	// oldest, and one in the era in which a page has looked at 2,000.
	phrase := []int{0, 1, 2, 9000, 10_450, n - 1}
	papers := make([]template, n)
	for i := range papers {
		papers[i] = template{"Brief.pdf", "alpha beta gamma"}
		switch {
		case slices.Contains(phrase, i):
			papers[i].text = "gamma beta alpha"
		case i%7 == 0:
			papers[i].text = "delta"
		}
	}
	w.fill(t, anna, u, papers, n)
	w.db.Exec(t, `ANALYZE documents, tokens`)
	common, rare := map[id.ID]bool{}, map[id.ID]bool{}
	conn := w.db.AsSuper(t)
	rows, err := conn.Query(t.Context(), `SELECT id::text FROM documents ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; rows.Next(); i++ {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		document, err := id.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		rare[document] = slices.Contains(phrase, i)
		common[document] = rare[document] || i%7 != 0
	}
	rows.Close()

	searched := func(q string, limit int) (all []id.ID, short int) {
		t.Helper()
		r := Request{Q: q, Limit: limit}
		for {
			page, err := w.searcher.Search(t.Context(), anna, r)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, ids(page.Items)...)
			if r.Cursor = page.NextCursor; r.Cursor == "" {
				return all, short
			}
			if len(page.Items) < limit {
				short++
			}
		}
	}
	same := func(what string, got []id.ID, want map[id.ID]bool) {
		t.Helper()
		seen := map[id.ID]bool{}
		for _, document := range got {
			if seen[document] || !want[document] {
				t.Fatalf("%s: a document came twice, or should not have come", what)
			}
			seen[document] = true
		}
		for document, in := range want {
			if in && !seen[document] {
				t.Fatalf("%s: %s is missing among %d", what, document, len(got))
			}
		}
	}
	got, short := searched("alpha", MaxPage)
	same("search for a common word", got, common)
	if short > 0 || len(got) < 10_000 {
		t.Errorf("%d of %d results are on pages that are not full", short, len(got))
	}
	got, short = searched(`"gamma beta alpha"`, 10)
	same("search for a rare phrase of common words", got, rare)
	if short == 0 {
		t.Error("no page of the rare phrase ended early: this test shows nothing about that")
	}

	for _, sort := range vault.Sorts() {
		if strings.TrimPrefix(sort, "-") == "name" {
			_, err := w.searcher.vault.List(t.Context(), anna, vault.Filter{Sort: sort})
			if fault.CodeOf(err) != fault.ValidationFailed {
				t.Errorf("%s: %v, though only 5,000 can be sorted by it", sort, err)
			}
			continue
		}
		listed := func(q string, limit int) (all []id.ID, pages int) {
			t.Helper()
			f := vault.Filter{Sort: sort, Limit: limit}
			for {
				if q != "" {
					if f.Match, err = w.searcher.Matching(t.Context(), anna, "q", q); err != nil {
						t.Fatal(err)
					}
				}
				page, err := w.searcher.vault.List(t.Context(), anna, f)
				if err != nil {
					t.Fatal(err)
				}
				pages++
				for _, d := range page.Items {
					all = append(all, d.ID)
				}
				if f.Cursor = page.NextCursor; f.Cursor == "" {
					return all, pages
				}
			}
		}
		order, _ := listed("", vault.MaxPage)
		for q, want := range map[string]map[id.ID]bool{"alpha": common, `"gamma beta alpha"`: rare, `"alpha gamma"`: nil} {
			got, pages := listed(q, vault.MaxPage)
			if expected := slices.DeleteFunc(slices.Clone(order), func(d id.ID) bool { return !want[d] }); !slices.Equal(got, expected) {
				t.Errorf("%s, %s: %d documents in another order than the list has, want %d", sort, q, len(got), len(expected))
			}
			if q != "alpha" && pages != 2 {
				t.Errorf("%s, %s: %d pages, though 10,000 documents are tried for one", sort, q, pages)
			}
		}
		if strings.HasSuffix(sort, "size") { // of few, and of none
			if got, pages := listed("delta", vault.MaxPage); len(got) != (n+6)/7-countSevens(phrase) || pages != 1+len(got)/vault.MaxPage {
				t.Errorf("%s, delta: %d documents on %d pages", sort, len(got), pages)
			}
			if got, pages := listed("nothing", 10); len(got) != 0 || pages != 1 {
				t.Errorf("%s, nothing: %d documents on %d pages", sort, len(got), pages)
			}
		}
	}
	if m, err := w.searcher.Matching(t.Context(), ben, "q", "alpha"); err != nil || m.Try != "" || len(m.IDs) != 0 {
		t.Errorf("another user's q finds %+v, %v", m, err)
	}
	if m, err := w.searcher.Matching(t.Context(), anna, "q", "delta"); err != nil || m.Try != "" || len(m.IDs) == 0 {
		t.Errorf("delta, which is in few, is tried by %q, %v", m.Try, err)
	}
}

func countSevens(all []int) (n int) {
	for _, i := range all {
		if i%7 == 0 {
			n++
		}
	}
	return n
}

// Documents that were there before search had eras are found before and after
// the reconciler has them indexed anew; the migration runs as the role that has
// to run it, on two eras of one user and one document of another.
func TestMigrationOnAFilledDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, u := w.user(t)
	ben, bensKeys := w.user(t)
	w.fill(t, anna, u, []template{{"Brief.pdf", "alpha beta"}}, papersAnEra)
	old := w.add(t, anna, u, paper{filename: "Eichhorn.pdf", text: "alpha gamma", language: "de"})
	his := w.add(t, ben, bensKeys, paper{filename: "Eichhorn.pdf", text: "alpha gamma", language: "de"})
	w.db.Exec(t, `UPDATE tokens SET tsv = ts_delete(tsv, era_marks(user_id, era))`)
	up, down := searchWindows(t)
	conn := w.db.AsMigrate(t)
	for _, sql := range []string{down, up} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if n := dbtest.Query1[int](t, w.db, `SELECT count(*) FROM tokens WHERE version = 0 AND tsv @@ array_to_string(era_marks(user_id, era), '&')::tsquery`); n != papersAnEra+2 {
		t.Fatalf("%d rows have version 0 and the tokens of their era", n)
	}
	if got := dbtest.Query1[string](t, w.db, `SELECT string_agg(documents::text, ' ' ORDER BY documents) FROM search_eras`); got != fmt.Sprintf("1 %d", papersAnEra+1) {
		t.Errorf("documents by user: %s", got)
	}
	finds := func() {
		t.Helper()
		if got := ids(w.all(t, anna, "gamma eichhorn", 50)); !slices.Equal(got, []id.ID{old}) {
			t.Errorf("anna finds %v", got)
		}
		if got := ids(w.all(t, ben, "gamma eich", 50)); !slices.Equal(got, []id.ID{his}) {
			t.Errorf("ben finds %v", got)
		}
		if n := len(w.all(t, anna, "alpha", 50)); n != papersAnEra+1 {
			t.Errorf("%d documents have alpha", n)
		}
	}
	finds()
	if n := dbtest.Query1[int](t, w.db, `SELECT count(*) FROM stale_tokens(1, '00000000-0000-0000-0000-000000000000', 1000)`); n != papersAnEra+2 {
		t.Errorf("the reconciler sees %d of them", n)
	}
	for document, actor := range map[id.ID]database.Actor{old: anna, his: ben} {
		if err := w.searcher.Reindex(t.Context(), actor, document); err != nil {
			t.Fatal(err)
		}
	}
	finds()
}

// searchWindows is the migration that made the eras, both ways.
func searchWindows(t *testing.T) (up, down string) {
	t.Helper()
	b, err := fs.ReadFile(db.Migrations, "migrations/20261124131000_search_windows.sql")
	if err != nil {
		t.Fatal(err)
	}
	up, down, ok := strings.Cut(string(b), "-- migrate:down")
	if !ok {
		t.Fatal("no way down")
	}
	return up, down
}
