package delete_test

import (
	"net/http"
	"testing"

	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/vaulttest"
)

func TestTrashRestoreAndPermanent(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Analyzed(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
	path := "/v1/documents/" + d.ID.String()
	for range 2 {
		u.Call(t, http.MethodDelete, path, nil).JSON(t, http.StatusNoContent, nil)
	}
	if got := u.Counters(t); got.Used != 100 || got.Documents != 1 || w.Status(t, d.ID) != "trashed" || w.Audit(t, "document.trashed", d.ID) != 1 {
		t.Errorf("counters %+v, status %s", got, w.Status(t, d.ID))
	}
	u.Call(t, http.MethodPost, path+"/reprocess", nil).Problem(t, fault.WrongState)
	if days := dbtest.Query1[float64](t, w.DB, `SELECT extract(epoch FROM next_due_at - clock_timestamp()) / 86400.0 FROM documents`); days < 29.9 || days > 30 {
		t.Errorf("due in %v days", days)
	}
	// It was counted all along, so there is room even when there is none.
	w.DB.Exec(t, `UPDATE quotas SET limit_bytes = 1 WHERE user_id = $1`, u.ID.String())
	for range 2 {
		var back vaulttest.Document
		u.Call(t, http.MethodPost, path+"/restore", nil).JSON(t, http.StatusOK, &back)
		if back.Status != "ready" {
			t.Errorf("status %s", back.Status)
		}
	}
	if n := w.Audit(t, "document.restored", d.ID); n != 1 {
		t.Errorf("%d audit entries", n)
	}
	u.Call(t, http.MethodDelete, path, nil).JSON(t, http.StatusNoContent, nil)
	for range 2 {
		u.Call(t, http.MethodDelete, path+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
	}
	// It is gone for every reader at once.
	for _, c := range [][2]string{{http.MethodGet, ""}, {http.MethodGet, "/text"}, {http.MethodGet, "/download"}, {http.MethodDelete, ""},
		{http.MethodPost, "/restore"}, {http.MethodPost, "/reprocess"}} {
		u.Call(t, c[0], path+c[1], nil).Problem(t, fault.NotFound)
	}
	if n := w.Audit(t, "document.purging", d.ID); n != 1 {
		t.Errorf("%d audit entries", n)
	}
	if err := w.Deliver(t, "purge", u.Job(d.ID)); err != nil {
		t.Fatal(err)
	}
	u.Call(t, http.MethodDelete, path+"?permanent=true", nil).Problem(t, fault.NotFound)
}

func TestWhatIsStillAnUpload(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	b := u.Begin(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
	path := "/v1/documents/" + b.Document.ID.String()
	for _, c := range [][2]string{{http.MethodDelete, ""}, {http.MethodDelete, "?permanent=true"}, {http.MethodPost, "/restore"}, {http.MethodPost, "/reprocess"}} {
		if p := u.Call(t, c[0], path+c[1], nil).Problem(t, fault.WrongState); p["document_status"] != "pending" {
			t.Errorf("got %v", p)
		}
	}
	u.Call(t, http.MethodDelete, "/v1/documents/"+id.New().String(), nil).Problem(t, fault.NotFound)
	u.Call(t, http.MethodDelete, "/v1/documents/x", nil).Problem(t, fault.ValidationFailed)
}

func TestTrashAndRestoreAtOnceEndInOneOfThem(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Analyzed(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
	path := "/v1/documents/" + d.ID.String()
	vaulttest.AtOnce(16, func(i int) {
		var a int
		if i%2 == 0 {
			a = u.Call(t, http.MethodDelete, path, nil).StatusCode
		} else {
			a = u.Call(t, http.MethodPost, path+"/restore", nil).StatusCode
		}
		if a >= 500 {
			t.Errorf("status %d", a)
		}
	})
	trashed, restored := w.Audit(t, "document.trashed", d.ID), w.Audit(t, "document.restored", d.ID)
	s := w.Status(t, d.ID)
	if s == "trashed" && trashed != restored+1 || s == "ready" && trashed != restored || s != "trashed" && s != "ready" || u.Counters(t).Used != 100 {
		t.Errorf("status %s after %d and %d", s, trashed, restored)
	}
}
