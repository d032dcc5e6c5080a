// Package crash kills the process at every side effect that it has, and looks
// whether the vault recovers.
//
// A story is acted in a child process (this test binary once more), whose
// storage, queue and database are wrapped: they count writes, and at the n-th
// one the process kills itself, before it or after it, with a signal that
// nothing can catch. The parent does that for every n until the story runs
// through. After each kill it does what time would: it delivers what the queue
// still holds (or loses all of it), lets the reconciler run until nothing is
// due, and then checks every invariant. It does so with every driver of the
// queue.
//
// The product has no hook for any of this: wrappers take the place of
// resources in the host's Env.
package crash_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"docuvault/shared/database"
	"docuvault/shared/host"
	"docuvault/shared/queue"
	"docuvault/shared/storage"
)

// killer counts side effects and ends the process at one of them.
type killer struct {
	at       int64 // the effect to die at, from 1; 0: none
	after    bool  // when it has happened, not before
	messages bool  // count effects on messages alone
	n        atomic.Int64
}

// effect counts one side effect and runs it.
func (k *killer) effect(ctx context.Context, name string, do func(ctx context.Context) error) error {
	return k.run(ctx, k.begin(name), do)
}

// What happens to a message, before the queue's name.
const (
	sending = "send to "
	taking  = "take out of "
)

// message is an effect on messages.
func (k *killer) message(ctx context.Context, name string, do func(ctx context.Context) error) error {
	return k.run(ctx, k.count(name), do)
}

func (k *killer) run(ctx context.Context, done func(), do func(ctx context.Context) error) error {
	err := do(context.WithValue(ctx, counted{}, true))
	done()
	return err
}

// begin is an effect in two halves, on anything but messages.
func (k *killer) begin(name string) (done func()) {
	if k.messages {
		return func() {}
	}
	return k.count(name)
}

func (k *killer) count(name string) (done func()) {
	n := k.n.Add(1)
	say("effect", fmt.Sprint(n), name)
	if n == k.at && !k.after {
		die()
	}
	return func() {
		if n == k.at && k.after {
			die()
		}
	}
}

// counted marks the context of what is part of an effect already.
type counted struct{}

// say tells the parent, unbuffered: a line is written before the process dies.
func say(what string, words ...string) {
	line := what
	for _, w := range words {
		line += "\t" + w
	}
	_, _ = os.Stdout.WriteString(line + "\n")
}

// die ends the process as a power cut would: nothing deferred runs.
func die() {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {}
}

// wrap puts counting resources in place of those that constructors would open.
func (k *killer) wrap(env *host.Env) error {
	cfg, err := host.Config[database.Config](env)
	if err != nil {
		return err
	}
	db, err := database.New(cfg, tracer{k})
	if err != nil {
		return err
	}
	host.Provide(env, db)
	store, err := storage.Open(env)
	if err != nil {
		return err
	}
	wrapped := *store
	if wrapped.Documents, err = k.bucket("documents", store.Documents); err != nil {
		return err
	}
	if wrapped.Derived, err = k.bucket("derived", store.Derived); err != nil {
		return err
	}
	host.Provide(env, &wrapped)
	jobs, err := queue.Open(env)
	if err != nil {
		return err
	}
	host.Provide[queue.Queue](env, sender{jobs, k})
	return nil
}

// bucket counts writes to object storage. Signing is none: it is local.
type bucket struct {
	storage.Backend
	storage.Presigner
	storage.Lister
	storage.Multipart
	k    *killer
	name string
}

func (k *killer) bucket(name string, b storage.Backend) (storage.Backend, error) {
	signer, err := storage.As[storage.Presigner](b)
	if err != nil {
		return nil, err
	}
	lister, err := storage.As[storage.Lister](b)
	if err != nil {
		return nil, err
	}
	parts, err := storage.As[storage.Multipart](b)
	if err != nil {
		return nil, err
	}
	return bucket{b, signer, lister, parts, k, name}, nil
}

func (b bucket) NewMultipart(ctx context.Context, key string, opt storage.PutOptions) (uploadID string, err error) {
	err = b.k.effect(ctx, "begin parts in "+b.name, func(ctx context.Context) (err error) {
		uploadID, err = b.Multipart.NewMultipart(ctx, key, opt)
		return err
	})
	return uploadID, err
}

func (b bucket) Complete(ctx context.Context, key, uploadID string, parts []storage.Part) error {
	return b.k.effect(ctx, "assemble in "+b.name, func(ctx context.Context) error { return b.Multipart.Complete(ctx, key, uploadID, parts) })
}

func (b bucket) Abort(ctx context.Context, key, uploadID string) error {
	return b.k.effect(ctx, "abort parts in "+b.name, func(ctx context.Context) error { return b.Multipart.Abort(ctx, key, uploadID) })
}

func (b bucket) Put(ctx context.Context, key string, body io.Reader, size int64, opt storage.PutOptions) error {
	return b.k.effect(ctx, "put into "+b.name, func(ctx context.Context) error { return b.Backend.Put(ctx, key, body, size, opt) })
}

func (b bucket) Delete(ctx context.Context, key string) error {
	return b.k.effect(ctx, "delete from "+b.name, func(ctx context.Context) error { return b.Backend.Delete(ctx, key) })
}

// sender counts messages.
type sender struct {
	queue.Queue
	k *killer
}

func (s sender) Send(ctx context.Context, name string, messages ...queue.Message) error {
	return s.k.message(ctx, sending+name, func(ctx context.Context) error { return s.Queue.Send(ctx, name, messages...) })
}

// tracer counts the transactions that write.
type tracer struct{ k *killer }

var (
	_ pgx.QueryTracer = tracer{}
	_ pgx.BatchTracer = tracer{}
)

var writing = regexp.MustCompile(`(?i)\b(insert|update|delete)\b|audit_write|erase_rows`)

type doneKey struct{}

func (t tracer) start(ctx context.Context, sql ...string) context.Context {
	if ctx.Value(counted{}) != nil {
		return ctx
	}
	for _, s := range sql {
		if words := writing.FindString(s); words != "" {
			return context.WithValue(ctx, doneKey{}, t.k.begin("transaction with "+words))
		}
	}
	return ctx
}

func (t tracer) end(ctx context.Context) {
	if done, ok := ctx.Value(doneKey{}).(func()); ok {
		done()
	}
}

func (t tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return t.start(ctx, data.SQL)
}

func (t tracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) { t.end(ctx) }

func (t tracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	var sql []string
	for _, q := range data.Batch.QueuedQueries {
		sql = append(sql, q.SQL)
	}
	return t.start(ctx, sql...)
}

func (t tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (t tracer) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchEndData) { t.end(ctx) }
