package list_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/vault"
	"docuvault/shared/vaulttest"
)

type page struct {
	Items []struct {
		ID           id.ID     `json:"id"`
		Status       string    `json:"status"`
		Size         int64     `json:"size"`
		CreatedAt    time.Time `json:"created_at"`
		UpdatedAt    time.Time `json:"updated_at"`
		DocumentDate string    `json:"document_date"`
	} `json:"items"`
	NextCursor string `json:"next_cursor"`
}

func micros(t time.Time) string { return fmt.Sprintf("%020d", t.UnixMicro()) }

func list(t testing.TB, u *vaulttest.User, query url.Values) page {
	t.Helper()
	var p page
	a := u.Call(t, http.MethodGet, "/v1/documents?"+query.Encode(), nil)
	a.JSON(t, http.StatusOK, &p)
	if !strings.Contains(string(a.Bytes), `"items":[`) {
		t.Errorf("items is no array: %s", a.Bytes)
	}
	return p
}

func TestEveryOrderPagesThroughAll(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	fillSealed(t, w, u, 500)
	for _, sort := range []string{"", "created_at", "-created_at", "updated_at", "-updated_at", "size", "-size", "document_date", "-document_date"} {
		var keys []string
		seen := map[id.ID]bool{}
		query := url.Values{"limit": {"37"}}
		if sort != "" {
			query.Set("sort", sort)
		}
		pages := 0
		for {
			p := list(t, u, query)
			pages++
			for _, d := range p.Items {
				if seen[d.ID] {
					t.Fatalf("%s: a document came twice", sort)
				}
				seen[d.ID] = true
				value := map[string]string{"created_at": micros(d.CreatedAt), "updated_at": micros(d.UpdatedAt), "document_date": d.DocumentDate, "size": fmt.Sprintf("%09d", d.Size)}
				name := strings.TrimPrefix(sort, "-")
				if name == "" {
					name = "created_at"
				}
				keys = append(keys, value[name]+" "+d.ID.String())
			}
			if p.NextCursor == "" {
				break
			}
			query.Set("cursor", p.NextCursor)
		}
		if len(seen) != 500 || pages != 14 {
			t.Errorf("%s: %d documents on %d pages", sort, len(seen), pages)
		}
		if strings.HasPrefix(sort, "-") || sort == "" {
			slices.Reverse(keys)
		}
		if !slices.IsSorted(keys) {
			t.Errorf("%s: out of order", sort)
		}
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	if p := list(t, u, nil); len(p.Items) != 0 || p.NextCursor != "" {
		t.Errorf("an empty vault lists %v", p)
	}
	one := u.Analyzed(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
	two := u.Store(t, "b.txt", "text/plain", vaulttest.Unique(t, 100))
	trashed := u.Store(t, "c.txt", "text/plain", vaulttest.Unique(t, 100))
	u.Call(t, http.MethodDelete, "/v1/documents/"+trashed.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
	purging := u.Store(t, "d.txt", "text/plain", vaulttest.Unique(t, 100))
	u.Call(t, http.MethodDelete, "/v1/documents/"+purging.ID.String()+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
	body := vaulttest.Announce("e.txt", "", vaulttest.Unique(t, 10))
	body["path"] = "Tax"
	var pending vaulttest.Begun
	u.Call(t, http.MethodPost, "/v1/uploads", body).JSON(t, http.StatusCreated, &pending)
	u.Call(t, http.MethodPatch, "/v1/documents/"+one.ID.String(), map[string]any{"topic": "Pöttery", "tags": []string{"Home"}, "folder_id": pending.Document.FolderID, "document_date": "1999-12-31"}).JSON(t, http.StatusOK, nil)
	u.Call(t, http.MethodPatch, "/v1/documents/"+two.ID.String(), map[string]any{"tags": []string{"home", "other"}}).JSON(t, http.StatusOK, nil)
	other := w.User(t)
	theirs := other.Store(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
	other.Call(t, http.MethodPatch, "/v1/documents/"+theirs.ID.String(), map[string]any{"topic": "Pöttery", "tags": []string{"Home"}}).JSON(t, http.StatusOK, nil)

	for query, want := range map[string][]id.ID{
		"":                                       {two.ID, one.ID},
		"status=ready":                           {one.ID},
		"status=ready,stored":                    {two.ID, one.ID},
		"status=trashed":                         {trashed.ID},
		"status=pending":                         {pending.Document.ID},
		"status=purging":                         {},
		"topic=P%C3%96TTERY":                     {one.ID},
		"topic=none":                             {},
		"tag=HOME":                               {two.ID, one.ID},
		"tag=other":                              {two.ID},
		"tag=other&topic=p%C3%B6ttery":           {},
		"tag=home&status=ready":                  {one.ID},
		"folder_id=" + pending.Document.FolderID: {one.ID},
		"folder_id=" + id.New().String():         {},
		"status=pending&folder_id=" + pending.Document.FolderID: {pending.Document.ID},
		"year=1999": {one.ID},
		fmt.Sprint("year=", time.Now().UTC().Year()): {two.ID},
		"year=1998": {},
		"id=" + one.ID.String() + "," + trashed.ID.String() + "," + pending.Document.ID.String() + "," + purging.ID.String() + "," + theirs.ID.String(): {pending.Document.ID, trashed.ID, one.ID},
		"status=ready&id=" + one.ID.String() + "," + two.ID.String():                                                                                    {one.ID},
		"sort=name&id=" + two.ID.String() + "," + one.ID.String():                                                                                       {one.ID, two.ID},
		"year=2000": {},
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		got := []id.ID{}
		for _, d := range list(t, u, values).Items {
			got = append(got, d.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %v, want %v", query, got, want)
		}
	}
}

func TestCursorsAndParametersThatAreWrong(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	fillSealed(t, w, u, 3)
	next := list(t, u, url.Values{"limit": {"1"}, "sort": {"size"}}).NextCursor
	for _, query := range []url.Values{
		{"cursor": {next}}, {"cursor": {next}, "sort": {"-size"}}, {"cursor": {next}, "sort": {"document_date"}},
		{"cursor": {"x"}}, {"cursor": {"bm9uZQ"}}, {"cursor": {"e30"}}, {"cursor": {next + "x"}, "sort": {"size"}},
	} {
		u.Call(t, http.MethodGet, "/v1/documents?"+query.Encode(), nil).Problem(t, fault.CursorInvalid)
	}
	some := id.New().String()
	for _, query := range []string{"limit=0", "limit=201", "limit=x", "sort=title", "sort=id", "status=gone", "folder_id=x", "sort=size%3Bdrop",
		"year=0", "id=x", "q=x&id=" + some, "id=" + strings.Repeat(some+",", 100) + some} {
		u.Call(t, http.MethodGet, "/v1/documents?"+query, nil).Problem(t, fault.ValidationFailed)
	}
	if p := list(t, u, url.Values{"limit": {"200"}}); len(p.Items) != 3 {
		t.Errorf("%d documents", len(p.Items))
	}
}

// fillSealed makes n rows with values that are often equal. A sealed name opens
// in its own row only, so each is sealed for it, as uploads do.
func fillSealed(t testing.TB, w *vaulttest.World, u *vaulttest.User, n int) {
	t.Helper()
	v, err := vault.Open(w.Env)
	if err != nil {
		t.Fatal(err)
	}
	k, err := v.Keys(t.Context(), database.OnBehalfOf(u.ID))
	if err != nil {
		t.Fatal(err)
	}
	ids, names := make([]string, n), make([][]byte, n)
	for i := range n {
		document := id.New()
		sealed, err := vault.SealNew(k, document, fmt.Sprint(i), "", "")
		if err != nil {
			t.Fatal(err)
		}
		ids[i], names[i] = document.String(), sealed.Filename
	}
	w.DB.Exec(t, `INSERT INTO documents (id, user_id, status, object_key, size, sha256, content_type, upload_expires_at, filename_sealed, created_at, updated_at, document_date, allow_duplicate)
	  SELECT id, $1, 'ready', id::text, i % 7, sha256(''), 'text/plain', now(), name,
	         '2024-01-01'::timestamptz + (i % 5) * interval '1 microsecond', '2024-01-01'::timestamptz + (i % 3) * interval '1 second',
	         CASE WHEN i % 4 > 0 THEN '2024-01-01'::date + (i % 3)::integer END, true
	    FROM unnest($2::uuid[], $3::bytea[]) WITH ORDINALITY x(id, name, i)`, u.ID.String(), ids, names)
}
