package settle_test

import (
	"net/http"
	"testing"

	"docuvault/shared/vaulttest"
)

// Jobs are hints: with the queue down every request succeeds all the same, only
// an event asks to be sent again, and the reconciler sends what was not.
func TestWhenTheQueueIsDown(t *testing.T) {
	t.Parallel()
	deaf := &vaulttest.Deaf{}
	w := vaulttest.New(t, nil, deaf.Provide(t))
	w.Allow("a due document could not be handled")
	w.Allow("The queue does not answer")
	u := w.User(t)
	ready := u.Analyzed(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
	gone := u.Analyzed(t, "b.txt", "text/plain", vaulttest.Unique(t, 100))

	deaf.Shut.Store(true)
	stored := u.Store(t, "c.txt", "text/plain", vaulttest.Unique(t, 100))
	u.Call(t, http.MethodPost, "/v1/documents/"+ready.ID.String()+"/reprocess", nil).JSON(t, http.StatusAccepted, nil)
	u.Call(t, http.MethodDelete, "/v1/documents/"+gone.ID.String()+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
	if status := w.Notify(t, w.Event(w.Key(t, stored.ID)), vaulttest.EventToken); status != http.StatusServiceUnavailable {
		t.Errorf("the event answered %d", status)
	}
	analyses, purges := w.Queued(t, "analyze"), w.Queued(t, "purge")
	for _, d := range []vaulttest.Document{stored, ready, gone} {
		w.Due(t, d.ID)
	}
	if err := w.Schedule(t, "reconcile"); err != nil {
		t.Error(err)
	}
	if w.Queued(t, "analyze") != analyses || w.Queued(t, "purge") != purges {
		t.Error("the queue was not down")
	}

	deaf.Shut.Store(false)
	for _, d := range []vaulttest.Document{stored, ready, gone} {
		w.Due(t, d.ID)
	}
	if err := w.Schedule(t, "reconcile"); err != nil {
		t.Error(err)
	}
	if a, p := w.Queued(t, "analyze"), w.Queued(t, "purge"); a != analyses+2 || p != purges+1 {
		t.Errorf("%d analyses and %d purges were sent", a-analyses, p-purges)
	}
	for _, d := range []vaulttest.Document{stored, ready} {
		if err := w.Deliver(t, "analyze", u.Job(d.ID)); err != nil || w.Status(t, d.ID) != "ready" {
			t.Errorf("%v, status %s", err, w.Status(t, d.ID))
		}
	}
}
