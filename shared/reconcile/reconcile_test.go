package reconcile_test

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"docuvault/shared/dbtest"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/id"
	"docuvault/shared/reconcile"
	"docuvault/shared/storage"
	"docuvault/shared/vault"
	"docuvault/shared/vaulttest"
)

func run(t testing.TB, w *vaulttest.World) reconcile.Report {
	t.Helper()
	r, err := reconcile.Open(w.Env)
	if err != nil {
		t.Fatal(err)
	}
	report, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// tomorrow is a reconciler of the same vault whose clock is past the grace:
// objects cannot be backdated.
func tomorrow(t testing.TB, w *vaulttest.World) *reconcile.Reconciler {
	t.Helper()
	return later(t, w, reconcile.OrphanGrace+time.Hour)
}

// later is a reconciler of the same vault whose clock is ahead.
func later(t testing.TB, w *vaulttest.World, by time.Duration) *reconcile.Reconciler {
	t.Helper()
	env, _ := hosttest.Env(t, w.Vars)
	env.Now = func() time.Time { return time.Now().Add(by) }
	r, err := reconcile.Open(env)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Every state at once, each past its time: one run puts all right, the next one
// finds nothing to do.
func TestASecondRunChangesNothing(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	w.Allow("a quota differed")
	u := w.User(t)
	content := func() []byte { return vaulttest.Unique(t, 100) }
	begun := func() id.ID { return u.Begin(t, "a.txt", "text/plain", content()).Document.ID }
	stored := func() id.ID { return u.Store(t, "a.txt", "text/plain", content()).ID }
	ready := u.Analyzed(t, "a.txt", "text/plain", content()).ID

	arrived := content()
	lost := u.Begin(t, "a.txt", "text/plain", arrived)
	lost.Put(t, arrived)
	waiting, never, ended := begun(), begun(), begun()
	unread, dead, hopeless, trashed, purging := stored(), stored(), stored(), stored(), stored()
	u.Call(t, http.MethodDelete, "/v1/uploads/"+ended.String(), nil).JSON(t, http.StatusNoContent, nil)
	u.Call(t, http.MethodDelete, "/v1/documents/"+trashed.String(), nil).JSON(t, http.StatusNoContent, nil)
	u.Call(t, http.MethodDelete, "/v1/documents/"+purging.String()+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
	w.Set(t, never, "upload_expires_at = clock_timestamp() - interval '2 hours'")
	w.Set(t, dead, "status = 'processing', attempts = 1, fence = 1")
	w.Set(t, hopeless, "status = 'processing', attempts = 5, fence = 5")
	for _, d := range []id.ID{lost.Document.ID, waiting, never, ended, unread, dead, hopeless, trashed, purging} {
		w.Due(t, d)
	}
	w.DB.Exec(t, `UPDATE quotas SET used_bytes = used_bytes + 5 WHERE user_id = $1`, u.ID.String())

	report := run(t, w)
	want := reconcile.Report{Settled: 1, Expired: 1, Resent: 3, Failed: 1, Purged: 1, Removed: 1, Recounts: 1}
	if report != want {
		t.Errorf("got %+v, want %+v", report, want)
	}
	for document, status := range map[id.ID]string{lost.Document.ID: "stored", waiting: "pending", never: "expired", ended: "", unread: "stored",
		dead: "stored", hopeless: "failed", trashed: "purging", purging: "purging", ready: "ready"} {
		if s := w.Status(t, document); s != status {
			t.Errorf("status %q, want %q", s, status)
		}
	}
	if got := u.Counters(t); got.Used != 700 || got.Documents != 7 || got.Reserved != 100 || got.Open != 1 {
		t.Errorf("counters %+v", got)
	}
	before := w.DB.Dump(t)
	if report := run(t, w); report != (reconcile.Report{}) {
		t.Errorf("the second run did %+v", report)
	}
	if after := w.DB.Dump(t); !bytes.Equal(before, after) {
		t.Errorf("the second run changed the database:\n%s", diff(before, after))
	}
	// Nor does one that looks at everything again, but for when it did.
	if report, err := later(t, w, reconcile.RestOfObjects+time.Minute).Run(t.Context()); err != nil || report != (reconcile.Report{}) {
		t.Errorf("a run after the rest did %+v, %v", report, err)
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM cursors WHERE updated_at > now() + interval '11 hours'`); n != 5 {
		t.Errorf("%d sweeps had a turn after the rest, want 5", n)
	}
	after := w.DB.Dump(t)
	if d := diff(resting.ReplaceAll(before, nil), resting.ReplaceAll(after, nil)); d != "" {
		t.Errorf("a run after the rest changed the database:\n%s", d)
	}
}

// resting are the rows of cursors in a dump.
var resting = regexp.MustCompile(`(?m)^(orphans\.documents|orphans\.derived|stale|recount|previews)\t.*$`)

// diff is the lines of one dump that the other does not have.
func diff(before, after []byte) string {
	had := map[string]bool{}
	for line := range bytes.Lines(before) {
		had[string(line)] = true
	}
	var out strings.Builder
	for line := range bytes.Lines(after) {
		if !had[string(line)] {
			fmt.Fprintf(&out, "%q\n", line)
		}
	}
	return out.String()
}

func TestOrphansGoAfterTheGraceOnly(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Analyzed(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
	mine := u.ID.String() + "/" + id.New().String() + "/late.txt"
	w.PutDirectly(t, mine, []byte("late"))
	w.PutDirectly(t, "not/of/ours", []byte("x"))
	if err := w.Store.Derived.Put(t.Context(), "preview", strings.NewReader("x"), 1, storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if report := run(t, w); report.Orphans != 0 || !w.Has(t, mine) {
		t.Errorf("young ones: %+v", report)
	}
	fresh := tomorrow(t, w)
	report, err := fresh.Run(t.Context())
	if err != nil || report.Orphans != 3 {
		t.Errorf("old ones: %+v, %v", report, err)
	}
	if w.Has(t, mine) || w.Has(t, "not/of/ours") || !w.Has(t, w.Key(t, d.ID)) {
		t.Error("the wrong ones went")
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT sum((metadata->>'count')::integer) FROM audit_log WHERE action = 'storage.orphan_removed' AND user_id IS NULL`); n != 3 {
		t.Errorf("audit of %d", n)
	}
	if report, err := fresh.Run(t.Context()); err != nil || report.Orphans != 0 {
		t.Errorf("again: %+v, %v", report, err)
	}
}

// More than max(100, 1 %) look like a wrong bucket: nothing goes, the run says
// so, and the rest of it is done.
func TestManyOrphansWaitForAnOperator(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	w.Allow("a quota differed")
	u := w.User(t)
	for i := range 101 {
		w.PutDirectly(t, fmt.Sprintf("orphan/%03d/x", i), []byte("x"))
	}
	w.DB.Exec(t, `UPDATE quotas SET used_bytes = 5 WHERE user_id = $1`, u.ID.String())
	r := tomorrow(t, w)
	report, err := r.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "101 of 101") || report.Orphans != 0 || report.Recounts != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	if err := w.Store.Documents.Delete(t.Context(), "orphan/000/x"); err != nil {
		t.Fatal(err)
	}
	if report, err := r.Run(t.Context()); err != nil || report.Orphans != 100 {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestWrongCountersArePutRightAndLogged(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	w.Allow("a quota differed")
	u, right := w.User(t), w.User(t)
	d := u.Store(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
	u.Begin(t, "b.txt", "text/plain", vaulttest.Unique(t, 50))
	w.DB.Exec(t, `UPDATE quotas SET used_bytes = 1, reserved_bytes = 2, documents = 3, open_uploads = 4 WHERE user_id = $1`, u.ID.String())
	if report := run(t, w); report.Recounts != 1 {
		t.Errorf("got %+v", report)
	}
	if got := u.Counters(t); got.Used != 100 || got.Reserved != 50 || got.Documents != 1 || got.Open != 1 {
		t.Errorf("counters %+v of %s", got, d.ID)
	}
	log := w.Log.String()
	if !strings.Contains(log, `"user_id":"`+u.ID.String()+`","used_bytes_was":1,"reserved_bytes_was":2`) || strings.Contains(log, `"user_id":"`+right.ID.String()+`"`) {
		t.Error("the log does not say whose and what")
	}
}

// Restored after the reconciler saw it in the trash, before it purged it.
func TestADocumentThatWasRestoredIsNotPurged(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Analyzed(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
	v, err := vault.Open(w.Env)
	if err != nil {
		t.Fatal(err)
	}
	empty := func(want bool, status string) {
		t.Helper()
		if purged, err := v.EndRetention(t.Context(), u.ID, d.ID); err != nil || purged != want || w.Status(t, d.ID) != status {
			t.Errorf("%v, %v, status %s", purged, err, w.Status(t, d.ID))
		}
	}
	empty(false, "ready")
	u.Call(t, http.MethodDelete, "/v1/documents/"+d.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
	empty(false, "trashed")
	w.Due(t, d.ID)
	empty(true, "purging")
	empty(false, "purging")
}

func TestTheTrashIsEmptiedAfterItsRetention(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, map[string]string{"TRASH_RETENTION": "48h"})
	u := w.User(t)
	d := u.Analyzed(t, "a.txt", "text/plain", vaulttest.Unique(t, 100))
	key := w.Key(t, d.ID)
	u.Call(t, http.MethodDelete, "/v1/documents/"+d.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
	move := func(hours int) {
		w.Set(t, d.ID, fmt.Sprintf("next_due_at = next_due_at - interval '%d hours'", hours))
		run(t, w)
	}
	move(47)
	if s := w.Status(t, d.ID); s != "trashed" {
		t.Fatalf("status %s", s)
	}
	move(2)
	if s := w.Status(t, d.ID); s != "purging" || w.Queued(t, "purge") != 1 {
		t.Fatalf("status %s", s)
	}
	if err := w.Deliver(t, "purge", u.Job(d.ID)); err != nil || w.Has(t, key) || u.Counters(t).Used != 0 {
		t.Errorf("%v, counters %+v", err, u.Counters(t))
	}
}

// One row that fails keeps nobody else waiting, and comes again later.
func TestARowThatFails(t *testing.T) {
	t.Parallel()
	outage := &vaulttest.Outage{}
	w := vaulttest.New(t, nil, outage.Provide(t))
	w.Allow("a due document could not be handled")
	u := w.User(t)
	var documents []id.ID
	for i := range 3 {
		content := vaulttest.Unique(t, 100)
		b := u.Begin(t, "a.txt", "text/plain", content)
		b.Put(t, content)
		w.Set(t, b.Document.ID, fmt.Sprintf("next_due_at = clock_timestamp() - interval '%d seconds'", 10-i))
		documents = append(documents, b.Document.ID)
	}
	outage.Next("Stat", vaulttest.Down)
	if report := run(t, w); report.Errors != 1 || report.Settled != 2 {
		t.Errorf("got %+v", report)
	}
	if s := w.Status(t, documents[0]); s != "pending" {
		t.Errorf("status %s", s)
	}
	if report := run(t, w); report != (reconcile.Report{}) {
		t.Errorf("it came again at once: %+v", report)
	}
	w.Due(t, documents[0])
	if report := run(t, w); report.Settled != 1 {
		t.Errorf("got %+v", report)
	}
}

// A run is bounded by rows, and goes on where the last one ended.
func TestManyDueRows(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	w.DB.Exec(t, `INSERT INTO documents (id, user_id, status, object_key, size, sha256, content_type, upload_expires_at, filename_sealed, next_due_at)
	  SELECT gen_random_uuid(), $1, 'stored', 'k' || i, 0, sha256(i::text::bytea), '', now(), '', now() - interval '1 hour' FROM generate_series(1, 450) i`, u.ID.String())
	w.DB.Exec(t, `UPDATE quotas SET documents = 450 WHERE user_id = $1`, u.ID.String())
	if report := run(t, w); report.Resent != 450 || w.Queued(t, "analyze") != 450 {
		t.Errorf("got %+v", report)
	}
	if report := run(t, w); report != (reconcile.Report{}) {
		t.Errorf("the second run did %+v", report)
	}
}

func TestRunsAtOnce(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	content := vaulttest.Unique(t, 100)
	b := u.Begin(t, "a.txt", "text/plain", content)
	b.Put(t, content)
	w.Due(t, b.Document.ID)
	r, err := reconcile.Open(w.Env)
	if err != nil {
		t.Fatal(err)
	}
	vaulttest.AtOnce(8, func(int) {
		if _, err := r.Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
	if got := u.Counters(t); got.Used != 100 || got.Reserved != 0 || w.Audit(t, "upload.stored", b.Document.ID) != 1 {
		t.Errorf("counters %+v", got)
	}
}

func TestOldBookkeepingGoes(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	w.DB.Exec(t, `INSERT INTO rate_limits VALUES ('\x01', 1, now() - interval '2 days'), ('\x02', 1, now())`)
	w.DB.Exec(t, `INSERT INTO idempotency (user_id, key_hash, request_hash, status, created_at) VALUES ($1, '\x01', '', 200, now() - interval '25 hours'), ($1, '\x02', '', 200, now())`, u.ID.String())
	run(t, w)
	if n := dbtest.Query1[int](t, w.DB, `SELECT 10 * (SELECT count(*) FROM rate_limits) + (SELECT count(*) FROM idempotency)`); n != 11 {
		t.Errorf("left: %d", n)
	}
}

// More users than one run looks at: the next one goes on behind the last, and
// the one after that begins anew.
func TestRecountGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	w.Allow("a quota differed")
	w.DB.Exec(t, `INSERT INTO users (id, email) SELECT ('00000000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, i || '@example.org' FROM generate_series(1, 1002) i`)
	w.DB.Exec(t, `INSERT INTO quotas (user_id, limit_bytes, used_bytes) SELECT id, 1, CASE WHEN email IN ('1@example.org', '1002@example.org') THEN 7 ELSE 0 END FROM users`)
	for i, want := range []int{1, 1} {
		if report := run(t, w); report.Recounts != want {
			t.Errorf("run %d: %+v", i, report)
		}
		position := dbtest.Query1[string](t, w.DB, `SELECT position FROM cursors WHERE name = 'recount'`)
		if (i%2 == 0) != strings.HasSuffix(position, "001000") {
			t.Errorf("run %d ends at %q", i, position)
		}
	}
	// The turn is over: the next one begins after the rest, at the first user.
	w.DB.Exec(t, `UPDATE quotas SET used_bytes = 7 WHERE used_bytes = 0 AND user_id IN (SELECT id FROM users WHERE email IN ('1@example.org', '1002@example.org'))`)
	for _, at := range []struct {
		after time.Duration
		want  int
	}{{0, 0}, {reconcile.RestOfUsers - time.Minute, 0}, {reconcile.RestOfUsers + time.Minute, 1}, {reconcile.RestOfUsers + 2*time.Minute, 1}, {reconcile.RestOfUsers + 3*time.Minute, 0}} {
		if report, err := later(t, w, at.after).Run(t.Context()); err != nil || report.Recounts != at.want {
			t.Errorf("%s after the turn: %+v, %v; want %d", at.after, report, err, at.want)
		}
	}
}
