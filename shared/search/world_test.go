package search

import (
	"crypto/rand"
	"testing"

	"docuvault/shared/database"
	"docuvault/shared/dbtest"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/vault"
)

// world is a database with a searcher over it, without the rest of the vault.
type world struct {
	db       *dbtest.Database
	searcher *Searcher
}

func newWorld(t testing.TB) *world {
	t.Helper()
	db := dbtest.New(t)
	master, err := keys.Generate("t1")
	if err != nil {
		t.Fatal(err)
	}
	env, _ := hosttest.Env(t, map[string]string{"DATABASE_URL": db.AppURL, "MASTER_KEYS": master.Reveal()})
	searcher, err := Open(env)
	if err != nil {
		t.Fatal(err)
	}
	return &world{db, searcher}
}

// user makes a user, and acts for it.
func (w *world) user(t testing.TB) (database.Actor, *keys.User) {
	t.Helper()
	user := id.New()
	w.db.Exec(t, `INSERT INTO users (id, email) VALUES ($1, $2)`, user.String(), user.String()+"@example.org")
	actor := database.OnBehalfOf(user)
	u, err := w.searcher.vault.Keys(t.Context(), actor)
	if err != nil {
		t.Fatal(err)
	}
	return actor, u
}

// paper is a document as the tests make it.
type paper struct {
	id                             id.ID
	filename, title, correspondent string
	text, language                 string
}

// add stores a paper and indexes it.
func (w *world) add(t testing.TB, actor database.Actor, u *keys.User, p paper) id.ID {
	t.Helper()
	if p.id.IsNil() {
		p.id = id.New()
	}
	if p.filename == "" {
		p.filename = "x.pdf"
	}
	sealed, err := vault.SealNew(u, p.id, p.filename, p.title, p.correspondent)
	if err != nil {
		t.Fatal(err)
	}
	text, err := u.Seal("texts", "sealed", p.id, []byte(p.text))
	if err != nil {
		t.Fatal(err)
	}
	hash := make([]byte, 32)
	_, _ = rand.Read(hash)
	args := database.Args{"id": p.id, "filename": sealed.Filename, "title": sealed.Title, "correspondent": sealed.Correspondent,
		"text": text, "hash": hash, "key": p.id.String(), "language": p.language}
	err = w.searcher.vault.DB().Do(t.Context(), actor, func(b *database.Batch) {
		b.Exec(`INSERT INTO documents (id, user_id, status, object_key, size, sha256, content_type, upload_expires_at, filename_sealed, title_sealed, correspondent_sealed, language)
		        VALUES (@id, app_user(), 'ready', @key, 1, @hash, 'text/plain', now(), @filename, @title, @correspondent, NULLIF(@language, ''))`, args)
		b.Exec(`INSERT INTO texts (document_id, user_id, sealed, source) VALUES (@id, app_user(), @text, 'text')`, args)
		IndexNames(b, u, p.id, Names{Filename: &p.filename, Title: &p.title, Correspondent: &p.correspondent})
		IndexText(b, u, p.id, p.text, p.language)
	})
	if err != nil {
		t.Fatal(err)
	}
	return p.id
}

// all searches through every page.
func (w *world) all(t testing.TB, actor database.Actor, q string, limit int) []Result {
	t.Helper()
	var results []Result
	r := Request{Q: q, Limit: limit}
	for {
		page, err := w.searcher.Search(t.Context(), actor, r)
		if err != nil {
			t.Fatalf("search %q: %v", q, err)
		}
		results = append(results, page.Items...)
		if r.Cursor = page.NextCursor; r.Cursor == "" {
			return results
		}
	}
}
