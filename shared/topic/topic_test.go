package topic_test

import (
	"net/http"
	"strings"
	"testing"

	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/topic"
	"docuvault/shared/vaulttest"
)

func list(t testing.TB, u *vaulttest.User) (all []topic.Topic) {
	t.Helper()
	var body struct{ Items []topic.Topic }
	u.Call(t, http.MethodGet, "/v1/topics", nil).JSON(t, http.StatusOK, &body)
	return body.Items
}

func create(t testing.TB, u *vaulttest.User, body map[string]any) (made topic.Topic) {
	t.Helper()
	u.Call(t, http.MethodPost, "/v1/topics", body).JSON(t, http.StatusCreated, &made)
	return made
}

func path(topic id.ID) string { return "/v1/topics/" + topic.String() }

func give(t testing.TB, u *vaulttest.User, document id.ID, topic any) {
	t.Helper()
	u.Call(t, http.MethodPatch, "/v1/documents/"+document.String(), map[string]any{"topic": topic}).JSON(t, http.StatusOK, nil)
}

// found counts the documents that a search finds.
func found(t testing.TB, u *vaulttest.User, q string) int {
	t.Helper()
	var page struct{ Items []any }
	u.Call(t, http.MethodPost, "/v1/search", map[string]any{"q": q}).JSON(t, http.StatusOK, &page)
	return len(page.Items)
}

func TestTheOwnListOfTopics(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u, other := w.User(t), w.User(t)
	if all := list(t, u); len(all) != 0 {
		t.Errorf("a new list holds %v", all)
	}
	made := create(t, u, map[string]any{"name": " Pottery ", "colour": "#A0b1C2", "description": "two\nlines"})
	if made.Name != "Pottery" || made.Colour != "#a0b1c2" || made.Description != "two\nlines" || made.Version != 1 {
		t.Errorf("made %+v", made)
	}
	create(t, other, map[string]any{"name": "Pottery"})
	for name, body := range map[string]map[string]any{"no name": {}, "empty name": {"name": ""}, "colour": {"name": "x", "colour": "red"},
		"description": {"name": "x", "description": strings.Repeat("x", 2001)}, "more": {"name": "x", "user_id": id.New()}} {
		if p := u.Call(t, http.MethodPost, "/v1/topics", body).Problem(t, fault.ValidationFailed); p == nil {
			t.Error(name)
		}
	}
	u.Call(t, http.MethodPost, "/v1/topics", map[string]any{"name": "pottery"}).Problem(t, fault.NameTaken)
	d := u.Store(t, "a.txt", "text/plain", vaulttest.Unique(t, 50))
	give(t, u, d.ID, "POTTERY")
	var changed topic.Topic
	u.Call(t, http.MethodPatch, path(made.ID), map[string]any{"name": "Ceramics", "colour": nil}, "If-Match", `"1"`).JSON(t, http.StatusOK, &changed)
	if changed.Name != "Ceramics" || changed.Colour != "" || changed.Description != "two\nlines" || changed.Documents != 1 || changed.Version != 2 {
		t.Errorf("changed to %+v", changed)
	}
	if got := u.Get(t, d.ID); got.Topic != "Ceramics" || got.TopicSource != "user" {
		t.Errorf("the document has %q by %q", got.Topic, got.TopicSource)
	}
	u.Call(t, http.MethodPatch, path(made.ID), map[string]any{"name": "x"}, "If-Match", `"1"`).Problem(t, fault.PreconditionFailed)
	second := create(t, u, map[string]any{"name": "Second"})
	u.Call(t, http.MethodPatch, path(second.ID), map[string]any{"name": "CERAMICS"}).Problem(t, fault.NameTaken)
	if all := list(t, u); len(all) != 2 || all[0].ID != made.ID || all[0].Documents != 1 || all[1].ID != second.ID {
		t.Errorf("the list is %+v", all)
	}
	// Another user's topic is none.
	other.Call(t, http.MethodPatch, path(made.ID), map[string]any{"name": "x"}).Problem(t, fault.NotFound)
	other.Call(t, http.MethodDelete, path(made.ID), nil).Problem(t, fault.NotFound)
	if w.Audit(t, "topic.created", made.ID) != 1 || w.Audit(t, "topic.changed", made.ID) != 1 {
		t.Error("want one entry in the log for each change")
	}
}

func TestDeletingATopicKeepsItsDocuments(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Analyzed(t, "a.txt", "text/plain", []byte("The kiln was fired twice and the glaze came out green."))
	give(t, u, d.ID, "Pottery")
	pottery := list(t, u)[0]
	for _, each := range list(t, u) {
		if each.Name == "Pottery" {
			pottery = each
		}
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT documents FROM classifier_topics WHERE topic_id = $1`, pottery.ID.String()); n != 1 {
		t.Fatalf("%d documents were learned", n)
	}
	u.Call(t, http.MethodDelete, path(pottery.ID), nil, "If-Match", `"9"`).Problem(t, fault.PreconditionFailed)
	u.Call(t, http.MethodDelete, path(pottery.ID), nil, "If-Match", `"1"`).JSON(t, http.StatusNoContent, nil)
	u.Call(t, http.MethodDelete, path(pottery.ID), nil).Problem(t, fault.NotFound)
	if got := u.Get(t, d.ID); got.Status != "ready" || got.Topic != "" || got.TopicSource != "" {
		t.Errorf("the document is %+v", got)
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM classifier_tokens WHERE topic_id = $1`, pottery.ID.String()); n != 0 {
		t.Errorf("%d words are still learned", n)
	}
	if w.Audit(t, "topic.deleted", pottery.ID) != 1 {
		t.Error("want one entry in the log")
	}
	if n := found(t, u, "pottery"); n != 1 {
		t.Fatalf("before the worker: %d found", n)
	}
	if err := w.Deliver(t, "analyze", u.Job(d.ID)); err != nil {
		t.Fatal(err)
	}
	if n := found(t, u, "pottery"); n != 0 {
		t.Errorf("found by the name of a topic that is gone")
	}
}

func TestADeletedTopicFreesManyDocumentsInPieces(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	made := create(t, u, map[string]any{"name": "Many"})
	w.DB.Exec(t, `INSERT INTO documents (id, user_id, status, object_key, size, sha256, content_type, upload_expires_at, filename_sealed, allow_duplicate, topic_id, topic_source)
	  SELECT gen_random_uuid(), $1, 'stored', 'k' || i, 0, sha256(''), 'text/plain', now(), '', true, $2, 'user' FROM generate_series(1, 2100) i`, u.ID.String(), made.ID.String())
	u.Call(t, http.MethodDelete, path(made.ID), nil).JSON(t, http.StatusNoContent, nil)
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM documents WHERE topic_id IS NULL AND topic_source IS NULL`); n != 2100 || len(list(t, u)) != 0 {
		t.Errorf("%d documents are free", n)
	}
}

// Documents are found by the new name, and by the old one no more; a worker that
// dies in between, or a change that comes meanwhile, is caught up with.
func TestARenamedTopicIsFoundByItsNewName(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Analyzed(t, "a.txt", "text/plain", []byte("Nothing to see here, but some words."))
	give(t, u, d.ID, "Pottery")
	var made topic.Topic
	for _, each := range list(t, u) {
		if each.Name == "Pottery" {
			made = each
		}
	}
	queued := w.Queued(t, "analyze")
	u.Call(t, http.MethodPatch, path(made.ID), map[string]any{"name": "Ceramics"}).JSON(t, http.StatusOK, nil)
	if n := w.Queued(t, "analyze"); n != queued+1 {
		t.Errorf("%d jobs were sent, want 1", n-queued)
	}
	if err := w.Deliver(t, "analyze", u.Job(d.ID)); err != nil {
		t.Fatal(err)
	}
	if a, b := found(t, u, "ceramics"), found(t, u, "pottery"); a != 1 || b != 0 {
		t.Errorf("found %d by the new name, %d by the old one", a, b)
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM lagging`); n != 0 {
		t.Errorf("%d documents still lag behind", n)
	}
	// A message that was lost: the reconciler sends another.
	u.Call(t, http.MethodPatch, path(made.ID), map[string]any{"name": "Stoneware"}).JSON(t, http.StatusOK, nil)
	queued = w.Queued(t, "analyze")
	if err := w.Schedule(t, "reconcile"); err != nil {
		t.Fatal(err)
	}
	if n := w.Queued(t, "analyze"); n != queued+1 {
		t.Errorf("the reconciler sent %d jobs, want 1", n-queued)
	}
}
