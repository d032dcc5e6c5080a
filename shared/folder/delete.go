package folder

import (
	"context"
	"fmt"
	"maps"
	"time"

	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/vault"
)

// atOnce is how many documents one transaction moves into the trash.
const atOnce = 1000

// Deleted is what went with a folder.
type Deleted struct {
	Folders   int64 `json:"folders" doc:"Deleted, this one and all that were in it."`
	Documents int64 `json:"documents" doc:"Moved into the trash."`
}

// Delete moves all documents in a folder, and in folders below it, into the
// trash for retention, and deletes the folders. Uploads that are not complete
// go to the top. Up to a thousand documents it is one transaction; of more,
// those above a thousand go first, so that a call that is interrupted may be
// repeated. version is the one the client saw, nil for any. It returns
// fault.NotFound and fault.PreconditionFailed, and fault.DeadlineExceeded when
// it has to be repeated.
func (f *Folders) Delete(ctx context.Context, actor database.Actor, folder id.ID, version *int64, retention time.Duration) (Deleted, error) {
	enough := time.Now().Add(10 * time.Second)
	if deadline, ok := ctx.Deadline(); ok {
		enough = time.Now().Add(time.Until(deadline) / 2)
	}
	var all Deleted
	for {
		if time.Now().After(enough) {
			return all, fault.New(fault.DeadlineExceeded, "There was no time for all documents. Those that are in the trash by now stay there; repeat this.")
		}
		step, err := f.deleteSome(ctx, actor, folder, version, retention)
		if err != nil {
			return all, fmt.Errorf("delete folder: %w", err)
		}
		all.Documents += step.Documents
		all.Folders += step.Folders
		if step.Folders > 0 {
			return all, nil
		}
	}
}

// deleteSome is one transaction of Delete; the last one if no more documents are
// in the tree than it moves.
func (f *Folders) deleteSome(ctx context.Context, actor database.Actor, folder id.ID, version *int64, retention time.Duration) (step Deleted, err error) {
	args := database.Args{"id": folder, "version": version, "limit": atOnce, "wait": retention}
	// The tree is held alone, so that no document comes into it.
	const tree = `user_id = app_user() AND folder_id IN (SELECT t.id FROM folder_tree(@id) t)`
	const empty = `NOT EXISTS (SELECT FROM documents WHERE ` + tree + ` AND status IN ` + vault.Shown + `)`
	trashed := audit.Entry{Action: audit.DocumentTrashed}
	deleted := audit.Entry{Action: audit.FolderDeleted, Target: folder}
	err = f.db.Do(ctx, actor, func(b *database.Batch) {
		b.Exec(`SELECT lock_folders(true)`, nil)
		b.Exec(`SELECT lock_folder(@id, @version)`, args)
		b.One(`WITH changed AS (UPDATE documents SET `+vault.SetTrashed+`
		          WHERE status IN `+vault.Shown+` AND id = ANY (ARRAY(
		            SELECT id FROM documents WHERE `+tree+` AND status IN `+vault.Shown+` ORDER BY id LIMIT @limit FOR UPDATE)) RETURNING id),
		        written AS (SELECT `+audit.CallEach+` AS entry FROM changed)
		        SELECT count(entry) FROM written`, trashed.Into(ctx, actor, maps.Clone(args)), &step.Documents)
		b.Exec(`UPDATE documents SET folder_id = NULL WHERE `+empty+` AND id = ANY (ARRAY(
		          SELECT id FROM documents WHERE `+tree+` AND status <> 'trashed' ORDER BY id FOR UPDATE))`, args)
		b.One(`WITH changed AS (UPDATE folders SET deleted_at = clock_timestamp(), version = version + 1
		          WHERE user_id = app_user() AND `+empty+` AND id IN (SELECT t.id FROM folder_tree(@id) t) RETURNING id),
		        written AS (SELECT `+audit.Call+` AS entry FROM changed WHERE id = @id)
		        SELECT count(changed.id) + 0 * count(written.entry) FROM changed LEFT JOIN written ON true`, deleted.Into(ctx, actor, maps.Clone(args)), &step.Folders)
		b.Exec(`SELECT drop_folders()`, nil)
	})
	return step, err
}
