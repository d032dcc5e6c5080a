package delete_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/id"
	"docuvault/shared/job"
	"docuvault/shared/storage"
	"docuvault/shared/vaulttest"
	"docuvault/test/sample"
)

const marker = "ambergrisquill"

// rows counts, table by table of the catalogue, what knows the user; what
// outlives accounts is left out.
func rows(t testing.TB, w *vaulttest.World, user id.ID) map[string]int {
	t.Helper()
	left := map[string]int{}
	tables := dbtest.Query1[[]string](t, w.DB, `SELECT array_agg(c.table_name::text) FROM information_schema.columns c
	   JOIN information_schema.tables t USING (table_schema, table_name)
	  WHERE c.table_schema = 'public' AND c.column_name = 'user_id' AND t.table_type = 'BASE TABLE'`)
	if len(tables) < 20 {
		t.Fatalf("only %d tables: %v", len(tables), tables)
	}
	for _, table := range tables {
		n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM `+table+` WHERE user_id = $1`, user.String())
		if n > 0 && table != "audit_log" && table != "erasures" {
			left[table] = n
		}
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM users WHERE id = $1`, user.String()); n > 0 {
		left["users"] = n
	}
	return left
}

// contents reads all objects of both buckets.
func contents(t testing.TB, w *vaulttest.World) []byte {
	t.Helper()
	var all bytes.Buffer
	for _, b := range []storage.Backend{w.Store.Documents, w.Store.Derived} {
		lister, err := storage.As[storage.Lister](b)
		if err != nil {
			t.Fatal(err)
		}
		for info, err := range lister.List(t.Context(), "", "") {
			if err != nil {
				t.Fatal(err)
			}
			body, _, err := b.Get(t.Context(), info.Key)
			if err != nil {
				t.Fatal(err)
			}
			all.WriteString(info.Key + "\n")
			if _, err := io.Copy(&all, body); err != nil {
				t.Fatal(err)
			}
			_ = body.Close()
		}
	}
	return all.Bytes()
}

// settled is a user of whom there is something of everything.
func settled(t testing.TB, w *vaulttest.World) *vaulttest.User {
	t.Helper()
	u := w.User(t)
	w.DB.Exec(t, `UPDATE users SET email = $2, display_name = $3 WHERE id = $1`, u.ID.String(), marker+u.ID.String()+"@example.org", marker)
	d := u.Analyzed(t, "a.txt", "text/plain", []byte("Invoice about "+marker+". Amount due within 14 days, total 119.00 EUR."+u.ID.String()))
	u.Call(t, http.MethodPatch, "/v1/documents/"+d.ID.String(), map[string]any{"topic": "Pottery", "tags": []string{"a"}, "notes": marker}, "User-Agent", marker+"/1").JSON(t, http.StatusOK, nil)
	u.Analyzed(t, "d.pdf", "application/pdf", sample.PDF(marker, marker+" "+u.ID.String()))
	content := []byte(marker + " trashed")
	trashed := u.Store(t, "b.txt", "text/plain", content)
	u.Call(t, http.MethodDelete, "/v1/documents/"+trashed.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
	u.Begin(t, "c.txt", "text/plain", []byte(marker+" pending"))
	w.PutDirectly(t, w.Key(t, d.ID), []byte(marker+" a second version"))
	if err := w.Store.Derived.Put(t.Context(), u.ID.String()+"/preview", strings.NewReader(marker), int64(len(marker)), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	w.DB.Exec(t, `INSERT INTO objects (key, user_id, document_id, kind, size) VALUES ($1, $2, $3, 'preview', $4)`, u.ID.String()+"/preview", u.ID.String(), d.ID.String(), len(marker))
	w.PutDirectly(t, u.ID.String()+"/"+id.New().String()+"/stray.bin", []byte(marker+" that no row knows"))
	w.DB.Exec(t, `INSERT INTO credentials (user_id, kind, phc) VALUES ($1, 'password', $2)`, u.ID.String(), marker)
	return u
}

func erase(t testing.TB, w *vaulttest.World, user id.ID) {
	t.Helper()
	if err := w.Deliver(t, "erase", job.Account{User: user}.Encode()); err != nil {
		t.Fatal(err)
	}
}

func TestDeletingAnAccountLeavesNothing(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u, other := settled(t, w), w.User(t)
	kept := other.Analyzed(t, "kept.txt", "text/plain", vaulttest.Unique(t, 100))
	w.DB.Exec(t, `UPDATE users SET email = 'again@example.org' WHERE id = $1`, u.ID.String())
	late := u.Begin(t, "late.txt", "text/plain", []byte(marker+" late"))
	lateKey := w.Key(t, late.Document.ID)
	if !bytes.Contains(contents(t, w), []byte(marker)) || !bytes.Contains(w.DB.Dump(t), []byte(marker)) {
		t.Fatal("there is nothing to find")
	}

	a := u.Call(t, http.MethodDelete, "/v1/me", nil)
	a.JSON(t, http.StatusNoContent, nil)
	if a.Header.Get("Clear-Site-Data") != `"cache", "storage"` || len(a.Cookies()) == 0 || a.Cookies()[0].MaxAge >= 0 {
		t.Errorf("the client keeps %v", a.Header)
	}
	// At once: the session, the keys, the words.
	u.Call(t, http.MethodGet, "/v1/me", nil).Problem(t, fault.SessionRevoked)
	u.Call(t, http.MethodDelete, "/v1/me", nil).Problem(t, fault.SessionRevoked)
	now := rows(t, w, u.ID)
	for _, table := range []string{"sessions", "user_keys", "credentials", "quotas", "audit_personal", "texts", "tokens"} {
		if now[table] > 0 {
			t.Errorf("%d rows of %s are left", now[table], table)
		}
	}
	if bytes.Contains(w.DB.Dump(t), []byte(marker)) {
		t.Error("the database still holds the word")
	}
	hosttest.Call(t, http.DefaultClient, http.MethodPost, w.Server.URL+"/v1/auth/register",
		map[string]any{"email": "again@example.org", "password": "a password of some length"}).JSON(t, http.StatusCreated, nil)

	// Workers that come too late change nothing, and make no new key.
	for _, worker := range []string{"analyze", "purge"} {
		if err := w.Deliver(t, worker, u.Job(late.Document.ID)); err != nil {
			t.Errorf("%s: %v", worker, err)
		}
	}
	w.Handler(t, "erase")
	vaulttest.AtOnce(4, func(int) {
		if err := w.Deliver(t, "erase", job.Account{User: u.ID}.Encode()); err != nil && !strings.Contains(err.Error(), "deadlock") {
			t.Error(err)
		}
	})
	erase(t, w, u.ID)
	if left := rows(t, w, u.ID); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if bytes.Contains(contents(t, w), []byte(marker)) || bytes.Contains(contents(t, w), []byte(u.ID.String())) {
		t.Error("storage still holds the word")
	}
	for action, want := range map[string]int{"account.deleted": 1, "account.erased": 1} {
		if n := w.Audit(t, action, u.ID); n != want {
			t.Errorf("%d entries of %s, want %d", n, action, want)
		}
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM audit_log WHERE user_id = $1`, u.ID.String()); n < 8 {
		t.Errorf("%d entries are left", n)
	}

	// A PUT that ends after its account: by its event, and without it.
	if status := late.Put(t, []byte(marker+" late")); status != http.StatusOK {
		t.Errorf("storage answered %d", status)
	}
	if err := w.Deliver(t, "uploadcomplete", []byte(w.Event(lateKey))); err != nil {
		t.Error(err)
	}
	if w.Has(t, lateKey) {
		t.Error("what came late is still there")
	}
	w.PutDirectly(t, lateKey, []byte(marker))
	w.DB.Exec(t, `UPDATE erasures SET next_due_at = now() - interval '1 second'`)
	before := w.Queued(t, "erase")
	if err := w.Schedule(t, "reconcile"); err != nil || w.Queued(t, "erase") != before+1 {
		t.Errorf("%v, %d messages before, %d after", err, before, w.Queued(t, "erase"))
	}
	erase(t, w, u.ID)
	if w.Has(t, lateKey) {
		t.Error("what came late is still there")
	}
	w.DB.Exec(t, `UPDATE erasures SET requested_at = now() - interval '9 days'`)
	erase(t, w, u.ID)
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM erasures`); n != 0 {
		t.Error("the erasure does not end")
	}
	if d := other.Get(t, kept.ID); d.Status != "ready" || !w.Has(t, w.Key(t, kept.ID)) {
		t.Errorf("another user's document: %+v", d)
	}
}

func TestDeletingWantsAFreshProof(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := settled(t, w)
	before := rows(t, w, u.ID)
	w.DB.Exec(t, `UPDATE sessions SET reauth_at = now() - interval '11 minutes'`)
	u.Call(t, http.MethodDelete, "/v1/me", nil).Problem(t, fault.ReauthRequired)
	if after := rows(t, w, u.ID); len(after) != len(before) || w.Audit(t, "account.deleted", u.ID) != 0 || w.Queued(t, "erase") != 0 {
		t.Errorf("before %v, after %v", before, after)
	}
}

func TestTheLastAdminStays(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	first, second, disabled := w.User(t), w.User(t), w.User(t)
	for _, u := range []*vaulttest.User{first, second, disabled} {
		w.DB.Exec(t, `UPDATE users SET role = 'admin' WHERE id = $1`, u.ID.String())
	}
	w.DB.Exec(t, `UPDATE users SET disabled_at = now() WHERE id = $1`, disabled.ID.String())
	// Of the last two at once, one stays.
	answers := make([]hosttest.Answer, 2)
	vaulttest.AtOnce(2, func(i int) {
		answers[i] = []*vaulttest.User{first, second}[i].Call(t, http.MethodDelete, "/v1/me", nil)
	})
	gone, refused := answers[0], answers[1]
	if gone.StatusCode != http.StatusNoContent {
		gone, refused = refused, gone
	}
	gone.JSON(t, http.StatusNoContent, nil)
	refused.Problem(t, fault.LastAdmin)
}

// An account that was not deleted is not touched, whoever sends what.
func TestNobodyIsErasedByAMessage(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := settled(t, w)
	before := w.DB.Dump(t)
	for _, body := range [][]byte{job.Account{User: u.ID}.Encode(), job.Account{User: id.New()}.Encode(), []byte("{}"), nil, []byte("x")} {
		if err := w.Deliver(t, "erase", body); err != nil {
			t.Errorf("%q: %v", body, err)
		}
	}
	if !bytes.Equal(before, w.DB.Dump(t)) || bytes.Count(contents(t, w), []byte(marker)) < 4 {
		t.Error("something went")
	}
	conn := w.DB.AsApp(t)
	for _, sql := range []string{`SELECT erase_rows(10)`, `DELETE FROM users`, `UPDATE users SET deleted_at = now()`, `INSERT INTO erasures (user_id) VALUES (app_user())`} {
		if _, err := conn.Exec(t.Context(), `SELECT set_config('app.user_id', $1, false)`, u.ID.String()); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), sql); err == nil {
			t.Errorf("%s: worked", sql)
		}
	}
}

func TestErasureGoesOnAfterAnOutage(t *testing.T) {
	t.Parallel()
	outage := &vaulttest.Outage{}
	w := vaulttest.New(t, nil, outage.Provide(t))
	w.Allow("storage unavailable")
	u := settled(t, w)
	u.Call(t, http.MethodDelete, "/v1/me", nil).JSON(t, http.StatusNoContent, nil)
	outage.Next("Delete", vaulttest.Down)
	if err := w.Deliver(t, "erase", job.Account{User: u.ID}.Encode()); err == nil {
		t.Error("no error, so nobody tries again")
	}
	if left := rows(t, w, u.ID); left["documents"] == 0 || left["users"] != 1 {
		t.Errorf("rows went before their objects: %v", left)
	}
	erase(t, w, u.ID)
	if left := rows(t, w, u.ID); len(left) > 0 || bytes.Contains(contents(t, w), []byte(marker)) {
		t.Errorf("left: %v", left)
	}
}

// Whoever adds a table that refers to accounts says what becomes of its rows.
func TestEveryReferenceToAnAccountGoesWithIt(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	for _, name := range dbtest.Query1[[]string](t, d, `SELECT array_agg(conrelid::regclass::text ORDER BY 1) FROM pg_constraint
	   WHERE contype = 'f' AND confrelid = 'users'::regclass AND confdeltype NOT IN ('c', 'n')`) {
		if name != "documents" && name != "objects" {
			t.Errorf("%s refers to users without ON DELETE CASCADE or SET NULL: deleting an account would fail", name)
		}
	}
}
