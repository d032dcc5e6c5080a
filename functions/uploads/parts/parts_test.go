package parts_test

import (
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/vaulttest"
)

func path(document id.ID) string { return "/v1/uploads/" + document.String() + "/parts" }

type listed struct {
	Parts []struct {
		Number int    `json:"number"`
		Size   int    `json:"size"`
		SHA256 string `json:"sha256"`
	} `json:"parts"`
}

func list(t *testing.T, u *vaulttest.User, document id.ID) listed {
	t.Helper()
	var l listed
	u.Call(t, http.MethodGet, path(document), nil).JSON(t, http.StatusOK, &l)
	return l
}

// started are the uploads that storage knows of one key.
func started(t *testing.T, w *vaulttest.World, key string) int {
	t.Helper()
	n := 0
	for u, err := range w.Parts(t).ListStale(t.Context(), time.Now().Add(time.Hour)) {
		if err != nil {
			t.Fatal(err)
		}
		if u.Key == key {
			n++
		}
	}
	return n
}

func TestTheThreshold(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, vaulttest.InParts())
	u := w.User(t)
	if b := u.Begin(t, "a.txt", "text/plain", vaulttest.Unique(t, 1000)); b.Upload.Multipart != nil || b.Upload.URL == "" {
		t.Errorf("at the threshold: %+v", b.Upload)
	}
	for size, count := range map[int]int{1001: 1, vaulttest.PartSize: 1, vaulttest.PartSize + 1: 2, 2 * vaulttest.PartSize: 2} {
		b := u.Begin(t, "a.txt", "text/plain", vaulttest.Unique(t, size))
		m := b.Upload.Multipart
		if m == nil || m.PartSize != vaulttest.PartSize || m.PartCount != count || b.Upload.URL != "" || b.Upload.Headers != nil {
			t.Errorf("%d bytes: %+v", size, b.Upload)
			continue
		}
		if left := time.Until(m.ExpiresAt); left < 7*24*time.Hour-time.Minute || left > 7*24*time.Hour {
			t.Errorf("it can be resumed for %s", left)
		}
		if l := list(t, u, b.Document.ID); len(l.Parts) != 0 {
			t.Errorf("parts before any was sent: %+v", l)
		}
	}
}

// The defaults of a real vault.
func TestTheDefaultThreshold(t *testing.T) {
	t.Parallel()
	u := vaulttest.New(t, nil).User(t)
	for size, parts := range map[int]int{64 << 20: 0, 64<<20 + 1: 5} {
		announced := vaulttest.Announce("a.bin", "", vaulttest.Unique(t, 10))
		announced["size"] = size
		var b vaulttest.Begun
		u.Call(t, http.MethodPost, "/v1/uploads", announced).JSON(t, http.StatusCreated, &b)
		if m := b.Upload.Multipart; (m == nil) != (parts == 0) || m != nil && (m.PartCount != parts || m.PartSize != 16<<20) {
			t.Errorf("%d bytes: %+v", size, b.Upload)
		}
	}
}

func TestPartsAreSignedSentAndListed(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, vaulttest.InParts())
	u := w.User(t)
	content := vaulttest.Unique(t, 2*vaulttest.PartSize+77)
	b := u.Begin(t, "a.txt", "text/plain", content)
	u.PutParts(t, b, content, 3)
	u.PutParts(t, b, content, 1)
	l := list(t, u, b.Document.ID)
	if len(l.Parts) != 2 || l.Parts[0].Number != 1 || l.Parts[0].Size != vaulttest.PartSize || l.Parts[1].Number != 3 || l.Parts[1].Size != 77 {
		t.Fatalf("listed %+v", l)
	}
	if want := vaulttest.AnnouncePart(content, 3)["sha256"]; l.Parts[1].SHA256 != want {
		t.Errorf("listed hash %s, want %s", l.Parts[1].SHA256, want)
	}

	// Begun again: the same document, and what was sent is still there.
	var again vaulttest.Begun
	u.Call(t, http.MethodPost, "/v1/uploads", vaulttest.Announce("a.txt", "text/plain", content)).JSON(t, http.StatusOK, &again)
	if again.Document.ID != b.Document.ID || again.Upload.Multipart == nil || again.Upload.Multipart.PartCount != 3 {
		t.Errorf("begun again: %+v", again)
	}
	if l := list(t, u, b.Document.ID); len(l.Parts) != 2 {
		t.Errorf("listed after another begin: %+v", l)
	}
	u.PutParts(t, b, content, 2)
	if l := list(t, u, b.Document.ID); len(l.Parts) != 3 {
		t.Errorf("listed %+v", l)
	}
}

func TestStorageRefusesOtherParts(t *testing.T) {
	t.Parallel()
	u := vaulttest.New(t, vaulttest.InParts()).User(t)
	content := vaulttest.Unique(t, 2000)
	b := u.Begin(t, "a.txt", "text/plain", content)
	p := u.SignParts(t, b, content, 1)[0]
	for name, wrong := range map[string][]byte{
		"other bytes": vaulttest.Unique(t, 2000), "fewer bytes": content[:1999], "more bytes": append(content[:2000:2000], 'x'),
	} {
		if status := p.Put(t, wrong); status < 400 || status >= 500 {
			t.Errorf("%s: storage answered %d", name, status)
		}
	}
	moved := p
	moved.URL = strings.Replace(p.URL, "partNumber=1", "partNumber=2", 1)
	if moved.URL == p.URL {
		t.Error("the part's number is not in its address")
	}
	if status := moved.Put(t, content); status != http.StatusForbidden {
		t.Errorf("another number: storage answered %d", status)
	}
	if l := list(t, u, b.Document.ID); len(l.Parts) != 0 {
		t.Errorf("refused parts are listed: %+v", l)
	}
	if status := p.Put(t, content); status != http.StatusOK {
		t.Errorf("the right bytes: storage answered %d", status)
	}
}

func TestPartsThatAreNotOfThePlan(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, vaulttest.InParts())
	u := w.User(t)
	content := vaulttest.Unique(t, vaulttest.PartSize+10)
	b := u.Begin(t, "a.txt", "text/plain", content)
	sum := hex.EncodeToString(make([]byte, 32))
	part := func(number, size int, sum string) map[string]any {
		return map[string]any{"number": number, "size": size, "sha256": sum}
	}
	many := make([]map[string]any, 101)
	for i := range many {
		many[i] = part(1, vaulttest.PartSize, sum)
	}
	for name, parts := range map[string][]map[string]any{
		"none":                 {},
		"number 0":             {part(0, vaulttest.PartSize, sum)},
		"number 3 of 2":        {part(3, 10, sum)},
		"a part too small":     {part(1, vaulttest.PartSize-1, sum)},
		"a part too large":     {part(1, vaulttest.PartSize+1, sum)},
		"a last part too full": {part(2, vaulttest.PartSize, sum)},
		"a last part too tiny": {part(2, 9, sum)},
		"an empty part":        {part(2, 0, sum)},
		"the same twice":       {part(2, 10, sum), part(2, 10, sum)},
		"a hash too short":     {part(2, 10, sum[:62])},
		"no hash":              {{"number": 2, "size": 10}},
		"one right, one wrong": {part(1, vaulttest.PartSize, sum), part(2, 11, sum)},
		"101 parts":            many,
	} {
		a := u.Call(t, http.MethodPost, path(b.Document.ID), map[string]any{"parts": parts})
		if a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: answered %d: %s", name, a.StatusCode, a.Bytes)
		}
	}
	if n := started(t, w, w.Key(t, b.Document.ID)); n != 0 {
		t.Errorf("%d uploads were begun in storage", n)
	}
}

func TestPartsOfWhatIsNoUploadInParts(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, vaulttest.InParts())
	u, other := w.User(t), w.User(t)
	content := vaulttest.Unique(t, 2000)
	b := u.Begin(t, "a.txt", "text/plain", content)
	u.PutParts(t, b, content, 1)
	single := u.Begin(t, "b.txt", "text/plain", vaulttest.Unique(t, 100))
	stored := u.Store(t, "c.txt", "text/plain", vaulttest.Unique(t, 100))
	aborted := u.Begin(t, "d.txt", "text/plain", vaulttest.Unique(t, 2000))
	u.Call(t, http.MethodDelete, "/v1/uploads/"+aborted.Document.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
	body := map[string]any{"parts": []any{vaulttest.AnnouncePart(content, 1)}}
	for _, c := range []struct {
		name string
		by   *vaulttest.User
		of   id.ID
		want fault.Code
	}{
		{"another user's", other, b.Document.ID, fault.NotFound},
		{"nobody's", u, id.New(), fault.NotFound},
		{"in one request", u, single.Document.ID, fault.WrongState},
		{"stored", u, stored.ID, fault.WrongState},
		{"aborted", u, aborted.Document.ID, fault.UploadExpired},
	} {
		t.Log(c.name)
		c.by.Call(t, http.MethodPost, path(c.of), body).Problem(t, c.want)
		c.by.Call(t, http.MethodGet, path(c.of), nil).Problem(t, c.want)
	}
	complete := "/v1/uploads/" + b.Document.ID.String()
	other.Call(t, http.MethodPost, complete+"/complete", nil).Problem(t, fault.NotFound)
	other.Call(t, http.MethodDelete, complete, nil).Problem(t, fault.NotFound)
	if l := list(t, u, b.Document.ID); len(l.Parts) != 1 {
		t.Errorf("another user changed the upload: %+v", l)
	}
}

// The first request for parts begins the upload in storage: once.
func TestTheFirstRequestsAtOnceBeginOneUpload(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, vaulttest.InParts())
	u := w.User(t)
	content := vaulttest.Unique(t, vaulttest.PartSize+10)
	b := u.Begin(t, "a.txt", "text/plain", content)
	signed := make([][]vaulttest.SignedPart, 8)
	vaulttest.AtOnce(8, func(i int) { signed[i] = u.SignParts(t, b, content, 1+i%2) })
	if n := started(t, w, w.Key(t, b.Document.ID)); n != 1 {
		t.Errorf("storage has %d uploads of it", n)
	}
	for _, s := range signed {
		if status := s[0].Put(t, vaulttest.Cut(content, s[0].Number)); status != http.StatusOK {
			t.Errorf("an address of the loser: storage answered %d", status)
		}
	}
	if l := list(t, u, b.Document.ID); len(l.Parts) != 2 {
		t.Errorf("listed %+v", l)
	}
}

func TestBeginsAndRequestsMoveTheDeadline(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, vaulttest.InParts())
	u := w.User(t)
	content := vaulttest.Unique(t, 2000)
	b := u.Begin(t, "a.txt", "text/plain", content)
	left := func() time.Duration {
		t.Helper()
		return time.Until(dbtest.Query1[time.Time](t, w.DB, `SELECT upload_expires_at FROM documents WHERE id = $1`, b.Document.ID.String()))
	}
	for name, call := range map[string]func(){
		"begin": func() {
			u.Call(t, http.MethodPost, "/v1/uploads", vaulttest.Announce("a.txt", "text/plain", content)).JSON(t, http.StatusOK, nil)
		},
		"parts": func() { u.SignParts(t, b, content, 1) },
	} {
		w.Set(t, b.Document.ID, "upload_expires_at = clock_timestamp() + interval '1 minute'")
		call()
		if l := left(); l < 7*24*time.Hour-time.Minute || l > 7*24*time.Hour+time.Minute {
			t.Errorf("after %s it can be resumed for %s", name, l)
		}
	}
}

// Some servers drop stale uploads by themselves: the next request begins anew.
func TestAnUploadThatStorageForgot(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, vaulttest.InParts())
	u := w.User(t)
	content := vaulttest.Unique(t, 2000)
	b := u.Begin(t, "a.txt", "text/plain", content)
	p := u.SignParts(t, b, content, 1)[0]
	uploadID := dbtest.Query1[string](t, w.DB, `SELECT upload_id FROM documents WHERE id = $1`, b.Document.ID.String())
	if err := w.Parts(t).Abort(t.Context(), w.Key(t, b.Document.ID), uploadID); err != nil {
		t.Fatal(err)
	}
	if status := p.Put(t, content); status != http.StatusNotFound {
		t.Errorf("storage answered %d", status)
	}
	u.Call(t, http.MethodPost, "/v1/uploads/"+b.Document.ID.String()+"/complete", nil).Problem(t, fault.UploadIncomplete)
	if l := list(t, u, b.Document.ID); len(l.Parts) != 0 {
		t.Errorf("listed %+v", l)
	}
	u.PutParts(t, b, content, 1)
	if l := list(t, u, b.Document.ID); len(l.Parts) != 1 {
		t.Errorf("listed %+v", l)
	}
}
