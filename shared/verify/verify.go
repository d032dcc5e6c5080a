// Package verify checks the ten invariants of the design on a live system.
//
// It promises to change nothing, to need memory that does not grow with the
// vault, and to be honest: what it cannot see is "not checked", with the
// reason, never "ok". Its findings hold ids and codes, never a name, a text or
// an object key that is not one of the vault's own.
//
// The vault may be at work meanwhile. What could be a moment between two
// statements is looked at again before it counts, and what time alone explains
// is told apart; [Options.Strict] counts that too, for a vault at rest.
package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"docuvault/shared/chain"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/reconcile"
	"docuvault/shared/secret"
	"docuvault/shared/storage"
)

// Bounds.
const (
	// maxProblems is how many problems of one invariant are listed; all are
	// counted.
	maxProblems = 100
	page        = 1000
	// late is how long a row may be overdue: the reconciler runs every minute,
	// and puts a row that failed off by five.
	late = 15 * time.Minute
)

// Options are what is checked, and with what.
type Options struct {
	// Owner is DATABASE_MIGRATE_URL: the role that may read all rows, and opens
	// none.
	Owner secret.Text
	// App is DATABASE_URL; zero: invariant 8 is not checked.
	App secret.Text
	// Store is the two buckets; nil: invariant 2 is not checked.
	Store *storage.Store
	// Ring holds the master keys; nil: invariant 5 is not checked.
	Ring *keys.Ring
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Strict says that the vault is at rest and no limit was ever lowered:
	// rows that are due, young objects without a row and accounts above their
	// limit count as broken.
	Strict bool
	// State is a file in which the run keeps how far it has come, so that one
	// that was killed continues there; "": nothing is kept. It is removed at the
	// end.
	State string
	// Only are the numbers of the invariants to check; nil: all.
	Only []int
	// Head is a head of the audit log that somebody kept; nil: none. Invariant 7
	// is broken if it is not in the chain.
	Head *chain.Hash
}

// Status is how an invariant stands.
type Status string

// The statuses.
const (
	OK         Status = "ok"
	Broken     Status = "broken"
	NotChecked Status = "not_checked"
)

// Problem is one violation: a code, and the ids that it is about.
type Problem struct {
	Code     string `json:"code"`
	User     id.ID  `json:"user_id,omitzero"`
	Document id.ID  `json:"document_id,omitzero"`
	Session  id.ID  `json:"session_id,omitzero"`
	Record   id.ID  `json:"record_id,omitzero"`
	Entry    int64  `json:"audit_id,omitempty"`
	Object   string `json:"object,omitempty"`
	Table    string `json:"table,omitempty"`
	Detail   string `json:"detail,omitempty"`
}

// Invariant is one of the ten, and what was found.
type Invariant struct {
	Number int    `json:"number"`
	Name   string `json:"name"`
	Status Status `json:"status"`
	// Reason says why it was not checked.
	Reason string `json:"reason,omitempty"`
	// Checked says what was looked at.
	Checked string `json:"checked,omitempty"`
	// Notes are what to know besides, and what was left out.
	Notes []string `json:"notes,omitempty"`
	// Found is how many problems there are; Problems are the first 100.
	Found    int       `json:"found"`
	Problems []Problem `json:"problems"`
}

// Report is the result of a run.
type Report struct {
	OK bool      `json:"ok"`
	At time.Time `json:"at"`
	// Begun is set when the run continued an earlier one, which began then: what
	// that one had looked at is as it was at its time.
	Begun      time.Time   `json:"begun,omitzero"`
	Invariants []Invariant `json:"invariants"`
}

// found counts a problem, and keeps it while there is room.
func (i *Invariant) found(p Problem) {
	i.Found++
	i.Status = Broken
	if len(i.Problems) < maxProblems {
		i.Problems = append(i.Problems, p)
	}
}

func (i *Invariant) note(format string, args ...any) {
	// A run that continues may come here again.
	if note := fmt.Sprintf(format, args...); !slices.Contains(i.Notes, note) {
		i.Notes = append(i.Notes, note)
	}
}

// skip says why an invariant, or what was left of it, was not checked. What was
// found before stays found.
func (i *Invariant) skip(format string, args ...any) {
	i.Reason = fmt.Sprintf(format, args...)
	if i.Status != Broken {
		i.Status = NotChecked
	}
}

// run is one pass.
type run struct {
	Options
	db        *pgxpool.Pool
	by        [11]*Invariant // by number, from 1
	at        *progress
	continued bool
}

// Run checks all invariants. Its error is that nothing could be checked: the
// database does not answer to Owner, or not with this program's schema. What
// is missing besides is said by the invariant that needs it.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	pool, err := connect(o.Owner, 4)
	if err != nil {
		return Report{}, fmt.Errorf("DATABASE_MIGRATE_URL: %w", err)
	}
	defer pool.Close()
	if err := checkOwner(ctx, pool); err != nil {
		return Report{}, err
	}
	r := &run{Options: o, db: pool}
	report := Report{OK: true, At: o.Now().UTC()}
	if err := r.resume(ctx); err != nil {
		return Report{}, err
	}
	if r.continued {
		report.Begun = r.at.Begun
	}
	copy(r.by[1:], r.at.Invariants)
	// In this order: the objects' walk also finds what belongs to number 4.
	for _, check := range []struct {
		number int
		do     func(context.Context, *Invariant) error
	}{
		{1, r.quotas}, {3, r.deadlines}, {4, r.effects}, {2, r.objects}, {5, r.sealed},
		{6, r.sessions}, {7, r.audit}, {8, r.tenants}, {9, r.words}, {10, r.quiet},
	} {
		if o.Only != nil && !slices.Contains(o.Only, check.number) {
			continue
		}
		i := r.by[check.number]
		err := r.invariant(i, func() error {
			err := check.do(ctx, i)
			if _, ok := errors.AsType[*stateError](err); ok || ctx.Err() != nil {
				return err
			}
			if err != nil {
				i.skip("%v", err)
			}
			return nil
		})
		if ctx.Err() != nil {
			return Report{}, fmt.Errorf("verify: %w", context.Cause(ctx))
		}
		if err != nil {
			return Report{}, err
		}
	}
	for _, i := range r.by[1:] {
		if o.Only != nil && !slices.Contains(o.Only, i.Number) {
			continue
		}
		report.OK = report.OK && i.Status != Broken
		report.Invariants = append(report.Invariants, *i)
	}
	return report, r.finish()
}

// names are the invariants in the words of the design.
var names = [...]string{
	"quotas equal the documents",
	"rows and objects match",
	"nothing is stuck",
	"one effect an event",
	"sealed values open for their owner alone",
	"sessions end when they should",
	"the audit log is whole",
	"no user, no rows",
	"no planted word leaks",
	"a reconcile has nothing to do",
}

// connect makes a pool that connects on first use; its errors hold no DSN.
func connect(dsn secret.Text, connections int32) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(dsn.Reveal())
	if err != nil {
		return nil, errors.New("this is not a PostgreSQL connection string")
	}
	config.MaxConns = connections
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.ConnConfig.ConnectTimeout = 5 * time.Second
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, errors.New("this is not a PostgreSQL connection string")
	}
	return pool, nil
}

// checkOwner wants the role that the policies let read across users: any other
// would see no rows, and call an empty vault healthy.
func checkOwner(ctx context.Context, pool *pgxpool.Pool) error {
	var sees bool
	err := pool.QueryRow(ctx, `SELECT pg_has_role(current_user, 'docuvault_migrate', 'MEMBER')
	   AND EXISTS (SELECT FROM pg_policies WHERE tablename = 'documents' AND policyname = 'owner_reads')`).Scan(&sees)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("verify: %w", context.Cause(ctx))
	case err != nil:
		return errors.New("the database does not answer to DATABASE_MIGRATE_URL: is it running, the role there, and the schema migrated?")
	case !sees:
		return errors.New("DATABASE_MIGRATE_URL is not docuvault_migrate's, or the schema is not there: run docuvault migrate first")
	}
	return nil
}

// each runs a query and calls row for every row while they arrive: memory does
// not grow with the result.
func (r *run) each(ctx context.Context, sql string, args pgx.NamedArgs, row func(scan func(...any) error) error) error {
	if args == nil {
		args = pgx.NamedArgs{}
	}
	rows, err := r.db.Query(ctx, sql, args)
	if err != nil {
		return hide(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return hide(err)
		}
	}
	return hide(rows.Err())
}

// one reads one row.
func (r *run) one(ctx context.Context, sql string, args pgx.NamedArgs, dest ...any) error {
	if args == nil {
		args = pgx.NamedArgs{}
	}
	return hide(r.db.QueryRow(ctx, sql, args).Scan(dest...))
}

// hide keeps pgx's errors in, and addresses out of the report.
func hide(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the database did not answer: %v", err)
}

// grace is from which age an object without a row counts: the reconciler has
// begun a turn since it could remove it, and had an hour for it.
func (r *run) grace() time.Duration {
	if r.Strict {
		return 0
	}
	return reconcile.OrphanGrace + reconcile.RestOfObjects + time.Hour
}
