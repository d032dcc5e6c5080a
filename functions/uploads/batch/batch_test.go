package batch_test

import (
	"net/http"
	"strings"
	"testing"

	"docuvault/shared/fault"
	"docuvault/shared/vaulttest"
)

type answer struct {
	Items []struct {
		Status   int
		Document *vaulttest.Document
		Upload   *struct{ URL string }
		Problem  map[string]any
	}
}

func begin(t testing.TB, u *vaulttest.User, uploads ...map[string]any) (a answer) {
	t.Helper()
	u.Call(t, http.MethodPost, "/v1/uploads/batch", map[string]any{"uploads": uploads}).JSON(t, http.StatusOK, &a)
	if len(a.Items) != len(uploads) {
		t.Fatalf("%d answers to %d uploads", len(a.Items), len(uploads))
	}
	return a
}

func TestManyUploadsBeginWithTheirOwnResults(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u, other := w.User(t), w.User(t)
	stored := vaulttest.Unique(t, 50)
	d := u.Store(t, "stored.txt", "text/plain", stored)
	first := vaulttest.Announce("1.txt", "text/plain", vaulttest.Unique(t, 100))
	first["path"] = "Tax/2024"
	second := vaulttest.Announce("2.txt", "text/plain", vaulttest.Unique(t, 100))
	second["path"] = "tax/2024"
	large := vaulttest.Announce("large.bin", "", vaulttest.Unique(t, 10))
	large["size"] = vaulttest.Quota // more than is left
	badly := vaulttest.Announce("bad.txt", "no type", vaulttest.Unique(t, 10))
	theirs := vaulttest.Announce("theirs.txt", "", vaulttest.Unique(t, 10))
	var f struct{ ID string }
	other.Call(t, http.MethodPost, "/v1/folders", map[string]any{"name": "Hers"}).JSON(t, http.StatusCreated, &f)
	theirs["folder_id"] = f.ID

	a := begin(t, u, first, large, vaulttest.Announce("again.txt", "text/plain", stored), badly, theirs, second, first)
	for i, want := range []int{201, 413, 409, 422, 422, 201, 200} {
		got := a.Items[i]
		if got.Status != want || (got.Problem == nil) != (want < 300) || (got.Document == nil) != (want >= 300) || (got.Upload == nil) != (want >= 300) {
			t.Errorf("upload %d: %+v, want status %d", i, got, want)
		}
	}
	if p := a.Items[1].Problem; p["code"] != string(fault.QuotaExceeded) || p["requested_bytes"] != float64(vaulttest.Quota) || p["request_id"] == "" {
		t.Errorf("too large is %v", p)
	}
	if p := a.Items[2].Problem; p["code"] != string(fault.DuplicateDocument) || p["document_id"] != d.ID.String() {
		t.Errorf("the same again is %v", p)
	}
	if a.Items[6].Document.ID != a.Items[0].Document.ID || a.Items[5].Document.FolderID != a.Items[0].Document.FolderID || a.Items[0].Document.FolderID == "" {
		t.Errorf("got %+v and %+v", a.Items[0].Document, a.Items[6].Document)
	}
	if c := u.Counters(t); c.Reserved != 200 || c.Open != 2 {
		t.Errorf("counters %+v", c)
	}
	if n := w.Audit(t, "upload.begun", a.Items[5].Document.ID); n != 1 {
		t.Errorf("%d entries in the log", n)
	}
}

func TestABatchOfTheWrongSizeBeginsNothing(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	many := make([]map[string]any, 101)
	for i := range many {
		many[i] = vaulttest.Announce("a.txt", "", vaulttest.Unique(t, 10))
	}
	u.Call(t, http.MethodPost, "/v1/uploads/batch", map[string]any{"uploads": many}).Problem(t, fault.ValidationFailed)
	u.Call(t, http.MethodPost, "/v1/uploads/batch", map[string]any{"uploads": many[:0]}).Problem(t, fault.ValidationFailed)
	if c := u.Counters(t); c.Open != 0 {
		t.Errorf("counters %+v", c)
	}
	a := begin(t, u, many[:100]...)
	for _, item := range a.Items {
		if item.Status != http.StatusCreated || !strings.HasPrefix(item.Upload.URL, "http") {
			t.Fatalf("got %+v", item)
		}
	}
	if c := u.Counters(t); c.Open != 100 {
		t.Errorf("counters %+v", c)
	}
}
