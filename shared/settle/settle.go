// Package settle finishes uploads: it asks storage what is there and moves the
// row.
//
// It promises that a quota is used or given back exactly once an upload,
// whichever of the client's complete, the bucket's event and the reconciler
// comes first, twice, late or never: all three end in [Settler.Settle], whose
// one guarded statement decides. Beginning an upload is in package upload,
// which needs no queue.
package settle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/job"
	"docuvault/shared/objectkey"
	"docuvault/shared/queue"
	"docuvault/shared/quota"
	"docuvault/shared/storage"
	"docuvault/shared/vault"
)

// Grace is how long after a URL expired its PUT may still be arriving: storage
// checks the time when a request starts.
const Grace = time.Hour

// Settler settles and ends uploads.
type Settler struct {
	db    *database.DB
	store storage.Backend
	jobs  queue.Queue
	log   *slog.Logger
}

// Open returns the Env's one Settler.
func Open(env *host.Env) (*Settler, error) { return host.Resource(env, open) }

func open(env *host.Env) (*Settler, error) {
	db, err := database.Open(env)
	if err != nil {
		return nil, err
	}
	store, err := storage.Open(env)
	if err != nil {
		return nil, err
	}
	jobs, err := queue.Open(env)
	if err != nil {
		return nil, err
	}
	return &Settler{db: db, store: store.Documents, jobs: jobs, log: env.Log}, nil
}

// SettleObject is Settle for a bucket notification, which names an object. A
// key that no row has is left alone: either it is not ours, or its row is gone
// and the reconciler removes the object.
func (s *Settler) SettleObject(ctx context.Context, key string) error {
	user, document, ok := objectkey.Owner(key)
	if !ok {
		return nil
	}
	actor := database.OnBehalfOf(user)
	row, err := s.read(ctx, actor, document)
	if errors.Is(err, vault.ErrNoDocument) || err == nil && row.key != key {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = s.Settle(ctx, actor, document)
	if fault.CodeOf(err) == fault.UploadIncomplete {
		return nil // a late or forged event; there is nothing to settle
	}
	return err
}

// pendingRow is what the decision needs of a document.
type pendingRow struct {
	status vault.Status
	key    string
	size   int64
	sha    []byte
}

// Settle moves a pending document on if its bytes are in storage: to stored
// when size and hash are the announced ones, else to rejected, with the object
// deleted. It changes nothing for a document in any later state, except that
// bytes which arrived for an aborted or expired upload are deleted. It returns
// the status that the document has now, fault.UploadIncomplete while there are
// no bytes, and fault.NotFound.
//
// It may run any number of times, at once and in any order: the UPDATE's WHERE
// lets one of them win, and the quota moves in that statement.
func (s *Settler) Settle(ctx context.Context, actor database.Actor, document id.ID) (vault.Status, error) {
	row, err := s.read(ctx, actor, document)
	if err != nil {
		return "", err
	}
	switch row.status {
	case vault.Rejected, vault.Expired:
		if err := s.store.Delete(ctx, row.key); err != nil {
			return "", fmt.Errorf("delete the object of an ended upload: %w", err)
		}
		return row.status, nil
	case vault.Pending:
	default:
		return row.status, nil
	}

	info, err := s.store.Stat(ctx, row.key)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return vault.Pending, fault.New(fault.UploadIncomplete, "The bytes have not arrived. Send them to the upload's URL first.").With("missing", "object")
	case err != nil:
		return "", fmt.Errorf("stat upload: %w", err)
	case info.Size != row.size, info.SHA256 != nil && !bytes.Equal(info.SHA256, row.sha):
		return s.reject(ctx, actor, document, row.key)
	}

	entry := audit.Entry{Action: audit.UploadStored, Target: document, Metadata: map[string]any{"size": row.size}}
	moved, err := s.transition(ctx, actor, entry, `UPDATE documents SET status = 'stored', attempts = 0, next_due_at = clock_timestamp() + interval '1 minute'`, quota.Settle)
	if err != nil || !moved {
		return s.now(ctx, actor, document, err)
	}
	// After the commit. If this process dies here, or the queue is down, the
	// row's next_due_at makes the reconciler send it.
	if err := s.jobs.Send(ctx, job.Analyze, queue.Message{Body: job.Document{User: actor.User(), Document: document}.Encode()}); err != nil {
		s.log.WarnContext(ctx, "the analysis of a stored document was not queued; the reconciler will do it", "document_id", document, "error", err)
	}
	return vault.Stored, nil
}

// reject ends an upload whose bytes lied. The reservation goes back once; the
// object is deleted after that commit, and again by the reconciler before the
// row is removed.
func (s *Settler) reject(ctx context.Context, actor database.Actor, document id.ID, key string) (vault.Status, error) {
	entry := audit.Entry{Action: audit.UploadRejected, Target: document}
	moved, err := s.transition(ctx, actor, entry, `UPDATE documents SET status = 'rejected', failure = 'bytes_differ', next_due_at = clock_timestamp() + interval '7 days'`, quota.Release)
	if err != nil || !moved {
		return s.now(ctx, actor, document, err)
	}
	if err := s.store.Delete(ctx, key); err != nil {
		return "", fmt.Errorf("delete rejected object: %w", err)
	}
	return vault.Rejected, nil
}

// Abort ends a pending upload at its owner's wish and releases the reservation.
// Bytes that arrive later are deleted by their event. It changes nothing for an
// ended upload, and returns fault.NotFound and, for a stored document,
// fault.WrongState.
func (s *Settler) Abort(ctx context.Context, actor database.Actor, document id.ID) error {
	return s.end(ctx, actor, document, audit.UploadAborted, `true`)
}

// Expire ends a pending upload whose last URL has been invalid for [Grace].
func (s *Settler) Expire(ctx context.Context, user, document id.ID) error {
	return s.end(ctx, database.OnBehalfOf(user), document, audit.UploadExpired, `upload_expires_at < clock_timestamp() - @grace::interval`)
}

func (s *Settler) end(ctx context.Context, actor database.Actor, document id.ID, action audit.Action, guard string) error {
	row, err := s.read(ctx, actor, document)
	if err != nil {
		return err
	}
	entry := audit.Entry{Action: action, Target: document}
	moved, err := s.transition(ctx, actor, entry, `UPDATE documents SET status = 'expired', next_due_at = clock_timestamp() + interval '7 days'`, quota.Release, guard)
	if err != nil {
		return err
	}
	if !moved {
		// Its status from before may be that of before the winner.
		switch status, err := s.now(ctx, actor, document, nil); {
		case err != nil:
			return err
		case status == vault.Pending, status == vault.Expired, status == vault.Rejected:
			return nil
		case status == vault.Purging:
			return vault.ErrNoDocument
		default:
			return fault.New(fault.WrongState, "The upload is complete. Delete the document instead.").With("document_status", status)
		}
	}
	if err := s.store.Delete(ctx, row.key); err != nil {
		// The upload has ended; the bytes, if there are any, go with its row.
		s.log.WarnContext(ctx, "the object of an ended upload was not deleted yet", "document_id", document, "error", err)
	}
	return nil
}

func (s *Settler) read(ctx context.Context, actor database.Actor, document id.ID) (pendingRow, error) {
	var r pendingRow
	var there bool
	err := s.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&there, `SELECT status, object_key, size, sha256 FROM documents WHERE id = @id AND user_id = app_user()`,
			database.Args{"id": document}, &r.status, &r.key, &r.size, &r.sha)
	})
	switch {
	case err != nil:
		return r, fmt.Errorf("read upload: %w", err)
	case !there:
		return r, vault.ErrNoDocument
	}
	return r, nil
}

// transition moves a pending document, its quota and its audit entry in one
// statement; false means that it was not pending any more.
func (s *Settler) transition(ctx context.Context, actor database.Actor, entry audit.Entry, update, quotaCTE string, guards ...string) (bool, error) {
	where := ` WHERE id = @id AND user_id = app_user() AND status = 'pending'`
	for _, g := range guards {
		where += ` AND ` + g
	}
	args := entry.Into(ctx, actor, database.Args{"id": entry.Target, "grace": Grace})
	var moved bool
	var entryID int64
	err := s.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&moved, `WITH moved AS (`+update+where+` RETURNING user_id, size), `+quotaCTE+`
		  SELECT `+audit.Call+` FROM moved`, args, &entryID)
	})
	if err != nil {
		return false, fmt.Errorf("%s: %w", entry.Action, err)
	}
	return moved, nil
}

// now is the answer of whoever lost the race: the state that the winner made.
func (s *Settler) now(ctx context.Context, actor database.Actor, document id.ID, err error) (vault.Status, error) {
	if err != nil {
		return "", err
	}
	row, err := s.read(ctx, actor, document)
	return row.status, err
}
