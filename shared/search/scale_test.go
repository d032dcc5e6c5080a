package search

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"docuvault/shared/database"
	"docuvault/shared/dbtest"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/vault"
)

// vocabularySize is how many different words the papers of a scale test have.
const vocabularySize = 20_000

// scaleWord is a word of the vocabulary; the lower the number, the more common.
func scaleWord(n int) string {
	const letters = "bdfgklmnprst"
	word := ""
	for i := 0; i < 4; i++ {
		word += string(letters[n%12]) + "aeiou"[n/12%5:n/12%5+1]
		n /= 60
		if n == 0 && i > 0 {
			break
		}
	}
	return word
}

// fill gives a user n papers of the given number of words, in the ways of the
// index, but by COPY.
func (w *world) fill(t testing.TB, actor database.Actor, u *keys.User, n, words int) {
	t.Helper()
	conn := w.db.AsSuper(t)
	random := mathrand.New(mathrand.NewPCG(1, uint64(n)))
	load := func(table string, rows *bytes.Buffer) {
		if _, err := conn.PgConn().CopyFrom(t.Context(), rows, "COPY "+table+" FROM STDIN"); err != nil {
			t.Fatalf("copy %s: %v", table, err)
		}
		rows.Reset()
	}
	var documents, texts, tokens bytes.Buffer
	user := actor.User().String()
	for i := range n {
		document := id.New()
		name := fmt.Sprintf("Brief %s %05d.pdf", scaleWord(int(vocabularySize*random.Float64())), i)
		text := make([]string, words)
		for j := range text {
			r := random.Float64()
			text[j] = scaleWord(int(vocabularySize * r * r * r * r))
		}
		sealedName, err := vault.SealNew(u, document, name, "", "")
		if err != nil {
			t.Fatal(err)
		}
		sealedText, err := u.Seal("texts", "sealed", document, []byte(strings.Join(text, " ")))
		if err != nil {
			t.Fatal(err)
		}
		hash := make([]byte, 32)
		_, _ = rand.Read(hash)
		_, _ = fmt.Fprintf(&documents, "%s\t%s\tready\t%s\t1\t\\\\x%x\ttext/plain\tnow\t\\\\x%x\tde\n", document, user, document, hash, sealedName.Filename)
		_, _ = fmt.Fprintf(&texts, "%s\t%s\t\\\\x%x\ttext\n", document, user, sealedText)
		names, _ := namesOf(u, Names{Filename: &name})
		for row := range rowsOf(u, strings.Join(text, " "), "de") {
			_, _ = fmt.Fprintf(&tokens, "%s\t0\t%s\t%s %s\n", document, user, names, row)
		}
		if documents.Len() > 4<<20 || i == n-1 {
			load("documents (id, user_id, status, object_key, size, sha256, content_type, upload_expires_at, filename_sealed, language)", &documents)
			load("texts (document_id, user_id, sealed, source)", &texts)
			load("tokens (document_id, part, user_id, tsv)", &tokens)
		}
	}
}

// scale is a database with two users, of a thousand and of a hundred thousand
// documents: the second has those of the first's kind a hundred times over.
func scale(t testing.TB, words int) (w *world, small, large database.Actor) {
	t.Helper()
	w = newWorld(t)
	small, smallKeys := w.user(t)
	large, largeKeys := w.user(t)
	// The index is made anew after the rows, as the migration made it.
	index := dbtest.Query1[string](t, w.db, `SELECT pg_get_indexdef('tokens_search'::regclass)`)
	w.db.Exec(t, `DROP INDEX tokens_search`)
	w.fill(t, small, smallKeys, 1000, words)
	w.fill(t, large, largeKeys, 1000, words)
	user := large.User().String()
	w.db.Exec(t, `CREATE TABLE copies AS SELECT d.id AS was, uuid_in(overlay(md5(random()::text) PLACING '7' FROM 13)::cstring) AS id
	                FROM documents d, generate_series(1, 99) WHERE d.user_id = $1`, user)
	w.db.Exec(t, `INSERT INTO documents (id, user_id, status, object_key, size, sha256, content_type, upload_expires_at, filename_sealed, language, allow_duplicate)
	              SELECT c.id, d.user_id, d.status, c.id::text, d.size, d.sha256, d.content_type, d.upload_expires_at, d.filename_sealed, d.language, true
	                FROM copies c JOIN documents d ON d.id = c.was`)
	w.db.Exec(t, `INSERT INTO tokens (document_id, part, user_id, tsv) SELECT c.id, t.part, t.user_id, t.tsv FROM copies c JOIN tokens t ON t.document_id = c.was`)
	w.db.Exec(t, index)
	w.db.Exec(t, `VACUUM ANALYZE documents, tokens`)
	return w, small, large
}

// queries are what people type, from rare to very common words.
func scaleQueries(random *mathrand.Rand, kind string) string {
	rare := scaleWord(2000 + random.IntN(vocabularySize-2000))
	medium := scaleWord(100 + random.IntN(400))
	common := scaleWord(random.IntN(5))
	switch kind {
	case "one word":
		return rare
	case "rare and common":
		return rare + " " + common
	case "medium and common":
		return medium + " " + common
	case "phrase":
		return `"` + rare + " " + common + `"`
	case "without":
		return rare + " -" + medium
	case "either":
		return rare + " OR " + scaleWord(2000+random.IntN(vocabularySize-2000))
	case "name":
		return fmt.Sprintf("%05d", random.IntN(1000))
	case "very common":
		return common
	}
	panic("no such kind")
}

var scaleKinds = []string{"one word", "rare and common", "medium and common", "phrase", "without", "either", "name", "very common"}

// TestSearchUsesTheIndex looks at the plans inside the functions, as the app
// role, with 100,000 documents of one user. With -v it prints how long the
// database takes at 1,000 and at 100,000, and with SEARCH_PLANS=1 the plans.
func TestSearchUsesTheIndex(t *testing.T) {
	if testing.Short() {
		t.Skip("fills a table with 100,000 documents")
	}
	w, small, large := scale(t, 40)
	for _, setting := range []string{"session_preload_libraries = 'auto_explain'", "auto_explain.log_min_duration = 0",
		"auto_explain.log_nested_statements = on", "auto_explain.log_level = notice"} {
		w.db.Exec(t, fmt.Sprintf("ALTER ROLE docuvault_app IN DATABASE %s SET %s", w.db.Name, setting))
	}
	config, err := pgx.ParseConfig(w.db.AppURL)
	if err != nil {
		t.Fatal(err)
	}
	var plans []string
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { plans = append(plans, n.Message) }
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(t.Context(), `SELECT set_config('app.user_id', $1, false)`, large.User().String()); err != nil {
		t.Fatal(err)
	}
	u, err := w.searcher.vault.Keys(t.Context(), large)
	if err != nil {
		t.Fatal(err)
	}
	random := mathrand.New(mathrand.NewPCG(1, 2))
	for _, kind := range scaleKinds {
		query, err := Parse("q", scaleQueries(random, kind))
		if err != nil {
			t.Fatal(err)
		}
		args := query.args(u)
		args["limit"], args["rank"], args["after"] = 21, nil, nil
		plans = nil
		if _, err := conn.Exec(t.Context(), pageSQL, args); err != nil {
			t.Fatal(err)
		}
		matches := 0
		for _, plan := range plans {
			if strings.Contains(plan, "Seq Scan on tokens") {
				t.Errorf("%s: reads the whole table:\n%s", kind, plan)
			}
			if !strings.Contains(plan, "FROM search_rows(") {
				continue
			}
			matches++
			if !strings.Contains(plan, "Bitmap Index Scan on tokens_search") || !strings.Contains(plan, "Index Cond: ((user_id = ") || !strings.Contains(plan, "(tsv @@ ") {
				t.Errorf("%s: not by the index:\n%s", kind, plan)
			}
		}
		if matches == 0 {
			t.Errorf("%s: no plan of the search was seen among %d", kind, len(plans))
		}
		if os.Getenv("SEARCH_PLANS") != "" {
			t.Logf("%s:\n%s", kind, strings.Join(plans, "\n"))
		}
	}
	w.db.Exec(t, fmt.Sprintf("ALTER ROLE docuvault_app IN DATABASE %s RESET ALL", w.db.Name))
	w.measure(t, small, large)
}

// measure prints how long the database takes for the first page of a search.
func (w *world) measure(t *testing.T, small, large database.Actor) {
	t.Helper()
	t.Logf("table %s, index %s", dbtest.Query1[string](t, w.db, `SELECT pg_size_pretty(pg_table_size('tokens'))`),
		dbtest.Query1[string](t, w.db, `SELECT pg_size_pretty(pg_relation_size('tokens_search'))`))
	for _, kind := range scaleKinds {
		line := fmt.Sprintf("%-18s", kind)
		for _, actor := range []database.Actor{small, large} {
			u, err := w.searcher.vault.Keys(t.Context(), actor)
			if err != nil {
				t.Fatal(err)
			}
			random := mathrand.New(mathrand.NewPCG(3, 4))
			var took []time.Duration
			found := 0
			for range 50 {
				query, err := Parse("q", scaleQueries(random, kind))
				if err != nil {
					t.Fatal(err)
				}
				args := query.args(u)
				args["limit"], args["rank"], args["after"] = 21, nil, nil
				begun := time.Now()
				err = w.searcher.vault.DB().Do(t.Context(), actor, func(b *database.Batch) {
					b.Each(pageSQL, args, func(func(...any) error) error { found++; return nil })
				})
				if err != nil {
					t.Fatal(err)
				}
				took = append(took, time.Since(begun))
			}
			slices.Sort(took)
			line += fmt.Sprintf("  p50 %6.1f ms  p99 %6.1f ms (%4d rows)", ms(took[len(took)/2]), ms(took[len(took)-1]), found)
		}
		t.Log(line)
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
