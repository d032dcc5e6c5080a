package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// table is one of the catalogue, with what a backup needs to know of it.
type table struct {
	name    string // with its schema
	columns []string
	after   []string // the tables that its foreign keys name
	forced  bool     // row-level security binds its owner
	read    bool     // the owner sees all rows all the same
}

// catalogue lists the tables of the vault, in an order that foreign keys allow;
// those of extensions and of PostgreSQL are none.
func catalogue(ctx context.Context, conn *pgx.Conn) ([]table, error) {
	rows, err := conn.Query(ctx, `
	  SELECT n.nspname || '.' || c.relname, c.relrowsecurity AND c.relforcerowsecurity,
	         NOT (c.relrowsecurity AND c.relforcerowsecurity) OR EXISTS (
	           SELECT FROM pg_policies p WHERE p.schemaname = n.nspname AND p.tablename = c.relname AND 'docuvault_migrate' = ANY (p.roles)
	              AND p.cmd IN ('SELECT', 'ALL') AND p.permissive = 'PERMISSIVE' AND p.qual = 'true'),
	         ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum),
	         ARRAY(SELECT DISTINCT fn.nspname || '.' || fc.relname FROM pg_constraint f JOIN pg_class fc ON fc.oid = f.confrelid JOIN pg_namespace fn ON fn.oid = fc.relnamespace
	                WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.confrelid <> c.oid)
	    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	   WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
	     AND NOT c.relispartition AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')`)
	if err != nil {
		return nil, hide(ctx, err)
	}
	defer rows.Close()
	var all []table
	for rows.Next() {
		var t table
		if err := rows.Scan(&t.name, &t.forced, &t.read, &t.columns, &t.after); err != nil {
			return nil, hide(ctx, err)
		}
		all = append(all, t)
	}
	if err := rows.Err(); err != nil {
		return nil, hide(ctx, err)
	}
	return ordered(all)
}

// ordered sorts tables so that each comes after those that it refers to.
func ordered(all []table) ([]table, error) {
	slices.SortFunc(all, func(a, b table) int { return cmp.Compare(a.name, b.name) })
	var sorted []table
	placed := map[string]bool{}
	for len(sorted) < len(all) {
		before := len(sorted)
		for _, t := range all {
			if !placed[t.name] && !slices.ContainsFunc(t.after, func(n string) bool { return !placed[n] }) {
				sorted, placed[t.name] = append(sorted, t), true
			}
		}
		if len(sorted) == before {
			return nil, errors.New("the tables refer to each other in a circle: they cannot be loaded one after the other")
		}
	}
	return sorted, nil
}

// copied are the tables whose rows are in a backup. One that the owner cannot
// read would be an empty file that says that all is well: it is refused.
func copied(all []table) ([]table, error) {
	var some []table
	for _, t := range all {
		if _, out := leftOut[t.name]; out {
			continue
		}
		if !t.read {
			return nil, fmt.Errorf("table %s has no policy by which docuvault_migrate reads all of it: it cannot be backed up", t.name)
		}
		some = append(some, t)
	}
	return some, nil
}

// quoted is a table's or a column's name in SQL.
func quoted(name string) string { return pgx.Identifier(strings.SplitN(name, ".", 2)).Sanitize() }

func columnsOf(columns []string) string {
	q := make([]string, len(columns))
	for i, c := range columns {
		q[i] = pgx.Identifier{c}.Sanitize()
	}
	return strings.Join(q, ", ")
}

// dump writes what a query returns into a file below root.
func dump(ctx context.Context, conn *pgx.Conn, query, root, path string) (rows int64, f File, err error) {
	s, err := newSheet(root, path)
	if err != nil {
		return 0, File{}, err
	}
	tag, err := conn.PgConn().CopyTo(ctx, s, `COPY (`+query+`) TO STDOUT`)
	if err != nil {
		s.f.drop()
		return 0, File{}, hide(ctx, err)
	}
	f, err = s.finish()
	return tag.RowsAffected(), f, err
}

// dumpTable writes a table's rows.
func dumpTable(ctx context.Context, conn *pgx.Conn, t table, root, path string) (Table, error) {
	out := Table{Name: t.name, Columns: t.columns}
	var err error
	out.Rows, out.File, err = dump(ctx, conn, `SELECT `+columnsOf(t.columns)+` FROM `+quoted(t.name), root, path)
	if err != nil {
		return out, fmt.Errorf("table %s: %w", t.name, err)
	}
	return out, nil
}
