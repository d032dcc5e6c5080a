package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/quota"
)

// TrashConfig is how long the trash keeps documents.
type TrashConfig struct {
	// Retention is from when a document came into the trash to when it is
	// deleted for good. Another value is for documents that come from then on.
	Retention time.Duration `env:"TRASH_RETENTION" envDefault:"720h"`
}

// Validate names the variable that is wrong and what would be right.
func (c *TrashConfig) Validate() error {
	if c.Retention < time.Hour || c.Retention > 10*365*24*time.Hour {
		return errors.New("TRASH_RETENTION: from 1h to 87600h (ten years)")
	}
	return nil
}

// transition is a guarded change of status: the assignments, the condition on
// the statuses it starts from, and those in which it has nothing to do.
type transition struct {
	action    audit.Action
	set, from string
	wanted    []Status
}

// Shown are the statuses of what a person sees outside the trash and uploads, as
// SQL.
const Shown = `('stored', 'processing', 'ready', 'failed')`

// SetTrashed are the assignments, for documents of a status in [Shown], that
// move them into the trash for the interval @wait.
const SetTrashed = `status = 'trashed', trashed_at = clock_timestamp(), next_due_at = clock_timestamp() + @wait,
  status_before = CASE status WHEN 'processing' THEN 'stored' ELSE status END`

var (
	toTrash    = transition{audit.DocumentTrashed, SetTrashed, `status IN ` + Shown, []Status{Trashed}}
	outOfTrash = transition{audit.DocumentRestored, `status = status_before, status_before = NULL, trashed_at = NULL, folder_id = revive_folder(folder_id),
	  next_due_at = CASE status_before WHEN 'stored' THEN clock_timestamp() END`,
		`status = 'trashed'`, []Status{Stored, Processing, Ready, Failed}}
	toPurge = transition{audit.DocumentPurging, `status = 'purging', next_due_at = clock_timestamp() + interval '1 minute', attempts = 0`,
		`status IN ('stored', 'processing', 'ready', 'failed', 'trashed')`, []Status{Purging}}
	fromTrashToPurge = transition{toPurge.action, toPurge.set,
		`status = 'trashed' AND next_due_at <= clock_timestamp()`, []Status{Stored, Processing, Ready, Failed, Trashed, Purging}}
	toReprocess = transition{audit.Reprocessed, `status = 'stored', failure = NULL, attempts = 0, next_due_at = clock_timestamp() + interval '1 minute'`,
		`status IN ('ready', 'failed')`, []Status{Stored, Processing}}
)

// Trash moves a live document into the trash, where it still counts. The
// reconciler purges it after retention. Trashing a trashed one changes
// nothing. It returns fault.NotFound and, for an upload that is still open,
// fault.WrongState.
func (v *Vault) Trash(ctx context.Context, actor database.Actor, document id.ID, retention time.Duration) error {
	_, err := v.move(ctx, actor, document, toTrash, database.Args{"wait": retention})
	return err
}

// Restore takes a document out of the trash, into the state and the folder that
// it had, which comes back if it was deleted: also over quota, since it was
// counted all along. It returns fault.NotFound and
// fault.WrongState.
func (v *Vault) Restore(ctx context.Context, actor database.Actor, document id.ID) (Document, error) {
	if _, err := v.move(ctx, actor, document, outOfTrash, database.Args{}); err != nil {
		return Document{}, err
	}
	return v.Get(ctx, actor, document)
}

// EndRetention is BeginPurge for a document whose time in the trash is over; it
// reports whether it was. A document that was restored meanwhile stays.
func (v *Vault) EndRetention(ctx context.Context, user, document id.ID) (bool, error) {
	return v.move(ctx, database.OnBehalfOf(user), document, fromTrashToPurge, database.Args{})
}

// BeginPurge makes a live document unreadable at once; the purge worker deletes
// its bytes and its row. Doing it again changes nothing. It returns
// fault.NotFound and fault.WrongState.
func (v *Vault) BeginPurge(ctx context.Context, actor database.Actor, document id.ID) error {
	_, err := v.move(ctx, actor, document, toPurge, database.Args{})
	return err
}

// trashPage is how many documents one statement takes out of the trash.
const trashPage = 500

// EmptyTrash is BeginPurge for all documents in the trash, except those that
// come into it meanwhile. It works in transactions of some hundred documents,
// and hands the ids of each to purging after its commit, until none is left or
// half of the time that ctx has is over. It returns how many documents it began
// to purge, and how many are left.
func (v *Vault) EmptyTrash(ctx context.Context, actor database.Actor, purging func([]id.ID)) (begun, left int, err error) {
	enough := time.Now().Add(10 * time.Second)
	if deadline, ok := ctx.Deadline(); ok {
		enough = time.Now().Add(time.Until(deadline) / 2)
	}
	// The database's clock wrote trashed_at.
	args := database.Args{"limit": trashPage, "before": time.Time{}}
	const there = `user_id = app_user() AND status = 'trashed' AND (trashed_at IS NULL OR trashed_at <= @before)`
	var before time.Time
	if err := v.db.Do(ctx, actor, func(b *database.Batch) { b.One(`SELECT clock_timestamp()`, nil, &before) }); err != nil {
		return 0, 0, fmt.Errorf("empty the trash: %w", err)
	}
	args["before"] = before
	entry := audit.Entry{Action: toPurge.action}
	for page := []id.ID{id.Nil}; len(page) > 0 && time.Now().Before(enough); begun += len(page) {
		page = nil
		err := v.db.Do(ctx, actor, func(b *database.Batch) {
			b.Each(`WITH changed AS (UPDATE documents SET `+toPurge.set+`
			          WHERE user_id = app_user() AND status = 'trashed' AND id = ANY (ARRAY(
			            SELECT id FROM documents WHERE `+there+` ORDER BY id LIMIT @limit FOR UPDATE))
			          RETURNING id)
			        SELECT changed.id, `+audit.CallEach+` FROM changed`, entry.Into(ctx, actor, args),
				func(scan func(...any) error) error {
					var document id.ID
					err := scan(&document, nil)
					page = append(page, document)
					return err
				})
		})
		if err != nil {
			return begun, 0, fmt.Errorf("empty the trash: %w", err)
		}
		if len(page) > 0 {
			purging(page)
		}
	}
	err = v.db.Do(ctx, actor, func(b *database.Batch) {
		b.One(`SELECT count(*) FROM documents WHERE `+there, database.Args{"before": before}, &left)
	})
	if err != nil {
		return begun, 0, fmt.Errorf("empty the trash: %w", err)
	}
	return begun, left, nil
}

// TrashLeft counts what of the trash of an earlier moment is being deleted, and
// what is still there.
func (v *Vault) TrashLeft(ctx context.Context, actor database.Actor, before time.Time) (purging, left int, err error) {
	err = v.db.Do(ctx, actor, func(b *database.Batch) {
		b.One(`SELECT count(*) FILTER (WHERE status = 'purging'), count(*) FILTER (WHERE status = 'trashed')
		         FROM documents WHERE user_id = app_user() AND status IN ('purging', 'trashed') AND trashed_at <= @before`,
			database.Args{"before": before}, &purging, &left)
	})
	if err != nil {
		return 0, 0, fmt.Errorf("count the trash: %w", err)
	}
	return purging, left, nil
}

// Reprocess asks for a new analysis. It returns fault.NotFound and, for a
// document in the trash or with an open upload, fault.WrongState. One that
// waits for its analysis anyway stays as it is.
func (v *Vault) Reprocess(ctx context.Context, actor database.Actor, document id.ID) (Document, error) {
	if _, err := v.move(ctx, actor, document, toReprocess, database.Args{}); err != nil {
		return Document{}, err
	}
	return v.Get(ctx, actor, document)
}

// move runs a transition of one document with its audit entry.
func (v *Vault) move(ctx context.Context, actor database.Actor, document id.ID, t transition, args database.Args) (moved bool, err error) {
	outcomes, err := v.moveAll(ctx, actor, []id.ID{document}, t, args)
	if err != nil {
		return false, err
	}
	return outcomes[0].Changed, outcomes[0].Err
}

// Outcome is what a change of many documents did with one of them.
type Outcome struct {
	Document id.ID
	Status   Status // that it has now; "" when there is none
	Changed  bool   // false without Err: it was so already
	Err      error  // a fault: not_found, wrong_state
}

// moveAll runs a transition of many documents, with an audit entry each, and
// returns an outcome for each id in order. Where the guard did not hold it looks
// why: already in one of the states that the caller wanted is fine, another
// state is fault.WrongState, no document fault.NotFound.
func (v *Vault) moveAll(ctx context.Context, actor database.Actor, documents []id.ID, t transition, args database.Args) ([]Outcome, error) {
	args["ids"] = documents
	moved, status := map[id.ID]bool{}, map[id.ID]Status{}
	entry := audit.Entry{Action: t.action}
	err := v.db.Do(ctx, actor, func(b *database.Batch) {
		if t.action == audit.DocumentRestored {
			b.Exec(`SELECT lock_folders(true)`, nil)
		}
		if len(documents) > 1 {
			b.Exec(lockDocuments, args)
		}
		b.Each(`WITH changed AS (UPDATE documents SET `+t.set+`
		          WHERE id = ANY (@ids::uuid[]) AND user_id = app_user() AND `+t.from+` RETURNING id)
		        SELECT changed.id, `+audit.CallEach+` FROM changed`, entry.Into(ctx, actor, args), func(scan func(...any) error) error {
			var document id.ID
			err := scan(&document, nil)
			moved[document] = true
			return err
		})
		readStatuses(b, documents, status)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.action, err)
	}
	outcomes := make([]Outcome, len(documents))
	for i, document := range documents {
		o := Outcome{Document: document, Status: status[document], Changed: moved[document]}
		if !o.Changed && !slices.Contains(t.wanted, o.Status) {
			o.Err = notIn(o.Status)
		}
		outcomes[i] = o
	}
	return outcomes, nil
}

// notIn is the fault of a document whose status does not allow what was asked.
func notIn(status Status) error {
	if status == "" || status == Purging {
		return ErrNoDocument
	}
	return fault.Newf(fault.WrongState, "The document is %s, so this cannot be done now.", status).With("document_status", status)
}

// lockDocuments locks @ids in the order in which all that lock several do.
const lockDocuments = `SELECT FROM documents WHERE id = ANY (@ids::uuid[]) AND user_id = app_user() ORDER BY id FOR UPDATE`

func readStatuses(b *database.Batch, documents []id.ID, into map[id.ID]Status) {
	b.Each(`SELECT id, status FROM documents WHERE id = ANY (@ids::uuid[]) AND user_id = app_user()`, database.Args{"ids": documents},
		func(scan func(...any) error) error {
			var document id.ID
			var status Status
			err := scan(&document, &status)
			into[document] = status
			return err
		})
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
		b.Exec(`DELETE FROM lagging WHERE document_id = @id AND user_id = app_user()`, database.Args{"id": document})
		b.Exec(`WITH moved AS (DELETE FROM documents WHERE id = @id AND user_id = app_user() AND status = 'purging' RETURNING user_id, size),
		        `+quota.Free+`
		        SELECT `+audit.Call+` FROM moved`, entry.Into(ctx, actor, database.Args{"id": document}))
	})
	if err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	return nil
}
