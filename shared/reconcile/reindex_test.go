package reconcile_test

import (
	"testing"

	"docuvault/shared/dbtest"
	"docuvault/shared/job"
	"docuvault/shared/lexeme"
	"docuvault/shared/vaulttest"
)

// What older rules indexed is sent to the workers, those that can be indexed
// alone, and is up to date when they are done.
func TestDocumentsOfAnOlderIndex(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	anna, ben := w.User(t), w.User(t)
	ready := anna.Analyzed(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
	w.DB.Exec(t, `UPDATE tokens SET version = $1`, lexeme.TermsVersion)
	if report := run(t, w); report.Reindexed != 0 {
		t.Errorf("up to date: %+v", report)
	}
	begun := anna.Begin(t, "b.txt", "text/plain", vaulttest.Unique(t, 100))
	bens := ben.Analyzed(t, "c.txt", "text/plain", vaulttest.Unique(t, 100))
	w.DB.Exec(t, `UPDATE tokens SET version = 0`)
	if report := run(t, w); report.Reindexed != 2 {
		t.Errorf("%+v, want 2 to be indexed anew", report)
	}
	// The messages twice, and one for the other's document.
	for range 2 {
		for _, body := range [][]byte{anna.Job(ready.ID), ben.Job(bens.ID), job.Document{User: ben.ID, Document: ready.ID}.Encode(), anna.Job(begun.Document.ID)} {
			if err := w.Deliver(t, "analyze", body); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM tokens WHERE version < $1`, lexeme.TermsVersion); n != 1 {
		t.Errorf("%d rows are of an older version, want that of the upload alone", n)
	}
	if report := run(t, w); report.Reindexed != 0 {
		t.Errorf("afterwards: %+v", report)
	}
	if got := anna.Get(t, ready.ID); got.Status != "ready" || got.Version != ready.Version {
		t.Errorf("the document changed: %+v", got)
	}
}

// A run sends no more than its bound, and the next one goes on behind.
func TestReindexGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	w.DB.Exec(t, `WITH d AS (INSERT INTO documents (id, user_id, status, object_key, size, sha256, content_type, upload_expires_at, filename_sealed, allow_duplicate)
	  SELECT ('00000000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, $1, 'ready', 'none/' || i, 1, sha256(''), 'text/plain', now(), '\x00', true FROM generate_series(1, 501) i RETURNING id, user_id)
	  INSERT INTO tokens (document_id, part, user_id, tsv) SELECT id, 0, user_id, '' FROM d`, u.ID.String())
	w.Allow("a quota differed")
	for i, want := range []int{500, 1, 500} {
		if report := run(t, w); report.Reindexed != want {
			t.Errorf("run %d: %+v, want %d", i, report, want)
		}
	}
}
