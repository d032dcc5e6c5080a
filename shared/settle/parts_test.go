package settle_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/queue"
	"docuvault/shared/storage"
	"docuvault/shared/vaulttest"
)

func complete(document id.ID) string { return "/v1/uploads/" + document.String() + "/complete" }

// sent begins an upload in parts and sends all of them.
func sent(t *testing.T, u *vaulttest.User, content []byte) vaulttest.Begun {
	t.Helper()
	b := u.Begin(t, "a.txt", "text/plain", content)
	for n := 1; n <= b.Upload.Multipart.PartCount; n++ {
		u.PutParts(t, b, content, n)
	}
	return b
}

func completed(t *testing.T, u *vaulttest.User, document id.ID, want string) {
	t.Helper()
	var out struct{ Document vaulttest.Document }
	u.Call(t, http.MethodPost, complete(document), nil).JSON(t, http.StatusOK, &out)
	if out.Document.Status != want {
		t.Errorf("complete answered %s, want %s", out.Document.Status, want)
	}
}

// event is the message that complete sends, and the event of storage, in one.
func event(t *testing.T, u *vaulttest.User, document id.ID) {
	t.Helper()
	if err := u.World.Deliver(t, "uploadcomplete", []byte(u.World.Event(u.World.Key(t, document)))); err != nil {
		t.Errorf("event: %v", err)
	}
}

func reconcile(t *testing.T, w *vaulttest.World) {
	t.Helper()
	if err := w.Schedule(t, "reconcile"); err != nil {
		t.Fatalf("reconcile: %v", err)
	}
}

// started are the uploads in parts that storage knows, by id.
func started(t *testing.T, w *vaulttest.World, key string) (ids []string) {
	t.Helper()
	for u, err := range w.Parts(t).ListStale(t.Context(), time.Now().Add(time.Hour)) {
		if err != nil {
			t.Fatal(err)
		}
		if key == "" || u.Key == key {
			ids = append(ids, u.ID)
		}
	}
	return ids
}

func TestPartsBecomeADocument(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, vaulttest.InParts())
	u := w.User(t)
	content := vaulttest.Unique(t, 2*vaulttest.PartSize+77)
	b := sent(t, u, content)
	before := w.Queued(t, "uploadcomplete")
	completed(t, u, b.Document.ID, "pending")
	completed(t, u, b.Document.ID, "pending")
	if got := u.Counters(t); got.Used != 0 || got.Reserved != int64(len(content)) || got.Open != 1 {
		t.Errorf("before it was read: %+v", got)
	}
	if w.Queued(t, "uploadcomplete") == before {
		t.Error("nobody was asked to read it")
	}
	event(t, u, b.Document.ID)
	storedOnce(t, u, b)
	event(t, u, b.Document.ID)
	completed(t, u, b.Document.ID, "stored")
	storedOnce(t, u, b)
	if n := len(started(t, w, w.Key(t, b.Document.ID))); n != 0 {
		t.Errorf("storage still has %d uploads of it", n)
	}
	if n := w.Queued(t, "analyze"); n != 1 {
		t.Errorf("%d analyses were queued", n)
	}
}

func TestMissingPartsAreNamed(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, vaulttest.InParts())
	u := w.User(t)
	content := vaulttest.Unique(t, 2*vaulttest.PartSize+77)
	b := u.Begin(t, "a.txt", "text/plain", content)
	missing := func() string {
		t.Helper()
		p := u.Call(t, http.MethodPost, complete(b.Document.ID), nil).Problem(t, fault.UploadIncomplete)
		return fmt.Sprint(p["missing"], p["missing_count"])
	}
	if got := missing(); got != "[1 2 3] 3" {
		t.Errorf("before the first: %s", got)
	}
	u.PutParts(t, b, content, 2)
	if got := missing(); got != "[1 3] 2" {
		t.Errorf("after the second: %s", got)
	}
	u.PutParts(t, b, content, 1, 3)
	completed(t, u, b.Document.ID, "pending")
}

// Each part is as its request said, and the whole is not what begin said.
func TestAWholeThatLies(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, vaulttest.InParts())
	u := w.User(t)
	content, lie := vaulttest.Unique(t, vaulttest.PartSize+10), vaulttest.Unique(t, vaulttest.PartSize+10)
	b := u.Begin(t, "a.txt", "text/plain", content)
	u.PutParts(t, b, lie, 1)
	u.PutParts(t, b, content, 2)
	completed(t, u, b.Document.ID, "pending")
	w.Handler(t, "uploadcomplete")
	vaulttest.AtOnce(4, func(int) { event(t, u, b.Document.ID) })
	event(t, u, b.Document.ID)
	if s := w.Status(t, b.Document.ID); s != "rejected" || w.Has(t, w.Key(t, b.Document.ID)) {
		t.Errorf("status %s, object there: %v", s, w.Has(t, w.Key(t, b.Document.ID)))
	}
	if got := u.Counters(t); got.Used != 0 || got.Reserved != 0 || got.Open != 0 || got.Documents != 0 {
		t.Errorf("counters %+v", got)
	}
	if n := w.Audit(t, "upload.rejected", b.Document.ID); n != 1 {
		t.Errorf("%d audit entries", n)
	}
	u.Call(t, http.MethodPost, complete(b.Document.ID), nil).Problem(t, fault.UploadRejected)
	again := sent(t, u, content)
	completed(t, u, again.Document.ID, "pending")
	event(t, u, again.Document.ID)
	if s := w.Status(t, again.Document.ID); s != "stored" {
		t.Errorf("the true bytes: status %s", s)
	}
}

func TestCompletesAndEventsAtOnce(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, vaulttest.InParts())
	u := w.User(t)
	b := sent(t, u, vaulttest.Unique(t, vaulttest.PartSize+10))
	w.Handler(t, "uploadcomplete")
	vaulttest.AtOnce(9, func(i int) {
		if i%3 == 0 {
			event(t, u, b.Document.ID)
		} else if a := u.Call(t, http.MethodPost, complete(b.Document.ID), nil); a.StatusCode != http.StatusOK {
			t.Errorf("complete answered %d: %s", a.StatusCode, a.Bytes)
		}
	})
	event(t, u, b.Document.ID)
	storedOnce(t, u, b)
}

// Parts that storage takes away because it assembles them are not missing.
func TestCompleteWhileStorageAssembles(t *testing.T) {
	t.Parallel()
	outage := &vaulttest.Outage{}
	w := vaulttest.New(t, vaulttest.InParts(), outage.Provide(t))
	u := w.User(t)
	b := sent(t, u, vaulttest.Unique(t, vaulttest.PartSize+10))
	outage.Next("ListParts", func() error {
		completed(t, u, b.Document.ID, "pending") // the other one
		return vaulttest.Down()
	})
	completed(t, u, b.Document.ID, "pending")
	event(t, u, b.Document.ID)
	storedOnce(t, u, b)
}

// Storage assembled it, and the answer is lost: the client asks again, or the
// reconciler finds it.
func TestALostAnswerOfTheAssembly(t *testing.T) {
	t.Parallel()
	outage := &vaulttest.Outage{}
	w := vaulttest.New(t, vaulttest.InParts(), outage.Provide(t))
	w.Allow("storage unavailable")
	for _, client := range []bool{true, false} {
		u := w.User(t)
		b := sent(t, u, vaulttest.Unique(t, 2000))
		outage.Next("Complete", vaulttest.Down)
		u.Call(t, http.MethodPost, complete(b.Document.ID), nil).Problem(t, fault.Unavailable)
		if s := w.Status(t, b.Document.ID); s != "pending" || !w.Has(t, w.Key(t, b.Document.ID)) {
			t.Errorf("status %s", s)
		}
		// What was sent counts as sent.
		var l struct{ Parts []struct{ Number, Size int } }
		u.Call(t, http.MethodGet, "/v1/uploads/"+b.Document.ID.String()+"/parts", nil).JSON(t, http.StatusOK, &l)
		if len(l.Parts) != 1 || l.Parts[0].Size != 2000 {
			t.Errorf("listed %+v", l)
		}
		if client {
			completed(t, u, b.Document.ID, "pending")
		} else {
			w.Due(t, b.Document.ID)
			before := w.Queued(t, "uploadcomplete")
			for range 2 { // the second run has nothing to do
				reconcile(t, w)
				if n := w.Queued(t, "uploadcomplete") - before; n != 1 {
					t.Errorf("the reconciler sent %d messages", n)
				}
			}
		}
		if s := w.Status(t, b.Document.ID); s != "pending" {
			t.Errorf("not the worker settled it: status %s", s)
		}
		event(t, u, b.Document.ID)
		storedOnce(t, u, b)
	}
}

// Neither complete nor the reconciler reads bytes.
func TestOnlyTheWorkerReads(t *testing.T) {
	t.Parallel()
	outage := &vaulttest.Outage{}
	w := vaulttest.New(t, vaulttest.InParts(), outage.Provide(t))
	u := w.User(t)
	b := sent(t, u, vaulttest.Unique(t, 2000))
	var read atomic.Bool
	outage.Next("Get", func() error { read.Store(true); return nil })
	completed(t, u, b.Document.ID, "pending")
	completed(t, u, b.Document.ID, "pending")
	w.Due(t, b.Document.ID)
	reconcile(t, w)
	if read.Load() {
		t.Error("the object was read")
	}
	event(t, u, b.Document.ID)
	if !read.Load() {
		t.Error("the worker did not read the object")
	}
	storedOnce(t, u, b)
}

// A worker that reads holds the row; another one leaves it alone, and one that
// died is followed by the next when its lease is over.
func TestTheLeaseOfTheReader(t *testing.T) {
	t.Parallel()
	outage := &vaulttest.Outage{}
	w := vaulttest.New(t, vaulttest.InParts(), outage.Provide(t))
	w.Allow("storage unavailable")
	u := w.User(t)
	b := sent(t, u, vaulttest.Unique(t, 2000))
	completed(t, u, b.Document.ID, "pending")
	w.Set(t, b.Document.ID, "verify_until = clock_timestamp() + interval '1 minute'")
	before := w.Queued(t, "uploadcomplete")
	event(t, u, b.Document.ID)
	completed(t, u, b.Document.ID, "pending")
	w.Due(t, b.Document.ID)
	reconcile(t, w)
	if s := w.Status(t, b.Document.ID); s != "pending" || w.Queued(t, "uploadcomplete") != before {
		t.Errorf("status %s, %d more messages", s, w.Queued(t, "uploadcomplete")-before)
	}
	if later := dbtest.Query1[bool](t, w.DB, `SELECT next_due_at > verify_until FROM documents WHERE id = $1`, b.Document.ID.String()); !later {
		t.Error("the reconciler does not come back after the lease")
	}
	w.Set(t, b.Document.ID, "verify_until = clock_timestamp() - interval '1 second'")

	// One that fails gives the lease back.
	outage.Next("Get", vaulttest.Down)
	if err := w.Deliver(t, "uploadcomplete", []byte(w.Event(w.Key(t, b.Document.ID)))); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	event(t, u, b.Document.ID)
	storedOnce(t, u, b)
}

// A large object takes longer than a queue holds a message.
func TestTheReaderHoldsItsMessage(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, vaulttest.InParts())
	w.Allow("the message is not held any more")
	u := w.User(t)
	b := sent(t, u, vaulttest.Unique(t, 65<<20))
	completed(t, u, b.Document.ID, "pending")
	m := queue.Message{ID: "test", Body: []byte(w.Event(w.Key(t, b.Document.ID))), ReceiveCount: 1}
	m.Extend = func(context.Context, time.Duration) error { return queue.ErrNotHeld }
	if err := w.Handler(t, "uploadcomplete")(t.Context(), m); !errors.Is(err, queue.ErrNotHeld) || w.Status(t, b.Document.ID) != "pending" {
		t.Errorf("a message that is not held any more: %v, status %s", err, w.Status(t, b.Document.ID))
	}
	var extended time.Duration
	m.Extend = func(_ context.Context, d time.Duration) error {
		extended += d
		if held := dbtest.Query1[bool](t, w.DB, `SELECT verify_until > clock_timestamp() FROM documents WHERE id = $1`, b.Document.ID.String()); !held {
			t.Error("the row is not held")
		}
		return nil
	}
	if err := w.Handler(t, "uploadcomplete")(t.Context(), m); err != nil || extended < 30*time.Second {
		t.Errorf("%v, extended by %s", err, extended)
	}
	storedOnce(t, u, b)
}

func TestAbortWhileItIsRead(t *testing.T) {
	t.Parallel()
	outage := &vaulttest.Outage{}
	w := vaulttest.New(t, vaulttest.InParts(), outage.Provide(t))
	u := w.User(t)
	b := sent(t, u, vaulttest.Unique(t, 2000))
	completed(t, u, b.Document.ID, "pending")
	key := w.Key(t, b.Document.ID)
	outage.Next("Get", func() error {
		u.Call(t, http.MethodDelete, "/v1/uploads/"+b.Document.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
		return nil
	})
	_ = w.Deliver(t, "uploadcomplete", []byte(w.Event(key))) // finds the object gone
	event(t, u, b.Document.ID)
	if s := w.Status(t, b.Document.ID); s != "expired" || w.Has(t, key) {
		t.Errorf("status %s, object there: %v", s, w.Has(t, key))
	}
	if got := u.Counters(t); got.Used != 0 || got.Reserved != 0 || got.Open != 0 {
		t.Errorf("counters %+v", got)
	}
}

func TestAbortAndExpiryDropTheParts(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, vaulttest.InParts())
	u := w.User(t)
	for _, way := range []string{"abort", "expiry"} {
		content := vaulttest.Unique(t, vaulttest.PartSize+10)
		b := u.Begin(t, "a.txt", "text/plain", content)
		late := u.SignParts(t, b, content, 2)[0]
		u.PutParts(t, b, content, 1)
		key := w.Key(t, b.Document.ID)
		if len(started(t, w, key)) != 1 {
			t.Fatal("storage knows of no upload")
		}
		if way == "abort" {
			u.Call(t, http.MethodDelete, "/v1/uploads/"+b.Document.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
		} else {
			for _, expires := range []string{"-59 minutes", "-61 minutes"} {
				if s := w.Status(t, b.Document.ID); s != "pending" {
					t.Errorf("before %s: status %s", expires, s)
				}
				w.Set(t, b.Document.ID, "upload_expires_at = clock_timestamp() + interval '"+expires+"', next_due_at = clock_timestamp() - interval '1 second'")
				reconcile(t, w)
			}
		}
		if s := w.Status(t, b.Document.ID); s != "expired" || len(started(t, w, key)) != 0 {
			t.Errorf("%s: status %s, %d uploads in storage", way, s, len(started(t, w, key)))
		}
		if status := late.Put(t, vaulttest.Cut(content, 2)); status != http.StatusNotFound {
			t.Errorf("%s: storage answered %d to a late part", way, status)
		}
		u.Call(t, http.MethodPost, complete(b.Document.ID), nil).Problem(t, fault.UploadExpired)
		if got := u.Counters(t); got.Reserved != 0 || got.Open != 0 {
			t.Errorf("%s: counters %+v", way, got)
		}
	}
}

// All parts are there, and the client never said so.
func TestPartsThatNobodyCompleted(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, vaulttest.InParts())
	u := w.User(t)
	b := sent(t, u, vaulttest.Unique(t, 2000))
	w.Set(t, b.Document.ID, "upload_expires_at = clock_timestamp() - interval '3 hours', next_due_at = clock_timestamp() - interval '1 second'")
	reconcile(t, w)
	if s := w.Status(t, b.Document.ID); s != "pending" || !w.Has(t, w.Key(t, b.Document.ID)) {
		t.Errorf("status %s", s)
	}
	event(t, u, b.Document.ID)
	storedOnce(t, u, b)
}

// An old upload that no row knows is aborted; one that a row knows is not.
func TestUploadsThatNoRowKnows(t *testing.T) {
	t.Parallel()
	var later time.Duration
	w := vaulttest.New(t, vaulttest.InParts(), func(env *host.Env) {
		env.Now = func() time.Time { return time.Now().Add(later) }
	})
	u := w.User(t)
	content := vaulttest.Unique(t, 2000)
	b := u.Begin(t, "a.txt", "text/plain", content)
	u.PutParts(t, b, content, 1)
	var unknown []string
	for _, key := range []string{w.Key(t, b.Document.ID), u.ID.String() + "/" + id.New().String() + "/x.bin", "not/ours"} {
		uploadID, err := w.Parts(t).NewMultipart(t.Context(), key, storage.PutOptions{})
		if err != nil {
			t.Fatal(err)
		}
		unknown = append(unknown, uploadID)
	}
	reconcile(t, w)
	if n := len(started(t, w, "")); n != 4 {
		t.Errorf("young ones went: %d are left", n)
	}
	later = 25 * time.Hour
	for range 2 {
		reconcile(t, w)
		if left := started(t, w, ""); len(left) != 2 || slices.Contains(left, unknown[0]) || slices.Contains(left, unknown[1]) {
			t.Errorf("%d are left", len(left))
		}
	}
}
