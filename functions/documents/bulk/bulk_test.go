package bulk_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/vaulttest"
)

type result struct {
	ID     id.ID
	OK     bool
	Status string
	Code   string
}

func bulk(t testing.TB, u *vaulttest.User, action string, more map[string]any, ids ...id.ID) []result {
	t.Helper()
	body := map[string]any{"action": action, "ids": ids}
	for name, value := range more {
		body[name] = value
	}
	var answer struct{ Items []result }
	u.Call(t, http.MethodPost, "/v1/documents/bulk", body).JSON(t, http.StatusOK, &answer)
	return answer.Items
}

// told are the results as "status" or the code, in order.
func told(results []result) string {
	var all []string
	for _, r := range results {
		if r.OK == (r.Code != "") {
			all = append(all, "?")
		}
		all = append(all, r.Status+r.Code)
	}
	return strings.Join(all, " ")
}

func TestEachDocumentHasItsResult(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u, other := w.User(t), w.User(t)
	a := u.Analyzed(t, "a.txt", "text/plain", vaulttest.Unique(t, 50)).ID
	b := u.Store(t, "b.txt", "text/plain", vaulttest.Unique(t, 50)).ID
	open := u.Begin(t, "c.txt", "text/plain", vaulttest.Unique(t, 50)).Document.ID
	theirs := other.Store(t, "d.txt", "text/plain", vaulttest.Unique(t, 50)).ID
	all := []id.ID{b, theirs, open, a, id.New(), b}
	for _, step := range []struct{ action, want string }{
		{"trash", "trashed not_found pendingwrong_state trashed not_found"},
		{"trash", "trashed not_found pendingwrong_state trashed not_found"}, // so already
		{"reprocess", "trashedwrong_state not_found pendingwrong_state trashedwrong_state not_found"},
		{"restore", "stored not_found pendingwrong_state ready not_found"},
		{"reprocess", "stored not_found pendingwrong_state stored not_found"},
		{"purge", "purging not_found pendingwrong_state purging not_found"},
		{"trash", "not_found not_found pendingwrong_state not_found not_found"},
	} {
		if got := told(bulk(t, u, step.action, nil, all...)); got != step.want {
			t.Errorf("%s: %s, want %s", step.action, got, step.want)
		}
	}
	for action, want := range map[string]int{"document.trashed": 1, "document.restored": 1, "document.reprocessed": 1, "document.purging": 1} {
		if n := w.Audit(t, action, a); n != want {
			t.Errorf("%d entries of %s", n, action)
		}
	}
	if n := w.Queued(t, "purge"); n != 2 {
		t.Errorf("%d documents to purge were sent", n)
	}
	if w.Status(t, theirs) != "stored" || w.Audit(t, "document.trashed", theirs) != 0 {
		t.Error("another user's document was changed")
	}
}

func TestManyAreMovedTaggedAndGivenATopic(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u, other := w.User(t), w.User(t)
	a := u.Analyzed(t, "a.txt", "text/plain", []byte("The kiln was fired, the glaze was green.")).ID
	b := u.Analyzed(t, "b.txt", "text/plain", []byte("The kiln again, and a vase of clay.")).ID
	theirs := other.Store(t, "d.txt", "text/plain", vaulttest.Unique(t, 50)).ID
	var f, hers struct{ ID string }
	u.Call(t, http.MethodPost, "/v1/folders", map[string]any{"name": "F"}).JSON(t, http.StatusCreated, &f)
	other.Call(t, http.MethodPost, "/v1/folders", map[string]any{"name": "F"}).JSON(t, http.StatusCreated, &hers)
	const want = "ready not_found ready"
	for action, more := range map[string]map[string]any{
		"move": {"folder_id": f.ID}, "topic": {"topic": "Pottery"}, "add_tags": {"tags": []string{"x", "Y"}},
	} {
		if got := told(bulk(t, u, action, more, a, theirs, b)); got != want {
			t.Errorf("%s: %s", action, got)
		}
	}
	bulk(t, u, "remove_tags", map[string]any{"tags": []string{"y", "never was"}}, a)
	for document, tags := range map[id.ID]string{a: "x", b: "x Y"} {
		d := u.Get(t, document)
		slices.Sort(d.Tags)
		slices.Reverse(d.Tags)
		if d.FolderID != f.ID || d.Topic != "Pottery" || d.TopicSource != "user" || strings.Join(d.Tags, " ") != tags {
			t.Errorf("got %+v", d)
		}
		if n := w.Audit(t, "document.changed", document); n != 3 && n != 4 {
			t.Errorf("%d entries in the log", n)
		}
	}
	body := map[string]any{"action": "move", "ids": []id.ID{a}, "folder_id": hers.ID}
	u.Call(t, http.MethodPost, "/v1/documents/bulk", body).Problem(t, fault.ValidationFailed)

	// What was learned, and what a search finds, follows.
	learned := func() int {
		return dbtest.Query1[int](t, w.DB, `SELECT coalesce(sum(documents), 0)::integer FROM classifier_topics WHERE user_id = $1`, u.ID.String())
	}
	if n := learned(); n != 0 {
		t.Errorf("%d documents were learned at once", n)
	}
	for _, document := range []id.ID{a, b} {
		if err := w.Deliver(t, "analyze", u.Job(document)); err != nil {
			t.Fatal(err)
		}
	}
	var found struct{ Items []any }
	u.Call(t, http.MethodPost, "/v1/search", map[string]any{"q": "pottery x"}).JSON(t, http.StatusOK, &found)
	if learned() != 2 || len(found.Items) != 2 {
		t.Errorf("%d learned, %d found", learned(), len(found.Items))
	}
	// Without a folder and a topic: that is a choice too.
	bulk(t, u, "move", nil, a, b)
	bulk(t, u, "topic", nil, a, b)
	if d := u.Get(t, a); d.FolderID != "" || d.Topic != "" || d.TopicSource != "user" {
		t.Errorf("got %+v", d)
	}
}

func TestADocumentHasNoMoreTagsThanItMay(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	a, b := u.Store(t, "a.txt", "text/plain", vaulttest.Unique(t, 50)).ID, u.Store(t, "b.txt", "text/plain", vaulttest.Unique(t, 50)).ID
	many := make([]string, 49)
	for i := range many {
		many[i] = fmt.Sprint("tag ", i)
	}
	bulk(t, u, "add_tags", map[string]any{"tags": many}, a)
	if got := told(bulk(t, u, "add_tags", map[string]any{"tags": []string{"Tag 1", "new", "newer"}}, a, b)); got != "storedlimit_reached stored" {
		t.Errorf("got %s", got)
	}
	if got := told(bulk(t, u, "add_tags", map[string]any{"tags": []string{"Tag 1", "new"}}, a)); got != "stored" || len(u.Get(t, a).Tags) != 50 {
		t.Errorf("got %s", got)
	}
}

func TestABulkActionThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	many := make([]id.ID, 501)
	for i := range many {
		many[i] = id.New()
	}
	for name, body := range map[string]map[string]any{
		"too many": {"action": "trash", "ids": many}, "none": {"action": "trash", "ids": []id.ID{}}, "no action": {"action": "burn", "ids": many[:1]},
		"no tags": {"action": "add_tags", "ids": many[:1]}, "a tag that is none": {"action": "add_tags", "ids": many[:1], "tags": []string{" "}},
		"no id": {"action": "trash", "ids": []string{"x"}}, "long topic": {"action": "topic", "ids": many[:1], "topic": strings.Repeat("x", 101)},
	} {
		if a := u.Call(t, http.MethodPost, "/v1/documents/bulk", body); a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d", name, a.StatusCode)
		}
	}
}

// Whatever the order in which they are named, and in which they lie in the
// table: documents are locked by id, as all do that lock several.
func TestDocumentsAreLockedByID(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	low, high := id.New(), id.New()
	for _, document := range []id.ID{high, low} {
		w.DB.Exec(t, `INSERT INTO documents (id, user_id, status, object_key, size, sha256, content_type, upload_expires_at, filename_sealed, allow_duplicate)
		  VALUES ($1::uuid, $2, 'ready', ($1::uuid)::text, 0, sha256(''), 'text/plain', now(), '', true)`, document.String(), u.ID.String())
	}
	w.DB.Exec(t, `VACUUM ANALYZE documents`) // a table of two rows is read as they lie
	tx, err := w.DB.AsSuper(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT FROM documents WHERE id = $1 FOR UPDATE`, low.String()); err != nil {
		t.Fatal(err)
	}
	done := make(chan []result)
	go func() { done <- bulk(t, u, "trash", nil, high, low) }()
	w.Blocked(t)
	if _, err := tx.Exec(t.Context(), `SELECT FROM documents WHERE id = $1 FOR UPDATE NOWAIT`, high.String()); err != nil {
		t.Errorf("it holds the second one while it waits for the first: %v", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := told(<-done); got != "trashed trashed" {
		t.Errorf("got %s", got)
	}
}
