package vaulttest

import (
	"context"
	"sync/atomic"
	"testing"

	"docuvault/shared/host"
	"docuvault/shared/queue"
)

// Deaf is a queue that takes no messages while it is shut: pass [Deaf.Provide]
// to [New].
type Deaf struct {
	queue.Queue
	Shut atomic.Bool
}

// Provide puts it in front of the real queue.
func (d *Deaf) Provide(t testing.TB) func(env *host.Env) {
	return func(env *host.Env) {
		q, err := queue.Open(env)
		if err != nil {
			t.Fatalf("open queue: %v", err)
		}
		d.Queue = q
		host.Provide[queue.Queue](env, d)
	}
}

// Send fails while it is shut.
func (d *Deaf) Send(ctx context.Context, name string, messages ...queue.Message) error {
	if d.Shut.Load() {
		return queue.ErrUnavailable
	}
	return d.Queue.Send(ctx, name, messages...)
}
