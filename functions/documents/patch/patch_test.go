package patch_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/id"
	"docuvault/shared/vaulttest"
)

func patch(t testing.TB, u *vaulttest.User, document id.ID, body any, headers ...string) hosttest.Answer {
	t.Helper()
	return u.Call(t, http.MethodPatch, "/v1/documents/"+document.String(), body, headers...)
}

func members(t testing.TB, a hosttest.Answer) map[string]any {
	t.Helper()
	var m map[string]any
	a.JSON(t, http.StatusOK, &m)
	return m
}

func TestPatchSetsAndClears(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Store(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
	var folder string
	{
		var b vaulttest.Begun
		body := vaulttest.Announce("b", "", vaulttest.Unique(t, 10))
		body["path"] = "Tax"
		u.Call(t, http.MethodPost, "/v1/uploads", body).JSON(t, http.StatusCreated, &b)
		folder = b.Document.FolderID
	}
	set := map[string]any{"filename": "b/c.txt", "title": "Title", "correspondent": "Somebody", "notes": "two\nlines", "reference": "R-1",
		"document_date": "2024-02-29", "topic": "Pottery", "tags": []any{"x"}, "folder_id": folder}
	m := members(t, patch(t, u, d.ID, set))
	set["filename"] = "b_c.txt"
	for name, want := range set {
		if fmt.Sprint(m[name]) != fmt.Sprint(want) {
			t.Errorf("%s is %v, want %v", name, m[name], want)
		}
	}
	if m["topic_source"] != "user" {
		t.Errorf("topic_source %v", m["topic_source"])
	}
	// Absent members stay.
	m = members(t, patch(t, u, d.ID, map[string]any{"title": "Other"}))
	if m["title"] != "Other" || m["notes"] != "two\nlines" || m["topic"] != "Pottery" {
		t.Errorf("got %v", m)
	}
	// null clears, as does an empty text.
	m = members(t, patch(t, u, d.ID, map[string]any{"filename": nil, "title": nil, "correspondent": "", "notes": nil, "reference": nil,
		"document_date": nil, "topic": nil, "tags": nil, "folder_id": nil}))
	if m["filename"] != "unnamed" || m["title"] != "" {
		t.Errorf("got %v", m)
	}
	for _, name := range []string{"correspondent", "notes", "reference", "document_date", "topic", "folder_id"} {
		if _, there := m[name]; there {
			t.Errorf("%s is %v", name, m[name])
		}
	}
	if m["topic_source"] != "user" { // no topic is that person's choice
		t.Errorf("topic_source %v", m["topic_source"])
	}
	if fmt.Sprint(m["tags"]) != "[]" {
		t.Errorf("tags %v", m["tags"])
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM audit_log WHERE action = 'document.changed'`); n != 3 {
		t.Errorf("%d audit entries", n)
	}
	// Nothing to change is no change.
	if again := members(t, patch(t, u, d.ID, map[string]any{})); again["version"] != m["version"] {
		t.Errorf("version %v became %v", m["version"], again["version"])
	}
}

func TestPatchThatIsRefusedChangesNothing(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Analyzed(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
	before := members(t, patch(t, u, d.ID, map[string]any{"topic": "Pottery", "title": "Mine", "tags": []string{"x"}}))
	many := make([]string, 51)
	for i := range many {
		many[i] = fmt.Sprint("tag ", i)
	}
	for name, body := range map[string]any{
		"long topic": map[string]any{"title": "New", "topic": strings.Repeat("x", 101)}, "topic of spaces": map[string]any{"title": "New", "topic": "  "},
		"long title": map[string]any{"title": strings.Repeat("x", 501)}, "long notes": map[string]any{"notes": strings.Repeat("x", 20001)},
		"many tags": map[string]any{"tags": many}, "a tag that is none": map[string]any{"tags": []string{""}}, "tags of another kind": map[string]any{"tags": "x"},
		"no such folder": map[string]any{"title": "New", "folder_id": id.New().String()}, "no day": map[string]any{"document_date": "2023-02-29"},
		"status": map[string]any{"status": "ready"}, "user_id": map[string]any{"user_id": id.New().String()}, "size": map[string]any{"size": 1},
		"topic_source": map[string]any{"topic_source": "user"}, "version": map[string]any{"version": 1}, "array": []int{1}, "text": "{",
	} {
		if a := patch(t, u, d.ID, body); a.StatusCode < 400 || a.StatusCode >= 500 {
			t.Errorf("%s: status %d: %s", name, a.StatusCode, a.Bytes)
		}
	}
	if after := members(t, u.Call(t, http.MethodGet, "/v1/documents/"+d.ID.String(), nil)); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("before %v\nafter  %v", before, after)
	}
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Store(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
	get := u.Call(t, http.MethodGet, "/v1/documents/"+d.ID.String(), nil)
	tag := get.Header.Get("ETag")
	a := patch(t, u, d.ID, map[string]any{"title": "1"}, "If-Match", tag)
	a.JSON(t, http.StatusOK, nil)
	if next := a.Header.Get("ETag"); next == tag || next == "" {
		t.Errorf("ETag %s after %s", next, tag)
	}
	for _, stale := range []string{tag, `"x"`, `W/` + tag} {
		patch(t, u, d.ID, map[string]any{"title": "2"}, "If-Match", stale).Problem(t, fault.PreconditionFailed)
		patch(t, u, d.ID, map[string]any{}, "If-Match", stale).Problem(t, fault.PreconditionFailed)
	}
	patch(t, u, d.ID, map[string]any{"title": "3"}, "If-Match", "*").JSON(t, http.StatusOK, nil)

	// Of many who saw the same, one wins.
	tag = u.Call(t, http.MethodGet, "/v1/documents/"+d.ID.String(), nil).Header.Get("ETag")
	status := make([]int, 12)
	vaulttest.AtOnce(len(status), func(i int) {
		status[i] = patch(t, u, d.ID, map[string]any{"title": fmt.Sprint("at once ", i)}, "If-Match", tag).StatusCode
	})
	won := 0
	for _, s := range status {
		if s == http.StatusOK {
			won++
		} else if s != http.StatusPreconditionFailed {
			t.Errorf("status %d", s)
		}
	}
	if won != 1 {
		t.Errorf("%d won", won)
	}
}

// Without If-Match everyone wins, members of different patches do not undo each
// other, and new tags made in different orders do not deadlock.
func TestPatchesAtOnce(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	var documents []vaulttest.Document
	for range 4 {
		documents = append(documents, u.Store(t, "a.txt", "text/plain", vaulttest.Unique(t, 100)))
	}
	for round := range 5 {
		vaulttest.AtOnce(16, func(i int) {
			tags := make([]string, 20)
			for j := range tags {
				tags[j] = fmt.Sprintf("round %d tag %d", round, j)
				if i%2 == 1 {
					tags[j] = fmt.Sprintf("round %d tag %d", round, len(tags)-1-j)
				}
			}
			name := []string{"title", "notes", "reference", "correspondent"}[i/4]
			if a := patch(t, u, documents[i%4].ID, map[string]any{name: "mine", "tags": tags}); a.StatusCode != http.StatusOK {
				t.Errorf("status %d: %s", a.StatusCode, a.Bytes)
			}
		})
	}
	for _, d := range documents {
		m := members(t, u.Call(t, http.MethodGet, "/v1/documents/"+d.ID.String(), nil))
		if m["title"] != "mine" || m["notes"] != "mine" || m["reference"] != "mine" || m["correspondent"] != "mine" || len(m["tags"].([]any)) != 20 {
			t.Errorf("got %v", m)
		}
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM tags`); n != 100 {
		t.Errorf("%d tags", n)
	}
}

func TestWhichDocumentsCanBeChanged(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	b := u.Begin(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
	patch(t, u, b.Document.ID, map[string]any{"title": "x"}).Problem(t, fault.NotFound)
	d := u.Store(t, "b.txt", "text/plain", vaulttest.Unique(t, 100))
	u.Call(t, http.MethodDelete, "/v1/documents/"+d.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
	patch(t, u, d.ID, map[string]any{"title": "x"}).JSON(t, http.StatusOK, nil)
	u.Call(t, http.MethodDelete, "/v1/documents/"+d.ID.String()+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
	patch(t, u, d.ID, map[string]any{"title": "x"}).Problem(t, fault.NotFound)
	patch(t, u, d.ID, map[string]any{}).Problem(t, fault.NotFound)
	patch(t, u, d.ID, map[string]any{"topic": "x"}).Problem(t, fault.NotFound)
}
