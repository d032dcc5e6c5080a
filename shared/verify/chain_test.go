package verify_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"docuvault/shared/chain"
	"docuvault/shared/dbtest"
	"docuvault/shared/job"
	"docuvault/shared/notary"
	"docuvault/shared/secret"
	"docuvault/shared/vaulttest"
	"docuvault/shared/verify"
)

// notarized is a vault with three seals of entries, the heads of which are in
// storage, and some entries after.
type notarized struct {
	*vaulttest.World
	notary *notary.Notary
	heads  []string // hashes of the seals
}

func seal(t *testing.T) *notarized {
	t.Helper()
	n := &notarized{World: vaulttest.New(t, nil)}
	var err error
	n.notary, err = notary.Open(n.Env)
	must(t, err)
	for range 3 {
		n.write(t, 5)
		n.seal(t)
	}
	n.write(t, 2)
	n.heads = dbtest.Query1[[]string](t, n.DB, `SELECT array_agg(encode(hash, 'hex') ORDER BY number) FROM audit_seals`)
	if len(n.heads) != 3 {
		t.Fatalf("%d seals, want 3", len(n.heads))
	}
	return n
}

// write makes entries, each in its own transaction.
func (n *notarized) write(t *testing.T, count int) {
	t.Helper()
	conn := n.DB.AsApp(t)
	for range count {
		if _, err := conn.Exec(t.Context(), `SELECT audit_write('system', 'test.entry', gen_random_uuid(), '{"n": 1}', NULL, NULL, NULL)`); err != nil {
			t.Fatal(err)
		}
	}
}

// seal runs the notary when all is final, and with the hour over after which a
// head is written again.
func (n *notarized) seal(t *testing.T) notary.Report {
	t.Helper()
	n.DB.WaitForOthers(t, "")
	return n.run(t)
}

func (n *notarized) run(t *testing.T) notary.Report {
	t.Helper()
	n.DB.Exec(t, `UPDATE cursors SET updated_at = updated_at - interval '1 hour' WHERE name = 'audit.head'`)
	report, err := n.notary.Run(t.Context())
	must(t, err)
	return report
}

// plant damages as the superuser, past every guard.
func (n *notarized) plant(t *testing.T, statements string) {
	t.Helper()
	if _, err := n.DB.AsSuper(t).PgConn().Exec(t.Context(), "SET session_replication_role = replica; "+statements).ReadAll(); err != nil {
		t.Fatalf("plant: %v", err)
	}
}

// chained is what invariant 7 found, as "code entry" or "code", with details.
func (n *notarized) chained(t *testing.T, head *chain.Hash) (r verify.Report, codes []string) {
	t.Helper()
	o := verify.Options{Owner: secret.New(n.DB.MigrateURL), Store: n.Store, Only: []int{7}, Head: head}
	r = run(t, o)
	if len(r.Invariants) != 1 || r.Invariants[0].Status == verify.NotChecked {
		t.Fatalf("%+v", r)
	}
	for _, p := range r.Invariants[0].Problems {
		code := p.Code
		if p.Entry != 0 {
			code += fmt.Sprint(" ", p.Entry)
		}
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return r, codes
}

func parse(t *testing.T, text string) *chain.Hash {
	t.Helper()
	h, err := chain.ParseHash(text)
	must(t, err)
	return &h
}

// reseal writes the seals from a number on anew, as whoever has the database
// and knows the form can.
const reseal = `
DO $$
DECLARE s audit_seals; before bytea;
BEGIN
  FOR s IN SELECT * FROM audit_seals WHERE number >= 2 ORDER BY number LOOP
    s.previous := coalesce((SELECT hash FROM audit_seals WHERE number = s.number - 1), s.previous);
    s.jump := coalesce((SELECT hash FROM audit_seals WHERE number = s.number - (s.number & -s.number)), s.jump);
    s.leaves := (SELECT string_agg(audit_leaf(l), ''::bytea ORDER BY xid, id) FROM audit_log l WHERE s.ranges @> l.id);
    s.root := audit_root(ARRAY(SELECT audit_leaf(l) FROM audit_log l WHERE s.ranges @> l.id ORDER BY xid, id));
    s.count := (SELECT count(*) FROM audit_log l WHERE s.ranges @> l.id);
    UPDATE audit_seals a SET previous = s.previous, jump = s.jump, root = s.root, leaves = s.leaves, count = s.count, hash = audit_seal_hash(s) WHERE number = s.number;
  END LOOP;
END $$;`

// What somebody with the whole database can do to the log, and what is found.
// Entries 6 to 10 are those of seal 2.
var damages = map[string]struct {
	sql  string
	want []string
	says string
}{
	"a changed action":       {`UPDATE audit_log SET action = 'test.other' WHERE id = 7`, []string{"entry_changed 7"}, "it is not what seal 2 of"},
	"a changed time":         {`UPDATE audit_log SET at = at - interval '1 microsecond' WHERE id = 7`, []string{"entry_changed 7"}, ""},
	"a changed user":         {`UPDATE audit_log SET user_id = gen_random_uuid() WHERE id = 7`, []string{"entry_changed 7"}, ""},
	"a changed actor":        {`UPDATE audit_log SET actor = 'admin' WHERE id = 7`, []string{"entry_changed 7"}, ""},
	"a target taken away":    {`UPDATE audit_log SET target = NULL WHERE id = 7`, []string{"entry_changed 7"}, ""},
	"changed metadata":       {`UPDATE audit_log SET metadata = '{"n": 2}' WHERE id = 7`, []string{"entry_changed 7"}, ""},
	"another personal part":  {`UPDATE audit_log SET personal_mac = 'x' WHERE id = 7`, []string{"entry_changed 7"}, ""},
	"a removed entry":        {`DELETE FROM audit_log WHERE id = 7`, []string{"entry_removed 7"}, "seal 2 of"},
	"a removed first entry":  {`DELETE FROM audit_log WHERE id = 1`, []string{"entry_removed 1"}, "seal 1 of"},
	"all entries of a seal":  {`DELETE FROM audit_log WHERE id BETWEEN 6 AND 10`, []string{"entry_removed 10", "entry_removed 6", "entry_removed 7", "entry_removed 8", "entry_removed 9"}, ""},
	"swapped ids":            {`UPDATE audit_log SET id = CASE id WHEN 7 THEN -9 ELSE -7 END WHERE id IN (7, 9); UPDATE audit_log SET id = -id WHERE id < 0`, []string{"entry_reordered 7", "entry_reordered 9"}, "it was sealed in the place of entry 9"},
	"swapped transactions":   {`UPDATE audit_log l SET xid = o.xid FROM audit_log o WHERE l.id + o.id = 16 AND l.id IN (7, 9)`, []string{"entry_reordered 7", "entry_reordered 9"}, "it was sealed in the place of entry 9"},
	"swapped between seals":  {`UPDATE audit_log SET id = CASE id WHEN 3 THEN -9 ELSE -3 END WHERE id IN (3, 9); UPDATE audit_log SET id = -id WHERE id < 0`, []string{"entry_changed 3", "entry_changed 9"}, ""},
	"a forged entry":         {`INSERT INTO audit_log (id, xid, user_id, actor, action) SELECT 1000, xid, NULL, 'user', 'test.forged' FROM audit_log WHERE id = 7`, []string{"entry_forged 1000"}, "it was put in later"},
	"a forged first entry":   {`INSERT INTO audit_log (id, xid, actor, action) VALUES (-5, '1', 'user', 'test.forged')`, []string{"entry_forged -5"}, ""},
	"a replaced entry":       {`DELETE FROM audit_log WHERE id = 7; INSERT INTO audit_log (id, xid, actor, action) SELECT 7, xid, 'user', 'test.forged' FROM audit_log WHERE id = 8`, []string{"entry_changed 7"}, ""},
	"a changed root":         {`UPDATE audit_seals SET root = sha256('') WHERE number = 2`, []string{"seal_changed"}, "seal 2 of"},
	"a changed seal's time":  {`UPDATE audit_seals SET created_at = created_at - interval '1 day' WHERE number = 2`, []string{"seal_changed"}, ""},
	"a changed mark":         {`UPDATE audit_seals SET mark_id = mark_id + 1 WHERE number = 3`, []string{"seal_changed"}, ""},
	"a changed leaf":         {`UPDATE audit_seals SET leaves = set_byte(leaves, 40, get_byte(leaves, 40) # 1) WHERE number = 2`, []string{"entry_changed 7", "seal_changed"}, ""},
	"a shortened seal":       {`UPDATE audit_seals SET ranges = ranges - '{[7,8)}' WHERE number = 2; DELETE FROM audit_log WHERE id = 7`, []string{"seal_changed", "seal_changed"}, "the ranges of seal 2"},
	"endless ranges":         {`UPDATE audit_seals SET ranges = '{(,)}' WHERE number = 2`, nil, ""},
	"a seal's hash":          {`UPDATE audit_seals SET hash = sha256('') WHERE number = 2`, []string{"seal_changed", "seal_unlinked", "log_rewritten"}[:2], "seal 3 does not link to seal 2"},
	"a removed seal":         {`DELETE FROM audit_seals WHERE number = 2`, []string{"entry_forged 10", "entry_forged 6", "entry_forged 7", "entry_forged 8", "entry_forged 9", "seal_missing"}, "seal 2 was removed"},
	"a removed seal, all":    {`DELETE FROM audit_seals WHERE number = 2; DELETE FROM audit_log WHERE id BETWEEN 6 AND 10`, []string{"seal_missing"}, "seal 2 was removed"},
	"renumbered seals":       {`DELETE FROM audit_seals WHERE number = 2; DELETE FROM audit_log WHERE id BETWEEN 6 AND 10; UPDATE audit_seals SET number = 2 WHERE number = 3`, []string{"log_truncated", "seal_changed", "seal_unlinked"}, ""},
	"a truncated tail":       {`DELETE FROM audit_log WHERE id > 10; DELETE FROM audit_seals WHERE number > 2`, []string{"log_truncated"}, "the chain ends with seal 2"},
	"a truncated whole":      {`DELETE FROM audit_log; DELETE FROM audit_seals`, []string{"log_truncated"}, "the chain ends with seal 0"},
	"an entry, all resealed": {`UPDATE audit_log SET action = 'test.other' WHERE id = 7; ` + reseal, []string{"log_rewritten"}, "another head"},
	"one out, all resealed":  {`DELETE FROM audit_log WHERE id = 7; UPDATE audit_seals SET ranges = ranges - '{[7,8)}' WHERE number = 2; ` + reseal, []string{"log_rewritten"}, ""},
	"a resealed first seal":  {`UPDATE audit_log SET action = 'test.other' WHERE id = 3; ` + strings.Replace(reseal, "number >= 2", "number = 1", 1), []string{"seal_unlinked"}, "seal 2 does not link to seal 1"},
	"a way back to nowhere":  {`UPDATE audit_seals SET jump = sha256('') WHERE number = 3; UPDATE audit_seals s SET hash = audit_seal_hash(s) WHERE number = 3`, []string{"log_rewritten", "seal_unlinked"}, "seal 3 does not link to seal 2"},
	"nothing":                {`SELECT 1`, []string{}, ""},
}

func TestDamageOfTheLogIsFound(t *testing.T) {
	t.Parallel()
	for name, d := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := seal(t)
			n.plant(t, d.sql)
			r, got := n.chained(t, nil)
			if d.want == nil && len(got) == 0 || d.want != nil && !slices.Equal(got, d.want) {
				t.Errorf("found %q, want %q\n%s", got, d.want, print(t, r))
			}
			if r.OK != (d.want != nil && len(d.want) == 0) {
				t.Errorf("ok is %v", r.OK)
			}
			if !strings.Contains(print(t, r), d.says) {
				t.Errorf("it does not say %q:\n%s", d.says, print(t, r))
			}
		})
	}
}

// With the heads in storage gone as well, a head that a user kept tells.
func TestAKeptHeadTellsOfACutLog(t *testing.T) {
	t.Parallel()
	n := seal(t)
	head := parse(t, n.heads[2])
	if _, got := n.chained(t, head); len(got) != 0 {
		t.Fatalf("found %q in a whole log", got)
	}
	n.plant(t, `DELETE FROM audit_log WHERE id > 10; DELETE FROM audit_seals WHERE number > 2; DELETE FROM objects; DELETE FROM cursors`)
	day := dbtest.Query1[string](t, n.DB, `SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') FROM audit_seals LIMIT 1`)
	must(t, n.Store.Derived.Delete(t.Context(), chain.HeadKey(day)))
	if _, got := n.chained(t, nil); len(got) != 0 {
		t.Fatalf("found %q without a head", got)
	}
	n.write(t, 5)
	n.seal(t)
	r, got := n.chained(t, head)
	if !slices.Equal(got, []string{"head_unknown"}) || !strings.Contains(print(t, r), n.heads[2]) {
		t.Errorf("found %q\n%s", got, print(t, r))
	}
	// The older one is still there.
	if _, got := n.chained(t, parse(t, n.heads[1])); len(got) != 0 {
		t.Errorf("found %q with a head from before the cut", got)
	}
}

// A transaction that took an early id and commits late is sealed, once.
func TestLateCommitsAreSealed(t *testing.T) {
	t.Parallel()
	n := seal(t)
	begin := func() pgx.Tx {
		tx, err := n.DB.AsApp(t).Begin(t.Context())
		must(t, err)
		return tx
	}
	write := func(tx pgx.Tx) {
		_, err := tx.Exec(t.Context(), `SELECT audit_write('system', 'test.late', NULL, '{}', NULL, NULL, NULL)`)
		must(t, err)
	}
	late, gone, early := begin(), begin(), begin()
	write(late)
	write(gone)
	// This one has an id and no transaction number yet.
	_, err := early.Exec(t.Context(), `SELECT nextval('audit_log_id_seq')`)
	must(t, err)
	n.write(t, 3)
	var open string
	must(t, late.QueryRow(t.Context(), `SELECT pg_current_xact_id()::text`).Scan(&open))
	n.DB.WaitForOthers(t, open)
	if report := n.run(t); report.Entries != 2 {
		t.Errorf("sealed %d entries, want the 2 from before the transaction that is open", report.Entries)
	}
	write(early)
	must(t, early.Commit(t.Context()))
	must(t, gone.Rollback(t.Context()))
	if report := n.run(t); report.Seals != 0 {
		t.Errorf("sealed %d entries while an earlier one is open", report.Entries)
	}
	if r, got := n.chained(t, nil); len(got) != 0 {
		t.Errorf("found %q\n%s", got, print(t, r))
	}
	must(t, late.Commit(t.Context()))
	if report := n.seal(t); report.Entries != 5 {
		t.Errorf("sealed %d entries, want 5", report.Entries)
	}
	r, got := n.chained(t, nil)
	if len(got) != 0 || !strings.Contains(r.Invariants[0].Checked, "22 entries, 22 of them sealed") {
		t.Errorf("found %q\n%s", got, print(t, r))
	}
}

// Writers, some of whom take their time or give up, and two notaries at once.
func TestALogOfConcurrentWritersVerifies(t *testing.T) {
	t.Parallel()
	n := seal(t)
	const writers, each = 8, 30
	pools := make([]*pgx.Conn, writers)
	for w := range pools {
		pools[w] = n.DB.AsApp(t)
	}
	var done atomic.Int32
	vaulttest.AtOnce(writers+2, func(w int) {
		if w >= writers {
			for done.Load() < writers {
				if _, err := n.notary.Run(t.Context()); err != nil {
					t.Errorf("notary: %v", err)
				}
			}
			return
		}
		defer done.Add(1)
		for i := range each {
			if w == 0 && i == each/2 {
				n.DB.WaitForOthers(t, "") // so that there is something to seal beside the others
			}
			tx, err := pools[w].Begin(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			if i%3 == 0 { // an id that is used at the end, or never
				_, err = tx.Exec(t.Context(), `SELECT nextval('audit_log_id_seq'), pg_sleep(0.002)`)
			}
			if err == nil {
				_, err = tx.Exec(t.Context(), `SELECT audit_write('system', 'test.busy', NULL, jsonb_build_object('n', $1::int), NULL, NULL, NULL), pg_sleep(0.003)`, i)
			}
			if err == nil && i%5 == 4 {
				err = tx.Rollback(t.Context())
			} else if err == nil {
				err = tx.Commit(t.Context())
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
	n.seal(t)
	r, got := n.chained(t, nil)
	want := 17 + writers*each*4/5
	if len(got) != 0 || !strings.HasPrefix(r.Invariants[0].Checked, fmt.Sprintf("%d entries, %d of them sealed", want, want)) {
		t.Errorf("found %q\n%s", got, print(t, r))
	}
	if seals := dbtest.Query1[int](t, n.DB, `SELECT count(*) FROM audit_seals`); seals < 3 {
		t.Errorf("only %d seals: nothing ran beside", seals)
	}
}

// A log that nobody seals is not called whole.
func TestALogThatIsNotSealedIsTold(t *testing.T) {
	t.Parallel()
	n := seal(t)
	n.plant(t, `UPDATE audit_log SET at = at - interval '16 minutes' WHERE id > 15`)
	n.DB.WaitForOthers(t, "")
	r, got := n.chained(t, nil)
	if !slices.Equal(got, []string{"not_sealed"}) || !strings.Contains(print(t, r), "2 entries are older") {
		t.Errorf("found %q\n%s", got, print(t, r))
	}
}

// Documents and accounts go, and what is personal with them; the chain stays.
func TestTheChainSurvivesPurgeAndErasure(t *testing.T) {
	t.Parallel()
	l := live(t)
	n := &notarized{World: l.World}
	var err error
	n.notary, err = notary.Open(n.Env)
	must(t, err)
	n.seal(t)
	personal := func() int { return dbtest.Query1[int](t, l.DB, `SELECT count(*) FROM audit_personal`) }
	if before := personal(); before < 5 {
		t.Fatalf("only %d personal parts", before)
	}
	l.anna.Call(t, http.MethodDelete, "/v1/documents/"+l.ready.ID.String()+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
	must(t, l.Deliver(t, "purge", l.anna.Job(l.ready.ID)))
	for _, u := range []*vaulttest.User{l.anna, l.ben} {
		u.Call(t, http.MethodDelete, "/v1/me", nil).JSON(t, http.StatusNoContent, nil)
		must(t, l.Deliver(t, "erase", job.Account{User: u.ID}.Encode()))
	}
	left := dbtest.Query1[int](t, l.DB, `SELECT (SELECT count(*) FROM users WHERE id IN ($1, $2)) + (SELECT count(*) FROM audit_personal WHERE user_id IN ($1, $2))`,
		l.anna.ID.String(), l.ben.ID.String())
	if left != 0 || personal() == 0 {
		t.Fatalf("%d rows of the accounts that went, and %d personal parts of others are left", left, personal())
	}
	for range 2 {
		r, got := n.chained(t, nil)
		if len(got) != 0 {
			t.Errorf("found %q\n%s", got, print(t, r))
		}
		n.seal(t)
	}
	r := run(t, l.options(t))
	if !r.OK {
		t.Errorf("%s", print(t, r))
	}
	// And it still tells of what happened to them.
	l.DB.Exec(t, `UPDATE audit_log SET action = 'test.other' WHERE action = 'account.erased' AND target = $1`, l.anna.ID.String())
	if _, got := n.chained(t, nil); len(got) != 1 || !strings.HasPrefix(got[0], "entry_changed") {
		t.Errorf("found %q", got)
	}
}
