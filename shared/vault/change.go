package vault

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/keys"
)

// Changes are what a person changes on a document; absent members stay.
type Changes struct {
	Filename      Field[string]   `json:"filename,omitempty"`
	Title         Field[string]   `json:"title,omitempty" doc:"At most 500 characters."`
	Correspondent Field[string]   `json:"correspondent,omitempty" doc:"At most 200 characters."`
	Notes         Field[string]   `json:"notes,omitempty" doc:"At most 20,000 characters."`
	Reference     Field[string]   `json:"reference,omitempty" doc:"At most 200 characters."`
	DocumentDate  Field[Date]     `json:"document_date,omitempty"`
	Topic         Field[string]   `json:"topic,omitempty" doc:"Made when there is none of that name. The analysis learns from it at once; null is a choice too, which it keeps."`
	Tags          Field[[]string] `json:"tags,omitempty" doc:"Replaces all; at most 50, each made when there is none of that name."`
	FolderID      Field[id.ID]    `json:"folder_id,omitempty"`
}

// Change changes a live document, in the trash or not, as one transaction.
// version is the one the client saw, nil for any. also adds statements that
// belong to the same transaction; nil for none. It returns fault.NotFound,
// fault.PreconditionFailed and fault.ValidationFailed.
func (v *Vault) Change(ctx context.Context, actor database.Actor, document id.ID, version *int64, c Changes, also func(b *database.Batch)) (Document, error) {
	u, err := v.Keys(ctx, actor)
	if err != nil {
		return Document{}, err
	}
	args := database.Args{"id": document, "version": version}
	set, changed, err := c.columns(u, document, args)
	if err != nil {
		return Document{}, err
	}
	var tags TagSet
	if c.Tags.Present {
		changed = append(changed, "tags")
		if tags, err = SealTags(u, c.Tags.Value); err != nil {
			return Document{}, err
		}
	}
	var topic TopicName
	if c.Topic.Present {
		changed = append(changed, "topic")
		set = append(set, `topic_id = (SELECT id FROM topics WHERE user_id = app_user() AND name_key = @topic_key)`, `topic_source = 'user'`)
		args["topic_key"] = []byte(nil) // none is a choice too
		if !c.Topic.Null {
			if topic, err = SealTopic(u, c.Topic.Value); err != nil {
				return Document{}, err
			}
			args["topic_key"] = topic.Key()
		}
	}
	if len(changed) == 0 && version == nil {
		return v.Get(ctx, actor, document)
	}

	var r row
	err = v.db.Do(ctx, actor, func(b *database.Batch) {
		if c.FolderID.Present {
			b.Exec(`SELECT lock_folders(false)`, nil)
		}
		b.Exec(`SELECT lock_document(@id, @version)`, args)
		topic.Ensure(b)
		if c.Tags.Present {
			tags.Replace(b, document)
		}
		if len(changed) > 0 {
			entry := audit.Entry{Action: audit.DocumentChanged, Target: document, Metadata: map[string]any{"fields": changed}}
			b.Exec(`WITH changed AS (UPDATE documents SET `+strings.Join(append(set, "user_id = user_id"), ", ")+`
		         WHERE id = @id AND user_id = app_user() RETURNING id)
		        SELECT `+audit.Call+` FROM changed`, entry.Into(ctx, actor, args))
		}
		if also != nil {
			also(b)
		}
		b.One(`SELECT `+columns+` FROM documents d WHERE d.id = @id`, database.Args{"id": document}, r.fields()...)
	})
	if err != nil {
		return Document{}, fmt.Errorf("change document: %w", err)
	}
	return r.open(u)
}

// columns returns the assignments of all that is a column, and the names of
// what changes, for the audit log.
func (c Changes) columns(u *keys.User, document id.ID, args database.Args) (set, changed []string, err error) {
	for _, f := range []struct {
		name, column string
		field        Field[string]
		limit        int
		required     bool
	}{
		{"filename", colFilename, c.Filename, MaxFilename, true},
		{"title", colTitle, c.Title, maxTitle, false},
		{"correspondent", colCorrespondent, c.Correspondent, maxShortField, false},
		{"notes", colNotes, c.Notes, maxNotes, false},
		{"reference", colReference, c.Reference, maxShortField, false},
	} {
		if !f.field.Present {
			continue
		}
		changed = append(changed, f.name)
		set = append(set, f.column+" = @"+f.name)
		value := CleanText(f.field.Value)
		if f.required {
			value = CleanFilename(f.field.Value)
		}
		if utf8.RuneCountInString(value) > f.limit {
			return nil, nil, fault.Newf(fault.ValidationFailed, "The field %s has at most %d characters.", f.name, f.limit)
		}
		args[f.name] = []byte(nil)
		if value == "" {
			continue
		}
		if args[f.name], err = u.Seal(table, f.column, document, []byte(value)); err != nil {
			return nil, nil, err
		}
	}
	if c.DocumentDate.Present {
		changed = append(changed, "document_date")
		set = append(set, "document_date = @document_date")
		args["document_date"] = (*time.Time)(nil)
		if !c.DocumentDate.Null {
			day := c.DocumentDate.Value.time()
			args["document_date"] = &day
		}
	}
	if c.FolderID.Present {
		changed = append(changed, "folder_id")
		set = append(set, "folder_id = require_folder(@folder_id)")
		args["folder_id"] = database.NullID(c.FolderID.Value)
	}
	return set, changed, nil
}
