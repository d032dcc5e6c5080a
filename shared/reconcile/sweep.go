package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"docuvault/shared/audit"
	"docuvault/shared/chain"
	"docuvault/shared/database"
	"docuvault/shared/feed"
	"docuvault/shared/id"
	"docuvault/shared/letter"
	"docuvault/shared/quota"
	"docuvault/shared/storage"
)

// orphans removes objects that no row knows and that are older than the grace.
func (r *Reconciler) orphans(ctx context.Context, name string, bucket storage.Backend, report *Report) error {
	lister, err := storage.As[storage.Lister](bucket)
	if err != nil {
		return err
	}
	return r.turn(ctx, "orphans."+name, RestOfObjects, func(after string) (next string, err error) {
		return r.orphansAfter(ctx, name, bucket, lister, after, report)
	})
}

// orphansAfter looks at the keys behind one, and returns the key to go on behind.
func (r *Reconciler) orphansAfter(ctx context.Context, name string, bucket storage.Backend, lister storage.Lister, after string, report *Report) (next string, err error) {
	scanned, last, ended := 0, "", true
	var old, unknown []string
	flush := func() error {
		if len(old) == 0 {
			return nil
		}
		err := r.db.Do(ctx, database.Actor{}, func(b *database.Batch) {
			b.Each(`SELECT key FROM unknown_objects(@keys::text[])`, database.Args{"keys": old}, func(scan func(...any) error) error {
				var key string
				err := scan(&key)
				unknown = append(unknown, key)
				return err
			})
		})
		old = old[:0]
		return err
	}
	for info, err := range lister.List(ctx, "", after) {
		if err != nil {
			return "", fmt.Errorf("reconcile: list %s: %w", name, err)
		}
		if scanned == maxObjects {
			ended = false
			break
		}
		scanned, last = scanned+1, info.Key
		// A head of the audit log without a row tells that the database was cut
		// or restored: it is for an operator to see.
		if r.now().Sub(info.Modified) < OrphanGrace || name == "derived" && strings.HasPrefix(info.Key, chain.HeadFolder) {
			continue
		}
		if old = append(old, info.Key); len(old) == 1000 {
			if err := flush(); err != nil {
				return "", fmt.Errorf("reconcile: unknown objects: %w", err)
			}
		}
	}
	if err := flush(); err != nil {
		return "", fmt.Errorf("reconcile: unknown objects: %w", err)
	}
	if len(unknown) > max(100, scanned/100) {
		return "", fmt.Errorf("reconcile: %d of %d objects in the %s bucket have no row; nothing was deleted: is this the right bucket, or was the database restored? docuvault verify lists them", len(unknown), scanned, name)
	}
	removed := 0
	var failed error
	for _, key := range unknown {
		if err := bucket.Delete(ctx, key); err != nil {
			failed = fmt.Errorf("reconcile: delete orphan: %w", err)
			break
		}
		removed++
	}
	report.Orphans += removed
	if removed > 0 {
		entry := audit.Entry{Action: audit.OrphanRemoved, Metadata: map[string]any{"bucket": name, "count": removed}}
		if err := r.db.Do(ctx, database.Actor{}, func(b *database.Batch) {
			b.Exec(`SELECT `+audit.Call, entry.Into(ctx, database.Actor{}, database.Args{}))
		}); err != nil {
			return "", errors.Join(failed, fmt.Errorf("reconcile: audit of orphans: %w", err))
		}
	}
	if failed != nil {
		return "", failed // the next run lists the rest again
	}
	if ended {
		last = ""
	}
	return last, nil
}

// recount compares the counters of some users with their rows, and forgets
// what is out of date.
func (r *Reconciler) recount(ctx context.Context, report *Report) error {
	return r.turn(ctx, "recount", RestOfUsers, func(after string) (next string, err error) {
		first, _ := id.Parse(after) // "" starts at the first user
		return r.recountAfter(ctx, first, report)
	})
}

// recountAfter looks at the users behind one, and returns the one to go on behind.
func (r *Reconciler) recountAfter(ctx context.Context, after id.ID, report *Report) (next string, err error) {
	var users []id.ID
	err = r.db.Do(ctx, database.Actor{}, func(b *database.Batch) {
		b.Exec(`DELETE FROM rate_limits WHERE updated_at < clock_timestamp() - interval '1 day'`, nil)
		b.Each(`SELECT user_id FROM user_ids(@after, @limit::integer)`, database.Args{"after": after, "limit": maxUsers},
			func(scan func(...any) error) error {
				var u id.ID
				err := scan(&u)
				users = append(users, u)
				return err
			})
	})
	if err != nil {
		return "", fmt.Errorf("reconcile: users: %w", err)
	}
	corrected := audit.Entry{Action: audit.QuotaCorrected}
	for _, user := range users {
		var wrong bool
		var used, reserved, open, documents int64
		err := r.db.Do(ctx, database.OnBehalfOf(user), func(b *database.Batch) {
			// Deleted folders stay until the last document of the trash that was in them.
			b.Exec(`SELECT lock_folders(true), drop_folders() FROM users
			         WHERE id = app_user() AND EXISTS (SELECT FROM folders WHERE user_id = app_user() AND deleted_at IS NOT NULL)`, nil)
			b.Exec(feed.Forget, database.Args{"retention": feed.Retention})
			b.Exec(`DELETE FROM idempotency WHERE user_id = app_user() AND created_at < clock_timestamp() - interval '24 hours'`, nil)
			b.Exec(`DELETE FROM mails WHERE user_id = app_user() AND created_at < clock_timestamp() - @keep::interval`, database.Args{"keep": letter.Keep})
			b.Exec(quota.Lock, nil)
			b.Maybe(&wrong, `WITH changed AS (`+quota.Recount+`) SELECT changed.*, `+audit.Call+` FROM changed`,
				corrected.Into(ctx, database.OnBehalfOf(user), database.Args{}), &used, &reserved, &open, &documents, nil)
		})
		if err != nil {
			return "", fmt.Errorf("reconcile: recount: %w", err)
		}
		if wrong {
			report.Recounts++
			r.log.ErrorContext(ctx, "a quota differed from its documents and was put right", "user_id", user,
				"used_bytes_was", used, "reserved_bytes_was", reserved, "open_uploads_was", open, "documents_was", documents)
		}
	}
	if len(users) == maxUsers {
		next = users[len(users)-1].String()
	}
	return next, nil
}
