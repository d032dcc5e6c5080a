package settle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/job"
	"docuvault/shared/multipart"
	"docuvault/shared/notification"
	"docuvault/shared/queue"
	"docuvault/shared/storage"
	"docuvault/shared/vault"
)

// Reading a whole object takes a while. A worker that does holds the row for
// lease and says so in time, every beatBytes or beatTime, whichever comes
// first; a queue holds a message for 30 s.
const (
	lease     = time.Minute
	assembly  = 5 * time.Minute // the lease of whoever has storage put parts together
	beatTime  = 8 * time.Second
	beatBytes = 64 << 20
)

// Beat tells the queue that the work on a message goes on.
type Beat func(ctx context.Context) error

// hold takes the row for a while; false when it is not pending any more, or
// somebody else has it.
func (s *Settler) hold(ctx context.Context, actor database.Actor, document id.ID, lease time.Duration) (bool, error) {
	var rows int64
	err := s.db.Do(ctx, actor, func(b *database.Batch) {
		b.Affected(&rows, holding+` AND (verify_until IS NULL OR verify_until < clock_timestamp())`, database.Args{"id": document, "lease": lease})
	})
	if err != nil {
		return false, fmt.Errorf("hold upload: %w", err)
	}
	return rows > 0, nil
}

const holding = `UPDATE documents SET verify_until = clock_timestamp() + @lease::interval,
    next_due_at = clock_timestamp() + @lease::interval + interval '30 seconds'
  WHERE id = @id AND user_id = app_user() AND status = 'pending'`

// release gives the row back; if it cannot, the lease ends by itself.
func (s *Settler) release(ctx context.Context, actor database.Actor, document id.ID) {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	err := s.db.Do(last, actor, func(b *database.Batch) {
		b.Exec(`UPDATE documents SET verify_until = NULL, next_due_at = clock_timestamp() + interval '1 minute'
		   WHERE id = @id AND user_id = app_user() AND status = 'pending'`, database.Args{"id": document})
	})
	if err != nil {
		s.log.WarnContext(ctx, "an upload is held until its lease ends", "document_id", document, "error", err)
	}
}

// assemble has storage put the parts together, as it lists them itself. An
// object that is there already is fine; false means that somebody else is at
// it. It returns fault.UploadIncomplete with the parts that are missing.
//
// While storage assembles, it may show neither parts nor object: the lease,
// taken before and given back after, tells that from an upload that is gone.
func (s *Settler) assemble(ctx context.Context, actor database.Actor, document id.ID, row pendingRow) (bool, error) {
	have := map[int]int64{}
	var parts []storage.Part
	if row.uploadID != "" {
		var err error
		parts, err = s.parts.ListParts(ctx, row.key, row.uploadID)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return false, fmt.Errorf("list parts: %w", err)
		}
	}
	for _, p := range parts {
		have[p.Number] = p.Size
	}
	plan := multipart.Plan{Size: row.size, PartSize: row.partSize}
	if numbers, total := plan.Missing(have); total > 0 {
		// Or somebody else assembles it: parts go one by one, also while they are listed.
		if now, err := s.read(ctx, actor, document); err != nil || now.held {
			return false, err
		}
		if _, err := s.store.Stat(ctx, row.key); err == nil {
			return true, nil
		} else if !errors.Is(err, storage.ErrNotFound) {
			return false, fmt.Errorf("stat upload: %w", err)
		}
		return false, fault.New(fault.UploadIncomplete, "Parts have not arrived. Send them first.").With("missing", numbers).With("missing_count", total)
	}
	// Due again before storage has the object: should this process die, the
	// reconciler goes on.
	held, err := s.hold(ctx, actor, document, assembly)
	if err != nil || !held {
		return false, err
	}
	defer s.release(ctx, actor, document)
	err = s.parts.Complete(ctx, row.key, row.uploadID, parts)
	if err != nil && !errors.Is(err, storage.ErrExists) && !errors.Is(err, storage.ErrNotFound) {
		return false, fmt.Errorf("assemble parts: %w", err)
	}
	return true, nil
}

// soon makes the row due again, and reports whether it is pending with nobody
// at work on it.
func (s *Settler) soon(ctx context.Context, actor database.Actor, document id.ID) (bool, error) {
	var pending, free bool
	err := s.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&pending, `UPDATE documents SET next_due_at = GREATEST(verify_until, clock_timestamp()) + interval '1 minute'
		   WHERE id = @id AND user_id = app_user() AND status = 'pending'
		   RETURNING verify_until IS NULL OR verify_until < clock_timestamp()`, database.Args{"id": document}, &free)
	})
	if err != nil {
		return false, fmt.Errorf("hold upload: %w", err)
	}
	return pending && free, nil
}

// leave is the answer while somebody else assembles.
func (s *Settler) leave(ctx context.Context, actor database.Actor, document id.ID) (vault.Status, error) {
	_, err := s.soon(ctx, actor, document)
	return s.now(ctx, actor, document, err)
}

// askWorker leaves the reading of an assembled object to the worker, which is
// the only one that reads bytes.
func (s *Settler) askWorker(ctx context.Context, actor database.Actor, document id.ID, key string) (vault.Status, error) {
	free, err := s.soon(ctx, actor, document)
	if err != nil {
		return "", err
	}
	if free {
		err := s.jobs.Send(ctx, job.UploadComplete, queue.Message{Body: notification.Record{Bucket: s.bucket, Key: key}.Encode()})
		if err != nil {
			s.log.WarnContext(ctx, "the check of an assembled document was not queued; the reconciler will do it", "document_id", document, "error", err)
		}
	}
	return s.now(ctx, actor, document, nil)
}

// same reads the whole object and compares its hash, in bounded memory. held is
// false when another worker does, or the upload has ended.
func (s *Settler) same(ctx context.Context, actor database.Actor, document id.ID, row pendingRow, beat Beat) (same, held bool, err error) {
	if held, err := s.hold(ctx, actor, document, lease); err != nil || !held {
		return false, false, err
	}
	defer func() {
		if err != nil || !held { // whoever tries again need not wait
			s.release(ctx, actor, document)
		}
	}()
	body, _, err := s.store.Get(ctx, row.key)
	if errors.Is(err, storage.ErrNotFound) {
		return false, false, nil // aborted since we looked
	}
	if err != nil {
		return false, true, fmt.Errorf("read upload: %w", err)
	}
	defer func() { _ = body.Close() }()
	h := sha256.New()
	buf := make([]byte, 1<<20)
	last, since := s.clock(), 0
	for {
		n, err := body.Read(buf)
		_, _ = h.Write(buf[:n]) // never fails
		if errors.Is(err, io.EOF) {
			return bytes.Equal(h.Sum(nil), row.sha), true, nil
		}
		if err != nil {
			return false, true, fmt.Errorf("read upload: %w", err)
		}
		if since += n; since < beatBytes && s.clock().Sub(last) < beatTime {
			continue
		}
		last, since = s.clock(), 0
		if err := beat(ctx); err != nil {
			return false, true, fmt.Errorf("hold message: %w", err)
		}
		var rows int64
		if err := s.db.Do(ctx, actor, func(b *database.Batch) {
			b.Affected(&rows, holding, database.Args{"id": document, "lease": lease})
		}); err != nil {
			return false, true, fmt.Errorf("hold upload: %w", err)
		}
		if rows == 0 {
			return false, false, nil
		}
	}
}
