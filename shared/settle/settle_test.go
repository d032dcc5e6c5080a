package settle_test

import (
	"net/http"
	"testing"
	"time"

	"docuvault/shared/fault"
	"docuvault/shared/objectkey"
	"docuvault/shared/settle"
	"docuvault/shared/vault"
	"docuvault/shared/vaulttest"
)

// The three ways in which an upload is settled.
var ways = map[string]func(t testing.TB, u *vaulttest.User, b vaulttest.Begun){
	"complete": func(t testing.TB, u *vaulttest.User, b vaulttest.Begun) {
		if a := u.Call(t, http.MethodPost, "/v1/uploads/"+b.Document.ID.String()+"/complete", nil); a.StatusCode != http.StatusOK {
			t.Errorf("complete answered %d: %s", a.StatusCode, a.Bytes)
		}
	},
	"event": func(t testing.TB, u *vaulttest.User, b vaulttest.Begun) {
		if err := u.World.Deliver(t, "uploadcomplete", []byte(u.World.Event(u.World.Key(t, b.Document.ID)))); err != nil {
			t.Errorf("event: %v", err)
		}
	},
	"reconcile": func(t testing.TB, u *vaulttest.User, b vaulttest.Begun) {
		u.World.Due(t, b.Document.ID)
		if err := u.World.Schedule(t, "reconcile"); err != nil {
			t.Errorf("reconcile: %v", err)
		}
	},
}

func storedOnce(t *testing.T, u *vaulttest.User, b vaulttest.Begun) {
	t.Helper()
	w := u.World
	if s := w.Status(t, b.Document.ID); s != "stored" {
		t.Errorf("status %q", s)
	}
	if got := u.Counters(t); got.Used != b.Document.Size || got.Reserved != 0 || got.Documents != 1 || got.Open != 0 {
		t.Errorf("counters %+v", got)
	}
	if n := w.Audit(t, "upload.stored", b.Document.ID); n != 1 {
		t.Errorf("%d audit entries", n)
	}
}

func TestEveryOrderSettlesOnce(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	for _, order := range [][]string{
		{"complete", "event", "reconcile"}, {"complete", "reconcile", "event"}, {"event", "complete", "reconcile"},
		{"event", "reconcile", "complete"}, {"reconcile", "complete", "event"}, {"reconcile", "event", "complete"},
	} {
		u := w.User(t)
		content := vaulttest.Unique(t, 100)
		b := u.Begin(t, "a.txt", "text/plain", content)
		if status := b.Put(t, content); status != http.StatusOK {
			t.Fatalf("storage answered %d", status)
		}
		for _, way := range order {
			ways[way](t, u, b)
			storedOnce(t, u, b)
		}
		if t.Failed() {
			t.Fatalf("in the order %v", order)
		}
	}
}

func TestAllAtOnceSettleOnce(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	content := vaulttest.Unique(t, 100)
	b := u.Begin(t, "a.txt", "text/plain", content)
	b.Put(t, content)
	w.Handler(t, "uploadcomplete")
	vaulttest.AtOnce(16, func(i int) { ways[[]string{"complete", "event", "complete", "reconcile"}[i%4]](t, u, b) })
	storedOnce(t, u, b)
}

// Complete before the bytes, bytes of another size, of another hash, none.
func TestBytesThatLie(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	for name, lie := range map[string]func(content []byte) []byte{
		"another size": func(c []byte) []byte { return c[:99] },
		"another hash": func(c []byte) []byte { return vaulttest.Unique(t, len(c)) },
		"no bytes":     func([]byte) []byte { return nil },
	} {
		for way := range ways {
			content := vaulttest.Unique(t, 100)
			b := u.Begin(t, "a.txt", "text/plain", content)
			key := w.Key(t, b.Document.ID)
			w.PutDirectly(t, key, lie(content))
			if way == "complete" {
				u.Call(t, http.MethodPost, "/v1/uploads/"+b.Document.ID.String()+"/complete", nil).Problem(t, fault.UploadRejected)
				u.Call(t, http.MethodPost, "/v1/uploads/"+b.Document.ID.String()+"/complete", nil).Problem(t, fault.UploadRejected)
			} else {
				ways[way](t, u, b)
				ways[way](t, u, b)
			}
			if s := w.Status(t, b.Document.ID); s != "rejected" && !(way == "reconcile" && s == "") {
				t.Errorf("%s by %s: status %q", name, way, s)
			}
			if w.Has(t, key) {
				t.Errorf("%s by %s: the object is still there", name, way)
			}
			if got := u.Counters(t); got.Used != 0 || got.Reserved != 0 || got.Open != 0 || got.Documents != 0 {
				t.Errorf("%s by %s: counters %+v", name, way, got)
			}
			if n := w.Audit(t, "upload.rejected", b.Document.ID); n != 1 {
				t.Errorf("%s by %s: %d audit entries", name, way, n)
			}
			// The true bytes can come at once.
			again := u.Begin(t, "a.txt", "text/plain", content)
			if again.Document.ID == b.Document.ID {
				t.Errorf("%s by %s: the rejected document came again", name, way)
			}
			u.Call(t, http.MethodDelete, "/v1/uploads/"+again.Document.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
		}
	}
}

func TestAbortAndCompleteAtOnceAgree(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	for range 12 {
		content := vaulttest.Unique(t, 100)
		b := u.Begin(t, "a.txt", "text/plain", content)
		b.Put(t, content)
		path := "/v1/uploads/" + b.Document.ID.String()
		before := u.Counters(t)
		var aborted, completed int
		vaulttest.AtOnce(2, func(i int) {
			if i == 0 {
				aborted = u.Call(t, http.MethodDelete, path, nil).StatusCode
			} else {
				completed = u.Call(t, http.MethodPost, path+"/complete", nil).StatusCode
			}
		})
		got := u.Counters(t)
		switch s := w.Status(t, b.Document.ID); {
		case s == "stored" && aborted == http.StatusConflict && completed == http.StatusOK && got.Used == before.Used+100:
		case s == "expired" && aborted == http.StatusNoContent && completed == http.StatusConflict && got.Used == before.Used:
		default:
			t.Errorf("status %s, abort %d, complete %d, counters %+v", s, aborted, completed, got)
		}
		if got.Reserved != 0 || got.Open != 0 {
			t.Errorf("counters %+v", got)
		}
	}
}

func TestOnlyTheReconcilerExpiresAndOnlyAfterTheGrace(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	content := vaulttest.Unique(t, 100)
	b := u.Begin(t, "a.txt", "text/plain", content)
	reconcile := func(expires string) string {
		t.Helper()
		w.Set(t, b.Document.ID, "upload_expires_at = clock_timestamp() + interval '"+expires+"', next_due_at = clock_timestamp() - interval '1 second'")
		if err := w.Schedule(t, "reconcile"); err != nil {
			t.Fatal(err)
		}
		return w.Status(t, b.Document.ID)
	}
	for _, expires := range []string{"10 minutes", "-1 minute", "-59 minutes"} {
		if s := reconcile(expires); s != "pending" {
			t.Fatalf("%s after its URL: status %s", expires, s)
		}
	}
	if s := reconcile("-61 minutes"); s != "expired" {
		t.Errorf("status %s", s)
	}
	if got := u.Counters(t); got.Reserved != 0 || got.Open != 0 || w.Audit(t, "upload.expired", b.Document.ID) != 1 {
		t.Errorf("counters %+v", got)
	}
	u.Call(t, http.MethodPost, "/v1/uploads/"+b.Document.ID.String()+"/complete", nil).Problem(t, fault.UploadExpired)

	// The row goes after a week, with the bytes that came late.
	key := w.Key(t, b.Document.ID)
	w.PutDirectly(t, key, content)
	w.Due(t, b.Document.ID)
	if err := w.Schedule(t, "reconcile"); err != nil {
		t.Fatal(err)
	}
	if s := w.Status(t, b.Document.ID); s != "" || w.Has(t, key) {
		t.Errorf("status %q, object there: %v", s, w.Has(t, key))
	}
}

// An upload that is slow: its URL expires, the reconciler waits, the bytes
// arrive and count.
func TestBytesThatArriveWithinTheGraceAreStored(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	content := vaulttest.Unique(t, 100)
	b := u.Begin(t, "a.txt", "text/plain", content)
	b.Put(t, content)
	w.Set(t, b.Document.ID, "upload_expires_at = clock_timestamp() - interval '3 hours', next_due_at = clock_timestamp() - interval '1 second'")
	if err := w.Schedule(t, "reconcile"); err != nil {
		t.Fatal(err)
	}
	storedOnce(t, u, b)
}

func TestOwnerReadsOnlyKeysOfItsForm(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Begin(t, "a.pdf", "application/pdf", vaulttest.Unique(t, 10)).Document.ID
	user, document, ok := objectkey.Owner(w.Key(t, d))
	if !ok || user != u.ID || document != d {
		t.Errorf("got %s %s %v", user, document, ok)
	}
	for _, key := range []string{"", "/", "//", "a/b/c", u.ID.String() + "/" + d.String(), u.ID.String() + "/" + d.String() + "/a/b", "{" + u.ID.String() + "}/" + d.String() + "/x"} {
		if _, _, ok := objectkey.Owner(key); ok {
			t.Errorf("%q is no key of ours", key)
		}
	}
	if vault.Pending == "" || settle.Grace < time.Hour {
		t.Error("a PUT may run for an hour after its URL ended")
	}
}
