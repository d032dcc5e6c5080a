package list_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"docuvault/shared/fault"
	"docuvault/shared/vaulttest"
)

func TestByNameWithinAFolder(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	var folder struct{ ID string }
	u.Call(t, http.MethodPost, "/v1/folders", map[string]any{"name": "F"}).JSON(t, http.StatusCreated, &folder)
	for i, name := range []string{"b.txt", "Äpfel.txt", "invoice 10.txt", "invoice 9.txt", "Invoice 09b.txt", "apfel.txt", "zebra.txt"} {
		d := u.Store(t, name, "text/plain", vaulttest.Unique(t, 20+i))
		change := map[string]any{"folder_id": folder.ID}
		if name == "zebra.txt" {
			change["title"] = "Aardvark"
		}
		u.Call(t, http.MethodPatch, "/v1/documents/"+d.ID.String(), change).JSON(t, http.StatusOK, nil)
	}
	loose := u.Store(t, "loose.txt", "text/plain", vaulttest.Unique(t, 20))
	names := func(query url.Values) (all []string) {
		t.Helper()
		for {
			var p struct {
				Items []struct{ Filename string }
				Next  string `json:"next_cursor"`
			}
			u.Call(t, http.MethodGet, "/v1/documents?"+query.Encode(), nil).JSON(t, http.StatusOK, &p)
			for _, d := range p.Items {
				all = append(all, d.Filename)
			}
			if p.Next == "" {
				return all
			}
			query.Set("cursor", p.Next)
		}
	}
	want := []string{"zebra.txt", "Äpfel.txt", "apfel.txt", "b.txt", "invoice 9.txt", "Invoice 09b.txt", "invoice 10.txt"}
	for _, limit := range []string{"1", "3", "200"} {
		for _, sort := range []string{"name", "-name"} {
			got := names(url.Values{"folder_id": {folder.ID}, "sort": {sort}, "limit": {limit}})
			if sort == "-name" {
				slices.Reverse(got)
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s, %s on a page: %q", sort, limit, got)
			}
		}
	}
	if got := names(url.Values{"unfiled": {"true"}}); len(got) != 1 || got[0] != loose.Filename {
		t.Errorf("in no folder: %q", got)
	}

	// The document at which a page ended is gone: the next one goes on at its place.
	var first page
	query := url.Values{"folder_id": {folder.ID}, "sort": {"name"}, "limit": {"2"}}
	u.Call(t, http.MethodGet, "/v1/documents?"+query.Encode(), nil).JSON(t, http.StatusOK, &first)
	u.Call(t, http.MethodDelete, "/v1/documents/"+first.Items[1].ID.String(), nil).JSON(t, http.StatusNoContent, nil)
	query.Set("cursor", first.NextCursor)
	if rest := names(query); fmt.Sprint(rest) != fmt.Sprint(want[2:]) {
		t.Errorf("then come %q", rest)
	}
}

func TestTooManyToSortByName(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	fillSealed(t, w, u, 5001)
	u.Call(t, http.MethodGet, "/v1/documents?sort=name", nil).Problem(t, fault.ValidationFailed)
	w.DB.Exec(t, `DELETE FROM documents WHERE ctid = (SELECT ctid FROM documents LIMIT 1)`)
	var p page
	u.Call(t, http.MethodGet, "/v1/documents?sort=name&limit=200", nil).JSON(t, http.StatusOK, &p)
	if len(p.Items) != 200 || p.NextCursor == "" {
		t.Errorf("%d documents", len(p.Items))
	}
}
