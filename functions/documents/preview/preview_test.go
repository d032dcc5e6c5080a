package preview_test

import (
	"net/http"
	"testing"
	"time"

	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/vaulttest"
	"docuvault/test/sample"
)

func TestPreview(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u, other := w.User(t), w.User(t)
	stored := u.Store(t, "b.pdf", "application/pdf", sample.PDF("b", "not read yet"))
	d := u.Analyzed(t, "a.pdf", "application/pdf", sample.PDF("a", "a paper"))
	path := "/v1/documents/" + d.ID.String() + "/preview"
	for query, want := range map[string][2]int{"": {226, 320}, "?size=small": {226, 320}, "?size=large": {905, 1280}} {
		var p struct {
			URL           string
			Width, Height int
			ExpiresAt     time.Time `json:"expires_at"`
		}
		u.Call(t, http.MethodGet, path+query, nil).JSON(t, http.StatusOK, &p)
		if p.Width != want[0] || p.Height != want[1] || p.URL == "" || time.Until(p.ExpiresAt) < 4*time.Minute {
			t.Errorf("%s: %d x %d until %s", query, p.Width, p.Height, p.ExpiresAt)
		}
		resp, err := http.Get(p.URL)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "image/webp" {
			t.Errorf("%s: storage answered %d, %s", query, resp.StatusCode, resp.Header.Get("Content-Type"))
		}
	}
	u.Call(t, http.MethodGet, path+"?size=huge", nil).Problem(t, fault.ValidationFailed)
	other.Call(t, http.MethodGet, path, nil).Problem(t, fault.NotFound)
	u.Call(t, http.MethodGet, "/v1/documents/"+id.New().String()+"/preview", nil).Problem(t, fault.NotFound)
	problem := u.Call(t, http.MethodGet, "/v1/documents/"+stored.ID.String()+"/preview", nil).Problem(t, fault.NoPreview)
	if problem["reason"] != "none" {
		t.Errorf("%v", problem)
	}
}
