package crash_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"docuvault/shared/dbtest"
	"docuvault/shared/host"
	"docuvault/shared/keys"
	"docuvault/shared/reconcile"
	"docuvault/shared/secret"
	"docuvault/shared/storage"
	"docuvault/shared/vaulttest"
	"docuvault/shared/verify"
)

// points counts what the suite covered.
var points = &covered{by: map[string]map[string]int{}}

type covered struct {
	mu sync.Mutex
	by map[string]map[string]int // by driver and story
}

func (c *covered) add(driver, story string, kills int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by[driver] == nil {
		c.by[driver] = map[string]int{}
	}
	c.by[driver][story] += kills
}

func (c *covered) report() {
	for driver, stories := range c.by {
		total := 0
		for _, n := range stories {
			total += n
		}
		fmt.Printf("crash: %d kill points in %d stories on %s\n", total, len(stories), driver)
	}
}

// driver is a driver of the queue, and the moments at which it is killed.
type driver struct {
	name string
	// vars makes what the driver needs, and returns its variables; nil: nothing.
	vars func(t testing.TB) map[string]string
	// messages kills at what happens to messages alone, in the stories that have
	// any: before and after each is sent, and before and after it is taken out.
	// Between two other effects no driver has a part, and one that kills there
	// is enough. Nor does the recovery lose messages: dead before it was sent, or
	// after it was taken out, is lost to every driver alike; dead in between is
	// what differs, and then the message has to come.
	messages bool
}

var drivers = []driver{
	{name: "postgres"},
	{name: "sqs", vars: sqsVars, messages: true},
}

// mostEffects is more than any story has: one that goes on has lost its end.
const mostEffects = 60

// Every story is killed at every side effect, before it and after it. One world
// serves many kills, each with a user of its own, unless the story is about all
// users: the invariants are checked over the whole of it each time.
func TestAnyMomentMayBeTheLast(t *testing.T) {
	t.Parallel()
	if len(stories) == 0 {
		t.Fatal("there are no stories")
	}
	for name, s := range stories {
		for _, d := range drivers {
			if d.messages && !s.messages {
				continue
			}
			for _, moment := range []string{"before", "after"} {
				t.Run(name+"/"+d.name+"/"+moment, func(t *testing.T) {
					t.Parallel()
					killAll(t, name, s, d, moment == "after")
				})
			}
		}
	}
}

// killAll kills a story at each of its effects.
func killAll(t *testing.T, name string, s story, d driver, after bool) {
	t.Helper()
	var w *world
	for n := int64(1); n <= mostEffects; n++ {
		if w == nil || s.ownWorld {
			w = newWorld(t, d)
		}
		c := w.crash(t, name, s, n, after)
		if t.Failed() {
			t.Fatalf("killed at effect %d:\n%s", n, c.said)
		}
		if !c.through {
			continue
		}
		if n == 1 {
			t.Fatal("the story has no kill point: nothing was tested")
		}
		if has := strings.Contains(c.said, sending) || strings.Contains(c.said, taking); has != s.messages {
			t.Errorf("messages is %v, and the story says %v:\n%s", s.messages, has, c.said)
		}
		points.add(d.name, name, int(n-1))
		t.Logf("%d kill points; a message was received up to %d times", n-1, w.received)
		return
	}
	t.Fatalf("the story does not end within %d effects", mostEffects)
}

// world is a vault that survives its processes.
type world struct {
	*vaulttest.World
	conn       *pgx.Conn
	driver     driver
	mail       mailbox
	received   int                   // how often the same message was, at most
	reconciler *reconcile.Reconciler // with the true clock
	ahead      *reconcile.Reconciler // for which every object is old
	options    verify.Options
}

func newWorld(t *testing.T, d driver) *world {
	t.Helper()
	vars := map[string]string{"REFRESH_GRACE": "0s", "MULTIPART_THRESHOLD": strconv.Itoa(partsAbove)}
	if d.vars != nil {
		maps.Copy(vars, d.vars(t))
	}
	w := &world{World: vaulttest.New(t, vars), driver: d}
	w.conn = w.DB.AsSuper(t)
	var err error
	if w.mail, err = openMailbox(t.Context(), w.conn, w.Vars); err != nil {
		t.Fatal(err)
	}
	open := func(now func() time.Time) *reconcile.Reconciler {
		var environ []string
		for name, value := range w.Vars {
			environ = append(environ, name+"="+value)
		}
		env, err := host.NewEnv(environ, slog.New(slog.DiscardHandler), now)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = env.Close() })
		r, err := reconcile.Open(env)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	w.reconciler, w.ahead = open(time.Now), open(func() time.Time { return time.Now().Add(clockAhead) })
	ring, err := keys.Open(w.Env)
	if err != nil {
		t.Fatal(err)
	}
	w.options = verify.Options{Owner: secret.New(w.DB.MigrateURL), App: secret.New(w.DB.AppURL), Store: w.Store, Ring: ring, Strict: true}
	return w
}

// crashed is a story after its process died, and the world around it.
type crashed struct {
	*world
	subject
	user     *vaulttest.User
	through  bool     // the story ended by itself
	answered []string // the statuses that the client received
	said     string
}

// acknowledged reports whether the client received this many answers or more.
func (c *crashed) acknowledged() bool { return len(c.answered) > 0 && c.answered[0][0] == '2' }

// crash acts a story up to its death, recovers, and checks everything.
func (w *world) crash(t *testing.T, name string, s story, n int64, after bool) *crashed {
	t.Helper()
	c := &crashed{world: w, user: w.User(t)}
	c.subject = s.arrange(t, c)
	c.subject.User, c.subject.Token, c.subject.Bucket = c.user.ID, c.user.Token, w.Vars["S3_BUCKET"]
	killed := c.act(t, name, n, after)
	if !killed && !c.through {
		t.Errorf("the child ended neither killed nor through:\n%s", c.said)
		return c
	}
	if s.client != nil {
		s.client(t, c)
	}
	// Half of the time the queue lost all messages, else each comes twice. What
	// is after one effect is before the next: so each moment sees both.
	w.recover(t, s, after && !w.driver.messages)
	s.check(t, c)
	report, err := verify.Run(t.Context(), w.options)
	if err != nil {
		t.Errorf("verify: %v", err)
		return c
	}
	if !report.OK {
		var b strings.Builder
		_ = report.WriteText(&b)
		t.Errorf("after the recovery:\n%s", b.String())
	}
	for _, i := range report.Invariants {
		if i.Status == verify.NotChecked && i.Number != 9 {
			t.Errorf("invariant %d was not checked: %s", i.Number, i.Reason)
		}
	}
	return c
}

// act runs the child.
func (c *crashed) act(t *testing.T, name string, n int64, after bool) (killed bool) {
	t.Helper()
	encoded, err := json.Marshal(part{Story: name, Kill: n, After: after, Messages: c.driver.messages, Vars: c.Vars, Subject: c.subject})
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), childVariable+"="+string(encoded))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	c.said = out.String() + errs.String()
	if ctx.Err() != nil {
		t.Fatalf("the child did not end:\n%s", c.said)
	}
	effects := int64(0)
	for line := range strings.Lines(out.String()) {
		words := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		switch words[0] {
		case "effect":
			effects++
		case "answered":
			c.answered = append(c.answered, words[1])
		case "through":
			c.through = true
		}
	}
	// Killed means: by the signal, and at the effect that was asked for.
	return err != nil && cmd.ProcessState.ExitCode() == -1 && effects == n && !c.through
}

// recover does what time and new processes do, until nothing is left to do. Only
// a story about orphans has days pass for objects: everywhere else what is left
// of a document's bytes is damage.
func (w *world) recover(t *testing.T, s story, lost bool) {
	t.Helper()
	r := w.reconciler
	if s.orphans {
		r = w.ahead
	}
	if lost {
		w.lose(t)
	}
	for range 12 {
		w.deliver(t)
		w.age(t, s.emptyTrash)
		switch report, err := r.Run(t.Context()); {
		case err != nil:
			t.Errorf("reconcile: %v", err)
			return
		case report.Errors > 0 || report.Recounts > 0:
			// A counter moves with its row, so that no crash can part them: a
			// recount that finds work hides a bug.
			t.Errorf("reconcile: %d errors, %d counters put right", report.Errors, report.Recounts)
			return
		}
		w.rested(t)
		reconcileAgain(t, w, r)
		w.deliver(t)
		var left int
		w.query(t, &left, `SELECT (SELECT count(*) FROM erasures) + (SELECT count(*) FROM previews p JOIN documents d ON d.id = p.document_id
		   WHERE p.next_due_at IS NOT NULL AND d.status IN ('ready', 'failed')) + (SELECT count(*) FROM documents
		   WHERE next_due_at IS NOT NULL AND (status <> 'trashed' OR $1))`, s.emptyTrash)
		if left+w.messages(t) == 0 {
			before := w.DB.Dump(t)
			reconcileAgain(t, w, r)
			if after := w.DB.Dump(t); !bytes.Equal(before, after) {
				t.Errorf("a second reconcile changed the database:\n%s", difference(before, after))
			}
			return
		}
	}
	t.Error("the vault does not come to rest")
}

// reconcileAgain proves that a second run finds nothing to do: invariant 10.
func reconcileAgain(t *testing.T, w *world, r *reconcile.Reconciler) {
	t.Helper()
	var before, after string
	const state = `SELECT md5(string_agg(d::text, '|' ORDER BY id)) || (SELECT count(*) FROM audit_log) FROM documents d`
	w.query(t, &before, `SELECT coalesce((`+state+`), '')`)
	sent := w.messages(t)
	again, err := r.Run(t.Context())
	if err != nil || again != (reconcile.Report{}) {
		t.Errorf("a second reconcile: %+v, %v", again, err)
	}
	if w.query(t, &after, `SELECT coalesce((`+state+`), '')`); before != after || sent != w.messages(t) {
		t.Error("a second reconcile changed documents, entries or messages")
	}
}

func difference(before, after []byte) string {
	old := strings.Split(string(before), "\n")
	var b strings.Builder
	for line := range strings.Lines(string(after)) {
		if line = strings.TrimSuffix(line, "\n"); !slices.Contains(old, line) {
			b.WriteString("+ " + line[:min(len(line), 300)] + "\n")
		}
	}
	return b.String()
}

// deliver delivers every message twice at once, as a queue may.
func (w *world) deliver(t *testing.T) {
	t.Helper()
	for range 10 {
		messages, err := w.mail.waiting(t.Context(), "")
		if err != nil {
			t.Fatalf("read the queue: %v", err)
		}
		if len(messages) == 0 {
			return
		}
		for _, m := range messages {
			w.received = max(w.received, m.Tries)
			w.Handler(t, m.Queue) // constructed once, here
			vaulttest.AtOnce(2, func(int) {
				if err := w.Deliver(t, m.Queue, m.Body); err != nil {
					t.Errorf("deliver %s: %v", m.Queue, err)
				}
			})
			if err := w.mail.done(t.Context(), m); err != nil {
				t.Fatalf("take a message out: %v", err)
			}
		}
	}
	t.Error("the queue does not become empty")
}

// age makes every row due: it stands for minutes, hours and days.
func (w *world) age(t *testing.T, emptyTrash bool) {
	t.Helper()
	w.rested(t)
	w.exec(t, `UPDATE documents SET next_due_at = clock_timestamp() - interval '1 second',
	     upload_expires_at = LEAST(upload_expires_at, clock_timestamp() - interval '2 hours'),
	     verify_until = verify_until - interval '1 hour'
	   WHERE next_due_at IS NOT NULL AND (status <> 'trashed' OR $1)`, emptyTrash)
	w.exec(t, `UPDATE previews SET busy_until = clock_timestamp() - interval '1 second', next_due_at = clock_timestamp() - interval '1 second' WHERE next_due_at IS NOT NULL`)
	// An account that is gone stays watched for eight days.
	w.exec(t, `UPDATE erasures SET next_due_at = clock_timestamp() - interval '1 second',
	     requested_at = CASE WHEN erased_at IS NULL THEN requested_at ELSE requested_at - interval '9 days' END`)
}

// rested lets the rests of the reconciler's sweeps be over.
func (w *world) rested(t *testing.T) {
	t.Helper()
	w.exec(t, `UPDATE cursors SET updated_at = updated_at - make_interval(secs => $1)`, (reconcile.RestOfObjects + reconcile.RestOfUsers).Seconds())
}

// messages is how many there are, whoever has them.
func (w *world) messages(t *testing.T) int {
	t.Helper()
	n, err := w.mail.count(t.Context())
	if err != nil {
		t.Fatalf("count the messages: %v", err)
	}
	return n
}

// lose loses all messages.
func (w *world) lose(t *testing.T) {
	t.Helper()
	if err := w.mail.lose(t.Context()); err != nil {
		t.Fatalf("lose the messages: %v", err)
	}
}

func (w *world) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := w.conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func (w *world) query(t *testing.T, dest any, sql string, args ...any) {
	t.Helper()
	if err := w.conn.QueryRow(t.Context(), sql, args...).Scan(dest); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// objects counts what the documents bucket holds of the story's user.
func (c *crashed) objects(t *testing.T) int {
	t.Helper()
	lister, err := storage.As[storage.Lister](c.Store.Documents)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range lister.List(t.Context(), c.user.ID.String()+"/", "") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// count is how many rows of the user a condition picks; $1 is the user.
func (c *crashed) count(t *testing.T, from string) int {
	t.Helper()
	return dbtest.Query1[int](t, c.DB, `SELECT count(*) FROM `+from, c.user.ID.String())
}
