package uploadcomplete_test

import (
	"net/http"
	"strings"
	"testing"

	"docuvault/shared/id"
	"docuvault/shared/vaulttest"
)

// Keys that no row has: nothing happens, and nothing is retried.
func TestUnknownKeysAreLeftAlone(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	content := vaulttest.Unique(t, 100)
	b := u.Begin(t, "a.txt", "text/plain", content)
	key := w.Key(t, b.Document.ID)
	b.Put(t, content)
	guess := strings.TrimSuffix(key[:strings.LastIndex(key, "/")+1], "") + "00000000-0000-4000-8000-000000000000.txt"
	other := w.User(t).ID.String() + key[36:]
	for _, k := range []string{"x", "a/b/c", guess, other, u.ID.String() + "/" + id.New().String() + key[73:], key + "x", "%00", "a\u0000b/c/d"} {
		if err := w.Deliver(t, "uploadcomplete", []byte(w.Event(k))); err != nil {
			t.Errorf("%q: %v", k, err)
		}
	}
	if s := w.Status(t, b.Document.ID); s != "pending" || !w.Has(t, key) {
		t.Errorf("status %s", s)
	}
}

func TestMessagesThatAreNotOursAreDropped(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	for _, body := range []string{"", "{}", "x", `{"user_id":"a","document_id":"b"}`, "\xff\xfe"} {
		if err := w.Deliver(t, "uploadcomplete", []byte(body)); err != nil {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// An event that comes before the bytes (a forged one) or when storage is down.
func TestWhenStorageDoesNotAnswer(t *testing.T) {
	t.Parallel()
	outage := &vaulttest.Outage{}
	w := vaulttest.New(t, nil, outage.Provide(t))
	w.Allow("storage unavailable")
	u := w.User(t)
	content := vaulttest.Unique(t, 100)
	b := u.Begin(t, "a.txt", "text/plain", content)
	event := []byte(w.Event(w.Key(t, b.Document.ID)))
	if err := w.Deliver(t, "uploadcomplete", event); err != nil || w.Status(t, b.Document.ID) != "pending" {
		t.Errorf("before the bytes: %v, status %s", err, w.Status(t, b.Document.ID))
	}
	b.Put(t, content)
	outage.Next("Stat", vaulttest.Down)
	if err := w.Deliver(t, "uploadcomplete", event); err == nil || w.Status(t, b.Document.ID) != "pending" {
		t.Errorf("storage is down: %v, status %s", err, w.Status(t, b.Document.ID))
	}
	if err := w.Deliver(t, "uploadcomplete", event); err != nil || w.Status(t, b.Document.ID) != "stored" {
		t.Errorf("storage is back: %v, status %s", err, w.Status(t, b.Document.ID))
	}
}

// A late event of a document that has gone on: in every later state, and gone.
func TestLateEventsChangeNothing(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Analyzed(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
	key := w.Key(t, d.ID)
	late := func(want string) {
		t.Helper()
		if err := w.Deliver(t, "uploadcomplete", []byte(w.Event(key))); err != nil {
			t.Error(err)
		}
		if s := w.Status(t, d.ID); s != want {
			t.Errorf("status %s, want %s", s, want)
		}
	}
	late("ready")
	path := "/v1/documents/" + d.ID.String()
	u.Call(t, http.MethodDelete, path, nil).JSON(t, http.StatusNoContent, nil)
	late("trashed")
	u.Call(t, http.MethodDelete, path+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
	late("purging")
	if err := w.Deliver(t, "purge", u.Job(d.ID)); err != nil {
		t.Fatal(err)
	}
	late("")
	if got := u.Counters(t); got.Used != 0 || got.Documents != 0 || w.Audit(t, "upload.stored", d.ID) != 1 {
		t.Errorf("counters %+v", got)
	}
}
