package reconcile_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"docuvault/shared/dbtest"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/id"
	"docuvault/shared/reconcile"
	"docuvault/shared/storage"
	"docuvault/shared/vaulttest"
)

// listings counts how often a vault's buckets are listed: objects, and uploads
// in parts.
type listings struct{ objects, uploads int }

type listed struct {
	storage.Backend
	storage.Presigner
	storage.Lister
	storage.Multipart
	n *listings
}

func (l *listed) List(ctx context.Context, prefix, after string) iter.Seq2[storage.Info, error] {
	l.n.objects++
	return l.Lister.List(ctx, prefix, after)
}

func (l *listed) ListStale(ctx context.Context, before time.Time) iter.Seq2[storage.Upload, error] {
	l.n.uploads++
	return l.Multipart.ListStale(ctx, before)
}

// run runs a reconciler of the vault, whose clock is ahead, and returns what it
// listed.
func (l listings) run(t testing.TB, w *vaulttest.World, ahead time.Duration) (listings, reconcile.Report) {
	t.Helper()
	env, _ := hosttest.Env(t, w.Vars)
	env.Now = func() time.Time { return time.Now().Add(ahead) }
	store, err := storage.Open(env)
	if err != nil {
		t.Fatal(err)
	}
	watched := *store
	for _, b := range []*storage.Backend{&watched.Documents, &watched.Derived} {
		*b = &listed{Backend: *b, Presigner: (*b).(storage.Presigner), Lister: (*b).(storage.Lister), Multipart: (*b).(storage.Multipart), n: &l}
	}
	host.Provide(env, &watched)
	r, err := reconcile.Open(env)
	if err != nil {
		t.Fatal(err)
	}
	report, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return l, report
}

// A run every minute does not list storage every minute.
func TestStorageIsListedOnceInItsRest(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	all := listings{objects: 2, uploads: 1}
	for _, at := range []struct {
		ahead time.Duration
		want  listings
	}{
		{0, all}, {0, listings{}}, {time.Minute, listings{}}, {reconcile.RestOfObjects - time.Minute, listings{}},
		{reconcile.RestOfObjects + time.Minute, all}, {reconcile.RestOfObjects + 2*time.Minute, listings{}},
		// A clock that was wrong by years, once.
		{9999 * time.Hour, all}, {2*reconcile.RestOfObjects + 2*time.Minute, all},
	} {
		if got, _ := (listings{}).run(t, w, at.ahead); got != at.want {
			t.Errorf("%s after the first turn: listed %+v, want %+v", at.ahead, got, at.want)
		}
	}
}

// A turn that is not over goes on in the next run, where it stopped.
func TestATurnGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	day := reconcile.OrphanGrace + time.Hour
	if _, report := (listings{}).run(t, w, day); report != (reconcile.Report{}) {
		t.Fatalf("an empty vault: %+v", report)
	}
	owner := w.User(t).ID.String() + "/"
	seen, next := owner+"0"+id.New().String()[1:]+"/seen.txt", owner+"f"+id.New().String()[1:]+"/next.txt"
	w.PutDirectly(t, seen, []byte("behind the turn"))
	w.PutDirectly(t, next, []byte("before it"))
	// As a run leaves it that has reached its bound, or was the last for long.
	w.DB.Exec(t, `UPDATE cursors SET position = $1 WHERE name = 'orphans.documents'`, seen)
	got, report := (listings{}).run(t, w, day+time.Minute)
	if got != (listings{objects: 1}) || report.Orphans != 1 || !w.Has(t, seen) || w.Has(t, next) {
		t.Errorf("the turn went on with %+v, listed %+v", report, got)
	}
	if got, _ := (listings{}).run(t, w, day+2*time.Minute); got != (listings{}) {
		t.Errorf("after its end it listed %+v", got)
	}
	if at := dbtest.Query1[string](t, w.DB, `SELECT position FROM cursors WHERE name = 'orphans.documents'`); at != "" {
		t.Errorf("it ends at %q", at)
	}
	if _, report := (listings{}).run(t, w, day+reconcile.RestOfObjects+2*time.Minute); report.Orphans != 1 || w.Has(t, seen) {
		t.Errorf("the next turn: %+v", report)
	}
}

// A turn that fails is not over: the next run tries again.
func TestATurnThatFailsIsNotOver(t *testing.T) {
	t.Parallel()
	outage := &vaulttest.Outage{}
	w := vaulttest.New(t, nil, outage.Provide(t))
	day := reconcile.OrphanGrace + time.Hour
	w.Env.Now = func() time.Time { return time.Now().Add(day) }
	w.PutDirectly(t, "not/of/ours", []byte("x"))
	r, err := reconcile.Open(w.Env)
	if err != nil {
		t.Fatal(err)
	}
	outage.Next("Delete", vaulttest.Down)
	if report, err := r.Run(t.Context()); err == nil || report.Orphans != 0 {
		t.Errorf("with storage down: %+v, %v", report, err)
	}
	if report, err := r.Run(t.Context()); err != nil || report.Orphans != 1 {
		t.Errorf("and with storage back: %+v, %v", report, err)
	}
}
