package analyze_test

import (
	"net/http"
	"testing"

	"docuvault/shared/dbtest"
	"docuvault/shared/id"
	"docuvault/shared/vaulttest"
)

var invoice = []byte("Invoice no. 2024-0815\n\nPlease transfer the amount due of 119.00 EUR within 14 days to the account below.\nNet amount 100.00, VAT 19 %, total 119.00 EUR. Invoice date 3 March 2024, due date 17 March 2024.\n")

func TestAnalyzeTwiceAndAtOnce(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Store(t, "a.txt", "text/plain", invoice)
	w.Handler(t, "analyze")
	vaulttest.AtOnce(6, func(int) {
		if err := w.Deliver(t, "analyze", u.Job(d.ID)); err != nil {
			t.Error(err)
		}
	})
	if err := w.Deliver(t, "analyze", u.Job(d.ID)); err != nil {
		t.Error(err)
	}
	if s, n := w.Status(t, d.ID), w.Audit(t, "document.analyzed", d.ID); s != "ready" || n != 1 {
		t.Errorf("status %s, %d audit entries", s, n)
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT fence FROM documents`); n != 1 {
		t.Errorf("%d claims", n)
	}
}

func TestAnalyzeInTheWrongOrder(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	deliver := func(document id.ID, want string) {
		t.Helper()
		if err := w.Deliver(t, "analyze", u.Job(document)); err != nil {
			t.Error(err)
		}
		if s := w.Status(t, document); s != want {
			t.Errorf("status %q, want %q", s, want)
		}
	}
	b := u.Begin(t, "a.txt", "text/plain", invoice)
	deliver(b.Document.ID, "pending")
	u.Call(t, http.MethodDelete, "/v1/uploads/"+b.Document.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
	deliver(b.Document.ID, "expired")
	deliver(id.New(), "")

	d := u.Store(t, "a.txt", "text/plain", invoice)
	path := "/v1/documents/" + d.ID.String()
	u.Call(t, http.MethodDelete, path, nil).JSON(t, http.StatusNoContent, nil)
	deliver(d.ID, "trashed")
	// Taken out of the trash it still waits, and the reconciler sends it.
	u.Call(t, http.MethodPost, path+"/restore", nil).JSON(t, http.StatusOK, nil)
	before := w.Queued(t, "analyze")
	if err := w.Schedule(t, "reconcile"); err != nil || w.Queued(t, "analyze") != before+1 {
		t.Errorf("%v, %d messages before, %d after", err, before, w.Queued(t, "analyze"))
	}
	deliver(d.ID, "ready")
	u.Call(t, http.MethodDelete, path+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
	deliver(d.ID, "purging")
	if err := w.Deliver(t, "purge", u.Job(d.ID)); err != nil {
		t.Fatal(err)
	}
	deliver(d.ID, "")
	// Messages that are not ours, and one about another user's document.
	for _, body := range []string{"", "{}", "x", "\xff"} {
		if err := w.Deliver(t, "analyze", []byte(body)); err != nil {
			t.Errorf("%q: %v", body, err)
		}
	}
	other := w.User(t)
	mine := u.Store(t, "b.txt", "text/plain", vaulttest.Unique(t, 50))
	if err := w.Deliver(t, "analyze", other.Job(mine.ID)); err != nil || w.Status(t, mine.ID) != "stored" {
		t.Errorf("%v, status %s", err, w.Status(t, mine.ID))
	}
}

// A worker that dies: it claimed the row and said nothing more. Its lease ends,
// the reconciler gives the row to the next one, and after five there is no
// sixth.
func TestWorkersThatDie(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Store(t, "a.txt", "text/plain", invoice)
	die := func() {
		t.Helper()
		// All that is left of a worker that died is its claim.
		w.Set(t, d.ID, "status = 'processing', attempts = attempts + 1, fence = fence + 1, next_due_at = clock_timestamp() + interval '3 minutes'")
	}
	reconcile := func() {
		t.Helper()
		if err := w.Schedule(t, "reconcile"); err != nil {
			t.Fatal(err)
		}
	}
	die()
	reconcile()
	if s := w.Status(t, d.ID); s != "processing" {
		t.Fatalf("the lease holds, status %s", s)
	}
	w.Due(t, d.ID)
	reconcile()
	if s := w.Status(t, d.ID); s != "stored" {
		t.Fatalf("the lease is over, status %s", s)
	}
	if err := w.Deliver(t, "analyze", u.Job(d.ID)); err != nil || w.Status(t, d.ID) != "ready" {
		t.Fatalf("the next worker: %v, status %s", err, w.Status(t, d.ID))
	}
	u.Call(t, http.MethodPost, "/v1/documents/"+d.ID.String()+"/reprocess", nil).JSON(t, http.StatusAccepted, nil)
	for attempt := range 5 {
		if s := w.Status(t, d.ID); s != "stored" {
			t.Fatalf("attempt %d: status %s", attempt, s)
		}
		die()
		w.Due(t, d.ID)
		reconcile()
	}
	got := u.Get(t, d.ID)
	if got.Status != "failed" || got.Failure != "analysis_failed" || w.Audit(t, "document.analysis_failed", d.ID) != 1 {
		t.Errorf("got %+v, %d audit entries", got, w.Audit(t, "document.analysis_failed", d.ID))
	}
	if dbtest.Query1[bool](t, w.DB, `SELECT next_due_at IS NOT NULL FROM documents`) {
		t.Error("a failed document is due")
	}
	u.Call(t, http.MethodGet, "/v1/documents/"+d.ID.String()+"/download", nil).JSON(t, http.StatusOK, nil)
	u.Call(t, http.MethodPost, "/v1/documents/"+d.ID.String()+"/reprocess", nil).JSON(t, http.StatusAccepted, nil)
	if err := w.Deliver(t, "analyze", u.Job(d.ID)); err != nil || u.Get(t, d.ID).Status != "ready" {
		t.Errorf("after reprocess: %v, status %s", err, w.Status(t, d.ID))
	}
}

// While a worker reads, its lease ends and another one finishes; what the first
// found does not count any more.
func TestAWorkerThatLostItsLease(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(t *testing.T, u *vaulttest.User, document id.ID) (want string){
		"another worker finished": func(t *testing.T, u *vaulttest.User, document id.ID) string {
			u.World.Due(t, document)
			if err := u.World.Schedule(t, "reconcile"); err != nil {
				t.Error(err)
			}
			if err := u.World.Deliver(t, "analyze", u.Job(document)); err != nil {
				t.Error(err)
			}
			return "ready"
		},
		"the reconciler took it back": func(t *testing.T, u *vaulttest.User, document id.ID) string {
			u.World.Due(t, document)
			if err := u.World.Schedule(t, "reconcile"); err != nil {
				t.Error(err)
			}
			return "stored"
		},
		"the trash": func(t *testing.T, u *vaulttest.User, document id.ID) string {
			u.Call(t, http.MethodDelete, "/v1/documents/"+document.String(), nil).JSON(t, http.StatusNoContent, nil)
			return "trashed"
		},
		"the trash and back": func(t *testing.T, u *vaulttest.User, document id.ID) string {
			u.Call(t, http.MethodDelete, "/v1/documents/"+document.String(), nil).JSON(t, http.StatusNoContent, nil)
			u.Call(t, http.MethodPost, "/v1/documents/"+document.String()+"/restore", nil).JSON(t, http.StatusOK, nil)
			return "stored"
		},
		"gone": func(t *testing.T, u *vaulttest.User, document id.ID) string {
			u.Call(t, http.MethodDelete, "/v1/documents/"+document.String()+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
			if err := u.World.Deliver(t, "purge", u.Job(document)); err != nil {
				t.Error(err)
			}
			return ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outage := &vaulttest.Outage{}
			w := vaulttest.New(t, nil, outage.Provide(t))
			u := w.User(t)
			d := u.Store(t, "a.txt", "text/plain", invoice)
			var want string
			outage.Next("Get", func() error { want = meanwhile(t, u, d.ID); return nil })
			if err := w.Deliver(t, "analyze", u.Job(d.ID)); err != nil {
				t.Errorf("the stale worker: %v", err)
			}
			if s := w.Status(t, d.ID); s != want {
				t.Errorf("status %q, want %q", s, want)
			}
			wantAudit := 0
			if want == "ready" {
				wantAudit = 1
			}
			if n := w.Audit(t, "document.analyzed", d.ID); n != wantAudit {
				t.Errorf("%d analyses were written", n)
			}
		})
	}
}

// An outage is not the document's fault: it is released and tried again, as
// often as it takes. Another error is, after five attempts.
func TestErrorsAreTriedAgain(t *testing.T) {
	t.Parallel()
	outage := &vaulttest.Outage{}
	w := vaulttest.New(t, nil, outage.Provide(t))
	w.Allow("storage unavailable")
	w.Allow("A test broke this")
	u := w.User(t)
	d := u.Store(t, "a.txt", "text/plain", invoice)
	for attempt := range 8 {
		outage.Next("Get", vaulttest.Down)
		if err := w.Deliver(t, "analyze", u.Job(d.ID)); err == nil || w.Status(t, d.ID) != "stored" {
			t.Fatalf("outage %d: %v, status %s", attempt, err, w.Status(t, d.ID))
		}
	}
	for attempt := range 5 {
		if s := w.Status(t, d.ID); s != "stored" {
			t.Fatalf("bug %d: status %s", attempt, s)
		}
		outage.Next("Get", vaulttest.Bug)
		if err := w.Deliver(t, "analyze", u.Job(d.ID)); err == nil && attempt < 4 {
			t.Fatalf("bug %d: no error, so nobody tries again", attempt)
		}
	}
	if got := u.Get(t, d.ID); got.Status != "failed" || got.Failure != "analysis_failed" || w.Audit(t, "document.analysis_failed", d.ID) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestAnAnalysisWhoseMessageWasLost(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Store(t, "a.txt", "text/plain", invoice)
	w.Due(t, d.ID)
	for want := 2; want <= 2; want++ {
		if err := w.Schedule(t, "reconcile"); err != nil || w.Queued(t, "analyze") != want {
			t.Errorf("%v, %d messages", err, w.Queued(t, "analyze"))
		}
	}
}
