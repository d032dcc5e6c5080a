package notary_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"docuvault/shared/chain"
	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/notary"
	"docuvault/shared/reconcile"
	"docuvault/shared/secret"
	"docuvault/shared/storage"
	"docuvault/shared/vaulttest"
	"docuvault/shared/verify"
)

// cut is a derived bucket whose next Put fails, before or after it has written.
type cut struct {
	storage.Backend
	storage.Lister
	before, after bool
}

func (c *cut) Put(ctx context.Context, key string, body io.Reader, size int64, opt storage.PutOptions) error {
	if c.before {
		c.before = false
		return storage.ErrUnavailable
	}
	err := c.Backend.Put(ctx, key, body, size, opt)
	if c.after {
		c.after = false
		return storage.ErrUnavailable
	}
	return err
}

type office struct {
	*vaulttest.World
	notary *notary.Notary
	bucket *cut
}

func open(t *testing.T) *office {
	t.Helper()
	o := &office{bucket: &cut{}}
	o.World = vaulttest.New(t, nil, func(env *host.Env) {
		store, err := storage.Open(env)
		if err != nil {
			t.Fatal(err)
		}
		o.bucket.Backend, o.bucket.Lister = store.Derived, store.Derived.(storage.Lister)
		store.Derived = o.bucket
	})
	var err error
	if o.notary, err = notary.Open(o.Env); err != nil {
		t.Fatal(err)
	}
	return o
}

// write makes entries and waits until they can be sealed.
func (o *office) write(t *testing.T, n int) {
	t.Helper()
	o.DB.Exec(t, `INSERT INTO audit_log (actor, action) SELECT 'system', 'test.entry' FROM generate_series(1, $1::int)`, n)
	o.DB.WaitForOthers(t, "")
}

func (o *office) run(t *testing.T, want notary.Report) {
	t.Helper()
	if got, err := o.notary.Run(t.Context()); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

// head reads the head of a day, and of the newest seal up to then.
func (o *office) head(t *testing.T, day string) (laid, made string) {
	t.Helper()
	body, _, err := o.Store.Derived.Get(t.Context(), chain.HeadKey(day))
	if err != nil {
		return err.Error(), ""
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	h, err := chain.ParseHead(string(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return h.Hash.String(), dbtest.Query1[string](t, o.DB, `SELECT encode(hash, 'hex') FROM audit_seals
	   WHERE to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') <= $1 ORDER BY number DESC LIMIT 1`, day)
}

func (o *office) day(t *testing.T) string {
	t.Helper()
	return dbtest.Query1[string](t, o.DB, `SELECT to_char(max(created_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD') FROM audit_seals`)
}

// healthy runs the invariants that look at heads and seals.
func (o *office) healthy(t *testing.T) {
	t.Helper()
	r, err := verify.Run(t.Context(), verify.Options{Owner: secret.New(o.DB.MigrateURL), Store: o.Store, Only: []int{2, 7}})
	if err != nil || !r.OK {
		var b strings.Builder
		_ = r.WriteText(&b)
		t.Errorf("%v\n%s", err, &b)
	}
}

func TestHeadsAreLaidDown(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.run(t, notary.Report{})
	o.write(t, 3)
	o.run(t, notary.Report{Seals: 1, Entries: 3, Heads: 1})
	day := o.day(t)
	first, made := o.head(t, day)
	if first != made {
		t.Errorf("the head in storage is %s, the newest seal %s", first, made)
	}
	o.run(t, notary.Report{})

	// Within the hour it stays; after that it is the newest one.
	o.write(t, 2)
	o.run(t, notary.Report{Seals: 1, Entries: 2})
	if laid, _ := o.head(t, day); laid != first {
		t.Error("the head was written again at once")
	}
	o.DB.Exec(t, `UPDATE cursors SET updated_at = updated_at - interval '1 hour'`)
	o.run(t, notary.Report{Heads: 1})
	if laid, made := o.head(t, day); laid != made || laid == first {
		t.Errorf("after an hour the head in storage is %s, the newest seal %s", laid, made)
	}
	o.healthy(t)
	if n := dbtest.Query1[int](t, o.DB, `SELECT count(*) FROM objects WHERE kind = 'audit_head' AND user_id IS NULL`); n != 1 {
		t.Errorf("%d rows of heads, want 1", n)
	}

	// Two seals of days that have passed, and one of today: each day gets its last.
	for range 3 {
		o.write(t, 1)
		o.DB.Exec(t, `SELECT audit_seal(10)`)
	}
	o.DB.Exec(t, `UPDATE audit_seals SET created_at = created_at + (number - 5) * interval '1 day' WHERE number >= 3`)
	o.run(t, notary.Report{Heads: 3})
	for _, number := range []string{"3", "4", "5"} {
		day := dbtest.Query1[string](t, o.DB, `SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') FROM audit_seals WHERE number = $1::text::bigint`, number)
		if laid, made := o.head(t, day); laid != made {
			t.Errorf("of seal %s storage has %s, want %s", number, laid, made)
		}
	}
}

// The process dies, or storage does, at each point between a seal and its head.
func TestAHeadThatWasNotLaidDownComesLater(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]cut{"before it is written": {before: true}, "after it is written": {after: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := open(t)
			o.bucket.before, o.bucket.after = c.before, c.after
			o.write(t, 3)
			if report, err := o.notary.Run(t.Context()); fault.CodeOf(err) != fault.Unavailable || report.Seals != 1 {
				t.Errorf("%+v, %v", report, err)
			}
			// verify is not alarmed meanwhile: the row is young.
			o.healthy(t)
			o.run(t, notary.Report{Heads: 1})
			if laid, made := o.head(t, o.day(t)); laid != made {
				t.Errorf("storage has %s, want %s", laid, made)
			}
			o.healthy(t)
		})
	}
}

// A head that nobody lays down is missed, and one without a row is never removed.
func TestHeadsThatAreMissing(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.write(t, 3)
	o.run(t, notary.Report{Seals: 1, Entries: 3, Heads: 1})
	codes := func() (found []string) {
		r, err := verify.Run(t.Context(), verify.Options{Owner: secret.New(o.DB.MigrateURL), Store: o.Store, Only: []int{2, 7}})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range r.Invariants {
			for _, p := range i.Problems {
				found = append(found, p.Code)
			}
		}
		return found
	}
	o.DB.Exec(t, `UPDATE objects SET created_at = created_at - interval '16 minutes'`)
	o.healthy(t)
	day := o.day(t)
	if err := o.Store.Derived.Delete(t.Context(), chain.HeadKey(day)); err != nil {
		t.Fatal(err)
	}
	if got := codes(); len(got) != 1 || got[0] != "object_missing" {
		t.Errorf("without its object: %q", got)
	}
	// One that no row knows is for an operator to see, however old.
	o.DB.Exec(t, `DELETE FROM objects`)
	old := chain.HeadKey("2020-01-01")
	for _, key := range []string{old, "audit/other"} {
		if err := o.Store.Derived.Put(t.Context(), key, strings.NewReader("x"), 1, storage.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	env, _ := hosttest.Env(t, o.Vars)
	env.Now = func() time.Time { return time.Now().Add(48 * time.Hour) }
	r, err := reconcile.Open(env)
	if err != nil {
		t.Fatal(err)
	}
	if report, err := r.Run(t.Context()); err != nil || report.Orphans != 1 {
		t.Errorf("%+v, %v; want the one object removed that is no head", report, err)
	}
	if _, err := o.Store.Derived.Stat(t.Context(), old); err != nil {
		t.Errorf("the reconciler removed a head: %v", err)
	}
	if err := o.Store.Derived.Delete(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	o.DB.Exec(t, `INSERT INTO objects (key, kind, size) VALUES ($1, 'audit_head', 132)`, chain.HeadKey(day))
	if err := o.Store.Derived.Put(t.Context(), chain.HeadKey(day), strings.NewReader(strings.Repeat("x", chain.HeadSize)), chain.HeadSize, storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := codes(); len(got) != 1 || got[0] != "head_changed" {
		t.Errorf("with another text: %q", got)
	}
}

// More than one seal's worth is sealed by one run.
func TestABacklogIsSealedAtOnce(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.write(t, 25000)
	began := time.Now()
	o.run(t, notary.Report{Seals: 3, Entries: 25000, Heads: 1})
	t.Logf("25,000 entries in %s", time.Since(began))
	o.healthy(t)
	o.write(t, 10000)
	o.run(t, notary.Report{Seals: 1, Entries: 10000})
	o.write(t, 1)
	o.run(t, notary.Report{Seals: 1, Entries: 1})
	o.healthy(t)
}

// A dump that is restored into a new cluster has transactions from the future:
// what was sealed stays, what was not is sealed once, and it goes on.
func TestADumpThatWasRestoredGoesOn(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.write(t, 6)
	o.run(t, notary.Report{Seals: 1, Entries: 6, Heads: 1})
	o.write(t, 5) // not sealed when the dump was made
	// Move all that there is to a cluster that was far ahead, as if it had been
	// written there.
	const ahead = `(xid::text::bigint + 1000000000)::text::xid8`
	for _, sql := range []string{
		`UPDATE audit_log SET xid = ` + ahead,
		`UPDATE audit_seals s SET mark_xid = (mark_xid::text::bigint + 1000000000)::text::xid8,
		   leaves = (SELECT string_agg(audit_leaf(l), ''::bytea ORDER BY xid, id) FROM audit_log l WHERE s.ranges @> l.id),
		   root = audit_root(ARRAY(SELECT audit_leaf(l) FROM audit_log l WHERE s.ranges @> l.id ORDER BY xid, id))`,
		`UPDATE audit_seals s SET hash = audit_seal_hash(s)`,
		`DELETE FROM cursors WHERE name = 'audit.head'`, // so that the head is that of this history
	} {
		o.DB.Exec(t, sql)
	}
	o.run(t, notary.Report{Seals: 1, Entries: 5, Heads: 1})
	o.healthy(t)
	o.write(t, 4)
	o.run(t, notary.Report{Seals: 1, Entries: 4})
	o.healthy(t)

	// The new cluster comes to the numbers of the old one: nothing is sealed twice.
	o.DB.Exec(t, `UPDATE audit_log SET xid = (pg_current_xact_id()::text::bigint + id)::text::xid8 WHERE id <= 3`)
	o.DB.Exec(t, `DO $$
	  DECLARE s audit_seals; last bytea;
	  BEGIN
	    FOR s IN SELECT * FROM audit_seals ORDER BY number LOOP
	      s.leaves := (SELECT string_agg(audit_leaf(l), ''::bytea ORDER BY xid, id) FROM audit_log l WHERE s.ranges @> l.id);
	      s.root := audit_root(ARRAY(SELECT audit_leaf(l) FROM audit_log l WHERE s.ranges @> l.id ORDER BY xid, id));
	      s.previous := coalesce(last, s.previous);
	      s.jump := coalesce((SELECT hash FROM audit_seals WHERE number = s.number - (s.number & -s.number)), s.jump);
	      last := audit_seal_hash(s);
	      UPDATE audit_seals SET leaves = s.leaves, root = s.root, previous = s.previous, jump = s.jump, hash = last WHERE number = s.number;
	    END LOOP;
	    DELETE FROM cursors WHERE name = 'audit.head';
	  END $$`)
	for range 6 {
		o.write(t, 1)
	}
	o.run(t, notary.Report{Seals: 1, Entries: 6, Heads: 1})
	o.healthy(t)

	// Once more, and in small seals: none takes what another has.
	o.DB.Exec(t, `UPDATE audit_seals SET mark_xid = '900000000' WHERE number = (SELECT max(number) FROM audit_seals)`)
	o.DB.Exec(t, `UPDATE audit_seals s SET hash = audit_seal_hash(s) WHERE number = (SELECT max(number) FROM audit_seals)`)
	o.DB.Exec(t, `DELETE FROM cursors WHERE name = 'audit.head'`)
	o.DB.Exec(t, `INSERT INTO audit_log (xid, actor, action) SELECT n::text::xid8, 'system', 'test.foreign' FROM generate_series(899999990, 899999996) n`)
	o.write(t, 2)
	// What is new is not called forged before the first seal.
	if _, _, err := o.Store.Derived.Get(t.Context(), chain.HeadKey(o.day(t))); err != nil {
		t.Fatal(err)
	}
	if err := o.Store.Derived.Delete(t.Context(), chain.HeadKey(o.day(t))); err != nil {
		t.Fatal(err)
	}
	o.healthy(t)
	app := o.DB.AsApp(t)
	for range 5 {
		if _, err := app.Exec(t.Context(), `SELECT audit_seal(2)`); err != nil {
			t.Fatal(err)
		}
	}
	o.run(t, notary.Report{Heads: 1})
	o.write(t, 3)
	o.run(t, notary.Report{Seals: 1, Entries: 3})
	o.healthy(t)
	if entries, sealed := dbtest.Query1[int](t, o.DB, `SELECT count(*) FROM audit_log`), dbtest.Query1[int](t, o.DB, `SELECT sum(count) FROM audit_seals`); entries != 33 || sealed != entries {
		t.Errorf("%d entries, %d sealed", entries, sealed)
	}
}
