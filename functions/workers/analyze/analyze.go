// Package analyze is the worker that reads a stored document: text, pages,
// language, topic.
package analyze

import (
	"context"

	"docuvault/shared/analysis"
	"docuvault/shared/host"
	"docuvault/shared/host/hostqueue"
	"docuvault/shared/job"
	"docuvault/shared/queue"
)

// Function consumes queue analyze.
var Function = host.Function{Name: "workers-analyze", Trigger: hostqueue.Consume(job.Analyze, New)}

// New builds the handler.
func New(env *host.Env) (queue.Handler, error) {
	analyst, err := analysis.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, m queue.Message) error {
		d, err := job.Decode(m.Body)
		if err != nil {
			env.Log.WarnContext(ctx, "a message that is not ours was dropped", "queue", job.Analyze, "message_id", m.ID)
			return nil
		}
		return analyst.Analyze(ctx, d.User, d.Document, m.Extend)
	}, nil
}
