package text_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"docuvault/shared/vaulttest"
)

type text struct {
	Text, Source string
	Truncated    bool
}

func get(t testing.TB, u *vaulttest.User, d vaulttest.Document) (out text) {
	t.Helper()
	u.Call(t, http.MethodGet, "/v1/documents/"+d.ID.String()+"/text", nil).JSON(t, http.StatusOK, &out)
	return out
}

func TestText(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Store(t, "a.txt", "text/plain", []byte("Grüße aus\r\nKöln"))
	if got := get(t, u, d); got != (text{Source: "none"}) {
		t.Errorf("before the analysis: %+v", got)
	}
	if err := w.Deliver(t, "analyze", u.Job(d.ID)); err != nil {
		t.Fatal(err)
	}
	want := text{Text: "Grüße aus\nKöln", Source: "text"}
	if got := get(t, u, d); got != want {
		t.Errorf("got %+v", got)
	}
	// In the trash it can still be read.
	u.Call(t, http.MethodDelete, "/v1/documents/"+d.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
	if got := get(t, u, d); got != want {
		t.Errorf("in the trash: %+v", got)
	}
}

func TestTextThatIsLongerThanWhatIsKept(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	got := get(t, u, u.Analyzed(t, "a.txt", "text/plain", bytes.Repeat([]byte("Wörter und Wörter\n"), 300_000)))
	if !got.Truncated || len(got.Text) > 4<<20 || len(got.Text) < 4<<20-8 || !strings.HasPrefix(got.Text, "Wörter") {
		t.Errorf("%d bytes, truncated %v", len(got.Text), got.Truncated)
	}
}
