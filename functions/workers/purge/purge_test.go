package purge_test

import (
	"net/http"
	"testing"

	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/vaulttest"
)

func purging(t testing.TB, w *vaulttest.World) (*vaulttest.User, vaulttest.Document, string) {
	t.Helper()
	u := w.User(t)
	d := u.Analyzed(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
	u.Call(t, http.MethodPatch, "/v1/documents/"+d.ID.String(), map[string]any{"topic": "Pottery", "tags": []string{"a"}}).JSON(t, http.StatusOK, nil)
	key := w.Key(t, d.ID)
	u.Call(t, http.MethodDelete, "/v1/documents/"+d.ID.String()+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
	return u, d, key
}

func rows(t testing.TB, w *vaulttest.World) int {
	t.Helper()
	return dbtest.Query1[int](t, w.DB, `SELECT (SELECT count(*) FROM documents) + (SELECT count(*) FROM texts) + (SELECT count(*) FROM document_tags)
	  + (SELECT count(*) FROM tokens) + (SELECT count(*) FROM objects) + (SELECT count(*) FROM classifier_tokens)
	  + (SELECT coalesce(sum(documents), 0) FROM classifier_topics)::integer`)
}

func TestPurgeDeletesEverythingOnce(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u, d, key := purging(t, w)
	w.DB.Exec(t, `INSERT INTO objects (key, user_id, document_id, kind, size) VALUES ('preview', $1, $2, 'preview', 1)`, u.ID.String(), d.ID.String())
	u.Call(t, http.MethodGet, "/v1/documents/"+d.ID.String()+"/text", nil).Problem(t, fault.NotFound)
	w.Handler(t, "purge")
	vaulttest.AtOnce(8, func(int) {
		if err := w.Deliver(t, "purge", u.Job(d.ID)); err != nil {
			t.Error(err)
		}
	})
	if w.Has(t, key) {
		t.Error("the object is still there")
	}
	if n := rows(t, w); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	if got := u.Counters(t); got.Used != 0 || got.Documents != 0 || w.Audit(t, "document.purged", d.ID) != 1 {
		t.Errorf("counters %+v, %d audit entries", got, w.Audit(t, "document.purged", d.ID))
	}
}

func TestPurgeOfWhatIsNotPurging(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Analyzed(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
	u.Call(t, http.MethodPatch, "/v1/documents/"+d.ID.String(), map[string]any{"topic": "Pottery"}).JSON(t, http.StatusOK, nil)
	before := rows(t, w)
	for _, body := range [][]byte{u.Job(d.ID), w.User(t).Job(d.ID), u.Job(id.New()), []byte("{}"), nil, []byte(`{"user_id":"x","document_id":"y"}`)} {
		if err := w.Deliver(t, "purge", body); err != nil {
			t.Errorf("%q: %v", body, err)
		}
	}
	if s := w.Status(t, d.ID); s != "ready" || rows(t, w) != before || !w.Has(t, w.Key(t, d.ID)) {
		t.Errorf("status %s, %d rows before, %d after", s, before, rows(t, w))
	}
}

func TestPurgeWhenStorageIsDown(t *testing.T) {
	t.Parallel()
	outage := &vaulttest.Outage{}
	w := vaulttest.New(t, nil, outage.Provide(t))
	w.Allow("storage unavailable")
	u, d, key := purging(t, w)
	outage.Next("Delete", vaulttest.Down)
	if err := w.Deliver(t, "purge", u.Job(d.ID)); err == nil {
		t.Error("no error, so nobody tries again")
	}
	if s := w.Status(t, d.ID); s != "purging" || u.Counters(t).Used != 100 {
		t.Errorf("status %s", s)
	}
	if err := w.Deliver(t, "purge", u.Job(d.ID)); err != nil || w.Has(t, key) || w.Status(t, d.ID) != "" {
		t.Errorf("%v, status %q", err, w.Status(t, d.ID))
	}
}

func TestAPurgeWhoseMessageWasLost(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	_, d, _ := purging(t, w)
	before := w.Queued(t, "purge")
	w.Due(t, d.ID)
	if err := w.Schedule(t, "reconcile"); err != nil {
		t.Fatal(err)
	}
	if n := w.Queued(t, "purge"); n != before+1 {
		t.Errorf("%d messages before, %d after", before, n)
	}
}
