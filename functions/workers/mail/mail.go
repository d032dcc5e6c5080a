// Package mail is the worker that sends mails.
package mail

import (
	"context"

	"docuvault/shared/host"
	"docuvault/shared/host/hostqueue"
	"docuvault/shared/job"
	"docuvault/shared/mail"
	"docuvault/shared/queue"
)

// Function consumes queue mail.
var Function = host.Function{Name: "workers-mail", Trigger: hostqueue.Consume(job.Mail, New)}

// New builds the handler.
func New(env *host.Env) (queue.Handler, error) {
	office, err := mail.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, m queue.Message) error {
		l, err := job.DecodeLetter(m.Body)
		if err != nil {
			env.Log.WarnContext(ctx, "a message that is not ours was dropped", "queue", job.Mail, "message_id", m.ID)
			return nil
		}
		return office.Deliver(ctx, l.User, l.Mail)
	}, nil
}
