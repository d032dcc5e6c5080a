package verify

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	sharedaudit "docuvault/shared/audit"
)

// sessions is invariant 6, as far as rows tell. That one generation lives at a
// time is the form of the row itself: it has one number.
func (r *run) sessions(ctx context.Context, i *Invariant) error {
	var all, replays int64
	if err := r.one(ctx, `SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM audit_log WHERE action = 'session.refresh_replayed')`, nil, &all, &replays); err != nil {
		return err
	}
	i.Checked = fmt.Sprintf("%s, %s", plural(all, "session"), plural(replays, "replay"))
	// A second of tolerance: the clock of two statements, not of two machines.
	return r.each(ctx, `
	  WITH alerted AS (SELECT session_id, min(user_id::text)::uuid AS user_id, count(*) AS n FROM alerts WHERE kind = 'refresh_replayed' GROUP BY session_id),
	  entered AS (SELECT target, min(user_id::text)::uuid AS user_id, count(*) AS n FROM audit_log WHERE action = 'session.refresh_replayed' GROUP BY target),
	  all_sides AS (
	    SELECT coalesce(s.user_id, a.user_id, e.user_id) AS user_id, coalesce(s.id, a.session_id, e.target) AS id,
	           s.id IS NOT NULL AS there, s.generation, s.revoked_at, s.revoked_reason, s.rotated_at, s.first_used_at, s.last_used_at,
	           coalesce(a.n, 0) AS alerts, coalesce(e.n, 0) AS entries
	      FROM sessions s FULL JOIN alerted a ON a.session_id = s.id
	      FULL JOIN entered e ON e.target = coalesce(s.id, a.session_id))
	  SELECT b.user_id, b.id, p.code FROM all_sides b CROSS JOIN LATERAL (VALUES
	      ('generation_below_one', b.generation < 1),
	      ('alerted_twice', b.alerts > 1),
	      ('replayed_twice', b.entries > 1),
	      ('replay_without_alert', (b.entries > 0 OR b.revoked_reason = 'replay') AND b.alerts = 0),
	      ('replay_without_entry', (b.alerts > 0 OR b.revoked_reason = 'replay') AND b.entries = 0),
	      ('replayed_and_alive', (b.alerts > 0 OR b.entries > 0) AND b.there AND b.revoked_at IS NULL),
	      ('used_after_revocation', greatest(b.rotated_at, b.first_used_at, b.last_used_at) > b.revoked_at + interval '1 second')
	    ) p(code, wrong)
	   WHERE p.wrong AND (b.there OR EXISTS (SELECT FROM users u WHERE u.id = b.user_id AND u.deleted_at IS NULL)) ORDER BY b.id`, nil,
		func(scan func(...any) error) error {
			var p Problem
			err := scan(&p.User, &p.Session, &p.Code)
			if err == nil {
				i.found(p)
			}
			return err
		})
}

// personalCount is the name of a count in the state file.
const personalCount = "personal parts"

// audit is invariant 7, without the chain.
func (r *run) audit(ctx context.Context, i *Invariant) error {
	i.note("the hash chain comes with the seals: until then an entry that was changed or removed shows only where a row or a MAC contradicts it")
	// A document's last transition has its entry. Entries outlive documents, so
	// this sees only those that are still there.
	err := r.each(ctx, `
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
	i.Checked = fmt.Sprintf("%d entries, %s", entries, plural(r.at.Counts[personalCount], "personal part"))
	return nil
}

// tenants is invariant 8. The tables come from the catalogue, so that a new one
// is checked without anybody thinking of it.
func (r *run) tenants(ctx context.Context, i *Invariant) error {
	type table struct {
		name   string
		forced bool
		filled bool
	}
	var tables []table
	err := r.each(ctx, `
	  SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity OR c.relkind NOT IN ('r', 'p')
	    FROM pg_class c
	   WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
	     AND (c.relname = 'users' OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'user_id' AND NOT a.attisdropped))
	   ORDER BY c.relname`, nil, func(scan func(...any) error) error {
		var t table
		err := scan(&t.name, &t.forced)
		tables = append(tables, t)
		return err
	})
	if err != nil {
		return err
	}
	if len(tables) == 0 {
		return fmt.Errorf("the catalogue has no table of users")
	}
	filled := 0
	for n := range tables {
		t := &tables[n]
		if !t.forced {
			i.found(Problem{Code: "row_security_off", Table: t.name})
		}
		if err := r.one(ctx, `SELECT EXISTS (SELECT FROM `+quote(t.name)+`)`, nil, &t.filled); err != nil {
			return err
		}
		if t.filled {
			filled++
		}
	}
	i.Checked = fmt.Sprintf("%d tables, %d of them with rows", len(tables), filled)
	if r.App.IsZero() {
		i.skip("DATABASE_URL is not set")
		return nil
	}
	app, err := connect(r.App, 1)
	if err != nil {
		return fmt.Errorf("DATABASE_URL: %w", err)
	}
	defer app.Close()
	var privileged bool
	if err := app.QueryRow(ctx, `SELECT rolsuper OR rolbypassrls OR pg_has_role(current_user, 'docuvault_migrate', 'MEMBER')
	    FROM pg_roles WHERE rolname = current_user`).Scan(&privileged); err != nil {
		return fmt.Errorf("the database does not answer to DATABASE_URL")
	}
	if privileged {
		i.found(Problem{Code: "app_role_privileged", Detail: "DATABASE_URL is a role that reads past the policies"})
	}
	for _, t := range tables {
		var rows bool
		err := app.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+quote(t.name)+`)`).Scan(&rows)
		switch {
		case err != nil && isDenied(err):
		case err != nil:
			return hide(err)
		case rows:
			i.found(Problem{Code: "rows_without_user", Table: t.name})
		}
	}
	return nil
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
