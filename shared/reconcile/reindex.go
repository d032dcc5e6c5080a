package reconcile

import (
	"context"
	"fmt"

	"docuvault/shared/database"
	"docuvault/shared/id"
	"docuvault/shared/job"
	"docuvault/shared/lexeme/edition"
	"docuvault/shared/queue"
)

// maxReindexed is how many documents one run asks the workers to index anew.
const maxReindexed = 500

// reindex sends documents whose tokens were made by older rules to the queue of
// the analysis, which only indexes them. Each run goes on behind the last one,
// and the last of them begins again: a job that was lost is sent with the next
// round, and one that is still waiting is not sent every minute.
func (r *Reconciler) reindex(ctx context.Context, report *Report) error {
	return r.turn(ctx, "reindex", 0, func(after string) (next string, err error) {
		first, _ := id.Parse(after) // "" starts at the first document
		return r.reindexAfter(ctx, first, report)
	})
}

// reindexAfter looks at the documents behind one, and returns the one to go on
// behind.
func (r *Reconciler) reindexAfter(ctx context.Context, after id.ID, report *Report) (next string, err error) {
	var stale []job.Document
	err = r.db.Do(ctx, database.Actor{}, func(b *database.Batch) {
		b.Each(`SELECT user_id, document_id FROM stale_tokens(@version::integer, @after, @limit::integer)`,
			database.Args{"version": edition.Terms, "after": after, "limit": maxReindexed},
			func(scan func(...any) error) error {
				var d job.Document
				err := scan(&d.User, &d.Document)
				stale = append(stale, d)
				return err
			})
	})
	if err != nil {
		return "", fmt.Errorf("reconcile: documents of an older index: %w", err)
	}
	for _, d := range stale {
		if err := r.jobs.Send(ctx, job.Analyze, queue.Message{Body: d.Encode()}); err != nil {
			return "", fmt.Errorf("reconcile: index anew: %w", err)
		}
		report.Reindexed++
	}
	if len(stale) == maxReindexed {
		next = stale[len(stale)-1].Document.String()
	}
	return next, nil
}
