package analysis_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/image/webp"

	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/job"
	"docuvault/shared/storage"
	"docuvault/shared/vaulttest"
	"docuvault/test/sample"
)

// shown is a preview as a client reads it.
type shown struct {
	URL       string    `json:"url"`
	Width     int       `json:"width"`
	Height    int       `json:"height"`
	ExpiresAt time.Time `json:"expires_at"`
}

// photo is a JPEG of one colour, that no other test has.
func photo(t testing.TB, w, h int) []byte {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = 90
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return append(b.Bytes(), vaulttest.Unique(t, 20)...)
}

func of(document id.ID) string { return "/v1/documents/" + document.String() }

// preview reads a picture as the page does.
func preview(t testing.TB, p shown) image.Image {
	t.Helper()
	resp, err := http.Get(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d, %v: %s", resp.StatusCode, err, body)
	}
	if h := resp.Header; h.Get("Content-Type") != "image/webp" || h.Get("Content-Disposition") != "inline" || h.Get("Cache-Control") != "private, no-store" {
		t.Errorf("served with %v", h)
	}
	m, err := webp.Decode(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if m.Bounds().Size() != image.Pt(p.Width, p.Height) {
		t.Errorf("says %d x %d, has %v", p.Width, p.Height, m.Bounds())
	}
	if left := time.Until(p.ExpiresAt); left < 5*time.Minute-time.Second || left > 10*time.Minute {
		t.Errorf("valid for %s", left)
	}
	return m
}

// derived are the keys of all derived objects, and whether their rows are exactly
// these.
func derived(t testing.TB, w *vaulttest.World) []string {
	t.Helper()
	lister, err := storage.As[storage.Lister](w.Store.Derived)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for info, err := range lister.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Key)
		if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM objects WHERE key = $1 AND size = $2 AND kind = 'preview'`, info.Key, info.Size); n != 1 {
			t.Errorf("%d rows of %s with %d bytes", n, info.Key, info.Size)
		}
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM objects`); n != len(keys) {
		t.Errorf("%d rows of %d objects", n, len(keys))
	}
	return keys
}

func TestPreviews(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	for name, c := range map[string]struct {
		kind          string
		content       []byte
		small, large  image.Point
		at            image.Point // in the small one
		want, between uint8       // as the library decodes, for which white is 235
	}{
		"a.pdf": {"application/pdf", sample.PDF("t", "Rechnung\n"+strings.Repeat("Wort ", 10)), image.Pt(226, 320), image.Pt(905, 1280), image.Pt(3, 3), 235, 2},
		"b.jpg": {"image/jpeg", photo(t, 2000, 1500), image.Pt(320, 240), image.Pt(1280, 960), image.Pt(100, 100), 93, 8},
	} {
		before := u.Counters(t)
		d := u.Analyzed(t, name, c.kind, c.content)
		for size, want := range map[string]image.Point{"": c.small, "?size=small": c.small, "?size=large": c.large} {
			var p shown
			u.Call(t, http.MethodGet, of(d.ID)+"/preview"+size, nil).JSON(t, http.StatusOK, &p)
			m := preview(t, p)
			if m.Bounds().Size() != want {
				t.Errorf("%s%s: %v, want %v", name, size, m.Bounds().Size(), want)
			}
			if got := color.GrayModel.Convert(m.At(c.at.X, c.at.Y)).(color.Gray).Y; max(got, c.want)-min(got, c.want) > c.between {
				t.Errorf("%s%s: %d, want %d", name, size, got, c.want)
			}
		}
		// In no quota.
		if got := u.Counters(t).Used - before.Used; got != int64(len(c.content)) {
			t.Errorf("%s: %d bytes count", name, got)
		}
		for _, key := range derived(t, w) {
			if strings.Contains(key, "a.pdf") || strings.Contains(key, "b.jpg") || !strings.HasPrefix(key, u.ID.String()+"/") || !strings.HasSuffix(key, ".webp") {
				t.Errorf("key %s", key)
			}
		}
	}
}

// Reading, listing and searching tell of the small one, with the same URL for
// some minutes, and without a further request.
func TestWhereAPreviewIsTold(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u, other := w.User(t), w.User(t)
	d := u.Analyzed(t, "a.pdf", "application/pdf", sample.PDF("t", "Quittung der Toepferei"))
	without := u.Analyzed(t, "b.txt", "text/plain", []byte("Quittung der Toepferei"))
	type document struct {
		ID      id.ID  `json:"id"`
		Preview *shown `json:"preview"`
	}
	var got document
	var list struct{ Items []document }
	var found struct {
		Items []struct{ Document document }
	}
	var one shown
	u.Call(t, http.MethodGet, of(d.ID), nil).JSON(t, http.StatusOK, &got)
	u.Call(t, http.MethodGet, "/v1/documents", nil).JSON(t, http.StatusOK, &list)
	u.Call(t, http.MethodPost, "/v1/search", map[string]any{"q": "toepferei"}).JSON(t, http.StatusOK, &found)
	u.Call(t, http.MethodGet, of(d.ID)+"/preview", nil).JSON(t, http.StatusOK, &one)
	all := append([]document{got}, list.Items...)
	for _, f := range found.Items {
		all = append(all, f.Document)
	}
	if len(all) != 5 {
		t.Fatalf("%d documents", len(all))
	}
	for _, told := range all {
		switch {
		case told.ID == without.ID && told.Preview != nil:
			t.Error("a text has a preview")
		case told.ID == d.ID && told.Preview == nil:
			t.Fatal("not told")
		case told.ID == d.ID:
			preview(t, *told.Preview)
			// Another window may have begun.
			if a, b := unsigned(t, told.Preview.URL), unsigned(t, one.URL); a != b {
				t.Errorf("%s, then %s", a, b)
			}
		}
	}
	var said struct {
		Code, Reason string
	}
	u.Call(t, http.MethodGet, of(without.ID)+"/preview", nil).JSON(t, http.StatusNotFound, &said)
	if said.Code != "no_preview" || said.Reason != "none" {
		t.Errorf("%+v", said)
	}
	for _, url := range []string{of(d.ID) + "/preview", of(id.New()) + "/preview"} {
		other.Call(t, http.MethodGet, url, nil).Problem(t, fault.NotFound)
	}
	// Whoever may only add sees none.
	var made struct{ Token string }
	u.Call(t, http.MethodPost, "/v1/me/tokens", map[string]any{"name": "scanner", "scopes": []string{"upload"}}).JSON(t, http.StatusCreated, &made)
	scanner := *u
	scanner.Token = made.Token
	scanner.Call(t, http.MethodGet, of(d.ID)+"/preview", nil).Problem(t, fault.Forbidden)
	if a := scanner.Call(t, http.MethodPost, "/v1/uploads/"+d.ID.String()+"/complete", nil); bytes.Contains(a.Bytes, []byte("preview")) {
		t.Errorf("%s", a.Bytes)
	}
}

// unsigned is a URL without what says when it was signed.
func unsigned(t testing.TB, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for _, name := range []string{"X-Amz-Date", "X-Amz-Credential", "X-Amz-Signature"} {
		q.Del(name)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

func TestNoPreviewOfWhatCannotBeDrawn(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	w.Allow("the preview was not made")
	u := w.User(t)
	var huge bytes.Buffer
	if err := png.Encode(&huge, image.NewGray(image.Rect(0, 0, 66_000, 1))); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		kind    string
		content []byte
		status  string
		reason  string
	}{
		"no PDF":     {"application/pdf", []byte("%PDF-1.7\nthis is none"), "failed", "broken"},
		"no JPEG":    {"image/jpeg", append([]byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00"), make([]byte, 50)...), "ready", "broken"},
		"a long one": {"image/png", huge.Bytes(), "ready", "too_complex"},
		"animated":   {"image/webp", []byte("RIFF\x2e\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\x13\x00\x00\x13\x00\x00ANIM\x06\x00\x00\x00\x00\x00\x00\x00\x00\x00"), "ready", "unsupported"},
	} {
		d := u.Analyzed(t, name, c.kind, c.content)
		var said struct{ Code, Reason string }
		u.Call(t, http.MethodGet, of(d.ID)+"/preview", nil).JSON(t, http.StatusNotFound, &said)
		if d.Status != c.status || said.Code != "no_preview" || said.Reason != c.reason {
			t.Errorf("%s: %s, %+v", name, d.Status, said)
		}
		// Not tried for ever.
		if n := attempts(t, w, d.ID); n != 1 {
			t.Errorf("%s: %d attempts", name, n)
		}
		for range 2 {
			if err := w.Deliver(t, "analyze", u.Job(d.ID)); err != nil {
				t.Error(err)
			}
		}
		if n := attempts(t, w, d.ID); n != 1 {
			t.Errorf("%s: %d attempts", name, n)
		}
	}
	if err := w.Schedule(t, "reconcile"); err != nil {
		t.Error(err)
	}
	if n := w.Queued(t, "analyze"); len(derived(t, w)) != 0 || n != 4 { // those of the uploads
		t.Errorf("%d messages", n)
	}
}

func attempts(t testing.TB, w *vaulttest.World, document id.ID) int {
	t.Helper()
	return dbtest.Query1[int](t, w.DB, `SELECT coalesce(max(attempts), 0) FROM previews WHERE document_id = $1`, document.String())
}

func TestTwoWorkersMakeOnePreview(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Store(t, "a.jpg", "image/jpeg", photo(t, 600, 400))
	w.Handler(t, "analyze")
	vaulttest.AtOnce(6, func(int) {
		if err := w.Deliver(t, "analyze", u.Job(d.ID)); err != nil {
			t.Error(err)
		}
	})
	if n := len(derived(t, w)); n != 2 || attempts(t, w, d.ID) != 1 {
		t.Errorf("%d objects, %d attempts", n, attempts(t, w, d.ID))
	}
	// Nor do several that find it read, and without a preview.
	for _, key := range derived(t, w) {
		if err := w.Store.Derived.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	w.DB.Exec(t, `DELETE FROM previews`)
	w.DB.Exec(t, `DELETE FROM objects`)
	vaulttest.AtOnce(6, func(int) {
		if err := w.Deliver(t, "analyze", u.Job(d.ID)); err != nil {
			t.Error(err)
		}
	})
	if n := len(derived(t, w)); n != 2 || attempts(t, w, d.ID) != 1 {
		t.Errorf("later: %d objects, %d attempts", n, attempts(t, w, d.ID))
	}
	// A new analysis makes none again.
	u.Call(t, http.MethodPost, of(d.ID)+"/reprocess", nil).JSON(t, http.StatusAccepted, nil)
	if err := w.Deliver(t, "analyze", u.Job(d.ID)); err != nil {
		t.Error(err)
	}
	if n := len(derived(t, w)); n != 2 || attempts(t, w, d.ID) != 1 {
		t.Errorf("again: %d objects, %d attempts", n, attempts(t, w, d.ID))
	}
}

// Without its preview the analysis ends as well; the reconciler asks for it again,
// and when attempts came to no end too often, it is given up. A new analysis that
// a person asks for begins anew.
func TestAPreviewWhoseStorageIsDown(t *testing.T) {
	t.Parallel()
	outage := &vaulttest.Outage{}
	w := vaulttest.New(t, nil, outage.Provide(t))
	w.Allow("the preview was not made")
	u := w.User(t)
	outage.Next("Derived.Put", vaulttest.Down)
	d := u.Analyzed(t, "a.jpg", "image/jpeg", photo(t, 600, 400))
	said := func() string {
		var p struct{ Reason string }
		u.Call(t, http.MethodGet, of(d.ID)+"/preview", nil).JSON(t, http.StatusNotFound, &p)
		return p.Reason
	}
	if d.Status != "ready" || said() != "pending" {
		t.Fatalf("%s, %s", d.Status, said())
	}
	queued := w.Queued(t, "analyze")
	if err := w.Schedule(t, "reconcile"); err != nil || w.Queued(t, "analyze") != queued {
		t.Errorf("too early: %v", err)
	}
	again := func() {
		t.Helper()
		w.DB.Exec(t, `UPDATE previews SET busy_until = now(), next_due_at = now() WHERE next_due_at IS NOT NULL`)
		for range 2 { // the second changes nothing
			if err := w.Schedule(t, "reconcile"); err != nil {
				t.Fatal(err)
			}
		}
		if queued++; w.Queued(t, "analyze") != queued {
			t.Errorf("%d messages, want %d", w.Queued(t, "analyze"), queued)
		}
		if err := w.Deliver(t, "analyze", u.Job(d.ID)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		outage.Next("Get", vaulttest.Down)
		again()
		if said() != "pending" {
			t.Error(said())
		}
	}
	again()
	if got := said(); got != "preview_failed" || dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM objects`) != 0 {
		t.Errorf("%s", got)
	}
	version := u.Get(t, d.ID).Version
	u.Call(t, http.MethodPost, of(d.ID)+"/reprocess", nil).JSON(t, http.StatusAccepted, nil)
	if err := w.Deliver(t, "analyze", u.Job(d.ID)); err != nil {
		t.Error(err)
	}
	var p shown
	u.Call(t, http.MethodGet, of(d.ID)+"/preview", nil).JSON(t, http.StatusOK, &p)
	preview(t, p)
	if got := u.Get(t, d.ID).Version; got <= version {
		t.Errorf("version %d after %d", got, version)
	}
}

// Documents from before there were previews get theirs, and are told as changed,
// while their version stays: nobody's work on them is refused for it.
func TestPreviewsOfOlderDocuments(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Analyzed(t, "a.pdf", "application/pdf", sample.PDF("t", "old"))
	text := u.Analyzed(t, "b.txt", "text/plain", vaulttest.Unique(t, 100))
	for _, key := range derived(t, w) {
		if err := w.Store.Derived.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	w.DB.Exec(t, `DELETE FROM previews`)
	w.DB.Exec(t, `DELETE FROM objects`)
	version := u.Get(t, d.ID).Version
	told := func() int {
		return dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM changes WHERE kind = 'document' AND op = 'changed' AND item_id = $1`, d.ID.String())
	}
	before := told()
	queued := w.Queued(t, "analyze")
	for range 2 {
		if err := w.Schedule(t, "reconcile"); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.Queued(t, "analyze"); n != queued+1 {
		t.Errorf("%d messages, want one more than %d", n, queued)
	}
	for _, document := range []id.ID{d.ID, text.ID} {
		if err := w.Deliver(t, "analyze", u.Job(document)); err != nil {
			t.Fatal(err)
		}
	}
	var p shown
	u.Call(t, http.MethodGet, of(d.ID)+"/preview", nil).JSON(t, http.StatusOK, &p)
	preview(t, p)
	if n := told() - before; n != 1 {
		t.Errorf("told as changed %d times", n)
	}
	if got := u.Get(t, d.ID).Version; got != version {
		t.Errorf("version %d became %d", version, got)
	}
}

// Whatever happens to a document while its preview is made: of one that is
// deleted none is left, one in the trash keeps it.
func TestDocumentsThatMoveWhileTheirPreviewIsMade(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		move    func(t *testing.T, w *vaulttest.World, u *vaulttest.User, d vaulttest.Document)
		objects int
	}{
		"purged": {func(t *testing.T, w *vaulttest.World, u *vaulttest.User, d vaulttest.Document) {
			t.Helper()
			u.Call(t, http.MethodDelete, of(d.ID)+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
			if err := w.Deliver(t, "purge", u.Job(d.ID)); err != nil {
				t.Error(err)
			}
		}, 0},
		"being purged": {func(t *testing.T, _ *vaulttest.World, u *vaulttest.User, d vaulttest.Document) {
			t.Helper()
			u.Call(t, http.MethodDelete, of(d.ID)+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
		}, 0},
		"the account deleted": {func(t *testing.T, w *vaulttest.World, u *vaulttest.User, _ vaulttest.Document) {
			t.Helper()
			w.DB.Exec(t, `UPDATE sessions SET reauth_at = now() WHERE user_id = $1`, u.ID.String())
			u.Call(t, http.MethodDelete, "/v1/me", nil).JSON(t, http.StatusNoContent, nil)
			if err := w.Deliver(t, "erase", job.Account{User: u.ID}.Encode()); err != nil {
				t.Error(err)
			}
		}, 0},
		"into the trash": {func(t *testing.T, _ *vaulttest.World, u *vaulttest.User, d vaulttest.Document) {
			t.Helper()
			u.Call(t, http.MethodDelete, of(d.ID), nil).JSON(t, http.StatusNoContent, nil)
			var list struct{ Items []struct{ Preview *shown } }
			u.Call(t, http.MethodGet, "/v1/documents?status=trashed", nil).JSON(t, http.StatusOK, &list)
			if len(list.Items) != 1 {
				t.Errorf("%+v", list)
			}
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outage := &vaulttest.Outage{}
			w := vaulttest.New(t, nil, outage.Provide(t))
			w.Allow("the preview was not made")
			u := w.User(t)
			d := u.Store(t, "a.jpg", "image/jpeg", photo(t, 600, 400))
			// Before the first of its objects is written, and again when both are.
			outage.Next("Derived.Put", func() error { c.move(t, w, u, d); return nil })
			if err := w.Deliver(t, "analyze", u.Job(d.ID)); err != nil {
				t.Error(err)
			}
			objects := 0
			lister, err := storage.As[storage.Lister](w.Store.Derived)
			if err != nil {
				t.Fatal(err)
			}
			for _, err := range lister.List(t.Context(), "", "") {
				if err != nil {
					t.Fatal(err)
				}
				objects++
			}
			if objects != c.objects {
				t.Errorf("%d objects are left", objects)
			}
			if c.objects > 0 {
				var p shown
				u.Call(t, http.MethodGet, of(d.ID)+"/preview", nil).JSON(t, http.StatusOK, &p)
				preview(t, p)
				u.Call(t, http.MethodDelete, of(d.ID)+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
				u.Call(t, http.MethodGet, of(d.ID)+"/preview", nil).Problem(t, fault.NotFound)
				if err := w.Deliver(t, "purge", u.Job(d.ID)); err != nil {
					t.Error(err)
				}
				if left := derived(t, w); len(left) != 0 {
					t.Errorf("%v", left)
				}
			}
		})
	}
}

// A worker that dies between the two objects, or before the last statement, leaves
// what the next one takes up: with the same keys.
func TestAWorkerThatDies(t *testing.T) {
	t.Parallel()
	outage := &vaulttest.Outage{}
	w := vaulttest.New(t, nil, outage.Provide(t))
	w.Allow("the preview was not made")
	u := w.User(t)
	outage.Next("Derived.Put", func() error { return errors.New("killed") })
	d := u.Analyzed(t, "a.jpg", "image/jpeg", photo(t, 600, 400))
	// Purged at once, it leaves nothing; what was written of it is known.
	key := dbtest.Query1[string](t, w.DB, `SELECT small_key FROM previews WHERE document_id = $1`, d.ID.String())
	if err := w.Store.Derived.Put(t.Context(), key, strings.NewReader("a half"), 6, storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	w.DB.Exec(t, `UPDATE previews SET busy_until = now()`)
	if err := w.Deliver(t, "analyze", u.Job(d.ID)); err != nil {
		t.Fatal(err)
	}
	keys := derived(t, w)
	if len(keys) != 2 || keys[0] != key && keys[1] != key {
		t.Errorf("%v, want %s among them", keys, key)
	}
	if fmt.Sprint(attempts(t, w, d.ID)) != "2" {
		t.Errorf("%d attempts", attempts(t, w, d.ID))
	}
}
