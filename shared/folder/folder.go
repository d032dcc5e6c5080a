// Package folder is the tree of a user's folders: reading it, and making,
// renaming, moving and deleting folders.
//
// It promises that names are sealed and once in a folder, that no folder comes
// to lie in itself, whatever happens at once, and that a folder is never deleted
// with a document in it: what it held goes into the trash. How a tree may look
// is in the trigger folders_guard; lock order: the tree (lock_folders), then
// documents by id, then the quota.
package folder

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

// Max is how many folders a user has at most, those included that only
// documents in the trash are in. The trigger folders_limit holds it.
const Max = 10000

// Folder is a folder as its owner sees it.
type Folder struct {
	ID        id.ID     `json:"id" format:"uuid"`
	ParentID  *id.ID    `json:"parent_id,omitempty" format:"uuid" doc:"Absent at the top."`
	Name      string    `json:"name" doc:"Once in a folder, upper and lower case being the same."`
	Documents int64     `json:"documents" doc:"How many are in it, without the trash, uploads that are not complete, and what is in folders below it."`
	CreatedAt time.Time `json:"created_at"`
	Version   int64     `json:"version" doc:"Grows with each change; send it as If-Match to change only what you saw."`
}

// Folders reads and changes the tree.
type Folders struct {
	db    *database.DB
	vault *vault.Vault
}

// Open returns the Env's one Folders.
func Open(env *host.Env) (*Folders, error) { return host.Resource(env, open) }

func open(env *host.Env) (*Folders, error) {
	v, err := vault.Open(env)
	if err != nil {
		return nil, err
	}
	return &Folders{db: v.DB(), vault: v}, nil
}

// row is a folder as the database has it.
type row struct {
	folder Folder
	parent id.ID
	sealed []byte
}

const columns = `f.id, f.parent_id, f.name_sealed, f.created_at, f.version`

func (r *row) fields() []any {
	return []any{&r.folder.ID, &r.parent, &r.sealed, &r.folder.CreatedAt, &r.folder.Version}
}

func (r *row) open(u *keys.User) (Folder, error) {
	f := r.folder
	if !r.parent.IsNil() {
		f.ParentID = &r.parent
	}
	name, err := u.Open("folders", "name_sealed", f.ID, r.sealed)
	if err != nil {
		return Folder{}, fmt.Errorf("folder %s: %w", f.ID, err)
	}
	f.Name = string(name)
	return f, nil
}

// List returns all folders, parents before what is in them.
func (f *Folders) List(ctx context.Context, actor database.Actor) ([]Folder, error) {
	var rows []*row
	counts := map[id.ID]int64{}
	err := f.db.Do(ctx, actor, func(b *database.Batch) {
		b.Each(`WITH RECURSIVE down AS (
		          SELECT f.*, 1 AS depth FROM folders f WHERE f.user_id = app_user() AND f.parent_id IS NULL AND f.deleted_at IS NULL
		          UNION ALL SELECT f.*, down.depth + 1 FROM folders f JOIN down ON f.parent_id = down.id WHERE f.deleted_at IS NULL AND down.depth < 100)
		        SELECT `+columns+` FROM down f ORDER BY f.depth, f.created_at, f.id`, nil, func(scan func(...any) error) error {
			r := &row{}
			rows = append(rows, r)
			return scan(r.fields()...)
		})
		b.Each(`SELECT folder_id, count(*) FROM documents WHERE user_id = app_user() AND status IN `+vault.Shown+` AND folder_id IS NOT NULL
		         GROUP BY folder_id`, nil, func(scan func(...any) error) error {
			var folder id.ID
			var n int64
			err := scan(&folder, &n)
			counts[folder] = n
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list folders: %w", err)
	}
	u, err := f.vault.Keys(ctx, actor)
	if err != nil {
		return nil, err
	}
	all := make([]Folder, len(rows))
	for i, r := range rows {
		if all[i], err = r.open(u); err != nil {
			return nil, err
		}
		all[i].Documents = counts[all[i].ID]
	}
	return all, nil
}

// Create makes a folder in another one, or at the top with the zero ID. It
// returns fault.ValidationFailed, fault.NameTaken, fault.FolderTooDeep and
// fault.LimitReached.
func (f *Folders) Create(ctx context.Context, actor database.Actor, parent id.ID, name string) (Folder, error) {
	u, err := f.vault.Keys(ctx, actor)
	if err != nil {
		return Folder{}, err
	}
	folder := id.New()
	n, err := vault.SealName(u, vault.FolderNames, folder, name)
	if err != nil {
		return Folder{}, err
	}
	args := database.Args{"id": folder, "parent": database.NullID(parent), "key": n.Key, "name": n.Sealed}
	entry := audit.Entry{Action: audit.FolderCreated, Target: folder}
	return f.write(ctx, actor, u, folder, "make folder", func(b *database.Batch) {
		b.Exec(`SELECT lock_folders(false)`, nil)
		b.Exec(`WITH changed AS (INSERT INTO folders (id, user_id, parent_id, name_key, name_sealed)
		          SELECT @id, app_user(), require_folder(@parent), @key, @name RETURNING id)
		        SELECT `+audit.Call+` FROM changed`, entry.Into(ctx, actor, args))
	})
}

// Changes are what a person changes on a folder; absent members stay.
type Changes struct {
	Name     vault.Field[string] `json:"name,omitempty" doc:"1 to 100 characters."`
	ParentID vault.Field[id.ID]  `json:"parent_id,omitempty" doc:"Moves it, with all that is in it; null is the top."`
}

// Change renames or moves a folder. version is the one the client saw, nil for
// any. It returns fault.NotFound, fault.PreconditionFailed,
// fault.ValidationFailed, fault.NameTaken, fault.FolderTooDeep and
// fault.FolderCycle.
func (f *Folders) Change(ctx context.Context, actor database.Actor, folder id.ID, version *int64, c Changes) (Folder, error) {
	u, err := f.vault.Keys(ctx, actor)
	if err != nil {
		return Folder{}, err
	}
	args := database.Args{"id": folder, "version": version}
	set, changed := "", []string{}
	if c.Name.Present {
		n, err := vault.SealName(u, vault.FolderNames, folder, c.Name.Value)
		if err != nil {
			return Folder{}, err
		}
		set, changed = set+`, name_key = @key, name_sealed = @name`, append(changed, "name")
		args["key"], args["name"] = n.Key, n.Sealed
	}
	if c.ParentID.Present {
		set, changed = set+`, parent_id = @parent`, append(changed, "parent_id")
		args["parent"] = database.NullID(c.ParentID.Value)
	}
	entry := audit.Entry{Action: audit.FolderChanged, Target: folder, Metadata: map[string]any{"fields": changed}}
	return f.write(ctx, actor, u, folder, "change folder", func(b *database.Batch) {
		b.Exec(`SELECT lock_folders(@alone)`, database.Args{"alone": c.ParentID.Present})
		b.Exec(`SELECT lock_folder(@id, @version)`, args)
		if len(changed) > 0 {
			b.Exec(`WITH changed AS (UPDATE folders SET version = version + 1`+set+`
			          WHERE id = @id AND user_id = app_user() RETURNING id)
			        SELECT `+audit.Call+` FROM changed`, entry.Into(ctx, actor, args))
		}
	})
}

// Get returns one folder. It returns fault.NotFound.
func (f *Folders) Get(ctx context.Context, actor database.Actor, folder id.ID) (Folder, error) {
	u, err := f.vault.Keys(ctx, actor)
	if err != nil {
		return Folder{}, err
	}
	found, err := f.write(ctx, actor, u, folder, "read folder", func(*database.Batch) {})
	if errors.Is(err, database.ErrNoRows) {
		return Folder{}, fault.New(fault.NotFound, "There is no such folder.")
	}
	return found, err
}

// write runs statements that leave the folder there, and reads it.
func (f *Folders) write(ctx context.Context, actor database.Actor, u *keys.User, folder id.ID, doing string, statements func(b *database.Batch)) (Folder, error) {
	var r row
	var n int64
	err := f.db.Do(ctx, actor, func(b *database.Batch) {
		statements(b)
		args := database.Args{"id": folder}
		b.One(`SELECT `+columns+` FROM folders f WHERE f.id = @id AND f.user_id = app_user()`, args, r.fields()...)
		b.One(`SELECT count(*) FROM documents WHERE folder_id = @id AND user_id = app_user() AND status IN `+vault.Shown, args, &n)
	})
	switch {
	case database.IsConflict(err, "folders_name"):
		return Folder{}, fault.New(fault.NameTaken, "There is a folder of this name already. Choose another name.")
	case err != nil:
		return Folder{}, fmt.Errorf("%s: %w", doing, err)
	}
	opened, err := r.open(u)
	opened.Documents = n
	return opened, err
}
