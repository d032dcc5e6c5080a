package verify

import (
	"context"
	"fmt"
	"strconv"

	sharedaudit "docuvault/shared/audit"
)

// personalCount is the name of a count in the state file.
const personalCount = "personal parts"

// audit is invariant 7: the chain, and what rows tell besides.
func (r *run) audit(ctx context.Context, i *Invariant) error {
	head, err := r.chain(ctx, i)
	if err != nil {
		return err
	}
	// A document's last transition has its entry. Entries outlive documents, so
	// this sees only those that are still there.
	err = r.each(ctx, `
	  WITH entries AS (
	    SELECT target, array_agg(DISTINCT action) AS actions FROM audit_log
	     WHERE target IS NOT NULL AND (action LIKE 'upload.%' OR action LIKE 'document.%') GROUP BY target)
	  SELECT d.user_id, d.id, d.status FROM documents d LEFT JOIN entries e ON e.target = d.id
	   WHERE NOT coalesce(e.actions, '{}') @> ARRAY['upload.begun']
	      OR NOT coalesce(e.actions, '{}') && CASE d.status
	           WHEN 'ready' THEN ARRAY['document.analyzed']
	           WHEN 'failed' THEN ARRAY['document.analysis_failed']
	           WHEN 'rejected' THEN ARRAY['upload.rejected']
	           WHEN 'expired' THEN ARRAY['upload.aborted', 'upload.expired']
	           WHEN 'trashed' THEN ARRAY['document.trashed']
	           WHEN 'purging' THEN ARRAY['document.purging']
	           ELSE ARRAY['upload.begun'] END
	   ORDER BY d.id`, nil, func(scan func(...any) error) error {
		p := Problem{Code: "entry_missing"}
		err := scan(&p.User, &p.Document, &p.Detail)
		if err == nil {
			i.found(p)
		}
		return err
	})
	if err != nil {
		return err
	}

	err = r.step("personal parts", func(last []string) error {
		var after int64
		if len(last) == 1 {
			if after, err = strconv.ParseInt(last[0], 10, 64); err != nil {
				return ErrOtherState
			}
		}
		for {
			n := 0
			err := r.each(ctx, `
		  SELECT l.id, l.user_id, l.user_id IS NOT DISTINCT FROM p.user_id, l.personal_mac, p.salt, p.personal
		    FROM audit_personal p JOIN audit_log l ON l.id = p.audit_id
		   WHERE p.audit_id > @after ORDER BY p.audit_id LIMIT @page`,
				map[string]any{"after": after, "page": page}, func(scan func(...any) error) error {
					var p Problem
					var same bool
					var mac, salt []byte
					var text string
					if err := scan(&p.Entry, &p.User, &same, &mac, &salt, &text); err != nil {
						return err
					}
					n, after = n+1, p.Entry
					switch {
					case !same:
						p.Code = "personal_part_of_another_user"
					case string(mac) != string(sharedaudit.MAC(salt, text)):
						p.Code = "personal_part_changed"
					default:
						return nil
					}
					i.found(p)
					return nil
				})
			if err != nil {
				return err
			}
			r.at.Counts[personalCount] += int64(n)
			if n < page {
				return nil
			}
			if err := r.mark(strconv.FormatInt(after, 10)); err != nil {
				return err
			}
		}
	})
	if err != nil {
		return err
	}
	var entries int64
	if err := r.one(ctx, `SELECT count(*) FROM audit_log`, nil, &entries); err != nil {
		return err
	}
	i.Checked = fmt.Sprintf("%d entries, %d of them sealed, %s; %s", entries, r.at.Counts[sealedCount], plural(r.at.Counts[personalCount], "personal part"), head)
	return nil
}
