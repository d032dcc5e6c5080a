package reconcile

import (
	"context"
	"fmt"

	"docuvault/shared/database"
	"docuvault/shared/job"
	"docuvault/shared/queue"
)

// mails sends mails that are owed to their worker: those of events whose
// function sends no message, those whose message was lost, and those that a
// server did not take. What a worker has claimed is never due.
func (r *Reconciler) mails(ctx context.Context, report *Report) error {
	var due []job.Letter
	err := r.db.Do(ctx, database.Actor{}, func(b *database.Batch) {
		b.Each(`SELECT user_id, mail_id FROM due_mails(@limit::integer)`, database.Args{"limit": maxUsers}, func(scan func(...any) error) error {
			var l job.Letter
			err := scan(&l.User, &l.Mail)
			due = append(due, l)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("reconcile: due mails: %w", err)
	}
	for _, l := range due {
		err := r.db.Do(ctx, database.OnBehalfOf(l.User), func(b *database.Batch) {
			b.Exec(`UPDATE mails SET next_due_at = clock_timestamp() + interval '5 minutes'
			         WHERE id = @mail AND user_id = app_user() AND next_due_at <= clock_timestamp()`, database.Args{"mail": l.Mail})
		})
		if err != nil {
			return fmt.Errorf("reconcile: mail: %w", err)
		}
		if err := r.jobs.Send(ctx, job.Mail, queue.Message{Body: l.Encode()}); err != nil {
			return fmt.Errorf("reconcile: send mail: %w", err)
		}
		report.Mails++
	}
	return nil
}
