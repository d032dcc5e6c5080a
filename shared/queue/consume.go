package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"docuvault/shared/id"
)

// What River stores in the job's row in place of an error's own text, which may
// say more than a database dump should show.
var (
	errHandler  = errors.New("the handler failed")
	errNotOurs  = errors.New("not a message of this queue")
	errReturned = errors.New("the handler has returned")
)

// Consume implements [Queue].
//
// A job in the queue that is not a message (another kind, other args) becomes a
// dead letter at its first delivery; its id and kind are logged.
//
// A message whose process was killed is delivered again 35 s (30 s and a grace)
// after its delivery or its last Extend, plus up to 30 s until the leader looks
// and up to 6 s until the retry is due.
func (p *Postgres) Consume(ctx context.Context, queue string, h Handler) error {
	if err := checkName(queue); err != nil {
		return err
	}
	// River starts its parts in the background; whether the queue is there is
	// asked here, under the caller's ctx.
	if _, err := p.pool.Exec(ctx, `SELECT 1 FROM river.river_job LIMIT 1`); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return unavailable(ctx, "consume", queue, err)
	}

	// Handlers outlive ctx by the drain time.
	detached := context.WithoutCancel(ctx)
	working, abandon := context.WithCancelCause(detached)
	defer abandon(nil)

	workers := river.NewWorkers()
	river.AddWorker(workers, &worker{consumer: p, queue: queue, handler: h, working: working})
	client, err := river.NewClient(polling{riverpgxv5.New(p.pool)}, &river.Config{
		// Several clients of one process must not share River's default id,
		// which is made of host and time.
		ID:                          "docuvault-" + id.New().String(),
		Schema:                      schema,
		Logger:                      slog.New(warnings{p.opts.Log.Handler()}),
		Queues:                      map[string]river.QueueConfig{queue: {MaxWorkers: p.opts.Concurrency}},
		Workers:                     workers,
		FetchPollInterval:           pollInterval,
		FetchCooldown:               fetchCooldown,
		MaxAttempts:                 MaxReceives,
		RetryPolicy:                 retries{p.opts.Backoff},
		ErrorHandler:                strangers{},
		RescueStuckJobsAfter:        p.opts.Visibility + visibilityGrace,
		CompletedJobRetentionPeriod: keepDone,
		CancelledJobRetentionPeriod: keepDead,
		DiscardedJobRetentionPeriod: keepDead,
		// The reindexer would need to own the indexes.
		ReindexerSchedule: river.NeverSchedule(),
		// Not -1: River's rescuer never rescues a job without a timeout. The
		// worker puts its own, extendable deadline in place of River's.
		JobTimeout: p.opts.Visibility,
		// A handler that extends is not stuck.
		JobStuckThreshold: 2 * MaxExtend,
	})
	if err != nil {
		return fmt.Errorf("queue %s: consume: %s", queue, err)
	}
	if err := client.Start(detached); err != nil {
		return unavailable(ctx, "consume", queue, err)
	}

	p.announce(queue, client)
	<-ctx.Done()
	p.announce(queue, nil)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = client.Stop(detached)
	}()
	if waitFor(stopped, p.opts.Drain) {
		return nil
	}
	abandon(context.DeadlineExceeded)
	if !waitFor(stopped, abandonAfter) {
		p.opts.Log.Warn("a handler ignores the end of its context; leaving it behind", "queue", queue)
	}
	return nil
}

// announce tells Send whose fetcher to wake. Of two consumers of one queue in a
// process, the last one; the others poll.
func (p *Postgres) announce(queue string, client *river.Client[pgx.Tx]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.consuming[queue] = client
}

func waitFor(done <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// undecoded takes any args, so that River never fails to read one: whether it
// is a message is the worker's business.
type undecoded struct{ raw json.RawMessage }

func (undecoded) Kind() string { return kind }

func (u *undecoded) UnmarshalJSON(raw []byte) error {
	u.raw = append(u.raw[:0], raw...)
	return nil
}

// worker is River's side of one Consume.
type worker struct {
	river.WorkerDefaults[undecoded]
	consumer *Postgres
	queue    string
	handler  Handler
	working  context.Context
}

// Work runs the handler once. What it returns decides: nil completes the job,
// errHandler sends it round again, anything else makes it a dead letter.
//
// River's context is left aside: its deadline cannot move.
func (w *worker) Work(_ context.Context, job *river.Job[undecoded]) error {
	log := w.consumer.opts.Log.With("queue", w.queue, "message", messageID(job.ID), "receive_count", job.Attempt)
	var content payload
	if err := json.Unmarshal(job.Args.raw, &content); err != nil || content.Body == nil {
		log.Error("a job is not a message of ours; it is a dead letter now")
		return errNotOurs
	}
	held := hold(w.working, w.consumer.opts.Visibility)
	defer held.release()

	err := call(held, w.handler, Message{
		ID:           messageID(job.ID),
		Body:         content.Body,
		Attributes:   content.Attributes,
		ReceiveCount: job.Attempt,
		Extend: func(ctx context.Context, d time.Duration) error {
			return w.extend(ctx, held, job, d)
		},
	})
	switch {
	case err == nil:
		return nil
	case job.Attempt >= job.MaxAttempts:
		log.Error("a message failed for the last time; it is a dead letter now", "error", err)
	default:
		// Whoever runs handlers logs their errors; this is for those who do not.
		log.Debug("a message failed; it will be delivered again", "error", err)
	}
	return errHandler
}

// extend moves attempted_at, by which River's rescuer goes, so that the message
// counts as lost d and the grace from now; then the handler's deadline.
func (w *worker) extend(ctx context.Context, held *holding, job *river.Job[undecoded], d time.Duration) error {
	if d <= 0 || d > MaxExtend {
		return fmt.Errorf("queue %s: extend by %s: %w", w.queue, d, ErrInvalid)
	}
	if held.Err() != nil {
		return fmt.Errorf("queue %s: extend: %w", w.queue, ErrNotHeld)
	}
	deadline := time.Now().Add(d)
	tag, err := w.consumer.pool.Exec(ctx, `
		UPDATE river.river_job
		SET attempted_at = greatest(attempted_at, now() + @more * interval '1 microsecond')
		WHERE id = @id AND state = 'running' AND attempt = @attempt`,
		pgx.NamedArgs{
			"id": job.ID, "attempt": job.Attempt,
			"more": (d - w.consumer.opts.Visibility).Microseconds(),
		})
	switch {
	case err != nil:
		return unavailable(ctx, "extend", w.queue, err)
	case tag.RowsAffected() == 0 || !held.until(deadline):
		return fmt.Errorf("queue %s: extend: %w", w.queue, ErrNotHeld)
	}
	return nil
}

// call turns a panic into an error. The value of a panic may hold content, so
// only its type and the stack are kept.
func call(ctx context.Context, h Handler, m Message) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic (%T) in the handler:\n%s", v, debug.Stack())
		}
	}()
	return h(ctx, m)
}

// holding is the context of a handler: one whose deadline can be moved.
type holding struct {
	context.Context
	end   context.CancelCauseFunc
	timer *time.Timer

	mu       sync.Mutex
	deadline time.Time
}

func hold(parent context.Context, d time.Duration) *holding {
	ctx, end := context.WithCancelCause(parent)
	return &holding{
		Context:  ctx,
		end:      end,
		timer:    time.AfterFunc(d, func() { end(context.DeadlineExceeded) }),
		deadline: time.Now().Add(d),
	}
}

// Deadline implements context.Context.
func (h *holding) Deadline() (time.Time, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.deadline, true
}

// until moves the deadline, never to an earlier time. It reports whether that
// came in time.
func (h *holding) until(deadline time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.Err() != nil {
		return false
	}
	if deadline.After(h.deadline) {
		if !h.timer.Reset(time.Until(deadline)) {
			h.timer.Stop()
			return false
		}
		h.deadline = deadline
	}
	return true
}

func (h *holding) release() {
	h.timer.Stop()
	h.end(errReturned)
}

// messageID is the job's id in decimal.
func messageID(id int64) string { return strconv.FormatInt(id, 10) }
