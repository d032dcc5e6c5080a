package vault

import (
	"context"
	"fmt"
	"time"

	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/quota"
)

// Trash moves a live document into the trash, where it still counts. The
// reconciler purges it after retention. Trashing a trashed one changes
// nothing. It returns fault.NotFound and, for an upload that is still open,
// fault.WrongState.
func (v *Vault) Trash(ctx context.Context, actor database.Actor, document id.ID, retention time.Duration) error {
	_, err := v.move(ctx, actor, document, audit.DocumentTrashed, `
	  UPDATE documents SET status = 'trashed', next_due_at = clock_timestamp() + @wait,
	         status_before = CASE status WHEN 'processing' THEN 'stored' ELSE status END
	   WHERE id = @id AND user_id = app_user() AND status IN ('stored', 'processing', 'ready', 'failed')`,
		database.Args{"wait": retention}, Trashed)
	return err
}

// Restore takes a document out of the trash, into the state it had: also over
// quota, since it was counted all along. It returns fault.NotFound and
// fault.WrongState.
func (v *Vault) Restore(ctx context.Context, actor database.Actor, document id.ID) (Document, error) {
	_, err := v.move(ctx, actor, document, audit.DocumentRestored, `
	  UPDATE documents SET status = status_before, status_before = NULL,
	         next_due_at = CASE status_before WHEN 'stored' THEN clock_timestamp() END
	   WHERE id = @id AND user_id = app_user() AND status = 'trashed'`,
		database.Args{}, Stored, Processing, Ready, Failed)
	if err != nil {
		return Document{}, err
	}
	return v.Get(ctx, actor, document)
}

// EmptyTrash is BeginPurge for a document whose time in the trash is over; it
// reports whether it was. A document that was restored meanwhile stays.
func (v *Vault) EmptyTrash(ctx context.Context, user, document id.ID) (bool, error) {
	return v.move(ctx, database.OnBehalfOf(user), document, audit.DocumentPurging, `
	  UPDATE documents SET status = 'purging', next_due_at = clock_timestamp() + interval '1 minute', attempts = 0
	   WHERE id = @id AND user_id = app_user() AND status = 'trashed' AND next_due_at <= clock_timestamp()`,
		database.Args{}, Stored, Processing, Ready, Failed, Trashed, Purging)
}

// BeginPurge makes a live document unreadable at once; the purge worker deletes
// its bytes and its row. Doing it again changes nothing. It returns
// fault.NotFound and fault.WrongState.
func (v *Vault) BeginPurge(ctx context.Context, actor database.Actor, document id.ID) error {
	_, err := v.move(ctx, actor, document, audit.DocumentPurging, `
	  UPDATE documents SET status = 'purging', next_due_at = clock_timestamp() + interval '1 minute', attempts = 0
	   WHERE id = @id AND user_id = app_user() AND status IN ('stored', 'processing', 'ready', 'failed', 'trashed')`,
		database.Args{}, Purging)
	return err
}

// Reprocess asks for a new analysis. It returns fault.NotFound and, for a
// document in the trash or with an open upload, fault.WrongState. One that
// waits for its analysis anyway stays as it is.
func (v *Vault) Reprocess(ctx context.Context, actor database.Actor, document id.ID) (Document, error) {
	_, err := v.move(ctx, actor, document, audit.Reprocessed, `
	  UPDATE documents SET status = 'stored', failure = NULL, attempts = 0, next_due_at = clock_timestamp() + interval '1 minute'
	   WHERE id = @id AND user_id = app_user() AND status IN ('ready', 'failed')`,
		database.Args{}, Stored, Processing)
	if err != nil {
		return Document{}, err
	}
	return v.Get(ctx, actor, document)
}

// move runs a guarded transition with its audit entry. When the guard did not
// hold it looks why: already in one of the states that the caller wanted is
// fine, another state is fault.WrongState, no document fault.NotFound.
func (v *Vault) move(ctx context.Context, actor database.Actor, document id.ID, action audit.Action, update string, args database.Args, wanted ...Status) (moved bool, err error) {
	args["id"] = document
	entry := audit.Entry{Action: action, Target: document}
	var entryID int64
	var status Status
	var there bool
	err = v.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&moved, `WITH moved AS (`+update+` RETURNING id) SELECT `+audit.Call+` FROM moved`,
			entry.Into(ctx, actor, args), &entryID)
		b.Maybe(&there, `SELECT status FROM documents WHERE id = @id AND user_id = app_user()`,
			database.Args{"id": document}, &status)
	})
	switch {
	case err != nil:
		return false, fmt.Errorf("%s: %w", action, err)
	case moved:
		return true, nil
	case !there:
		return false, ErrNoDocument
	}
	for _, w := range wanted {
		if status == w {
			return false, nil
		}
	}
	if status == Purging {
		return false, ErrNoDocument
	}
	return false, fault.Newf(fault.WrongState, "The document is %s, so this cannot be done now.", status).With("document_status", status)
}

// deleter is what purging needs of object storage.
type deleter interface {
	Delete(ctx context.Context, key string) error
}

// Purge deletes a purging document: first its objects in every version, then
// its row, which gives the quota back once. It may be called any number of
// times; a document in another state, or none, is left alone.
func (v *Vault) Purge(ctx context.Context, user, document id.ID, documents, derived deleter) error {
	actor := database.OnBehalfOf(user)
	var purging bool
	var key string
	var previews []string
	err := v.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&purging, `SELECT object_key FROM documents WHERE id = @id AND user_id = app_user() AND status = 'purging'`,
			database.Args{"id": document}, &key)
		b.Each(`SELECT key FROM objects WHERE document_id = @id AND user_id = app_user()`,
			database.Args{"id": document}, func(scan func(...any) error) error {
				var k string
				err := scan(&k)
				previews = append(previews, k)
				return err
			})
	})
	if err != nil || !purging {
		return err
	}
	for _, k := range previews {
		if err := derived.Delete(ctx, k); err != nil {
			return fmt.Errorf("purge derived object: %w", err)
		}
	}
	if err := documents.Delete(ctx, key); err != nil {
		return fmt.Errorf("purge object: %w", err)
	}
	entry := audit.Entry{Action: audit.DocumentPurged, Target: document}
	err = v.db.Do(ctx, actor, func(b *database.Batch) {
		b.Exec(`DELETE FROM objects WHERE document_id = @id AND user_id = app_user()
		         AND EXISTS (SELECT FROM documents WHERE id = @id AND status = 'purging')`, database.Args{"id": document})
		b.Exec(`WITH moved AS (DELETE FROM documents WHERE id = @id AND user_id = app_user() AND status = 'purging' RETURNING user_id, size),
		        `+quota.Free+`
		        SELECT `+audit.Call+` FROM moved`, entry.Into(ctx, actor, database.Args{"id": document}))
	})
	if err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	return nil
}
