package reconcile

import (
	"context"
	"fmt"

	"docuvault/shared/database"
	"docuvault/shared/id"
	"docuvault/shared/job"
	"docuvault/shared/queue"
)

// erasures sends deleted accounts to their worker again: one that was never
// told, died on its way, or has to look whether an upload came late.
func (r *Reconciler) erasures(ctx context.Context, report *Report) error {
	var users []id.ID
	err := r.db.Do(ctx, database.Actor{}, func(b *database.Batch) {
		b.Each(`SELECT user_id FROM due_erasures(@limit::integer)`, database.Args{"limit": maxUsers}, func(scan func(...any) error) error {
			var u id.ID
			err := scan(&u)
			users = append(users, u)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("reconcile: due erasures: %w", err)
	}
	for _, user := range users {
		err := r.db.Do(ctx, database.OnBehalfOf(user), func(b *database.Batch) {
			b.Exec(`UPDATE erasures SET next_due_at = clock_timestamp() + interval '5 minutes'
			         WHERE user_id = app_user() AND next_due_at <= clock_timestamp()`, nil)
		})
		if err != nil {
			return fmt.Errorf("reconcile: erasure: %w", err)
		}
		if err := r.jobs.Send(ctx, job.Erase, queue.Message{Body: job.Account{User: user}.Encode()}); err != nil {
			return fmt.Errorf("reconcile: send erasure: %w", err)
		}
		report.Erasures++
	}
	return nil
}
