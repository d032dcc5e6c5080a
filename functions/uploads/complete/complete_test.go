package complete_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/storage"
	"docuvault/shared/vaulttest"
)

func path(document id.ID) string { return "/v1/uploads/" + document.String() + "/complete" }

func TestCompleteBeforeTheBytes(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	content := vaulttest.Unique(t, 100)
	b := u.Begin(t, "a.txt", "text/plain", content)
	if p := u.Call(t, http.MethodPost, path(b.Document.ID), nil).Problem(t, fault.UploadIncomplete); p["missing"] != "object" {
		t.Errorf("got %v", p)
	}
	if s := w.Status(t, b.Document.ID); s != "pending" {
		t.Errorf("status %s", s)
	}
	b.Put(t, content)
	for range 3 {
		var out struct{ Document vaulttest.Document }
		u.Call(t, http.MethodPost, path(b.Document.ID), nil).JSON(t, http.StatusOK, &out)
		if out.Document.ID != b.Document.ID || out.Document.Status != "stored" {
			t.Errorf("got %+v", out.Document)
		}
	}
	if n := w.Queued(t, "analyze"); n != 1 {
		t.Errorf("%d analyses were queued", n)
	}
}

func TestCompleteAnswersTheStateOfLaterDays(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Analyzed(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
	var out struct{ Document vaulttest.Document }
	u.Call(t, http.MethodPost, path(d.ID), nil).JSON(t, http.StatusOK, &out)
	if out.Document.Status != "ready" {
		t.Errorf("status %s", out.Document.Status)
	}
	u.Call(t, http.MethodPost, path(id.New()), nil).Problem(t, fault.NotFound)
}

// Storage itself holds the client to what it announced.
func TestStorageRefuses(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	content := vaulttest.Unique(t, 100)
	b := u.Begin(t, "a.txt", "text/plain", content)
	for name, wrong := range map[string][]byte{
		"other bytes": vaulttest.Unique(t, 100), "fewer bytes": content[:99], "more bytes": append(content[:100:100], 'x'), "none": {},
	} {
		if status := b.Put(t, wrong); status < 400 || status >= 500 {
			t.Errorf("%s: storage answered %d", name, status)
		}
	}
	for name := range b.Upload.Headers {
		less := b
		less.Upload.Headers = map[string]string{}
		for n, v := range b.Upload.Headers {
			if n != name {
				less.Upload.Headers[n] = v
			}
		}
		if status := less.Put(t, content); status < 400 || status >= 500 {
			t.Errorf("without %s: storage answered %d", name, status)
		}
	}
	u.Call(t, http.MethodPost, path(b.Document.ID), nil).Problem(t, fault.UploadIncomplete)
	if status := b.Put(t, content); status != http.StatusOK {
		t.Errorf("the right bytes: storage answered %d", status)
	}
	if status := b.Put(t, content); status != http.StatusPreconditionFailed {
		t.Errorf("a second write: storage answered %d", status)
	}
	// The key cannot be exchanged for another.
	moved := b
	moved.Upload.URL = strings.Replace(b.Upload.URL, u.ID.String(), id.New().String(), 1)
	if status := moved.Put(t, content); status != http.StatusForbidden {
		t.Errorf("another key: storage answered %d", status)
	}
	// Nor the method.
	read := b
	read.Upload.Method = http.MethodGet
	if status := read.Put(t, nil); status != http.StatusForbidden {
		t.Errorf("GET: storage answered %d", status)
	}
}

// The announced hash is a lie: nothing but bytes of that hash can be sent.
func TestAHashThatLies(t *testing.T) {
	t.Parallel()
	u := vaulttest.New(t, nil).User(t)
	content := vaulttest.Unique(t, 100)
	lie := vaulttest.Announce("a.txt", "text/plain", vaulttest.Unique(t, 100))
	var b vaulttest.Begun
	u.Call(t, http.MethodPost, "/v1/uploads", lie).JSON(t, http.StatusCreated, &b)
	if status := b.Put(t, content); status < 400 || status >= 500 {
		t.Errorf("storage answered %d", status)
	}
	u.Call(t, http.MethodPost, path(b.Document.ID), nil).Problem(t, fault.UploadIncomplete)
}

func TestAURLThatExpired(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	content := vaulttest.Unique(t, 100)
	b := u.Begin(t, "a.txt", "text/plain", content)
	if left := time.Until(b.Upload.ExpiresAt); left < 14*time.Minute || left > 15*time.Minute {
		t.Errorf("the URL is valid for %s", left)
	}
	// One second is the shortest there is; storage is asked until it is over.
	signer, err := storage.As[storage.Presigner](w.Store.Documents)
	if err != nil {
		t.Fatal(err)
	}
	read := vaulttest.Begun{}
	signed, err := signer.PresignGet(t.Context(), w.Key(t, b.Document.ID), storage.GetTerms{TTL: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	read.Upload.Method, read.Upload.URL = http.MethodGet, signed.URL
	for deadline := time.Now().Add(20 * time.Second); read.Put(t, nil) != http.StatusForbidden; {
		if time.Now().After(deadline) {
			t.Fatal("the URL does not expire")
		}
	}
}
