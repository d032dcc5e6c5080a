package search

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"testing"

	"docuvault/shared/database"
	"docuvault/shared/dbtest"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/lexeme"
	"docuvault/shared/vault"
)

// What the large vaults of the tests are made of.
const (
	vocabularySize = 20_000 // different words
	templates      = 1000   // different papers; a larger vault has each several times
	largeVault     = 100_000
	papersAnEra    = 500 // as the migration has it
)

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

// template is a paper of which a vault has one or many.
type template struct{ name, text string }

func scaleTemplates(words int) []template {
	random := mathrand.New(mathrand.NewPCG(1, uint64(words)))
	all := make([]template, templates)
	for i := range all {
		text := make([]string, words)
		for j := range text {
			r := random.Float64()
			text[j] = scaleWord(int(vocabularySize * r * r * r * r))
		}
		all[i] = template{fmt.Sprintf("Brief %s %05d.pdf", scaleWord(int(vocabularySize*random.Float64())), i), strings.Join(text, " ")}
	}
	return all
}

// fill gives a user n papers, sealed and indexed as those of the vault are, but
// by COPY, and with the tokens of each template made once.
func (w *world) fill(t testing.TB, actor database.Actor, u *keys.User, papers []template, n int) {
	t.Helper()
	conn := w.db.AsSuper(t)
	load := func(table string, rows *bytes.Buffer) {
		if _, err := conn.PgConn().CopyFrom(t.Context(), rows, "COPY "+table+" FROM STDIN"); err != nil {
			t.Fatalf("copy %s: %v", table, err)
		}
		rows.Reset()
	}
	exec := func(sql string, args ...any) {
		if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	exec(`CREATE TEMP TABLE template (n integer, tsv tsvector)`)
	exec(`CREATE TEMP TABLE made (document_id uuid, n integer, era integer)`)
	user := actor.User().String()
	var documents, texts, rows bytes.Buffer
	for i, p := range papers {
		names := *namesOf(u, Names{Filename: &p.name})[0]
		for row := range rowsOf(u, p.text, "de") {
			_, _ = fmt.Fprintf(&rows, "%d\t%s %s\n", i, names, row)
		}
	}
	load("template", &rows)
	for i := range n {
		p := papers[i%len(papers)]
		document := id.New()
		name, err := vault.SealNew(u, document, p.name, "", "")
		if err != nil {
			t.Fatal(err)
		}
		text, err := u.Seal("texts", "sealed", document, []byte(p.text))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintf(&documents, "%s\t%s\tready\t%s\t%d\t\\\\x%x\ttext/plain\tnow\t\\\\x%x\tde\t%s\n", document, user, document, i*7919%100_003,
			sha256.Sum256([]byte(document.String())), name.Filename, fmt.Sprintf("20%02d-%02d-%02d", i%30, 1+i/30%12, 1+i/360%28))
		_, _ = fmt.Fprintf(&texts, "%s\t%s\t\\\\x%x\ttext\n", document, user, text)
		_, _ = fmt.Fprintf(&rows, "%s\t%d\t%d\n", document, i%len(papers), i/papersAnEra)
		if documents.Len() > 4<<20 || i == n-1 {
			load("documents (id, user_id, status, object_key, size, sha256, content_type, upload_expires_at, filename_sealed, language, document_date)", &documents)
			load("texts (document_id, user_id, sealed, source)", &texts)
			load("made", &rows)
		}
	}
	exec(`INSERT INTO tokens (document_id, part, user_id, era, version, tsv)
	      SELECT m.document_id, 0, $1, m.era, $2, t.tsv || array_to_tsvector(era_marks($1, m.era))
	        FROM made m JOIN template t USING (n) ORDER BY m.document_id`, user, lexeme.TermsVersion)
	exec(`INSERT INTO search_eras (user_id, documents) VALUES ($1, $2)`, user, n)
	exec(`DROP TABLE template`)
	exec(`DROP TABLE made`)
}

// The eras of fill are those of the database.
func TestErasOfTheScaleTest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, _ := w.user(t)
	user := anna.User().String()
	conn := w.db.AsApp(t)
	if _, err := conn.Exec(t.Context(), `SELECT set_config('app.user_id', $1, false)`, user); err != nil {
		t.Fatal(err)
	}
	for i := range papersAnEra + 1 {
		var era, newest int
		if err := conn.QueryRow(t.Context(), `SELECT next_era()`).Scan(&era); err != nil || era != i/papersAnEra {
			t.Fatalf("document %d is of era %d, %v", i, era, err)
		}
		if err := conn.QueryRow(t.Context(), `SELECT newest_era()`).Scan(&newest); err != nil || newest != era {
			t.Fatalf("the newest era is %d, %v; want %d", newest, err, era)
		}
	}
	want := fmt.Sprintf("#%x", md5.Sum([]byte(user+" 1")))[:13]
	if got := dbtest.Query1[string](t, w.db, `SELECT era_token($1, 1)`, user); got != want {
		t.Errorf("the token is %s, want %s", got, want)
	}
}

// scale is a database with two users, of a thousand and of a hundred thousand
// documents: the second has the papers of the first a hundred times over.
func scale(t testing.TB, words int) (w *world, small, large database.Actor) {
	t.Helper()
	w = newWorld(t)
	small, smallKeys := w.user(t)
	large, largeKeys := w.user(t)
	// The index is made anew after the rows, as the migration made it.
	index := dbtest.Query1[string](t, w.db, `SELECT pg_get_indexdef('tokens_search'::regclass)`)
	w.db.Exec(t, `DROP INDEX tokens_search`)
	papers := scaleTemplates(words)
	w.fill(t, small, smallKeys, papers, templates)
	w.fill(t, large, largeKeys, papers, largeVault)
	w.db.Exec(t, index)
	w.db.Exec(t, `VACUUM ANALYZE documents, tokens, texts`)
	return w, small, large
}

// scaleQuery is what people type, from rare to very common words.
func scaleQuery(random *mathrand.Rand, kind string) string {
	rare := scaleWord(2000 + random.IntN(vocabularySize-2000))
	medium := scaleWord(100 + random.IntN(400))
	common := func() string { return scaleWord(random.IntN(5)) }
	switch kind {
	case "rare word":
		return rare
	case "medium word":
		return medium
	case "broad word":
		return common()
	case "rare AND broad":
		return rare + " " + common()
	case "medium AND broad":
		return medium + " " + common()
	case "broad AND broad":
		return common() + " " + common()
	case "rare phrase":
		return `"` + rare + " " + common() + `"`
	case "broad phrase":
		return `"` + common() + " " + common() + `"`
	case "rare NOT medium":
		return rare + " -" + medium
	case "broad NOT broad":
		return common() + " -" + scaleWord(5+random.IntN(5))
	case "rare OR rare":
		return rare + " OR " + scaleWord(2000+random.IntN(vocabularySize-2000))
	case "name":
		return fmt.Sprintf("%05d", random.IntN(templates))
	case "prefix of names":
		return "bri" // of every name
	}
	panic("no such kind")
}

var scaleKinds = []string{"rare word", "medium word", "broad word", "rare AND broad", "medium AND broad", "broad AND broad", "rare phrase",
	"broad phrase", "rare NOT medium", "broad NOT broad", "rare OR rare", "name", "prefix of names"}
