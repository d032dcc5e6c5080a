package reconcile

import (
	"context"
	"fmt"

	"docuvault/shared/database"
	"docuvault/shared/id"
	"docuvault/shared/job"
	"docuvault/shared/preview"
	"docuvault/shared/queue"
)

// Bounds of one run.
const (
	maxPreviews = 200  // jobs
	maxLooked   = 2000 // documents that are looked at for a preview that nobody knows
)

// previews sends documents whose preview is owed to the queue of the analysis,
// which makes only that: those whose attempt came to no end, and, found in turns,
// those that were read before there were previews.
func (r *Reconciler) previews(ctx context.Context, report *Report) error {
	err := r.turn(ctx, "previews", RestOfObjects, func(after string) (next string, err error) {
		first, _ := id.Parse(after) // "" starts at the first document
		missing, err := r.documents(ctx, `SELECT user_id, document_id FROM missing_previews(@types::text[], @after, @limit::integer)`,
			database.Args{"types": preview.Types, "after": first, "limit": maxLooked})
		if err != nil {
			return "", err
		}
		for _, d := range missing {
			if d.User.IsNil() {
				next = d.Document.String()
			} else if err := r.change(ctx, d, preview.Owe); err != nil {
				return "", err
			}
		}
		return next, nil
	})
	if err != nil {
		return err
	}
	due, err := r.documents(ctx, `SELECT user_id, document_id FROM due_previews(@limit::integer)`, database.Args{"limit": maxPreviews})
	if err != nil {
		return err
	}
	for _, d := range due {
		if err := r.change(ctx, d, preview.Ask); err != nil {
			return err
		}
		if err := r.jobs.Send(ctx, job.Analyze, queue.Message{Body: d.Encode()}); err != nil {
			return fmt.Errorf("reconcile: previews: %w", err)
		}
		report.Previews++
	}
	return nil
}

// documents returns the pairs of user and document that a query finds.
func (r *Reconciler) documents(ctx context.Context, query string, args database.Args) (found []job.Document, err error) {
	err = r.db.Do(ctx, database.Actor{}, func(b *database.Batch) {
		b.Each(query, args, func(scan func(...any) error) error {
			var d job.Document
			err := scan(&d.User, &d.Document)
			found = append(found, d)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reconcile: documents without a preview: %w", err)
	}
	return found, nil
}

// change runs a statement about one document.
func (r *Reconciler) change(ctx context.Context, d job.Document, sql string) error {
	err := r.db.Do(ctx, database.OnBehalfOf(d.User), func(b *database.Batch) { b.Exec(sql, database.Args{"id": d.Document}) })
	if err != nil {
		return fmt.Errorf("reconcile: previews: %w", err)
	}
	return nil
}
