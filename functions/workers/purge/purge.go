// Package purge is the worker that deletes documents for good: every version
// of the object, then the row.
package purge

import (
	"context"

	"docuvault/shared/database"
	"docuvault/shared/host"
	"docuvault/shared/host/hostqueue"
	"docuvault/shared/job"
	"docuvault/shared/learning"
	"docuvault/shared/queue"
	"docuvault/shared/storage"
	"docuvault/shared/vault"
)

// Function consumes queue purge.
var Function = host.Function{Name: "workers-purge", Trigger: hostqueue.Consume(job.Purge, New)}

// New builds the handler.
func New(env *host.Env) (queue.Handler, error) {
	documents, err := vault.Open(env)
	if err != nil {
		return nil, err
	}
	learner, err := learning.Open(env)
	if err != nil {
		return nil, err
	}
	store, err := storage.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, m queue.Message) error {
		d, err := job.Decode(m.Body)
		if err != nil {
			env.Log.WarnContext(ctx, "a message that is not ours was dropped", "queue", job.Purge, "message_id", m.ID)
			return nil
		}
		// What its words taught goes first, while there still is a text.
		if err := learner.Forget(ctx, database.OnBehalfOf(d.User), d.Document); err != nil {
			return err
		}
		return documents.Purge(ctx, d.User, d.Document, store.Documents, store.Derived)
	}, nil
}
