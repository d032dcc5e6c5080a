// Package preview keeps the pictures of documents' first pages: who makes them
// when, where they lie, and the URLs that show them.
//
// A preview is made once, by the worker of the analysis, and apart from it: what
// goes wrong here fails no analysis. The row, and rows of both objects, are
// written before the objects, so that whatever deletes a document finds them
// wherever their making was cut off. It promises that one attempt at a time makes
// a preview, that attempts are few, and that none is left of a document that was
// deleted meanwhile.
//
// It holds no pixels; those are of package picture, which HTTP functions do not
// link.
package preview

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"docuvault/shared/database"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/objectkey"
	"docuvault/shared/storage"
	"docuvault/shared/vault"
)

// Limits of one attempt. The lease is longer than the time, so that an attempt
// has ended when the next one may begin.
const (
	Time  = 20 * time.Second
	lease = time.Minute
	// MaxAttempts is how many attempts that came to no end are made; the next one
	// only writes down that there is no preview.
	MaxAttempts = 3
	// again is how long after an attempt that failed for our reasons the next one
	// may begin.
	again = 2 * time.Minute
)

// GaveUp is the failure of a preview whose attempts came to no end.
const GaveUp = "preview_failed"

// Types are those of documents that get a preview: whose first page looks like
// something. Of texts and letters a page shows the words.
var Types = []string{"application/pdf", "image/png", "image/jpeg", "image/webp", "image/gif", "image/tiff"}

// contentType is that of both objects.
const contentType = "image/webp"

// Picture is one size of a preview.
type Picture struct {
	Bytes         []byte
	Width, Height int
}

// Album makes previews.
type Album struct {
	db    *database.DB
	store storage.Backend
}

// Open returns the Env's one Album.
func Open(env *host.Env) (*Album, error) { return host.Resource(env, open) }

func open(env *host.Env) (*Album, error) {
	db, err := database.Open(env)
	if err != nil {
		return nil, err
	}
	store, err := storage.Open(env)
	if err != nil {
		return nil, err
	}
	return &Album{db: db, store: store.Derived}, nil
}

// Attempt is one that was begun, and the document that it is about.
type Attempt struct {
	Document     id.ID
	Key          string // of the document's object
	Size         int64
	SHA256       []byte
	Sniffed      string // "" before its first analysis
	number       int
	small, large string // keys
}

// Begin takes the making of a document's preview, if it has one of [Types] by
// what was found out before, or by sniffed if that is not "", and if there is no
// preview, nobody is making one, and none failed for good. It returns nil if not.
func (a *Album) Begin(ctx context.Context, actor database.Actor, document id.ID, sniffed string) (*Attempt, error) {
	t := &Attempt{Document: document}
	var began bool
	err := a.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&began, `WITH begun AS (
		    INSERT INTO previews (document_id, user_id, small_key, large_key, attempts, busy_until, next_due_at)
		    SELECT d.id, d.user_id, @small, @large, 1, clock_timestamp() + @lease, clock_timestamp() + @lease FROM documents d
		     WHERE d.id = @id AND d.user_id = app_user() AND d.status IN `+vault.Shown+`
		       AND coalesce(NULLIF(@sniffed, ''), d.sniffed_type) = ANY (@types::text[])
		    ON CONFLICT (document_id) DO UPDATE SET attempts = previews.attempts + 1, busy_until = EXCLUDED.busy_until, next_due_at = EXCLUDED.next_due_at,
		           small_key = coalesce(previews.small_key, EXCLUDED.small_key), large_key = coalesce(previews.large_key, EXCLUDED.large_key)
		     WHERE previews.next_due_at IS NOT NULL AND previews.busy_until <= clock_timestamp()
		    RETURNING document_id, user_id, attempts, small_key, large_key),
		  noted AS (
		    INSERT INTO objects (key, user_id, document_id, kind, size)
		    SELECT k.key, begun.user_id, begun.document_id, 'preview', 0 FROM begun, unnest(ARRAY[small_key, large_key]) k(key)
		    ON CONFLICT (key) DO NOTHING)
		  SELECT begun.attempts, begun.small_key, begun.large_key, d.object_key, d.size, d.sha256, coalesce(d.sniffed_type, '')
		    FROM begun JOIN documents d ON d.id = begun.document_id`,
			database.Args{
				"id": document, "types": Types, "sniffed": sniffed, "lease": lease,
				"small": objectkey.Key(actor.User(), document, "preview.webp"), "large": objectkey.Key(actor.User(), document, "preview.webp"),
			},
			&t.number, &t.small, &t.large, &t.Key, &t.Size, &t.SHA256, &t.Sniffed)
	})
	if err != nil {
		return nil, fmt.Errorf("begin preview: %w", err)
	}
	if !began {
		return nil, nil
	}
	if t.number > MaxAttempts {
		return nil, a.Fail(ctx, actor, t, GaveUp)
	}
	return t, nil
}

// Keep stores both sizes and shows them. If the document is deleted meanwhile,
// so are they.
func (a *Album) Keep(ctx context.Context, actor database.Actor, t *Attempt, small, large Picture) error {
	for key, p := range map[string]Picture{t.small: small, t.large: large} {
		if err := a.store.Put(ctx, key, bytes.NewReader(p.Bytes), int64(len(p.Bytes)), storage.PutOptions{ContentType: contentType}); err != nil {
			return fmt.Errorf("store preview: %w", err)
		}
	}
	var kept int64
	err := a.db.Do(ctx, actor, func(b *database.Batch) {
		b.Affected(&kept, `WITH kept AS (
		    UPDATE previews p SET made_at = clock_timestamp(), next_due_at = NULL,
		           small_width = @small_width, small_height = @small_height, large_width = @large_width, large_height = @large_height
		      FROM documents d
		     WHERE p.document_id = @id AND p.user_id = app_user() AND p.attempts = @number AND p.next_due_at IS NOT NULL
		       AND d.id = p.document_id AND d.status <> 'purging'
		    RETURNING p.small_key, p.large_key)
		  UPDATE objects o SET size = CASE o.key WHEN kept.small_key THEN @small_size::bigint ELSE @large_size::bigint END
		    FROM kept WHERE o.user_id = app_user() AND o.key IN (kept.small_key, kept.large_key)`,
			database.Args{
				"id": t.Document, "number": t.number, "small_size": len(small.Bytes), "large_size": len(large.Bytes),
				"small_width": small.Width, "small_height": small.Height, "large_width": large.Width, "large_height": large.Height,
			})
	})
	if err != nil {
		return fmt.Errorf("keep preview: %w", err)
	}
	if kept == 0 {
		return a.dropIfDeleted(ctx, actor, t)
	}
	return nil
}

// dropIfDeleted deletes what an attempt stored if its document is gone, or going:
// what deletes it may have looked before.
func (a *Album) dropIfDeleted(ctx context.Context, actor database.Actor, t *Attempt) error {
	var there bool
	err := a.db.Do(ctx, actor, func(b *database.Batch) {
		b.One(`SELECT EXISTS (SELECT FROM previews p JOIN documents d ON d.id = p.document_id
		          WHERE p.document_id = @id AND p.user_id = app_user() AND d.status <> 'purging')`, database.Args{"id": t.Document}, &there)
	})
	if err != nil {
		return fmt.Errorf("look for the preview's document: %w", err)
	}
	if there {
		return nil // another attempt took over, with the same keys
	}
	return a.delete(ctx, t)
}

func (a *Album) delete(ctx context.Context, t *Attempt) error {
	for _, key := range []string{t.small, t.large} {
		if err := a.store.Delete(ctx, key); err != nil {
			return fmt.Errorf("delete preview: %w", err)
		}
	}
	return nil
}

// Fail ends the making for good with a code, and leaves no object.
func (a *Album) Fail(ctx context.Context, actor database.Actor, t *Attempt, code string) error {
	// Of an attempt before this one.
	if t.number > 1 {
		if err := a.delete(ctx, t); err != nil {
			return err
		}
	}
	err := a.db.Do(ctx, actor, func(b *database.Batch) {
		b.Exec(`WITH failed AS (
		    UPDATE previews SET failure = @code, next_due_at = NULL, busy_until = clock_timestamp()
		     WHERE document_id = @id AND user_id = app_user() AND attempts = @number AND next_due_at IS NOT NULL
		    RETURNING small_key, large_key)
		  DELETE FROM objects o USING failed WHERE o.user_id = app_user() AND o.key IN (failed.small_key, failed.large_key)`,
			database.Args{"id": t.Document, "number": t.number, "code": code})
	})
	if err != nil {
		return fmt.Errorf("fail preview: %w", err)
	}
	return nil
}

// Release lets another attempt begin in a while, after one that failed for our
// reasons.
func (a *Album) Release(ctx context.Context, actor database.Actor, t *Attempt) error {
	err := a.db.Do(ctx, actor, func(b *database.Batch) {
		b.Exec(`UPDATE previews SET busy_until = clock_timestamp() + @again::interval, next_due_at = clock_timestamp() + @again::interval
		         WHERE document_id = @id AND user_id = app_user() AND attempts = @number AND next_due_at IS NOT NULL`,
			database.Args{"id": t.Document, "number": t.number, "again": again})
	})
	if err != nil {
		return fmt.Errorf("release preview: %w", err)
	}
	return nil
}

// Owe is SQL that notes that the preview of document @id is still to be made, if
// nobody did. Ask says of a document whose preview is due that somebody was asked
// to make it. Both are for the reconciler.
const (
	Owe = `INSERT INTO previews (document_id, user_id) SELECT id, user_id FROM documents WHERE id = @id AND user_id = app_user() AND status IN ` + vault.Shown + ` ON CONFLICT DO NOTHING`
	Ask = `UPDATE previews SET next_due_at = clock_timestamp() + interval '10 minutes' WHERE document_id = @id AND user_id = app_user() AND next_due_at <= clock_timestamp()`
)
