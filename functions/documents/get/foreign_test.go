package get_test

import (
	"bytes"
	"net/http"
	"testing"

	"docuvault/shared/fault"
	"docuvault/shared/vaulttest"
)

// Another user's id is as unknown as one that never was, on every route, and
// nothing happens.
func TestAnothersDocumentIsNotFound(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	anna, eve := w.User(t), w.User(t)
	ready := anna.Analyzed(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
	content := vaulttest.Unique(t, 100)
	open := anna.Begin(t, "b.txt", "text/plain", content)
	open.Put(t, content)
	trashed := anna.Store(t, "c.txt", "text/plain", vaulttest.Unique(t, 100))
	anna.Call(t, http.MethodDelete, "/v1/documents/"+trashed.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
	// Eve's keys are made by her first use, which is no effect on others.
	eve.Call(t, http.MethodGet, "/v1/documents", nil).JSON(t, http.StatusOK, nil)

	before := w.DB.Dump(t)
	for _, d := range []string{ready.ID.String(), open.Document.ID.String(), trashed.ID.String()} {
		for _, c := range []struct {
			method, path string
			body         any
		}{
			{http.MethodGet, "/v1/documents/" + d, nil},
			{http.MethodPatch, "/v1/documents/" + d, map[string]any{"title": "x", "tags": []string{"x"}}},
			{http.MethodPatch, "/v1/documents/" + d, map[string]any{"topic": "x"}},
			{http.MethodPatch, "/v1/documents/" + d, map[string]any{}},
			{http.MethodDelete, "/v1/documents/" + d, nil},
			{http.MethodDelete, "/v1/documents/" + d + "?permanent=true", nil},
			{http.MethodPost, "/v1/documents/" + d + "/restore", nil},
			{http.MethodPost, "/v1/documents/" + d + "/reprocess", nil},
			{http.MethodGet, "/v1/documents/" + d + "/download", nil},
			{http.MethodGet, "/v1/documents/" + d + "/text", nil},
			{http.MethodPost, "/v1/uploads/" + d + "/complete", nil},
			{http.MethodDelete, "/v1/uploads/" + d, nil},
		} {
			eve.Call(t, c.method, c.path, c.body).Problem(t, fault.NotFound)
		}
	}
	if after := w.DB.Dump(t); !bytes.Equal(before, after) {
		t.Error("the database changed")
	}
	// And without a token, nothing at all.
	stranger := &vaulttest.User{World: w}
	for _, c := range [][2]string{{http.MethodGet, ""}, {http.MethodGet, "/text"}, {http.MethodGet, "/download"}, {http.MethodDelete, ""}, {http.MethodPost, "/restore"}} {
		if a := stranger.Call(t, c[0], "/v1/documents/"+ready.ID.String()+c[1], nil); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("%v: status %d", c, a.StatusCode)
		}
	}
}
