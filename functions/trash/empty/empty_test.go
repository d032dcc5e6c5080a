package empty_test

import (
	"net/http"
	"testing"
	"time"

	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/vault"
	"docuvault/shared/vaulttest"
)

type emptied struct{ Purging, Remaining int }

func empty(t testing.TB, u *vaulttest.User) (e emptied) {
	t.Helper()
	u.Call(t, http.MethodDelete, "/v1/trash", nil).JSON(t, http.StatusOK, &e)
	return e
}

func trash(t testing.TB, u *vaulttest.User) id.ID {
	t.Helper()
	d := u.Store(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
	u.Call(t, http.MethodDelete, "/v1/documents/"+d.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
	return d.ID
}

func TestTheTrashIsListedAndEmptied(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u, other := w.User(t), w.User(t)
	if e := empty(t, u); e != (emptied{}) {
		t.Errorf("an empty trash: %+v", e)
	}
	kept := u.Store(t, "a.txt", "text/plain", vaulttest.Unique(t, 100)).ID
	first, second, theirs := trash(t, u), trash(t, u), trash(t, other)
	var page vault.Page
	u.Call(t, http.MethodGet, "/v1/documents?status=trashed&sort=-trashed_at", nil).JSON(t, http.StatusOK, &page)
	if len(page.Items) != 2 || page.Items[0].ID != second || page.Items[1].ID != first {
		t.Fatalf("the trash lists %+v", page.Items)
	}
	for _, d := range page.Items {
		if d.TrashedAt == nil || d.PurgeAt == nil || d.PurgeAt.Sub(*d.TrashedAt).Round(time.Minute) != 720*time.Hour {
			t.Errorf("trashed at %v, purged at %v", d.TrashedAt, d.PurgeAt)
		}
	}
	if e := empty(t, u); e != (emptied{Purging: 2}) {
		t.Errorf("emptied %+v", e)
	}
	if e := empty(t, u); e != (emptied{}) {
		t.Errorf("emptied again %+v", e)
	}
	for document, want := range map[id.ID]string{kept: "stored", first: "purging", second: "purging", theirs: "trashed"} {
		if s := w.Status(t, document); s != want {
			t.Errorf("status %s, want %s", s, want)
		}
	}
	if w.Audit(t, "document.purging", first) != 1 || w.Audit(t, "document.purging", second) != 1 || w.Audit(t, "document.purging", theirs) != 0 {
		t.Error("want one entry in the log for each")
	}
	u.Call(t, http.MethodGet, "/v1/documents/"+first.String(), nil).Problem(t, fault.NotFound)
	if n := w.Queued(t, "purge"); n != 2 {
		t.Errorf("%d jobs", n)
	}
	for _, document := range []id.ID{first, second} {
		if err := w.Deliver(t, "purge", u.Job(document)); err != nil {
			t.Fatal(err)
		}
	}
	if got := u.Counters(t); got.Used != 100 || got.Documents != 1 {
		t.Errorf("counters %+v", got)
	}
}

func TestALargeTrashIsEmptiedInPieces(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	w.DB.Exec(t, `INSERT INTO documents (id, user_id, status, status_before, object_key, size, sha256, content_type, upload_expires_at, filename_sealed, allow_duplicate, trashed_at)
	  SELECT gen_random_uuid(), $1, 'trashed', 'ready', 'k' || i, 0, sha256(''), 'text/plain', now(), '', true, clock_timestamp() FROM generate_series(1, 1201) i`, u.ID.String())
	if e := empty(t, u); e != (emptied{Purging: 1201}) {
		t.Errorf("emptied %+v", e)
	}
	if n := w.Queued(t, "purge"); n != 1201 {
		t.Errorf("%d jobs", n)
	}
}

func TestADocumentThatComesMeanwhileStays(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	old, late := trash(t, u), trash(t, u)
	// As if it had come after the call began.
	w.Set(t, late, "trashed_at = clock_timestamp() + interval '1 minute'")
	if e := empty(t, u); e != (emptied{Purging: 1}) || w.Status(t, old) != "purging" || w.Status(t, late) != "trashed" {
		t.Errorf("emptied %+v, statuses %s and %s", e, w.Status(t, old), w.Status(t, late))
	}
}

func TestEmptyingAndRestoringAtOnceEndInOneOfThem(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	var documents []id.ID
	for range 8 {
		documents = append(documents, trash(t, u))
	}
	vaulttest.AtOnce(len(documents)+2, func(i int) {
		if i >= len(documents) {
			if a := u.Call(t, http.MethodDelete, "/v1/trash", nil); a.StatusCode != http.StatusOK {
				t.Errorf("status %d", a.StatusCode)
			}
			return
		}
		if a := u.Call(t, http.MethodPost, "/v1/documents/"+documents[i].String()+"/restore", nil); a.StatusCode >= 500 {
			t.Errorf("status %d", a.StatusCode)
		}
	})
	for _, d := range documents {
		purging, restored := w.Audit(t, "document.purging", d), w.Audit(t, "document.restored", d)
		if s := w.Status(t, d); s == "purging" && (purging != 1 || restored != 0) || s == "stored" && (purging != 0 || restored != 1) || s == "trashed" {
			t.Errorf("status %s after %d and %d", s, purging, restored)
		}
	}
}
