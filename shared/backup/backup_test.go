package backup_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"docuvault/shared/backup"
	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/storage"
	"docuvault/shared/vaulttest"
	"docuvault/test/sample"
)

func TestAVaultComesBack(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	anna, ben := register(t, w, "anna@example.org"), register(t, w, "ben@example.org")
	anna.keep(t, "invoice.txt")
	trashed := anna.keep(t, "old.txt")
	ben.keep(t, "letter.txt")
	anna.Call(t, http.MethodDelete, "/v1/documents/"+trashed.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
	open := ben.Begin(t, "coming.txt", "text/plain", []byte("not there yet"))
	late := ben.Begin(t, "late.txt", "text/plain", []byte("there, and nobody was told"))
	if status := late.Put(t, []byte("there, and nobody was told")); status != http.StatusOK {
		t.Fatal(status)
	}
	sealed(t, w)
	// Not sealed yet, and with the number of a transaction that the other
	// cluster will not have for long.
	anna.Call(t, http.MethodPatch, "/v1/documents/"+anna.had[0].id.String(), map[string]any{"notes": "some notes"}).JSON(t, http.StatusOK, nil)
	w.DB.Exec(t, `UPDATE audit_log l SET xid = '999999999999' WHERE NOT EXISTS (SELECT FROM audit_seals s WHERE s.ranges @> l.id)`)
	since := cursor(t, anna.User)

	dir := t.TempDir() + "/backup"
	made := write(t, w, dir)
	if made.Objects != 5 || made.Copied != 4 || made.Open != 1 || made.Gone+made.Lost != 0 {
		t.Errorf("%+v", made) // three papers, the late one, and a head, which is in the list
	}
	back, report := restore(t, w, dir)
	if report.Objects != 5 || report.Copied != 5 || report.Rows != made.Rows || report.Erased != 0 {
		t.Errorf("%+v", report)
	}
	if n := dbtest.Query1[int](t, back.DB, `SELECT count(*) FROM audit_log l WHERE NOT EXISTS (SELECT FROM audit_seals s WHERE s.ranges @> l.id)`); n != 0 {
		t.Errorf("%d entries are not sealed", n)
	}
	if n := dbtest.Query1[int](t, back.DB, `SELECT count(*) FROM changes`); n != 0 {
		t.Errorf("loading the rows wrote %d changes", n)
	}
	well(t, back)
	anna.finds(t, back)
	ben.finds(t, back)
	if s := back.Status(t, trashed.ID); s != "trashed" {
		t.Errorf("the trashed paper is %s", s)
	}
	// A session of before is none, and a cursor of before says that it is old.
	anna.World = back
	anna.Call(t, http.MethodGet, "/v1/me", nil).Problem(t, fault.SessionRevoked)
	here := anna.in(t, back)
	here.Call(t, http.MethodGet, "/v1/changes?since="+since, nil).Problem(t, fault.CursorExpired)
	now := cursor(t, here)
	// What was under way goes on.
	var done struct{ Document vaulttest.Document }
	bens := ben.in(t, back)
	bens.Call(t, http.MethodPost, fmt.Sprintf("/v1/uploads/%s/complete", late.Document.ID), nil).JSON(t, http.StatusOK, &done)
	if done.Document.Status != "stored" {
		t.Errorf("the late upload is %s", done.Document.Status)
	}
	again := vaulttest.Announce("coming.txt", "text/plain", []byte("not there yet"))
	var begun vaulttest.Begun
	bens.Call(t, http.MethodPost, "/v1/uploads", again).JSON(t, http.StatusOK, &begun)
	if begun.Document.ID != open.Document.ID {
		t.Error("the open upload is another one")
	}
	if status := begun.Put(t, []byte("not there yet")); status != http.StatusOK {
		t.Errorf("its bytes: %d", status)
	}
	// And the feed tells of what comes, once.
	here.Store(t, "new.txt", "text/plain", vaulttest.Unique(t, 40))
	back.DB.WaitForOthers(t, dbtest.Query1[string](t, back.DB, `SELECT pg_current_xact_id()::text`))
	var page struct{ Items []struct{ Kind, Op string } }
	here.Call(t, http.MethodGet, "/v1/changes?since="+now, nil).JSON(t, http.StatusOK, &page)
	if told := fmt.Sprint(page.Items); strings.Count(told, "{document ") != 1 || !strings.Contains(told, "{document created}") {
		t.Errorf("the feed tells %v", told)
	}
	well(t, back)
	for _, table := range []string{"documents", "users", "audit_log"} {
		if !dbtest.Query1[bool](t, back.DB, `SELECT relforcerowsecurity FROM pg_class WHERE oid = $1::text::regclass`, table) {
			t.Errorf("row-level security does not bind the owner of %s any more", table)
		}
	}
	if n := dbtest.Query1[int](t, back.DB, `SELECT count(*) FROM pg_trigger WHERE tgenabled <> 'O'`); n != 0 {
		t.Errorf("%d triggers are off", n)
	}
}

func TestABackupUnderLoad(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	w.Work(t)
	var still []*person
	for n := range 2 {
		p := register(t, w, fmt.Sprintf("still-%d@example.org", n))
		p.keep(t, "a.txt")
		p.keep(t, "b.txt")
		still = append(still, p)
	}
	stop := make(chan struct{})
	var busy sync.WaitGroup
	for n := range 3 {
		busy.Go(func() {
			for round := 0; ; round++ {
				select {
				case <-stop:
					return
				default:
				}
				w.DB.Exec(t, `DELETE FROM rate_limits`)
				p := register(t, w, fmt.Sprintf("busy-%d-%d@example.org", n, round))
				one := p.Store(t, "one.txt", "text/plain", vaulttest.Unique(t, 200))
				p.Call(t, http.MethodPatch, "/v1/documents/"+one.ID.String(), map[string]any{"filename": "renamed.txt", "title": "new"}, "Idempotency-Key", id.New().String()).JSON(t, http.StatusOK, nil)
				two := p.Store(t, "two.txt", "text/plain", vaulttest.Unique(t, 200))
				p.Call(t, http.MethodDelete, "/v1/documents/"+two.ID.String()+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
				p.Begin(t, "three.txt", "text/plain", vaulttest.Unique(t, 200))
				if round%2 == 0 {
					p.Call(t, http.MethodDelete, "/v1/me", nil).JSON(t, http.StatusNoContent, nil)
				}
			}
		})
	}
	dir := t.TempDir()
	var reports []backup.Report
	for range 4 {
		if err := w.Schedule(t, "seal"); err != nil {
			t.Error(err)
		}
		report := write(t, w, dir)
		if report.Lost > 0 {
			t.Errorf("lost: %+v", report.Losses)
		}
		reports = append(reports, report)
	}
	close(stop)
	busy.Wait()
	back, report := restore(t, w, dir)
	t.Logf("backups %+v\nrestored %+v", reports, report)
	well(t, back)
	for _, p := range still {
		p.finds(t, back)
	}
}

// meddler does something before an object is read.
type meddler struct {
	storage.Backend
	before func(key string)
}

func (m *meddler) Get(ctx context.Context, key string) (io.ReadCloser, storage.Info, error) {
	m.before(key)
	return m.Backend.Get(ctx, key)
}

func TestWhatIsDeletedAfterTheSnapshot(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	anna, ben := register(t, w, "anna@example.org"), register(t, w, "ben@example.org")
	purged := anna.Store(t, "purged.txt", "text/plain", vaulttest.Unique(t, 100))
	anna.keep(t, "kept.txt")
	bens := ben.Store(t, "ben.txt", "text/plain", vaulttest.Unique(t, 100))
	var once sync.Once
	o := options(t, w, t.TempDir())
	o.Store = &storage.Store{Derived: w.Store.Derived, Documents: &meddler{w.Store.Documents, func(string) {
		once.Do(func() {
			anna.Call(t, http.MethodDelete, "/v1/documents/"+purged.ID.String()+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
			ben.Call(t, http.MethodDelete, "/v1/me", nil).JSON(t, http.StatusNoContent, nil)
			if err := errors.Join(w.Deliver(t, "purge", anna.Job(purged.ID)), w.Deliver(t, "erase", fmt.Appendf(nil, `{"user_id":%q}`, ben.ID))); err != nil {
				t.Error(err)
			}
		})
	}}}
	made, err := backup.Write(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if made.Gone != 2 || made.Lost != 0 {
		t.Fatalf("%+v", made)
	}
	back, report := restore(t, w, o.Dir)
	if report.Gone != 2 {
		t.Errorf("%+v", report)
	}
	if a, b := back.Status(t, purged.ID), back.Status(t, bens.ID); a != "purging" || b != "purging" {
		t.Errorf("the deleted papers are %s and %s", a, b)
	}
	if err := errors.Join(back.Deliver(t, "purge", anna.Job(purged.ID)), back.Deliver(t, "purge", ben.Job(bens.ID))); err != nil {
		t.Fatal(err)
	}
	if n := back.Audit(t, "document.purging", purged.ID); n != 1 {
		t.Errorf("%d entries tell why it is purged", n)
	}
	if n := dbtest.Query1[int](t, back.DB, `SELECT count(*) FROM documents`); n != 1 {
		t.Errorf("%d documents are left", n)
	}
	if used := anna.in(t, back).Counters(t).Used; used != 300 {
		t.Errorf("%d bytes are used", used)
	}
	well(t, back)
	anna.finds(t, back)
}

func TestWhatTheVaultHasLostIsNamed(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	anna := register(t, w, "anna@example.org")
	anna.keep(t, "kept.txt")
	lost, other := anna.Store(t, "lost.txt", "text/plain", vaulttest.Unique(t, 100)), anna.Store(t, "other.txt", "text/plain", vaulttest.Unique(t, 100))
	if err := w.Store.Documents.Delete(t.Context(), w.Key(t, lost.ID)); err != nil { // by nobody who may
		t.Fatal(err)
	}
	w.PutDirectly(t, w.Key(t, other.ID), vaulttest.Unique(t, 101))
	dir := t.TempDir()
	made := write(t, w, dir)
	codes := map[string]string{}
	for _, l := range made.Losses {
		codes[l.Code] = l.Object
	}
	if made.Gone != 0 || made.Lost != 2 || codes["object_missing"] != "documents/"+w.Key(t, lost.ID) || codes["object_differs"] != "documents/"+w.Key(t, other.ID) {
		t.Errorf("%+v", made)
	}
	back, report := restore(t, w, dir)
	if report.Lost != 2 || back.Status(t, lost.ID) != "stored" {
		t.Errorf("%+v, and the lost paper is %s", report, back.Status(t, lost.ID))
	}
	anna.finds(t, back)
}

// A document may be copied before it is purged, and its preview not.
func TestPreviews(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	anna := register(t, w, "anna@example.org")
	d := anna.Analyzed(t, "invoice.pdf", "application/pdf", sample.PDF("Invoice", "Invoice no. 2024-0815\nPlease pay 119.00 EUR."))
	whole, cut := t.TempDir(), t.TempDir()
	if r := write(t, w, whole); r.Objects != 3 || r.Lost != 0 {
		t.Fatalf("%+v", r)
	}
	path := "/v1/documents/" + d.ID.String() + "/preview"
	shown := func(w *vaulttest.World) {
		t.Helper()
		var at struct{ URL string }
		anna.in(t, w).Call(t, http.MethodGet, path, nil).JSON(t, http.StatusOK, &at)
	}
	back, _ := restore(t, w, whole)
	well(t, back)
	shown(back)

	var once sync.Once
	o := options(t, w, cut)
	key := w.Key(t, d.ID)
	o.Store = &storage.Store{Documents: w.Store.Documents, Derived: &meddler{w.Store.Derived, func(string) {
		once.Do(func() {
			for {
				if _, err := os.Stat(filepath.Join(cut, "objects", "documents", key)); err == nil {
					break
				}
			}
			anna.Call(t, http.MethodDelete, "/v1/documents/"+d.ID.String()+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
			if err := w.Deliver(t, "purge", anna.Job(d.ID)); err != nil {
				t.Error(err)
			}
		})
	}}}
	// Both previews are read at once, so that one of them may still be there.
	if r, err := backup.Write(t.Context(), o); err != nil || r.Gone == 0 || r.Lost != 0 {
		t.Fatalf("%+v %v", r, err)
	}
	back, _ = restore(t, w, cut)
	well(t, back)
	anna.in(t, back).Call(t, http.MethodGet, path, nil).Problem(t, fault.NoPreview)
	if err := back.Deliver(t, "analyze", anna.Job(d.ID)); err != nil {
		t.Fatal(err)
	}
	well(t, back)
	shown(back)
}

// A head is written again during its day: storage may have one of a seal that
// the snapshot does not have, and a chain that ends before it would look cut.
func TestAHeadThatIsNewerThanTheSnapshot(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	anna := register(t, w, "anna@example.org")
	anna.keep(t, "letter.txt")
	sealed(t, w)
	var once sync.Once
	o := options(t, w, t.TempDir())
	o.Store = &storage.Store{Documents: w.Store.Documents, Derived: &meddler{w.Store.Derived, func(string) {
		once.Do(func() {
			anna.keep(t, "later.txt")
			w.DB.Exec(t, `DELETE FROM cursors WHERE name = 'audit.head'`) // an hour has passed
			w.DB.WaitForOthers(t, "")
			if err := w.Schedule(t, "seal"); err != nil {
				t.Error(err)
			}
		})
	}}}
	if _, err := backup.Write(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM audit_seals`); n != 2 {
		t.Fatalf("%d seals", n)
	}
	back, _ := restore(t, w, o.Dir)
	well(t, back)
}
