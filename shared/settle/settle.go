// Package settle finishes uploads: it asks storage what is there and moves the
// row.
//
// It promises that a quota is used or given back exactly once an upload,
// whichever of the client's complete, the bucket's event and the reconciler
// comes first, twice, late or never: all three end in [Settler.Settle], whose
// one guarded statement decides. Beginning an upload is in package upload,
// which needs no queue.
//
// An upload in parts takes one step more: Settle has storage put the parts
// together, and only a worker ([Settler.SettleObject]) reads the whole and
// compares its hash.
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
	"docuvault/shared/telemetry"
	"docuvault/shared/vault"
)

// Grace is how long after a URL expired its PUT may still be arriving: storage
// checks the time when a request starts.
const Grace = time.Hour

// Settler settles and ends uploads.
type Settler struct {
	db     *database.DB
	store  storage.Backend
	parts  storage.Multipart
	bucket string // the documents' bucket, for messages about it
	jobs   queue.Queue
	log    *slog.Logger
	clock  func() time.Time
	ended  telemetry.Count
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
	parts, err := storage.As[storage.Multipart](store.Documents)
	if err != nil {
		return nil, err
	}
	cfg, err := host.Config[storage.Config](env)
	if err != nil {
		return nil, err
	}
	jobs, err := queue.Open(env)
	if err != nil {
		return nil, err
	}
	measured, err := telemetry.Open(env)
	if err != nil {
		return nil, err
	}
	ended := measured.Counter("docuvault.uploads.ended", "Uploads that were settled, by outcome.")
	telemetry.Starting(ended, "outcome", "stored", "rejected", "expired", "aborted")
	return &Settler{ended: ended, db: db, store: store.Documents, parts: parts, bucket: cfg.Bucket, jobs: jobs, log: env.Log, clock: env.Now}, nil
}

// SettleObject is Settle for a bucket notification, which names an object. A
// key that no row has is left alone: either it is not ours, or its row is gone
// and the reconciler removes the object. If its account was deleted, the object
// is: a PUT may end after its account. It reads an object that was assembled
// from parts, and calls beat now and then while it does.
func (s *Settler) SettleObject(ctx context.Context, key string, beat Beat) error {
	user, document, ok := objectkey.Owner(key)
	if !ok {
		return nil
	}
	actor := database.OnBehalfOf(user)
	row, err := s.read(ctx, actor, document)
	if err == nil {
		if row.key != key {
			return nil
		}
		_, err = s.settle(ctx, actor, document, beat)
	}
	switch {
	case fault.CodeOf(err) == fault.UploadIncomplete:
		return nil // a late or forged event; there is nothing to settle
	case errors.Is(err, vault.ErrNoDocument):
		return s.late(ctx, actor, key)
	default:
		return err
	}
}

// late deletes the object of an account that was deleted.
func (s *Settler) late(ctx context.Context, actor database.Actor, key string) error {
	var erased bool
	err := s.db.Do(ctx, actor, func(b *database.Batch) {
		b.One(`SELECT EXISTS (SELECT FROM erasures WHERE user_id = app_user())`, nil, &erased)
	})
	if err == nil && erased {
		err = s.store.Delete(ctx, key)
	}
	if err != nil {
		return fmt.Errorf("object of a deleted account: %w", err)
	}
	return nil
}

// pendingRow is what the decision needs of a document.
type pendingRow struct {
	status vault.Status
	key    string
	size   int64
	sha    []byte

	partSize int64  // 0: sent in one request
	uploadID string // "": storage has not begun it
	held     bool   // somebody assembles or reads it

	trace string // the trace in which it began, as W3C writes it; "": none
}

// Settle moves a pending document on if its bytes are in storage: to stored
// when size and hash are the announced ones, else to rejected, with the object
// deleted. It changes nothing for a document in any later state, except that
// bytes which arrived for an aborted or expired upload are deleted. It returns
// the status that the document has now, fault.UploadIncomplete while there are
// no bytes, and fault.NotFound.
//
// Of an upload in parts it has storage assemble the object when all are there,
// asks the worker to read it, and returns pending. It never reads bytes.
//
// It may run any number of times, at once and in any order: the UPDATE's WHERE
// lets one of them win, and the quota moves in that statement.
func (s *Settler) Settle(ctx context.Context, actor database.Actor, document id.ID) (vault.Status, error) {
	return s.settle(ctx, actor, document, nil)
}

// settle is Settle; with a beat it reads what only reading can tell.
func (s *Settler) settle(ctx context.Context, actor database.Actor, document id.ID, beat Beat) (vault.Status, error) {
	row, err := s.read(ctx, actor, document)
	if err != nil {
		return "", err
	}
	switch row.status {
	case vault.Rejected, vault.Expired:
		return row.status, s.sweep(ctx, row)
	case vault.Pending:
	default:
		return row.status, nil
	}

	// An upload is one trace from its begin on. Whoever settles it, the client's
	// request, an event or the reconciler, has its own, to which the span links.
	ctx, end := telemetry.Continue(ctx, row.trace, "settle upload")
	status, err := s.decide(ctx, actor, document, row, beat)
	end(err)
	return status, err
}

// decide is what settle does with a pending document.
func (s *Settler) decide(ctx context.Context, actor database.Actor, document id.ID, row pendingRow, beat Beat) (vault.Status, error) {
	info, err := s.store.Stat(ctx, row.key)
	if errors.Is(err, storage.ErrNotFound) && row.partSize > 0 {
		var mine bool
		if mine, err = s.assemble(ctx, actor, document, row); err != nil {
			return vault.Pending, err
		}
		if !mine {
			return s.leave(ctx, actor, document)
		}
		// The upload may have been aborted meanwhile; then the object goes.
		if row, err = s.read(ctx, actor, document); err != nil {
			return "", err
		}
		if row.status == vault.Rejected || row.status == vault.Expired {
			return row.status, s.sweep(ctx, row)
		}
		if row.status != vault.Pending {
			return row.status, nil
		}
		info, err = s.store.Stat(ctx, row.key)
	}
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return vault.Pending, fault.New(fault.UploadIncomplete, "The bytes have not arrived. Send them to the upload's URL first.").With("missing", "object")
	case err != nil:
		return "", fmt.Errorf("stat upload: %w", err)
	case info.Size != row.size, info.SHA256 != nil && !bytes.Equal(info.SHA256, row.sha):
		return s.reject(ctx, actor, document, row)
	case row.partSize > 0 && info.SHA256 == nil:
		if beat == nil {
			return s.askWorker(ctx, actor, document, row.key)
		}
		same, held, err := s.same(ctx, actor, document, row, beat)
		switch {
		case err != nil:
			return "", err
		case !held:
			return s.now(ctx, actor, document, nil)
		case !same:
			return s.reject(ctx, actor, document, row)
		}
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
func (s *Settler) reject(ctx context.Context, actor database.Actor, document id.ID, row pendingRow) (vault.Status, error) {
	entry := audit.Entry{Action: audit.UploadRejected, Target: document}
	moved, err := s.transition(ctx, actor, entry, `UPDATE documents SET status = 'rejected', failure = 'bytes_differ', next_due_at = clock_timestamp() + interval '7 days'`, quota.Release)
	if err != nil || !moved {
		return s.now(ctx, actor, document, err)
	}
	return vault.Rejected, s.sweep(ctx, row)
}

// sweep deletes what storage has of an ended upload: its parts, then its object.
func (s *Settler) sweep(ctx context.Context, row pendingRow) error {
	if row.uploadID != "" {
		if err := s.parts.Abort(ctx, row.key, row.uploadID); err != nil {
			return fmt.Errorf("drop the parts of an ended upload: %w", err)
		}
	}
	if err := s.store.Delete(ctx, row.key); err != nil {
		return fmt.Errorf("delete the object of an ended upload: %w", err)
	}
	return nil
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
	if _, err := s.read(ctx, actor, document); err != nil {
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
	// As it is now: a request for parts may have begun it in storage meanwhile.
	row, err := s.read(ctx, actor, document)
	if err == nil {
		err = s.sweep(ctx, row)
	}
	if err != nil {
		// The upload has ended; the bytes, if there are any, go with its row.
		s.log.WarnContext(ctx, "the object of an ended upload was not deleted yet", "document_id", document, "error", err)
	}
	return nil
}

func (s *Settler) read(ctx context.Context, actor database.Actor, document id.ID) (pendingRow, error) {
	var r pendingRow
	var there bool
	err := s.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&there, `SELECT status, object_key, size, sha256, coalesce(part_size, 0), coalesce(upload_id, ''),
		      coalesce(verify_until > clock_timestamp(), false), coalesce(traceparent, '')
		    FROM documents WHERE id = @id AND user_id = app_user()`,
			database.Args{"id": document}, &r.status, &r.key, &r.size, &r.sha, &r.partSize, &r.uploadID, &r.held, &r.trace)
	})
	switch {
	case err != nil:
		return r, fmt.Errorf("read upload: %w", err)
	case !there:
		return r, vault.ErrNoDocument
	}
	return r, nil
}

// outcomes are the transitions' names in metrics.
var outcomes = map[audit.Action]string{
	audit.UploadStored: "stored", audit.UploadRejected: "rejected", audit.UploadAborted: "aborted", audit.UploadExpired: "expired",
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
	if moved {
		s.ended(ctx, 1, "outcome", outcomes[entry.Action])
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
