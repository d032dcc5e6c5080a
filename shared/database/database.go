// Package database is the one way to PostgreSQL for functions and workers.
//
// It owns the connection pool of the app role and the one helper that sets the
// user a statement runs for. That setting, the session check and the
// statements travel as one batch: one implicit transaction, one round trip.
// Row-level security does the rest: a statement that forgets its WHERE sees
// only the rows of that user, and none at all when there is no user.
//
// It promises that no pgx error leaves it: callers see a *fault.Error,
// [ErrNoRows], a *[Conflict], or an opaque error for the log.
package database

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"docuvault/db"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/secret"
	"docuvault/shared/telemetry"
)

// Config is how functions reach PostgreSQL.
type Config struct {
	// URL is the app role's connection string. The pool's size is its parameter
	// pool_max_conns; on Lambda it is 1, because an instance serves one request
	// at a time. With default_query_exec_mode=cache_statement each connection
	// keeps its statements prepared, which saves PostgreSQL most of its work; only
	// for a server without a pooler in front, or with one that keeps prepared
	// statements apart (PgBouncer from 1.21 on).
	URL secret.Text `env:"DATABASE_URL"`
	// Lambda is set by the platform.
	Lambda string `env:"AWS_LAMBDA_RUNTIME_API"`
}

// Validate reports a missing or malformed URL without printing it.
func (c *Config) Validate() error {
	if c.URL.IsZero() {
		return errors.New("DATABASE_URL is not set: it is the connection string of the role docuvault_app, as postgres://docuvault_app:PASSWORD@HOST:5432/docuvault")
	}
	if _, err := pgxpool.ParseConfig(c.URL.Reveal()); err != nil {
		return errors.New("DATABASE_URL is not a PostgreSQL connection string: it looks like postgres://docuvault_app:PASSWORD@HOST:5432/docuvault")
	}
	return nil
}

// execMode is pgx's parameter of a connection string for how statements are sent.
const execMode = "default_query_exec_mode"

// DB is a pool of connections as the app role.
type DB struct{ pool *pgxpool.Pool }

// Open returns the Env's one DB. It does not connect. The process is not ready
// (check "database") while the database does not answer, or has a schema that
// is older than this code.
func Open(env *host.Env) (*DB, error) { return host.Resource(env, open) }

func open(env *host.Env) (*DB, error) {
	cfg, err := host.Config[Config](env)
	if err != nil {
		return nil, err
	}
	measured, err := telemetry.Open(env)
	if err != nil {
		return nil, err
	}
	var tracer pgx.QueryTracer
	if measured.Tracing() {
		tracer = newTracer(measured)
	}
	opened, err := New(cfg, tracer)
	if err != nil {
		return nil, err
	}
	measure(measured, opened.pool)
	env.Ready("database", opened.Check)
	return opened, nil
}

// New makes a DB that connects on first use. A tracer, if any, sees every
// query; [Open] traces with it, tests count.
func New(cfg Config, tracer pgx.QueryTracer) (*DB, error) {
	pc, err := pgxpool.ParseConfig(cfg.URL.Reveal())
	if err != nil {
		return nil, errors.New("DATABASE_URL is not a PostgreSQL connection string")
	}
	// Exec mode prepares nothing, so any pooler will do, and the first batch on a
	// connection is one round trip too. What it costs: PostgreSQL plans each
	// statement anew, four fifths of its time for a refresh.
	if !strings.Contains(cfg.URL.Reveal(), execMode+"=") {
		pc.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
		pc.ConnConfig.StatementCacheCapacity = 0
		pc.ConnConfig.DescriptionCacheCapacity = 0
	}
	if pc.ConnConfig.ConnectTimeout == 0 {
		pc.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	pc.ConnConfig.Tracer = tracer
	if cfg.Lambda != "" {
		pc.MaxConns = 1
	}
	pc.AfterConnect = func(_ context.Context, c *pgx.Conn) error {
		c.TypeMap().RegisterDefaultPgType(id.ID{}, "uuid")
		c.TypeMap().RegisterDefaultPgType([]id.ID{}, "_uuid")
		return nil
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), pc)
	if err != nil {
		return nil, errors.New("DATABASE_URL: " + err.Error())
	}
	return &DB{pool}, nil
}

// Pool is the pool itself, for the queue driver that lives in this database.
func (d *DB) Pool() *pgxpool.Pool { return d.pool }

// Close waits for connections in use and closes all.
func (d *DB) Close() error {
	d.pool.Close()
	return nil
}

// Actor is for whom a batch runs. The zero Actor is nobody: only functions
// that cross users by design return rows.
type Actor struct {
	user, session id.ID
	generation    int64
	token         id.ID
	fresh         bool
}

// SignedIn is a user by an access token. The session is checked in the batch
// itself, so a revoked one stops at its next request.
func SignedIn(user, session id.ID, generation int64) Actor {
	return Actor{user: user, session: session, generation: generation}
}

// ByToken is a user by an API token, which is checked in the batch itself, as a
// session is.
func ByToken(user, token id.ID) Actor { return Actor{user: user, token: token} }

// OnBehalfOf is the system at work on one user's rows: a worker, an event, a
// new account. There is no session to check.
func OnBehalfOf(user id.ID) Actor { return Actor{user: user} }

// Fresh returns an Actor whose batch also demands a proof of the password
// within the last 10 minutes.
func (a Actor) Fresh() Actor {
	a.fresh = true
	return a
}

// User is the acting user; Nil for nobody.
func (a Actor) User() id.ID { return a.user }

// Session is the acting session; Nil for the system.
func (a Actor) Session() id.ID { return a.session }

// Token is the API token that acts; Nil for a session and for the system.
func (a Actor) Token() id.ID { return a.token }

// IsSystem reports whether no person's session or token is behind the Actor.
func (a Actor) IsSystem() bool { return a.session.IsNil() && a.token.IsNil() }

// Do runs the statements that queue adds as one transaction for actor. When it
// returns nil or [ErrNoRows], they are committed; otherwise nothing is.
// ErrNoRows says that a statement of [Batch.One] matched nothing: guards are
// WHERE clauses, and one that did not hold is no failure of the transaction.
//
// In a context with a [Claim], what changes first takes its key. It returns
// fault.SessionRevoked, fault.ReauthRequired, fault.Forbidden,
// fault.Unavailable, ErrNoRows or *Conflict; with a Claim also *Done,
// fault.IdempotencyBusy and fault.IdempotencyReused.
func (d *DB) Do(ctx context.Context, actor Actor, queue func(b *Batch)) error {
	b := &Batch{}
	if !actor.user.IsNil() {
		b.inner.Queue(`SELECT set_config('app.user_id', $1::text, true)`, actor.user.String())
	}
	if !actor.session.IsNil() {
		b.inner.Queue(`SELECT check_session($1::uuid, $2)`, actor.session, actor.generation)
		if actor.fresh {
			b.inner.Queue(`SELECT check_reauth($1::uuid)`, actor.session)
		}
	}
	if !actor.token.IsNil() {
		if actor.fresh { // a token proves no password, ever
			return fault.New(fault.Forbidden, "An API token may not do this. Sign in.")
		}
		b.inner.Queue(`SELECT check_token($1::uuid)`, actor.token)
	}
	claim := claimOf(ctx, actor)
	if claim != nil {
		claim.open(&b.inner)
	}
	queue(b)
	var taken bool
	if claim != nil {
		claim.close(&b.inner, &taken)
	}
	// Close is the commit: a deferred constraint fails there, after rows were read.
	if err := d.pool.SendBatch(ctx, &b.inner).Close(); err != nil {
		return translate(err)
	}
	if claim != nil {
		claim.taken = taken
	}
	if b.missed {
		return ErrNoRows
	}
	return nil
}

// Check reports whether the database answers, with a schema that is new enough
// for this code.
func (d *DB) Check(ctx context.Context) error { return translate(db.Check(ctx, d.pool)) }

// Args are a statement's named arguments: @name in the SQL.
type Args = pgx.NamedArgs

// Batch collects statements.
type Batch struct {
	inner  pgx.Batch
	missed bool // a One without a row
}

// Exec adds a statement whose result is not looked at.
func (b *Batch) Exec(sql string, args Args) { b.queue(sql, args) }

// Affected adds a statement and writes how many rows it changed.
func (b *Batch) Affected(n *int64, sql string, args Args) {
	b.queue(sql, args).Exec(func(tag pgconn.CommandTag) error {
		*n = tag.RowsAffected()
		return nil
	})
}

// One adds a statement and scans its first row; without one, Do returns
// ErrNoRows, unless something else fails: pgx would stop there, and hide that
// the transaction failed later.
func (b *Batch) One(sql string, args Args, dest ...any) {
	b.queue(sql, args).QueryRow(func(row pgx.Row) error {
		err := row.Scan(dest...)
		if errors.Is(err, pgx.ErrNoRows) {
			b.missed = true
			return nil
		}
		return err
	})
}

// Maybe is One for a statement that may rightly match nothing: found says
// whether there was a row.
func (b *Batch) Maybe(found *bool, sql string, args Args, dest ...any) {
	*found = false
	b.queue(sql, args).QueryRow(func(row pgx.Row) error {
		err := row.Scan(dest...)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		*found = err == nil
		return err
	})
}

// Each adds a statement and calls row for every row, with a function that
// scans it.
func (b *Batch) Each(sql string, args Args, row func(scan func(dest ...any) error) error) {
	b.queue(sql, args).Query(func(rows pgx.Rows) error {
		defer rows.Close()
		for rows.Next() {
			if err := row(rows.Scan); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

func (b *Batch) queue(sql string, args Args) *pgx.QueuedQuery {
	if args == nil {
		return b.inner.Queue(sql)
	}
	return b.inner.Queue(sql, args)
}

// ErrNoRows says that a statement matched nothing.
var ErrNoRows = errors.New("no rows")

// Conflict says which unique constraint or index a statement violated.
type Conflict struct{ Constraint string }

// Error names the constraint, never its values.
func (c *Conflict) Error() string { return "conflict with " + c.Constraint }

// IsConflict reports whether err is a violation of that constraint.
func IsConflict(err error, constraint string) bool {
	var c *Conflict
	return errors.As(err, &c) && c.Constraint == constraint
}

// NullID is how an optional id is sent and read: NULL for the zero ID.
func NullID(i id.ID) pgtype.UUID { return pgtype.UUID{Bytes: i, Valid: !i.IsNil()} }

func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		// Before isBroken: pgx reports it as a network error too.
		return fmt.Errorf("database: %w", context.Canceled)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return translateServer(pg)
	}
	var connect *pgconn.ConnectError
	connecting := errors.As(err, &connect)
	if !connecting && errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.DeadlineExceeded, "The database took too long. Try again.").Because(context.DeadlineExceeded)
	}
	if connecting || isBroken(err) {
		// The error's own text can hold the address and the user; the log may, the client not.
		return fault.New(fault.Unavailable, "The database does not answer. Try again in a moment.").Because(fmt.Errorf("database: %w", hideURL(err)))
	}
	return fmt.Errorf("database: %w", err)
}
