package reprocess_test

import (
	"net/http"
	"testing"

	"docuvault/shared/fault"
	"docuvault/shared/vaulttest"
)

const invoice = "Invoice no. 4711\n\nPlease transfer the amount due of 119.00 EUR within 14 days.\n" +
	"Net amount 100.00, VAT 19 %, total 119.00 EUR. Invoice date 3 March 2024, due date 17 March 2024.\n"

func TestReprocessReadsAgainAndKeepsWhatAPersonChose(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Analyzed(t, "a.txt", "text/plain", []byte(invoice))
	if d.Topic != "invoice" || d.TopicSource != "local" {
		t.Fatalf("topic %q by %q", d.Topic, d.TopicSource)
	}
	path := "/v1/documents/" + d.ID.String()
	for _, choice := range []any{"my bills", nil} { // no topic is a choice too
		u.Call(t, http.MethodPatch, path, map[string]any{"topic": choice}).JSON(t, http.StatusOK, nil)
		u.Call(t, http.MethodPost, path+"/reprocess", nil).JSON(t, http.StatusAccepted, nil)
		if s := w.Status(t, d.ID); s != "stored" {
			t.Errorf("status %q after reprocess", s)
		}
		if err := w.Deliver(t, "analyze", u.Job(d.ID)); err != nil {
			t.Fatal(err)
		}
		want, _ := choice.(string)
		if got := u.Get(t, d.ID); got.Status != "ready" || got.Topic != want || got.TopicSource != "user" {
			t.Errorf("after choosing %v: status %q, topic %q by %q", choice, got.Status, got.Topic, got.TopicSource)
		}
	}
}

func TestOnlyAReadDocumentIsReprocessed(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u, other := w.User(t), w.User(t)
	pending := u.Begin(t, "a.txt", "text/plain", vaulttest.Unique(t, 10)).Document.ID.String()
	u.Call(t, http.MethodPost, "/v1/documents/"+pending+"/reprocess", nil).Problem(t, fault.WrongState)

	stored := u.Store(t, "b.txt", "text/plain", vaulttest.Unique(t, 10))
	path := "/v1/documents/" + stored.ID.String()
	u.Call(t, http.MethodPost, path+"/reprocess", nil).JSON(t, http.StatusAccepted, nil) // it waits anyway
	other.Call(t, http.MethodPost, path+"/reprocess", nil).Problem(t, fault.NotFound)
	u.Call(t, http.MethodDelete, path, nil).JSON(t, http.StatusNoContent, nil)
	u.Call(t, http.MethodPost, path+"/reprocess", nil).Problem(t, fault.WrongState)
	if s := w.Status(t, stored.ID); s != "trashed" {
		t.Errorf("status %q", s)
	}
}
