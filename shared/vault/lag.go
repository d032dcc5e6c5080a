package vault

import (
	"context"
	"fmt"

	"docuvault/shared/database"
	"docuvault/shared/id"
)

// Lag is a statement that says of the documents d for which a condition holds
// that their search index, and what their words taught, is behind their names
// and topic. The worker of the analysis catches up: see [Vault.Lagging].
func Lag(where string) string {
	return `INSERT INTO lagging (document_id, user_id)
	  SELECT d.id, d.user_id FROM documents d
	   WHERE d.user_id = app_user() AND d.status NOT IN ('rejected', 'expired', 'purging') AND ` + where + ` ORDER BY d.id
	  ON CONFLICT (document_id) DO UPDATE SET stamp = EXCLUDED.stamp`
}

// MaxLagging is how many documents a function sends to the worker right after
// its change; the reconciler sends all others.
const MaxLagging = 500

// Lagging returns up to [MaxLagging] documents of the actor that lag behind and
// can be caught up with.
func (v *Vault) Lagging(ctx context.Context, actor database.Actor) (documents []id.ID, err error) {
	err = v.db.Do(ctx, actor, func(b *database.Batch) {
		b.Each(`SELECT l.document_id FROM lagging l JOIN documents d ON d.id = l.document_id
		         WHERE l.user_id = app_user() AND d.status IN ('ready', 'failed', 'trashed') ORDER BY l.stamp DESC LIMIT @limit`,
			database.Args{"limit": MaxLagging}, func(scan func(...any) error) error {
				var document id.ID
				err := scan(&document)
				documents = append(documents, document)
				return err
			})
	})
	if err != nil {
		return nil, fmt.Errorf("read what lags behind: %w", err)
	}
	return documents, nil
}

// Lags returns the stamp with which a document lags behind, and whether it does.
func (v *Vault) Lags(ctx context.Context, actor database.Actor, document id.ID) (stamp int64, lags bool, err error) {
	err = v.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&lags, `SELECT stamp FROM lagging WHERE document_id = @id AND user_id = app_user()`, database.Args{"id": document}, &stamp)
	})
	if err != nil {
		return 0, false, fmt.Errorf("read what lags behind: %w", err)
	}
	return stamp, lags, nil
}

// CaughtUp says that a document does not lag behind any more, unless there was
// another change since that stamp.
func (v *Vault) CaughtUp(ctx context.Context, actor database.Actor, document id.ID, stamp int64) error {
	err := v.db.Do(ctx, actor, func(b *database.Batch) {
		b.Exec(`DELETE FROM lagging WHERE document_id = @id AND user_id = app_user() AND stamp = @stamp`,
			database.Args{"id": document, "stamp": stamp})
	})
	if err != nil {
		return fmt.Errorf("write what was caught up: %w", err)
	}
	return nil
}
