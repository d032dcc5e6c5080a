package reconcile

import (
	"context"
	"errors"
	"fmt"

	"docuvault/shared/database"
	"docuvault/shared/id"
	"docuvault/shared/objectkey"
	"docuvault/shared/storage"
)

// stale aborts uploads in parts that were begun longer than [OrphanGrace] ago
// and that no pending row names: their process died before it wrote the row, or
// their row ended and is gone. Servers that list no such uploads (MinIO) drop
// them by themselves. As with objects, too many look like a wrong bucket. A turn
// is one run: storage lists them from the first one only.
func (r *Reconciler) stale(ctx context.Context, report *Report) error {
	parts, err := storage.As[storage.Multipart](r.store.Documents)
	if err != nil {
		return err
	}
	return r.turn(ctx, "stale", RestOfObjects, func(string) (string, error) { return "", r.abortStale(ctx, parts, report) })
}

func (r *Reconciler) abortStale(ctx context.Context, parts storage.Multipart, report *Report) error {
	scanned := 0
	var unknown []storage.Upload
	for u, err := range parts.ListStale(ctx, r.now().Add(-OrphanGrace)) {
		if err != nil {
			return fmt.Errorf("reconcile: list uploads: %w", err)
		}
		if scanned == maxObjects {
			break
		}
		scanned++
		user, document, ours := objectkey.Owner(u.Key)
		if !ours {
			continue // whoever began it, it was not us
		}
		known, err := r.knows(ctx, user, document, u)
		if err != nil {
			return fmt.Errorf("reconcile: unknown uploads: %w", err)
		}
		if !known {
			unknown = append(unknown, u)
		}
	}
	if len(unknown) > max(100, scanned/100) {
		return fmt.Errorf("reconcile: %d of %d uploads in parts have no row; none was aborted: is this the right bucket, or was the database restored?", len(unknown), scanned)
	}
	var failed error
	for _, u := range unknown {
		if err := parts.Abort(ctx, u.Key, u.ID); err != nil {
			failed = errors.Join(failed, fmt.Errorf("reconcile: abort upload: %w", err))
			continue
		}
		report.Stale++
	}
	return failed
}

func (r *Reconciler) knows(ctx context.Context, user, document id.ID, u storage.Upload) (known bool, err error) {
	err = r.db.Do(ctx, database.OnBehalfOf(user), func(b *database.Batch) {
		b.One(`SELECT EXISTS (SELECT FROM documents WHERE id = @id AND user_id = app_user() AND status = 'pending'
		         AND object_key = @key AND upload_id = @upload)`,
			database.Args{"id": document, "key": u.Key, "upload": u.ID}, &known)
	})
	return known, err
}
