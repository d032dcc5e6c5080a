package vault

import (
	"context"
	"fmt"
	"time"

	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/id"
)

// MaxBulk is how many documents one bulk action takes.
const MaxBulk = 500

// The bulk actions of status. Each is one transaction, and returns an outcome
// for each document in order: a fault in one, such as fault.NotFound for another
// user's, keeps no other from being done. The ids are there once each.

// TrashAll is [Vault.Trash] of many documents.
func (v *Vault) TrashAll(ctx context.Context, actor database.Actor, documents []id.ID, retention time.Duration) ([]Outcome, error) {
	return v.moveAll(ctx, actor, documents, toTrash, database.Args{"wait": retention})
}

// RestoreAll is [Vault.Restore] of many documents.
func (v *Vault) RestoreAll(ctx context.Context, actor database.Actor, documents []id.ID) ([]Outcome, error) {
	return v.moveAll(ctx, actor, documents, outOfTrash, database.Args{})
}

// BeginPurgeAll is [Vault.BeginPurge] of many documents.
func (v *Vault) BeginPurgeAll(ctx context.Context, actor database.Actor, documents []id.ID) ([]Outcome, error) {
	return v.moveAll(ctx, actor, documents, toPurge, database.Args{})
}

// ReprocessAll is [Vault.Reprocess] of many documents.
func (v *Vault) ReprocessAll(ctx context.Context, actor database.Actor, documents []id.ID) ([]Outcome, error) {
	return v.moveAll(ctx, actor, documents, toReprocess, database.Args{})
}

// editable are the statuses in which a person may change what is written about
// a document: see lock_document in the schema.
const editable = `('stored', 'processing', 'ready', 'failed', 'trashed')`

// MoveAll puts many documents into a folder, or with the zero ID into none. It
// returns fault.ValidationFailed for a folder that is not there.
func (v *Vault) MoveAll(ctx context.Context, actor database.Actor, documents []id.ID, folder id.ID) ([]Outcome, error) {
	return v.changeAll(ctx, actor, documents, "folder_id", edit{
		args:  database.Args{"folder": database.NullID(folder)},
		first: func(b *database.Batch) { b.Exec(`SELECT lock_folders(false)`, nil) },
		set:   `folder_id = require_folder(@folder)`,
	})
}

// GiveTopic gives many documents a topic, which is made when there is none of
// that name, or with "" none. They are found by it, and the analysis has learned
// from them, a little later: see [Lag]. It returns fault.ValidationFailed.
func (v *Vault) GiveTopic(ctx context.Context, actor database.Actor, documents []id.ID, name string) ([]Outcome, error) {
	e := edit{
		args: database.Args{"topic_key": []byte(nil)},
		set:  `topic_id = (SELECT id FROM topics WHERE user_id = app_user() AND name_key = @topic_key), topic_source = 'user'`,
		lags: true,
	}
	if name != "" {
		u, err := v.Keys(ctx, actor)
		if err != nil {
			return nil, err
		}
		topic, err := SealTopic(u, name)
		if err != nil {
			return nil, err
		}
		e.args["topic_key"], e.ensure = topic.Key(), topic.Ensure
	}
	return v.changeAll(ctx, actor, documents, "topic", e)
}

// AddTags gives many documents tags besides those that they have; each is made
// when there is none of that name. A document that would have too many gets
// none, and fault.LimitReached. It returns fault.ValidationFailed.
func (v *Vault) AddTags(ctx context.Context, actor database.Actor, documents []id.ID, tags []string) ([]Outcome, error) {
	set, err := v.sealedTags(ctx, actor, tags)
	if err != nil {
		return nil, err
	}
	_, keyList, _ := columnsOf(set.names)
	return v.changeAll(ctx, actor, documents, "tags", edit{
		args:   database.Args{"keys": keyList, "max": MaxTags},
		ensure: set.Ensure,
		set:    `user_id = user_id`,
		where: ` AND (SELECT count(*) FROM (SELECT x.tag_id FROM document_tags x WHERE x.document_id = documents.id
		   UNION SELECT g.id FROM tags g WHERE g.user_id = app_user() AND g.name_key = ANY (@keys::bytea[])) n) <= @max`,
		with: `, given AS (INSERT INTO document_tags (document_id, tag_id, user_id)
		   SELECT c.id, g.id, g.user_id FROM changed c, tags g WHERE g.user_id = app_user() AND g.name_key = ANY (@keys::bytea[]) ON CONFLICT DO NOTHING)`,
		unfit: fault.Newf(fault.LimitReached, "A document has at most %d tags.", MaxTags),
		lags:  true,
	})
}

// RemoveTags takes tags from many documents. It returns fault.ValidationFailed.
func (v *Vault) RemoveTags(ctx context.Context, actor database.Actor, documents []id.ID, tags []string) ([]Outcome, error) {
	set, err := v.sealedTags(ctx, actor, tags)
	if err != nil {
		return nil, err
	}
	_, keyList, _ := columnsOf(set.names)
	return v.changeAll(ctx, actor, documents, "tags", edit{
		args: database.Args{"keys": keyList},
		set:  `user_id = user_id`,
		with: `, taken AS (DELETE FROM document_tags x USING changed c, tags g
		   WHERE x.document_id = c.id AND x.tag_id = g.id AND g.user_id = app_user() AND g.name_key = ANY (@keys::bytea[]))`,
		lags: true,
	})
}

func (v *Vault) sealedTags(ctx context.Context, actor database.Actor, tags []string) (TagSet, error) {
	u, err := v.Keys(ctx, actor)
	if err != nil {
		return TagSet{}, err
	}
	return SealTags(u, tags)
}

// edit is a change of what is written about many documents.
type edit struct {
	args   database.Args
	first  func(b *database.Batch) // before the documents are locked
	ensure func(b *database.Batch) // after that: makes what the documents get
	set    string                  // assignments
	where  string                  // a further condition
	with   string                  // further steps, for the rows of changed
	unfit  error                   // of a document for which where does not hold
	lags   bool
}

// changeAll edits many documents as one transaction, with an audit entry each.
func (v *Vault) changeAll(ctx context.Context, actor database.Actor, documents []id.ID, field string, e edit) ([]Outcome, error) {
	changed, status := map[id.ID]bool{}, map[id.ID]Status{}
	e.args["ids"] = documents
	entry := audit.Entry{Action: audit.DocumentChanged, Metadata: map[string]any{"fields": []string{field}}}
	err := v.db.Do(ctx, actor, func(b *database.Batch) {
		if e.first != nil {
			e.first(b)
		}
		b.Exec(lockDocuments, e.args)
		if e.ensure != nil {
			e.ensure(b)
		}
		b.Each(`WITH changed AS (UPDATE documents SET `+e.set+`
		          WHERE id = ANY (@ids::uuid[]) AND user_id = app_user() AND status IN `+editable+e.where+` RETURNING id)`+e.with+`
		        SELECT changed.id, `+audit.CallEach+` FROM changed`, entry.Into(ctx, actor, e.args), func(scan func(...any) error) error {
			var document id.ID
			err := scan(&document, nil)
			changed[document] = true
			return err
		})
		if e.lags {
			b.Exec(Lag(`d.id = ANY (@ids::uuid[]) AND d.status IN `+editable), e.args)
		}
		readStatuses(b, documents, status)
	})
	if err != nil {
		return nil, fmt.Errorf("change documents: %w", err)
	}
	outcomes := make([]Outcome, len(documents))
	for i, document := range documents {
		o := Outcome{Document: document, Status: status[document], Changed: changed[document]}
		switch {
		case o.Changed:
		case e.unfit != nil && o.Status.editable():
			o.Err = e.unfit
		default:
			o.Err = notIn(o.Status)
		}
		outcomes[i] = o
	}
	return outcomes, nil
}

// editable reports whether the status is in the SQL of the same name.
func (s Status) editable() bool {
	switch s {
	case Stored, Processing, Ready, Failed, Trashed:
		return true
	}
	return false
}
