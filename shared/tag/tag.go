// Package tag is the list of a user's tags: reading it, renaming, merging and
// deleting tags. Tags are made by giving them to a document.
//
// It promises that names are sealed, that a name is there once, and that no
// document loses a tag but by deleting it.
package tag

import (
	"context"
	"errors"
	"fmt"
	"time"

	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/vault"
)

// Max is how many tags a user has at most; the trigger tags_limit holds it.
const Max = 5000

// Tag is a tag as its owner sees it.
type Tag struct {
	ID        id.ID     `json:"id" format:"uuid"`
	Name      string    `json:"name" doc:"Once, upper and lower case being the same."`
	Documents int64     `json:"documents" doc:"How many have it, without the trash and uploads that are not complete."`
	CreatedAt time.Time `json:"created_at"`
	Version   int64     `json:"version" doc:"Grows with each change; send it as If-Match to change only what you saw."`
}

// Tags reads and changes the list.
type Tags struct {
	db    *database.DB
	vault *vault.Vault
}

// Open returns the Env's one Tags.
func Open(env *host.Env) (*Tags, error) { return host.Resource(env, open) }

func open(env *host.Env) (*Tags, error) {
	v, err := vault.Open(env)
	if err != nil {
		return nil, err
	}
	return &Tags{db: v.DB(), vault: v}, nil
}

// row is a tag as the database has it.
type row struct {
	tag    Tag
	sealed []byte
}

const columns = `g.id, g.name_sealed, g.created_at, g.version`

func (r *row) fields() []any { return []any{&r.tag.ID, &r.sealed, &r.tag.CreatedAt, &r.tag.Version} }

func (r *row) open(u *keys.User) (Tag, error) {
	t := r.tag
	name, err := u.Open("tags", "name_sealed", t.ID, r.sealed)
	if err != nil {
		return Tag{}, fmt.Errorf("tag %s: %w", t.ID, err)
	}
	t.Name = string(name)
	return t, nil
}

// List returns all tags, in the order in which they were made.
func (s *Tags) List(ctx context.Context, actor database.Actor) ([]Tag, error) {
	var rows []*row
	counts := map[id.ID]int64{}
	err := s.db.Do(ctx, actor, func(b *database.Batch) {
		b.Each(`SELECT `+columns+` FROM tags g WHERE g.user_id = app_user() ORDER BY g.created_at, g.id`, nil, func(scan func(...any) error) error {
			r := &row{}
			rows = append(rows, r)
			return scan(r.fields()...)
		})
		b.Each(vault.TagCounts, nil, func(scan func(...any) error) error {
			var tag id.ID
			var n int64
			err := scan(&tag, &n)
			counts[tag] = n
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list tags: %w", err)
	}
	u, err := s.vault.Keys(ctx, actor)
	if err != nil {
		return nil, err
	}
	all := make([]Tag, len(rows))
	for i, r := range rows {
		if all[i], err = r.open(u); err != nil {
			return nil, err
		}
		all[i].Documents = counts[all[i].ID]
	}
	return all, nil
}

// Rename gives a tag another name; its documents keep it, and are found by the
// new name a little later. version is the one the client saw, nil for any. It
// returns fault.NotFound, fault.PreconditionFailed, fault.ValidationFailed and
// fault.NameTaken: see [Tags.Merge].
func (s *Tags) Rename(ctx context.Context, actor database.Actor, tag id.ID, version *int64, name string) (Tag, error) {
	u, err := s.vault.Keys(ctx, actor)
	if err != nil {
		return Tag{}, err
	}
	n, err := vault.SealName(u, vault.TagNames, tag, name)
	if err != nil {
		return Tag{}, err
	}
	args := database.Args{"id": tag, "version": version, "key": n.Key, "name": n.Sealed}
	entry := audit.Entry{Action: audit.TagRenamed, Target: tag}
	return s.write(ctx, actor, u, tag, "rename tag", func(b *database.Batch) {
		b.Exec(`SELECT lock_tag(@id, @version)`, args)
		b.Exec(`WITH changed AS (UPDATE tags SET version = version + 1, name_key = @key, name_sealed = @name
		          WHERE id = @id AND user_id = app_user() RETURNING id)
		        SELECT `+audit.Call+` FROM changed`, entry.Into(ctx, actor, args))
		b.Exec(vault.Lag(tagged), args)
	})
}

// tagged is the condition that document d has the tag @id.
const tagged = `d.id IN (SELECT x.document_id FROM document_tags x WHERE x.tag_id = @id AND x.user_id = app_user())`

// Merge gives all documents of a tag another one instead, and deletes the tag.
// It returns fault.NotFound, and fault.ValidationFailed for a tag into itself or
// into one that is not there.
func (s *Tags) Merge(ctx context.Context, actor database.Actor, tag, into id.ID) (Tag, error) {
	if tag == into {
		return Tag{}, fault.New(fault.ValidationFailed, "A tag cannot be merged into itself.")
	}
	u, err := s.vault.Keys(ctx, actor)
	if err != nil {
		return Tag{}, err
	}
	args := database.Args{"id": tag, "into": into}
	entry := audit.Entry{Action: audit.TagMerged, Target: tag, Metadata: map[string]any{"into": into}}
	return s.write(ctx, actor, u, into, "merge tags", func(b *database.Batch) {
		lockTagged(b, args)
		b.Exec(`SELECT lock_tags(@id, @into)`, args)
		b.Exec(vault.Lag(tagged), args)
		b.Exec(touchTagged, args)
		b.Exec(`INSERT INTO document_tags (document_id, tag_id, user_id)
		        SELECT x.document_id, @into, x.user_id FROM document_tags x WHERE x.tag_id = @id AND x.user_id = app_user() ON CONFLICT DO NOTHING`, args)
		b.Exec(`WITH changed AS (DELETE FROM tags WHERE id = @id AND user_id = app_user() RETURNING id)
		        SELECT `+audit.Call+` FROM changed`, entry.Into(ctx, actor, args))
		b.Exec(`UPDATE tags SET version = version + 1 WHERE id = @into AND user_id = app_user()`, args)
	})
}

// Delete takes a tag from all documents and deletes it. version is the one the
// client saw, nil for any. It returns fault.NotFound and
// fault.PreconditionFailed.
func (s *Tags) Delete(ctx context.Context, actor database.Actor, tag id.ID, version *int64) error {
	args := database.Args{"id": tag, "version": version}
	entry := audit.Entry{Action: audit.TagDeleted, Target: tag}
	err := s.db.Do(ctx, actor, func(b *database.Batch) {
		lockTagged(b, args)
		b.Exec(`SELECT lock_tag(@id, @version)`, args)
		b.Exec(vault.Lag(tagged), args)
		b.Exec(touchTagged, args)
		b.Exec(`WITH changed AS (DELETE FROM tags WHERE id = @id AND user_id = app_user() RETURNING id)
		        SELECT `+audit.Call+` FROM changed`, entry.Into(ctx, actor, args))
	})
	if err != nil {
		return fmt.Errorf("delete tag: %w", err)
	}
	return nil
}

// lockTagged adds the statement that locks the documents of a tag before the
// tag, as whoever gives a document tags does.
func lockTagged(b *database.Batch, args database.Args) {
	b.Exec(`SELECT FROM documents d WHERE d.user_id = app_user() AND `+tagged+` ORDER BY d.id FOR UPDATE`, args)
}

// touchTagged makes a new version of the documents of a tag.
const touchTagged = `UPDATE documents d SET user_id = user_id WHERE d.user_id = app_user() AND ` + tagged

// Get returns one tag. It returns fault.NotFound.
func (s *Tags) Get(ctx context.Context, actor database.Actor, tag id.ID) (Tag, error) {
	u, err := s.vault.Keys(ctx, actor)
	if err != nil {
		return Tag{}, err
	}
	found, err := s.write(ctx, actor, u, tag, "read tag", func(*database.Batch) {})
	if errors.Is(err, database.ErrNoRows) {
		return Tag{}, fault.New(fault.NotFound, "There is no such tag.")
	}
	return found, err
}

// write runs statements that leave the tag there, and reads it.
func (s *Tags) write(ctx context.Context, actor database.Actor, u *keys.User, tag id.ID, doing string, statements func(b *database.Batch)) (Tag, error) {
	var r row
	var n int64
	err := s.db.Do(ctx, actor, func(b *database.Batch) {
		statements(b)
		args := database.Args{"id": tag}
		b.One(`SELECT `+columns+` FROM tags g WHERE g.id = @id AND g.user_id = app_user()`, args, r.fields()...)
		b.One(`SELECT count(*) FROM documents d WHERE d.user_id = app_user() AND d.status IN `+vault.Shown+` AND `+tagged, args, &n)
	})
	switch {
	case database.IsConflict(err, "tags_user_id_name_key_key"):
		return Tag{}, fault.New(fault.NameTaken, "There is a tag of this name already. Choose another name, or merge the two.")
	case err != nil:
		return Tag{}, fmt.Errorf("%s: %w", doing, err)
	}
	opened, err := r.open(u)
	opened.Documents = n
	return opened, err
}
