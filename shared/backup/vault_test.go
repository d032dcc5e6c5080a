package backup_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"docuvault/shared/backup"
	"docuvault/shared/dbtest"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/secret"
	"docuvault/shared/vaulttest"
	"docuvault/shared/verify"
)

const password = "a password of some length"

// person is a user who can sign in, and what they wait for.
type person struct {
	*vaulttest.User
	email string
	had   []paper
}

// paper is a document as its owner knows it.
type paper struct {
	id              id.ID
	filename, title string
	content         []byte
}

type signedIn struct {
	User        struct{ ID id.ID } `json:"user"`
	AccessToken string             `json:"access_token"`
}

func register(t testing.TB, w *vaulttest.World, email string) *person {
	t.Helper()
	var in signedIn
	hosttest.Call(t, http.DefaultClient, http.MethodPost, w.Server.URL+"/v1/auth/register", map[string]any{"email": email, "password": password}).JSON(t, http.StatusCreated, &in)
	return &person{User: &vaulttest.User{World: w, ID: in.User.ID, Token: in.AccessToken}, email: email}
}

// in signs the person in at another vault.
func (p *person) in(t testing.TB, w *vaulttest.World) *vaulttest.User {
	t.Helper()
	var in signedIn
	hosttest.Call(t, http.DefaultClient, http.MethodPost, w.Server.URL+"/v1/auth/login", map[string]any{"email": p.email, "password": password}).JSON(t, http.StatusOK, &in)
	if in.User.ID != p.ID {
		t.Fatalf("%s is another user now", p.email)
	}
	return &vaulttest.User{World: w, ID: p.ID, Token: in.AccessToken}
}

// keep stores and reads a paper, gives it a title, and remembers it.
func (p *person) keep(t testing.TB, filename string) vaulttest.Document {
	t.Helper()
	content := vaulttest.Unique(t, 300)
	d := p.Analyzed(t, filename, "text/plain", content)
	title := "title of " + filename
	p.Call(t, http.MethodPatch, "/v1/documents/"+d.ID.String(), map[string]any{"title": title, "tags": []string{"tax"}, "topic": "my own topic"}).JSON(t, http.StatusOK, nil)
	p.had = append(p.had, paper{d.ID, filename, title, content})
	return d
}

// finds wants everything as it was.
func (p *person) finds(t testing.TB, w *vaulttest.World) {
	t.Helper()
	u := p.in(t, w)
	for _, want := range p.had {
		d := u.Get(t, want.id)
		if d.Filename != want.filename || d.Title != want.title || d.Topic != "my own topic" || len(d.Tags) != 1 {
			t.Errorf("%s came back as %q, %q, %q, %v", want.filename, d.Filename, d.Title, d.Topic, d.Tags)
		}
		if got := download(t, u, want.id); !bytes.Equal(got, want.content) {
			t.Errorf("%s came back with other bytes (%d of %d)", want.filename, len(got), len(want.content))
		}
		var text struct{ Text string }
		u.Call(t, http.MethodGet, "/v1/documents/"+want.id.String()+"/text", nil).JSON(t, http.StatusOK, &text)
		if !strings.Contains(text.Text, strings.TrimSpace(string(want.content[:30]))) {
			t.Errorf("%s has another text", want.filename)
		}
	}
	var found struct {
		Items []struct{ Document struct{ ID id.ID } }
	}
	if len(p.had) > 0 {
		word := string(p.had[0].content[:30])
		u.Call(t, http.MethodPost, "/v1/search", map[string]any{"q": word}).JSON(t, http.StatusOK, &found)
		if len(found.Items) != 1 || found.Items[0].Document.ID != p.had[0].id {
			t.Errorf("search finds %v", found.Items)
		}
	}
}

func download(t testing.TB, u *vaulttest.User, document id.ID) []byte {
	t.Helper()
	var at struct{ URL string }
	u.Call(t, http.MethodGet, "/v1/documents/"+document.String()+"/download", nil).JSON(t, http.StatusOK, &at)
	resp, err := http.Get(at.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func options(t testing.TB, w *vaulttest.World, dir string) backup.Options {
	t.Helper()
	ring, err := keys.Open(w.Env)
	if err != nil {
		t.Fatal(err)
	}
	return backup.Options{Owner: secret.New(w.DB.MigrateURL), Store: w.Store, Dir: dir, Ring: ring}
}

func write(t testing.TB, w *vaulttest.World, dir string) backup.Report {
	t.Helper()
	r, err := backup.Write(t.Context(), options(t, w, dir))
	if err != nil {
		t.Fatalf("backup: %v", err)
	}
	return r
}

// fresh is a vault on a new database and new buckets, with the secrets of
// another.
func fresh(t testing.TB, of *vaulttest.World) *vaulttest.World {
	t.Helper()
	vars := map[string]string{}
	for _, name := range []string{"MASTER_KEYS", "SESSION_KEYS", "JWT_SIGNING_KEYS", "JWT_PUBLIC_KEYS"} {
		vars[name] = of.Vars[name]
	}
	return vaulttest.On(t, dbtest.New(t), vars)
}

func restore(t testing.TB, of *vaulttest.World, dir string) (*vaulttest.World, backup.Report) {
	t.Helper()
	w := fresh(t, of)
	r, err := backup.Restore(t.Context(), options(t, w, dir))
	if err != nil {
		t.Fatalf("restore: %v", err)
	}
	return w, r
}

// well wants all invariants to hold, after what schedules do each minute.
func well(t testing.TB, w *vaulttest.World) {
	t.Helper()
	for _, schedule := range []string{"seal", "reconcile"} {
		if err := w.Schedule(t, schedule); err != nil {
			t.Fatalf("%s: %v", schedule, err)
		}
	}
	ring, err := keys.Open(w.Env)
	if err != nil {
		t.Fatal(err)
	}
	r, err := verify.Run(t.Context(), verify.Options{Owner: secret.New(w.DB.MigrateURL), App: secret.New(w.DB.AppURL), Store: w.Store, Ring: ring})
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	for _, i := range r.Invariants {
		if i.Status != verify.OK && i.Number != 9 {
			t.Errorf("%d %s: %s %s %v", i.Number, i.Name, i.Status, i.Reason, i.Problems)
		}
	}
}

// cursor is where the person's feed of changes stands.
func cursor(t testing.TB, u *vaulttest.User) string {
	t.Helper()
	var page struct {
		NextCursor string `json:"next_cursor"`
	}
	u.Call(t, http.MethodGet, "/v1/changes", nil).JSON(t, http.StatusOK, &page)
	return page.NextCursor
}

// sealed has the audit log sealed, as far as it goes.
func sealed(t testing.TB, w *vaulttest.World) {
	t.Helper()
	w.DB.WaitForOthers(t, "")
	if err := w.Schedule(t, "seal"); err != nil {
		t.Fatal(err)
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM audit_seals`); n != 1 {
		t.Fatalf("%d seals", n)
	}
}
