package abort_test

import (
	"net/http"
	"testing"

	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/vaulttest"
)

func TestAbortReleasesOnce(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	content := vaulttest.Unique(t, 100)
	b := u.Begin(t, "a.txt", "text/plain", content)
	other := u.Begin(t, "b.txt", "text/plain", vaulttest.Unique(t, 50))
	path := "/v1/uploads/" + b.Document.ID.String()
	vaulttest.AtOnce(8, func(int) {
		if a := u.Call(t, http.MethodDelete, path, nil); a.StatusCode != http.StatusNoContent {
			t.Errorf("status %d: %s", a.StatusCode, a.Bytes)
		}
	})
	u.Call(t, http.MethodDelete, path, nil).JSON(t, http.StatusNoContent, nil)
	if got := u.Counters(t); got.Reserved != 50 || got.Open != 1 {
		t.Errorf("counters %+v", got)
	}
	if n := w.Audit(t, "upload.aborted", b.Document.ID); n != 1 {
		t.Errorf("%d audit entries", n)
	}
	u.Call(t, http.MethodPost, path+"/complete", nil).Problem(t, fault.UploadExpired)
	if s := w.Status(t, other.Document.ID); s != "pending" {
		t.Errorf("another upload is %s", s)
	}
	// The same bytes can be begun anew.
	if again := u.Begin(t, "a.txt", "text/plain", content); again.Document.ID == b.Document.ID {
		t.Error("the aborted upload came again")
	}
	u.Call(t, http.MethodDelete, "/v1/uploads/"+id.New().String(), nil).Problem(t, fault.NotFound)
}

func TestBytesOfAnAbortedUploadAreDeleted(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	content := vaulttest.Unique(t, 100)
	b := u.Begin(t, "a.txt", "text/plain", content)
	key := w.Key(t, b.Document.ID)
	b.Put(t, content)
	u.Call(t, http.MethodDelete, "/v1/uploads/"+b.Document.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
	if w.Has(t, key) {
		t.Error("the bytes that were there are still there")
	}
	// The URL still works: what comes late goes with its event.
	if status := b.Put(t, content); status != http.StatusOK {
		t.Fatalf("storage answered %d", status)
	}
	if err := w.Deliver(t, "uploadcomplete", []byte(w.Event(key))); err != nil {
		t.Fatal(err)
	}
	if w.Has(t, key) || w.Status(t, b.Document.ID) != "expired" {
		t.Errorf("status %s, object there: %v", w.Status(t, b.Document.ID), w.Has(t, key))
	}
	if got := u.Counters(t); got.Used != 0 || got.Reserved != 0 {
		t.Errorf("counters %+v", got)
	}
}

func TestAbortOfAStoredDocument(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Store(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
	p := u.Call(t, http.MethodDelete, "/v1/uploads/"+d.ID.String(), nil).Problem(t, fault.WrongState)
	if p["document_status"] != "stored" {
		t.Errorf("got %v", p)
	}
	if !w.Has(t, w.Key(t, d.ID)) || u.Counters(t).Used != 100 {
		t.Error("the document suffered")
	}
}
