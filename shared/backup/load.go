package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"docuvault/shared/audit"
)

// load puts all rows into the database, in one transaction.
func (r *restorer) load(ctx context.Context) (err error) {
	r.Progress(Progress{Step: "Loading the tables"})
	if err := r.exec(ctx, `BEGIN`); err != nil {
		return err
	}
	committed := false
	defer func() {
		if !committed {
			_, _ = r.conn.Exec(context.WithoutCancel(ctx), `ROLLBACK`)
		}
	}()
	err = r.exec(ctx, `SET LOCAL statement_timeout = 0`, `SET LOCAL idle_in_transaction_session_timeout = 0`, `SET LOCAL lock_timeout = '1min'`)
	if err != nil {
		return err
	}
	there, err := catalogue(ctx, r.conn)
	if err != nil {
		return err
	}
	if err := r.fits(there); err != nil {
		return err
	}
	// Whoever registers now waits, and is refused when the address is there.
	var locked []string
	for _, t := range there {
		if !strings.HasPrefix(t.name, "river.") {
			locked = append(locked, quoted(t.name))
		}
	}
	if err := r.exec(ctx, `LOCK TABLE `+strings.Join(locked, ", ")+` IN ACCESS EXCLUSIVE MODE`); err != nil {
		return err
	}
	if err := r.empty(ctx); err != nil {
		return err
	}
	open, closing := guards(there)
	if err := r.exec(ctx, append(open, `DELETE FROM public.cursors`)...); err != nil {
		return err
	}
	for _, t := range r.m.Tables {
		if err := r.copyIn(ctx, r.Dir, t, nil); err != nil {
			return err
		}
	}
	if err := r.loadKeys(ctx); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{r.sequences, r.gone, r.erased, r.seal} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if err := r.exec(ctx, closing...); err != nil {
		return err
	}
	if err := r.exec(ctx, `COMMIT`); err != nil {
		return err
	}
	committed = true
	// Without figures of the tables every first query would be planned blindly.
	for _, t := range r.m.Tables {
		if err := r.exec(ctx, `ANALYZE `+quoted(t.Name)); err != nil {
			return err
		}
	}
	return nil
}

func (r *restorer) exec(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if _, err := r.conn.Exec(ctx, statement); err != nil {
			return hide(ctx, err)
		}
	}
	return nil
}

// fits refuses a schema that lacks a table or a column of the backup: it has
// contracted since.
func (r *restorer) fits(there []table) error {
	for _, t := range append(r.m.Tables, r.k.Table) {
		at := slices.IndexFunc(there, func(x table) bool { return x.name == t.Name })
		if at < 0 {
			return fmt.Errorf("the database has no table %s any more: restore with a program nearer to the one that made the backup, then upgrade", t.Name)
		}
		for _, column := range t.Columns {
			if !slices.Contains(there[at].columns, column) {
				return fmt.Errorf("the database's table %s has no column %s any more: restore with a program nearer to the one that made the backup, then upgrade", t.Name, column)
			}
		}
	}
	return nil
}

// guards are the statements that let the owner load rows as they are, for this
// transaction, and those that put everything back: no trigger writes a second
// entry of what happened once, and row-level security does not bind the owner.
func guards(there []table) (open, closing []string) {
	for _, t := range there {
		if strings.HasPrefix(t.name, "river.") {
			continue
		}
		open = append(open, `ALTER TABLE `+quoted(t.name)+` DISABLE TRIGGER USER`)
		closing = append(closing, `ALTER TABLE `+quoted(t.name)+` ENABLE TRIGGER USER`)
		if t.forced {
			open = append(open, `ALTER TABLE `+quoted(t.name)+` NO FORCE ROW LEVEL SECURITY`)
			closing = append(closing, `ALTER TABLE `+quoted(t.name)+` FORCE ROW LEVEL SECURITY`)
		}
	}
	return open, closing
}

// copyIn loads a file of rows, less those of some users.
func (r *restorer) copyIn(ctx context.Context, root string, t Table, drop map[string]bool) error {
	f, err := unpack(root, t.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	rows := io.Reader(reading{ctx, f})
	if len(drop) > 0 {
		rows = without(rows, slices.Index(t.Columns, "user_id"), drop)
	}
	tag, err := r.conn.PgConn().CopyFrom(ctx, rows, `COPY `+quoted(t.Name)+` (`+columnsOf(t.Columns)+`) FROM STDIN`)
	if err != nil {
		return fmt.Errorf("load table %s: %w", t.Name, hide(ctx, err))
	}
	if len(drop) == 0 && tag.RowsAffected() != t.Rows {
		return fmt.Errorf("the backup is damaged: table %s has %d rows instead of %d", t.Name, tag.RowsAffected(), t.Rows)
	}
	return nil
}

// loadKeys loads the wrapped keys. Newer ones may be of users that the backup
// does not have.
func (r *restorer) loadKeys(ctx context.Context) error {
	column := slices.Index(r.k.Table.Columns, "user_id")
	if column < 0 {
		return errKeyRow
	}
	unknown := map[string]bool{}
	if !r.k.At.Equal(r.m.At) {
		err := eachUser(r.Keys, r.k.Table.File, column, func(users []string) error {
			rows, err := r.conn.Query(ctx, `SELECT k::text FROM unnest($1::uuid[]) k WHERE NOT EXISTS (SELECT FROM public.users u WHERE u.id = k AND u.deleted_at IS NULL)`, users)
			if err != nil {
				return hide(ctx, err)
			}
			defer rows.Close()
			for rows.Next() {
				var user string
				if err := rows.Scan(&user); err != nil {
					return hide(ctx, err)
				}
				unknown[user] = true
			}
			return hide(ctx, rows.Err())
		})
		if err != nil {
			return err
		}
	}
	return r.copyIn(ctx, r.Keys, r.k.Table, unknown)
}

// gone goes on with deleting what was deleted after the snapshot: its rows end
// where a purge does.
func (r *restorer) gone(ctx context.Context) error {
	some := map[string][]string{}
	flush := func(bucket string) error {
		keys := some[bucket]
		some[bucket] = nil
		if bucket == derivedBucket {
			// A document may have been copied before it went, and its preview not.
			_, err := r.conn.Exec(ctx, `UPDATE public.previews SET made_at = NULL, attempts = 0, busy_until = clock_timestamp(), next_due_at = clock_timestamp()
			     WHERE made_at IS NOT NULL AND (small_key = ANY ($1::text[]) OR large_key = ANY ($1::text[]))`, keys)
			if err != nil {
				return hide(ctx, err)
			}
			_, err = r.conn.Exec(ctx, `DELETE FROM public.objects o WHERE key = ANY ($1::text[]) AND kind <> 'audit_head'
			     AND NOT EXISTS (SELECT FROM public.previews p WHERE p.document_id = o.document_id AND o.key IN (p.small_key, p.large_key))`, keys)
			return hide(ctx, err)
		}
		_, err := r.conn.Exec(ctx, `
		  WITH moved AS (UPDATE public.documents SET status = 'purging', failure = NULL, attempts = 0, next_due_at = clock_timestamp()
		     WHERE object_key = ANY ($1::text[]) AND status IN `+needs+` RETURNING id, user_id)
		  INSERT INTO public.audit_log (user_id, actor, action, target, metadata) SELECT user_id, 'system', $2, id, '{"by": "operator"}' FROM moved`,
			keys, string(audit.DocumentPurging))
		return hide(ctx, err)
	}
	err := eachEntry(ctx, r.Dir, r.m.Index, func(e entry) error {
		if e.State != stateGone {
			return nil
		}
		if some[e.Bucket] = append(some[e.Bucket], e.Key); len(some[e.Bucket]) < 1000 {
			return nil
		}
		return flush(e.Bucket)
	})
	for bucket := range some {
		err = errors.Join(err, flush(bucket))
	}
	return err
}

// erased deletes the accounts that had a key when the backup was made, and have
// none among newer keys: as DELETE /v1/me begins it. The vault does the rest.
func (r *restorer) erased(ctx context.Context) error {
	if r.k.At.Equal(r.m.At) {
		return nil
	}
	return eachUser(r.Dir, r.m.Keyed.File, 0, func(users []string) error {
		tag, err := r.conn.Exec(ctx, `
		  WITH gone AS (SELECT u.id FROM public.users u WHERE u.id = ANY ($1::uuid[]) AND u.deleted_at IS NULL
		                   AND NOT EXISTS (SELECT FROM public.user_keys k WHERE k.user_id = u.id)),
		  e AS (INSERT INTO public.erasures (user_id, next_due_at) SELECT id, clock_timestamp() FROM gone ON CONFLICT DO NOTHING),
		  q AS (DELETE FROM public.quotas WHERE user_id IN (SELECT id FROM gone)),
		  c AS (DELETE FROM public.credentials WHERE user_id IN (SELECT id FROM gone)),
		  t AS (DELETE FROM public.api_tokens WHERE user_id IN (SELECT id FROM gone))
		  UPDATE public.users SET deleted_at = clock_timestamp(), disabled_at = coalesce(disabled_at, clock_timestamp()),
		         email = NULL, email_verified_at = NULL, display_name = '' WHERE id IN (SELECT id FROM gone)`, users)
		if err != nil {
			return hide(ctx, err)
		}
		r.report.Erased += tag.RowsAffected()
		return nil
	})
}

// sequences go on after the numbers that rows have.
func (r *restorer) sequences(ctx context.Context) error {
	rows, err := r.conn.Query(ctx, `SELECT format('SELECT setval(%L, max(%I)) FROM %s HAVING max(%I) IS NOT NULL', s.oid::regclass, a.attname, c.oid::regclass, a.attname)
	    FROM pg_class s JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
	    JOIN pg_class c ON c.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
	   WHERE s.relkind = 'S' AND c.relnamespace = 'public'::regnamespace`)
	if err != nil {
		return hide(ctx, err)
	}
	var set []string
	for rows.Next() {
		var statement string
		if err := rows.Scan(&statement); err != nil {
			rows.Close()
			return hide(ctx, err)
		}
		set = append(set, statement)
	}
	if rows.Close(); rows.Err() != nil {
		return hide(ctx, rows.Err())
	}
	return r.exec(ctx, set...)
}

// seal writes down that the vault was restored, and seals all that no seal
// covers. The numbers of transactions in the rows are of another cluster, so
// that the next seal could not tell which entries are new: this one's mark is of
// this cluster.
func (r *restorer) seal(ctx context.Context) error {
	_, err := r.conn.Exec(ctx, `INSERT INTO public.audit_log (actor, action, metadata) VALUES ('system', $1, jsonb_build_object('backup_at', $2::text, 'by', 'operator'))`,
		string(audit.VaultRestored), r.m.At.Format("2006-01-02T15:04:05Z07:00"))
	if err != nil {
		return hide(ctx, err)
	}
	for {
		var entries, most int64 = 0, 10000
		if err := r.conn.QueryRow(ctx, `SELECT public.audit_seal_restored($1::integer)`, most).Scan(&entries); err != nil {
			return hide(ctx, err)
		}
		if entries < most {
			return nil
		}
	}
}
