package vault

import (
	"context"
	"fmt"

	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/id"
)

// EndAttempt ends an attempt at a document's analysis that found nothing out:
// of the worker that claimed it with this fence, or, with nil, of whoever did
// and whose lease is over. The document is stored again, or failed after
// [MaxAttempts]; an excused attempt does not count. moved is false when
// somebody else has the document by now.
func (v *Vault) EndAttempt(ctx context.Context, actor database.Actor, document id.ID, fence *int64, excused bool) (moved, failed bool, err error) {
	args := database.Args{"id": document, "fence": fence, "excused": excused, "max": MaxAttempts, "failure": FailureAnalysis}
	entry := audit.Entry{Action: audit.AnalysisFailed, Target: document, Metadata: map[string]any{"failure": FailureAnalysis}}
	var entryID *int64
	err = v.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&moved, `WITH ended AS (UPDATE documents SET
		    status = CASE WHEN attempts >= @max AND NOT @excused THEN 'failed' ELSE 'stored' END,
		    failure = CASE WHEN attempts >= @max AND NOT @excused THEN @failure END,
		    next_due_at = CASE WHEN attempts < @max OR @excused THEN clock_timestamp() + interval '1 minute' END,
		    attempts = attempts - @excused::boolean::integer
		  WHERE id = @id AND user_id = app_user() AND status = 'processing'
		    AND CASE WHEN @fence::bigint IS NULL THEN next_due_at <= clock_timestamp() ELSE fence = @fence::bigint END
		  RETURNING status = 'failed' AS failed)
		  SELECT failed, CASE WHEN failed THEN `+audit.Call+` END FROM ended`,
			entry.Into(ctx, actor, args), &failed, &entryID)
	})
	if err != nil {
		return false, false, fmt.Errorf("end attempt at analysis: %w", err)
	}
	return moved, failed, nil
}
