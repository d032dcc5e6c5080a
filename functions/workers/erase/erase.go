// Package erase is the worker that removes what is left of deleted accounts:
// objects in every version, documents, rows.
package erase

import (
	"context"
	"time"

	"docuvault/shared/erase"
	"docuvault/shared/host"
	"docuvault/shared/host/hostqueue"
	"docuvault/shared/job"
	"docuvault/shared/queue"
)

// Function consumes queue erase.
var Function = host.Function{Name: "workers-erase", Trigger: hostqueue.Consume(job.Erase, New)}

// hold is how much longer a message is kept while a large account goes.
const hold = time.Minute

// New builds the handler.
func New(env *host.Env) (queue.Handler, error) {
	eraser, err := erase.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, m queue.Message) error {
		a, err := job.DecodeAccount(m.Body)
		if err != nil {
			env.Log.WarnContext(ctx, "a message that is not ours was dropped", "queue", job.Erase, "message_id", m.ID)
			return nil
		}
		return eraser.Erase(ctx, a.User, func(ctx context.Context) error { return m.Extend(ctx, hold) })
	}, nil
}
