package verify

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"docuvault/shared/quota"
)

// live are the statuses that count against the quota.
const live = `('stored', 'processing', 'ready', 'failed', 'trashed', 'purging')`

// quotas is invariant 1. Counters and rows are read by one statement, so that
// both are of the same moment.
func (r *run) quotas(ctx context.Context, i *Invariant) error {
	var accounts, documents int64
	if err := r.one(ctx, `SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM documents)`, nil, &accounts, &documents); err != nil {
		return err
	}
	i.Checked = fmt.Sprintf("%s, %s", plural(accounts, "account"), plural(documents, "document"))
	err := r.each(ctx, `
	  WITH truth AS (
	    SELECT user_id,
	           coalesce(sum(size) FILTER (WHERE status IN `+live+`), 0)::bigint AS used,
	           coalesce(sum(size) FILTER (WHERE status = 'pending'), 0)::bigint AS reserved,
	           count(*) FILTER (WHERE status IN `+live+`) AS documents,
	           count(*) FILTER (WHERE status = 'pending') AS open
	      FROM documents GROUP BY user_id),
	  both_sides AS (
	    SELECT u.id, q.user_id IS NULL AS missing, q.limit_bytes, q.document_limit,
	           q.used_bytes, q.reserved_bytes, q.documents, q.open_uploads,
	           coalesce(t.used, 0) AS used, coalesce(t.reserved, 0) AS reserved,
	           coalesce(t.documents, 0) AS live, coalesce(t.open, 0) AS open
	      FROM users u LEFT JOIN quotas q ON q.user_id = u.id LEFT JOIN truth t ON t.user_id = u.id WHERE u.deleted_at IS NULL)
	  SELECT b.id, p.code, p.detail FROM both_sides b CROSS JOIN LATERAL (VALUES
	      ('quota_missing', b.missing, ''),
	      ('used_bytes_differ', b.used_bytes <> b.used, b.used_bytes || ' counted, ' || b.used || ' in documents'),
	      ('reserved_bytes_differ', b.reserved_bytes <> b.reserved, b.reserved_bytes || ' counted, ' || b.reserved || ' in open uploads'),
	      ('documents_differ', b.documents <> b.live, b.documents || ' counted, ' || b.live || ' there'),
	      ('open_uploads_differ', b.open_uploads <> b.open, b.open_uploads || ' counted, ' || b.open || ' there'),
	      ('too_many_open_uploads', b.open > @max_open, b.open || ' are open'),
	      ('above_limit', b.used + b.reserved > b.limit_bytes OR b.live + b.open > b.document_limit,
	       b.used + b.reserved || ' of ' || b.limit_bytes || ' bytes, ' || b.live + b.open || ' of ' || b.document_limit || ' documents')
	    ) p(code, wrong, detail)
	   WHERE p.wrong AND (@strict OR p.code <> 'above_limit') ORDER BY b.id`,
		pgx.NamedArgs{"max_open": quota.MaxOpenUploads, "strict": r.Strict}, func(scan func(...any) error) error {
			var p Problem
			err := scan(&p.User, &p.Code, &p.Detail)
			if err == nil {
				i.found(p)
			}
			return err
		})
	if err != nil || r.Strict {
		return err
	}
	var above int64
	err = r.one(ctx, `SELECT count(*) FROM quotas WHERE used_bytes + reserved_bytes > limit_bytes OR documents + open_uploads > document_limit`, nil, &above)
	if err == nil && above > 0 {
		i.note("%s above the limit of now: right if the limit was lowered; nothing records which limit held when room was granted", plural(above, "account"))
	}
	return err
}

// deadlines is invariant 3. A row in a transient state always has a time at
// which the reconciler looks at it, and that time comes.
func (r *run) deadlines(ctx context.Context, i *Invariant) error {
	var waiting int64
	if err := r.one(ctx, `SELECT count(*) FROM documents WHERE status NOT IN ('ready', 'failed')`, nil, &waiting); err != nil {
		return err
	}
	i.Checked = plural(waiting, "document") + " on the way from one state to the next"
	err := r.each(ctx, `
	  SELECT e.user_id, p.code FROM erasures e CROSS JOIN LATERAL (VALUES
	      ('erasure_overdue', e.next_due_at < clock_timestamp() - @late::interval),
	      ('erasure_stuck', e.erased_at IS NULL AND e.requested_at < clock_timestamp() - interval '7 days')
	    ) p(code, wrong)
	   WHERE p.wrong ORDER BY e.user_id`, pgx.NamedArgs{"late": late}, func(scan func(...any) error) error {
		var p Problem
		err := scan(&p.User, &p.Code)
		if err == nil {
			i.found(p)
		}
		return err
	})
	if err != nil {
		return err
	}
	return r.each(ctx, `
	  SELECT d.user_id, d.id, p.code, d.status || p.detail FROM documents d CROSS JOIN LATERAL (VALUES
	      ('overdue', d.next_due_at < clock_timestamp() - @late::interval, ', due since ' || to_char(d.next_due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
	      ('never_due', d.next_due_at IS NULL AND d.status NOT IN ('ready', 'failed'), ''),
	      -- The longest that the code ever writes is 5 minutes while there is
	      -- work to do, and 7 days for the rest; the trash's is a setting.
	      ('due_too_late', d.next_due_at > clock_timestamp() + CASE
	            WHEN d.status IN ('stored', 'processing', 'purging') THEN interval '1 hour'
	            WHEN d.status IN ('pending', 'rejected', 'expired') THEN interval '8 days' END, ''),
	      ('nothing_to_restore', d.status = 'trashed' AND d.status_before IS NULL, '')
	    ) p(code, wrong, detail)
	   WHERE p.wrong AND d.`+kept+` ORDER BY d.next_due_at NULLS FIRST`,
		pgx.NamedArgs{"late": late}, func(scan func(...any) error) error {
			var p Problem
			err := scan(&p.User, &p.Document, &p.Code, &p.Detail)
			if err == nil {
				i.found(p)
			}
			return err
		})
}

// effects is invariant 4, as far as rows tell: each transition of a document
// wrote one audit entry in its own statement, so that entries and rows together
// show what happened twice, or not at all.
func (r *run) effects(ctx context.Context, i *Invariant) error {
	var stored int64
	if err := r.one(ctx, `SELECT count(*) FROM audit_log WHERE action = 'upload.stored'`, nil, &stored); err != nil {
		return err
	}
	i.Checked = plural(stored, "acknowledged upload")
	i.note("what became of an event is read from rows, objects and the audit log; the crash tests cover the moments between them")
	return r.each(ctx, `
	  WITH entries AS (
	    SELECT target, min(user_id::text)::uuid AS user_id,
	           count(*) FILTER (WHERE action = 'upload.begun') AS begun,
	           count(*) FILTER (WHERE action = 'upload.stored') AS stored,
	           count(*) FILTER (WHERE action IN ('upload.rejected', 'upload.aborted', 'upload.expired')) AS ended,
	           count(*) FILTER (WHERE action = 'document.purging') AS purging,
	           count(*) FILTER (WHERE action = 'document.purged') AS purged
	      FROM audit_log WHERE target IS NOT NULL AND action = ANY (ARRAY['upload.begun', 'upload.stored',
	           'upload.rejected', 'upload.aborted', 'upload.expired', 'document.purging', 'document.purged'])
	     GROUP BY target),
	  both_sides AS (
	    SELECT coalesce(d.user_id, e.user_id) AS user_id, coalesce(d.id, e.target) AS id, d.status,
	           coalesce(e.begun, 0) AS begun, coalesce(e.stored, 0) AS stored, coalesce(e.ended, 0) AS ended,
	           coalesce(e.purging, 0) AS purging, coalesce(e.purged, 0) AS purged,
	           EXISTS (SELECT FROM users u WHERE u.id = e.user_id AND u.deleted_at IS NULL) AS account
	      FROM documents d FULL JOIN entries e ON e.target = d.id)
	  SELECT b.user_id, b.id, p.code, coalesce(b.status, '') FROM both_sides b CROSS JOIN LATERAL (VALUES
	      ('begun_twice', b.begun > 1),
	      ('stored_twice', b.stored > 1),
	      ('ended_twice', b.ended > 1),
	      ('purging_twice', b.purging > 1),
	      ('purged_twice', b.purged > 1),
	      ('stored_and_ended', b.stored > 0 AND b.ended > 0),
	      ('never_stored', b.stored = 0 AND b.status IN `+live+`),
	      ('acknowledged_upload_undone', b.stored > 0 AND b.status IN ('pending', 'rejected', 'expired')),
	      ('acknowledged_upload_lost', b.stored > 0 AND b.status IS NULL AND b.purged = 0 AND b.account),
	      ('acknowledged_delete_undone', b.purging > 0 AND b.status <> 'purging' OR b.purged > 0 AND b.status IS NOT NULL)
	    ) p(code, wrong)
	   WHERE p.wrong ORDER BY b.id`, nil, func(scan func(...any) error) error {
		var p Problem
		err := scan(&p.User, &p.Document, &p.Code, &p.Detail)
		if err == nil {
			i.found(p)
		}
		return err
	})
}

// words is invariant 9, which needs words that somebody planted.
func (r *run) words(_ context.Context, i *Invariant) error {
	i.skip("checked by the test suite, not on a live system: only a test knows which words it planted")
	return nil
}

// quiet is invariant 10, as far as it can be known without reconciling: whether
// there is anything that a reconcile would change.
func (r *run) quiet(ctx context.Context, i *Invariant) error {
	var due int64
	if err := r.one(ctx, `SELECT (SELECT count(*) FROM documents WHERE next_due_at <= clock_timestamp() AND `+kept+`)
	   + (SELECT count(*) FROM erasures WHERE next_due_at <= clock_timestamp())`, nil, &due); err != nil {
		return err
	}
	i.Checked = "rows that are due; numbers 1 and 2 look at counters and objects"
	switch {
	case due > 0 && r.Strict:
		return r.each(ctx, `SELECT user_id, id, status FROM documents WHERE next_due_at <= clock_timestamp() AND `+kept+`
		   UNION ALL SELECT user_id, NULL, 'erasure' FROM erasures WHERE next_due_at <= clock_timestamp()`, nil,
			func(scan func(...any) error) error {
				p := Problem{Code: "due"}
				err := scan(&p.User, &p.Document, &p.Detail)
				if err == nil {
					i.found(p)
				}
				return err
			})
	case due > 0:
		i.skip("%s due just now, so the next reconcile has work; verify again after it (number 3 says whether one is late)", plural(due, "row"))
	}
	i.note("no reconcile was run; the crash tests run two in a row and compare")
	return nil
}

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
