package verify

import (
	"context"
	"fmt"
	"strings"
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
