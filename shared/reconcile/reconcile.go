// Package reconcile puts right what events, messages and processes lost.
//
// It looks at rows that are due, at objects that no row knows, and at counters
// that differ from their rows. Every run is bounded and goes on where the last
// one stopped; what looks at everything there is rests between its turns. It
// promises that a second run right after changes nothing, and
// that it never deletes in bulk on its own: more than max(100, 1 %) unknown
// objects in a run look like a wrong bucket or a restored database, and wait
// for an operator.
package reconcile

import (
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
	"docuvault/shared/queue"
	"docuvault/shared/settle"
	"docuvault/shared/storage"
	"docuvault/shared/telemetry"
	"docuvault/shared/vault"
)

// Bounds of one run.
const (
	page       = 200
	maxDue     = 5000
	maxObjects = 20000 // listed, in each bucket
	maxUsers   = 1000  // recounted
)

// OrphanGrace is how old an object without a row has to be before it is
// removed, by the next turn: longer than any upload can be on its way.
const OrphanGrace = 24 * time.Hour

// Reconciler runs.
type Reconciler struct {
	db      *database.DB
	vault   *vault.Vault
	settler *settle.Settler
	store   *storage.Store
	jobs    queue.Queue
	log     *slog.Logger
	now     func() time.Time

	healed telemetry.Count
	ran    telemetry.Value
}

// Open returns the Env's one Reconciler.
func Open(env *host.Env) (*Reconciler, error) { return host.Resource(env, open) }

func open(env *host.Env) (*Reconciler, error) {
	v, err := vault.Open(env)
	if err != nil {
		return nil, err
	}
	settler, err := settle.Open(env)
	if err != nil {
		return nil, err
	}
	store, err := storage.Open(env)
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
	healed := measured.Counter("docuvault.reconcile.changes", "What the reconciler put right, by kind.")
	for kind := range (Report{}).counts() {
		healed(context.Background(), 0, "kind", kind)
	}
	ran := measured.Gauge("docuvault.reconcile.last.run.timestamp", "When the reconciler last came to an end, in seconds since 1970.", "s")
	return &Reconciler{healed: healed, ran: ran, db: v.DB(), vault: v, settler: settler, store: store, jobs: jobs, log: env.Log, now: env.Now}, nil
}

// Report is what one run changed.
type Report struct {
	Settled  int `json:"settled"`  // uploads whose event was lost
	Expired  int `json:"expired"`  // uploads that never came
	Resent   int `json:"resent"`   // jobs sent again
	Failed   int `json:"failed"`   // analyses given up
	Purged   int `json:"purged"`   // documents whose time in the trash is over
	Removed  int `json:"removed"`  // rows of ended uploads
	Orphans  int `json:"orphans"`  // objects without a row
	Stale    int `json:"stale"`    // uploads in parts that no row knows
	Mails    int `json:"mails"`    // mails that are owed, sent to their worker
	Erasures int `json:"erasures"` // deleted accounts whose erasure goes on
	Recounts int `json:"recounts"` // counters put right
	// Reindexed are jobs for documents that an older version indexed.
	Reindexed int `json:"reindexed"`
	Previews  int `json:"previews"` // jobs for previews that nobody made
	Errors    int `json:"errors"`
}

// counts are the report's fields by name.
func (r Report) counts() map[string]int {
	return map[string]int{
		"settled": r.Settled, "expired": r.Expired, "resent": r.Resent, "failed": r.Failed, "purged": r.Purged, "removed": r.Removed,
		"orphans": r.Orphans, "stale": r.Stale, "mails": r.Mails, "erasures": r.Erasures, "recounts": r.Recounts,
		"reindexed": r.Reindexed, "previews": r.Previews, "errors": r.Errors,
	}
}

// LogValue logs the report as its fields.
func (r Report) LogValue() slog.Value {
	return slog.GroupValue(slog.Int("settled", r.Settled), slog.Int("expired", r.Expired), slog.Int("resent", r.Resent),
		slog.Int("failed", r.Failed), slog.Int("purged", r.Purged), slog.Int("removed", r.Removed),
		slog.Int("orphans", r.Orphans), slog.Int("stale", r.Stale), slog.Int("mails", r.Mails), slog.Int("erasures", r.Erasures), slog.Int("recounts", r.Recounts),
		slog.Int("reindexed", r.Reindexed), slog.Int("previews", r.Previews), slog.Int("errors", r.Errors))
}

// Run makes one bounded pass. One row that fails does not keep the others from
// being looked at; the error of a run is that the database does not answer, or
// that an operator has to look.
func (r *Reconciler) Run(ctx context.Context) (Report, error) {
	var report Report
	err := errors.Join(
		r.mails(ctx, &report),
		r.due(ctx, &report),
		r.erasures(ctx, &report),
		r.orphans(ctx, "documents", r.store.Documents, &report),
		r.orphans(ctx, "derived", r.store.Derived, &report),
		r.stale(ctx, &report),
		r.recount(ctx, &report),
		r.reindex(ctx, &report),
		r.previews(ctx, &report),
	)
	for kind, n := range report.counts() {
		if n > 0 {
			r.healed(ctx, int64(n), "kind", kind)
		}
	}
	if err == nil {
		r.ran(ctx, float64(r.now().Unix()))
	}
	return report, err
}

type dueRow struct {
	user, document id.ID
	status         vault.Status
}

// due handles rows whose time has come, until none is left or the bound is
// reached. Every branch moves next_due_at, or the row out of the index.
func (r *Reconciler) due(ctx context.Context, report *Report) error {
	for seen := 0; seen < maxDue; {
		var rows []dueRow
		err := r.db.Do(ctx, database.Actor{}, func(b *database.Batch) {
			b.Each(`SELECT user_id, document_id, status FROM due_documents(@limit::integer)`, database.Args{"limit": page},
				func(scan func(...any) error) error {
					var d dueRow
					err := scan(&d.user, &d.document, &d.status)
					rows = append(rows, d)
					return err
				})
		})
		if err != nil {
			return fmt.Errorf("reconcile: due rows: %w", err)
		}
		for _, d := range rows {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := r.handle(ctx, d, report); err != nil {
				report.Errors++
				r.log.ErrorContext(ctx, "a due document could not be handled", "document_id", d.document, "status", d.status, "error", err)
				if err := r.later(ctx, d, `next_due_at = clock_timestamp() + interval '5 minutes'`); err != nil {
					return err
				}
			}
		}
		seen += len(rows)
		if len(rows) < page {
			return nil
		}
	}
	return nil
}

func (r *Reconciler) handle(ctx context.Context, d dueRow, report *Report) error {
	actor := database.OnBehalfOf(d.user)
	switch d.status {
	case vault.Pending:
		return r.pending(ctx, actor, d, report)
	case vault.Stored:
		report.Resent++
		return r.resend(ctx, d, job.Analyze)
	case vault.Processing:
		return r.abandoned(ctx, actor, d, report)
	case vault.Trashed:
		over, err := r.vault.EndRetention(ctx, d.user, d.document)
		if err != nil || !over {
			return err
		}
		report.Purged++
		return r.resend(ctx, d, job.Purge)
	case vault.Purging:
		report.Resent++
		return r.resend(ctx, d, job.Purge)
	case vault.Rejected, vault.Expired:
		// Settle deletes bytes that came late; then the row can go.
		if _, err := r.settler.Settle(ctx, actor, d.document); err != nil {
			return err
		}
		report.Removed++
		entry := audit.Entry{Action: audit.UploadRemoved, Target: d.document}
		return r.db.Do(ctx, actor, func(b *database.Batch) {
			b.Exec(`WITH removed AS (DELETE FROM documents WHERE id = @id AND user_id = app_user() AND status IN ('rejected', 'expired')
			          AND next_due_at <= clock_timestamp() RETURNING id)
			        SELECT `+audit.Call+` FROM removed`, entry.Into(ctx, actor, database.Args{"id": d.document}))
		})
	default:
		return r.later(ctx, d, `next_due_at = NULL`)
	}
}

// pending heals an upload whose event was lost, or ends one that never came.
func (r *Reconciler) pending(ctx context.Context, actor database.Actor, d dueRow, report *Report) error {
	status, err := r.settler.Settle(ctx, actor, d.document)
	if fault.CodeOf(err) != fault.UploadIncomplete {
		switch {
		case err != nil:
		case status == vault.Pending: // assembled from parts; the worker was asked to read it
			report.Resent++
		default:
			report.Settled++
		}
		return err
	}
	if err := r.settler.Expire(ctx, d.user, d.document); err != nil {
		return err
	}
	// Still pending: look again when it has waited as long again, and when its
	// last URL is dead for good.
	var waits int64
	err = r.db.Do(ctx, actor, func(b *database.Batch) {
		b.Affected(&waits, `UPDATE documents SET next_due_at = LEAST(upload_expires_at + @grace::interval + interval '1 second',
		     clock_timestamp() + GREATEST(interval '1 minute', clock_timestamp() - created_at))
		   WHERE id = @id AND user_id = app_user() AND status = 'pending' AND next_due_at <= clock_timestamp()`,
			database.Args{"id": d.document, "grace": settle.Grace})
	})
	if err == nil && waits == 0 {
		report.Expired++
	}
	return err
}

// abandoned takes a document back from a worker whose lease is over, and gives
// up on one that was begun too often.
func (r *Reconciler) abandoned(ctx context.Context, actor database.Actor, d dueRow, report *Report) error {
	moved, failed, err := r.vault.EndAttempt(ctx, actor, d.document, nil, false)
	switch {
	case err != nil || !moved:
		return err
	case failed:
		report.Failed++
		return nil
	default:
		report.Resent++
		return r.send(ctx, d, job.Analyze)
	}
}

// resend moves the row's time on, then sends its job. If this process dies in
// between, the row is due again in five minutes.
func (r *Reconciler) resend(ctx context.Context, d dueRow, to string) error {
	if err := r.later(ctx, d, `next_due_at = clock_timestamp() + interval '5 minutes'`); err != nil {
		return err
	}
	return r.send(ctx, d, to)
}

// send sends a document's job. An analysis goes on in the trace in which its
// upload began.
func (r *Reconciler) send(ctx context.Context, d dueRow, to string) error {
	if to == job.Analyze {
		var trace string
		err := r.db.Do(ctx, database.OnBehalfOf(d.user), func(b *database.Batch) {
			var found bool
			b.Maybe(&found, `SELECT coalesce(traceparent, '') FROM documents WHERE id = @id AND user_id = app_user()`, database.Args{"id": d.document}, &trace)
		})
		if err != nil {
			return fmt.Errorf("reconcile: trace of a document: %w", err)
		}
		var end telemetry.Ended
		ctx, end = telemetry.Continue(ctx, trace, "send analysis again")
		defer end(nil)
	}
	return r.jobs.Send(ctx, to, queue.Message{Body: job.Document{User: d.user, Document: d.document}.Encode()})
}

// later changes when the row is due, if it still is.
func (r *Reconciler) later(ctx context.Context, d dueRow, set string) error {
	return r.db.Do(ctx, database.OnBehalfOf(d.user), func(b *database.Batch) {
		b.Exec(`UPDATE documents SET `+set+` WHERE id = @id AND user_id = app_user() AND next_due_at <= clock_timestamp()`,
			database.Args{"id": d.document})
	})
}
