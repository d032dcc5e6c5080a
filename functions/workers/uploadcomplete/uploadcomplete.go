// Package uploadcomplete is the worker that hears of new objects and settles
// their uploads.
package uploadcomplete

import (
	"context"
	"time"

	"docuvault/shared/host"
	"docuvault/shared/host/hostqueue"
	"docuvault/shared/job"
	"docuvault/shared/notification"
	"docuvault/shared/queue"
	"docuvault/shared/settle"
	"docuvault/shared/storage"
)

// Function consumes queue uploadcomplete: S3 event records, from our own events
// function or from S3 itself, of which only bucket and key are read.
var Function = host.Function{Name: "workers-uploadcomplete", Trigger: hostqueue.Consume(job.UploadComplete, New)}

// hold is how much longer a message is kept while a large object is read.
const hold = 30 * time.Second

// New builds the handler.
func New(env *host.Env) (queue.Handler, error) {
	settler, err := settle.Open(env)
	if err != nil {
		return nil, err
	}
	cfg, err := host.Config[storage.Config](env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, m queue.Message) error {
		records, err := notification.Parse(m.Body)
		if err != nil {
			// Trying again cannot help, and it is not ours to keep.
			env.Log.WarnContext(ctx, "a message that is no bucket notification was dropped", "queue", job.UploadComplete, "message_id", m.ID)
			return nil
		}
		for _, r := range records {
			if r.Bucket != cfg.Bucket {
				continue
			}
			if err := settler.SettleObject(ctx, r.Key, func(ctx context.Context) error { return m.Extend(ctx, hold) }); err != nil {
				return err
			}
		}
		return nil
	}, nil
}
