package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

const (
	schema = "river"
	kind   = "message"

	// visibility is how long a handler has without Extend. It is one constant
	// for all queues and processes, because River's elected leader decides by
	// its own setting which messages of all processes are lost.
	visibility = 30 * time.Second
	// visibilityGrace passes between the end of a handler's context and the
	// moment when the message counts as lost: enough for the handler to return
	// and for River to write that down, which it does every 250 ms; and for
	// clocks that differ, since the leader compares its own with the database's.
	visibilityGrace = 5 * time.Second
	// drainTime is less than the 30 s after which Kubernetes kills.
	drainTime = 20 * time.Second
	// abandonAfter is how long a handler may ignore the end of its context
	// before Consume returns without it.
	abandonAfter = 2 * time.Second

	pollInterval  = 100 * time.Millisecond
	fetchCooldown = 5 * time.Millisecond

	keepDone = time.Hour
	keepDead = 14 * 24 * time.Hour

	// One INSERT carries at most this much, so that a large Send needs bounded
	// memory here and in the server.
	maxBatch      = 1000
	maxBatchBytes = 8 << 20
)

// Options are what a test wants otherwise. The zero value is right everywhere
// else.
type Options struct {
	// Log gets the driver's and River's lines at warn and above; nil: none.
	Log *slog.Logger
	// Concurrency is how many handlers of one queue run at a time in one
	// Consume; 0: the number of CPUs, at least 4.
	Concurrency int
	// Visibility is how long a handler has without Extend; 0: 30 s. All
	// consumers of a database need the same.
	Visibility time.Duration
	// Drain is how long a stopping consumer waits for its handlers; 0: 20 s.
	Drain time.Duration
	// Backoff is the time before delivery number receive+1; nil: 1 s, 4 s,
	// 16 s, 64 s with up to a tenth more.
	// SQS rounds it to seconds.
	Backoff func(receive int) time.Duration
	// Poll is how long SQS holds a call that finds nothing, in whole seconds from
	// 1 to 20; 0: 10 s. PostgreSQL does not use it.
	Poll time.Duration
}

// Postgres is the driver that keeps messages in PostgreSQL, as jobs of River
// (schema river, one kind for all messages, River's queue is our queue).
//
// It polls (every 100 ms; at once for what this process sends itself) and does
// not LISTEN: so it works behind any pooler, in any pgx mode, and holds no
// connection while idle. Each Consume is a River client of its own; they elect
// one leader among all processes, which finds lost messages and removes old
// ones (done: after 1 h, dead: after 14 days).
type Postgres struct {
	pool   *pgxpool.Pool
	sender *river.Client[pgx.Tx]
	opts   Options

	mu        sync.Mutex
	consuming map[string]*river.Client[pgx.Tx]
}

// polling is River's driver without LISTEN and NOTIFY. River's own setting for
// that leaves the NOTIFY of each insert, which takes a lock of the whole
// server, and does not tell a client's own fetcher about its own inserts.
type polling struct{ *riverpgxv5.Driver }

func (polling) SupportsListener() bool     { return false }
func (polling) SupportsListenNotify() bool { return false }

var (
	_ Queue       = (*Postgres)(nil)
	_ DeadLetters = (*Postgres)(nil)
)

// NewPostgres makes the driver on a pool of the role docuvault_app, which stays
// the caller's to close. It connects to nothing.
func NewPostgres(pool *pgxpool.Pool, opts Options) (*Postgres, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Concurrency == 0 {
		opts.Concurrency = max(4, runtime.GOMAXPROCS(0))
	}
	if opts.Visibility == 0 {
		opts.Visibility = visibility
	}
	if opts.Drain == 0 {
		opts.Drain = drainTime
	}
	if opts.Backoff == nil {
		opts.Backoff = backoff
	}
	// Without queues a client only inserts, and nothing of it runs.
	sender, err := river.NewClient(polling{riverpgxv5.New(pool)}, &river.Config{
		Schema: schema,
		Logger: slog.New(warnings{opts.Log.Handler()}),
	})
	if err != nil {
		return nil, fmt.Errorf("queue: %s", err)
	}
	return &Postgres{pool: pool, sender: sender, opts: opts, consuming: map[string]*river.Client[pgx.Tx]{}}, nil
}

// backoff is 1 s, 4 s, 16 s, 64 s, each with up to a tenth more, so that what
// failed together does not come back together.
func backoff(receive int) time.Duration {
	d := time.Second << (2 * min(max(receive-1, 0), 4))
	return d + rand.N(d/10)
}

// payload is the job's args. A []byte is base64 in JSON, so any body passes.
type payload struct {
	Body       []byte            `json:"body"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

func (payload) Kind() string { return kind }

// Send implements [Queue].
func (p *Postgres) Send(ctx context.Context, queue string, messages ...Message) error {
	if err := checkName(queue); err != nil {
		return err
	}
	messages, err := outgoing(ctx, messages)
	if err != nil {
		return err
	}
	sender := p.sender
	p.mu.Lock()
	if consuming := p.consuming[queue]; consuming != nil {
		sender = consuming
	}
	p.mu.Unlock()
	batch := make([]river.InsertManyParams, 0, min(len(messages), maxBatch))
	size := 0
	for i, m := range messages {
		batch = append(batch, river.InsertManyParams{
			// An empty body is "", not null: null is no message.
			Args:       payload{Body: append([]byte{}, m.Body...), Attributes: m.Attributes},
			InsertOpts: &river.InsertOpts{Queue: queue, MaxAttempts: MaxReceives},
		})
		size += len(m.Body)
		if len(batch) == maxBatch || size >= maxBatchBytes || i == len(messages)-1 {
			if _, err := sender.InsertMany(ctx, batch); err != nil {
				return unavailable(ctx, "send", queue, err)
			}
			batch, size = batch[:0], 0
		}
	}
	return nil
}

// Dead implements [DeadLetters]. A job that is no message of ours (see
// [Postgres.Consume]) is listed with an empty body.
func (p *Postgres) Dead(ctx context.Context, queue string, limit int) ([]Message, error) {
	if err := checkName(queue); err != nil {
		return nil, err
	}
	rows, err := p.pool.Query(ctx, `
		SELECT id, attempt, args, created_at
		FROM river.river_job
		WHERE queue = @queue AND state IN ('discarded', 'cancelled')
		ORDER BY finalized_at, id
		LIMIT @limit`,
		pgx.NamedArgs{"queue": queue, "limit": max(limit, 0)})
	if err != nil {
		return nil, unavailable(ctx, "list dead letters", queue, err)
	}
	dead, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Message, error) {
		var (
			id      int64
			attempt int
			args    []byte
			content payload
			sent    time.Time
		)
		if err := row.Scan(&id, &attempt, &args, &sent); err != nil {
			return Message{}, err
		}
		if json.Unmarshal(args, &content) != nil {
			content = payload{}
		}
		return Message{ID: messageID(id), Body: content.Body, Attributes: content.Attributes, ReceiveCount: attempt, Sent: sent}, nil
	})
	if err != nil {
		return nil, unavailable(ctx, "list dead letters", queue, err)
	}
	return dead, nil
}

// Redrive implements [DeadLetters].
func (p *Postgres) Redrive(ctx context.Context, queue string) (int, error) {
	if err := checkName(queue); err != nil {
		return 0, err
	}
	tag, err := p.pool.Exec(ctx, `
		UPDATE river.river_job
		SET state = 'available', attempt = 0, max_attempts = @receives,
		    errors = NULL, finalized_at = NULL, scheduled_at = now(),
		    metadata = metadata - 'cancel_attempted_at'
		WHERE queue = @queue AND state IN ('discarded', 'cancelled')`,
		pgx.NamedArgs{"queue": queue, "receives": MaxReceives})
	if err != nil {
		return 0, unavailable(ctx, "redrive", queue, err)
	}
	return int(tag.RowsAffected()), nil
}

// unavailable keeps what the database said as text only, and ctx's error as an
// error, since the caller made it.
func unavailable(ctx context.Context, doing, queue string, err error) error {
	if cause := ctx.Err(); cause != nil {
		return fmt.Errorf("queue %s: %s: %w: %w", queue, doing, ErrUnavailable, cause)
	}
	return fmt.Errorf("queue %s: %s: %w: %v", queue, doing, ErrUnavailable, err)
}

// warnings lets warn and above through: River reports each retry at info, with
// the error's text.
type warnings struct{ slog.Handler }

func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }

// retries is River's ClientRetryPolicy; for messages that a dead worker held,
// too.
type retries struct{ backoff func(int) time.Duration }

func (r retries) NextRetry(job *rivertype.JobRow) time.Time {
	return time.Now().Add(r.backoff(job.Attempt))
}

// strangers is River's ErrorHandler: a job that cannot be one of our messages
// is a dead letter at once, since trying again does not help.
type strangers struct{}

func (strangers) HandleError(_ context.Context, _ *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	if errors.Is(err, errHandler) {
		return nil
	}
	return &river.ErrorHandlerResult{SetCancelled: true}
}

func (strangers) HandlePanic(context.Context, *rivertype.JobRow, any, string) *river.ErrorHandlerResult {
	return nil
}
