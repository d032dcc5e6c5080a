package queue_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"docuvault/db"
	"docuvault/shared/dbtest"
)

// catalogue is every object of schema river as PostgreSQL describes it, one
// line each, with the rows of River's own migration table. Owners and grants
// are ours, and not in it.
const catalogue = `
WITH river AS (SELECT oid FROM pg_namespace WHERE nspname = 'river')
SELECT format('relation %s %s %s', relname, relkind, relpersistence)
  FROM pg_class WHERE relnamespace = (TABLE river)
UNION ALL
SELECT format('column %s %s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (c.oid, a.attnum)
 WHERE c.relnamespace = (TABLE river) AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
  FROM pg_constraint WHERE connamespace = (TABLE river)
UNION ALL
SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'river'
UNION ALL
SELECT format('function %s', pg_get_functiondef(oid)) FROM pg_proc WHERE pronamespace = (TABLE river)
UNION ALL
SELECT format('trigger %s %s', tgrelid::regclass, pg_get_triggerdef(t.oid))
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = (TABLE river) AND NOT tgisinternal
UNION ALL
SELECT format('enum %s %s', t.typname, string_agg(enumlabel, ' ' ORDER BY enumsortorder))
  FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid WHERE t.typnamespace = (TABLE river) GROUP BY t.typname
UNION ALL
SELECT format('migration %s %s', line, version) FROM river.river_migration
ORDER BY 1`

func pool(t *testing.T, dsn string) *pgxpool.Pool {
	t.Helper()
	p, err := pgxpool.New(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func lines(t *testing.T, p *pgxpool.Pool, sql string) []string {
	t.Helper()
	var out []string
	if err := p.QueryRow(context.Background(), "SELECT array_agg(l) FROM ("+sql+") AS q(l)").Scan(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// Our migration files are River's, written down. This fails when an upgrade of
// River brings migrations that we have no file for.
func TestMigrationsMakeWhatRiverWouldMake(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	own, theirs := dbtest.New(t), dbtest.NewEmpty(t)

	native := pool(t, theirs.SuperURL)
	if _, err := native.Exec(ctx, "CREATE SCHEMA river"); err != nil {
		t.Fatal(err)
	}
	migrator, err := rivermigrate.New(riverpgxv5.New(native), &rivermigrate.Config{Schema: "river"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		t.Fatal(err)
	}

	got, want := lines(t, pool(t, own.SuperURL), catalogue), lines(t, native, catalogue)
	if len(want) < 50 {
		t.Fatalf("River's migrator made only %d objects", len(want))
	}
	for _, l := range want {
		if !slices.Contains(got, l) {
			t.Errorf("missing: %s", l)
		}
	}
	for _, l := range got {
		if !slices.Contains(want, l) {
			t.Errorf("not River's: %s", l)
		}
	}

	// And River itself, asked with the app role's rights.
	migrator, err = rivermigrate.New(riverpgxv5.New(pool(t, own.AppURL)), &rivermigrate.Config{Schema: "river"})
	if err != nil {
		t.Fatal(err)
	}
	if res, err := migrator.Validate(ctx, nil); err != nil || !res.OK {
		t.Errorf("River's validation: %+v, %v", res, err)
	}
}

func TestAppRoleOwnsNothingOfRiver(t *testing.T) {
	t.Parallel()
	p := pool(t, dbtest.New(t).SuperURL)
	owners := lines(t, p, `SELECT DISTINCT pg_get_userbyid(relowner)::text FROM pg_class WHERE relnamespace = 'river'::regnamespace
		UNION SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE pronamespace = 'river'::regnamespace
		UNION SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'river'`)
	if !slices.Equal(owners, []string{db.MigrateRole}) {
		t.Errorf("owners of schema river: %q", owners)
	}
	grants := lines(t, p, `
		SELECT relname || ' ' || string_agg(privilege_type, ',' ORDER BY privilege_type)
		FROM pg_class, aclexplode(relacl)
		WHERE relnamespace = 'river'::regnamespace AND grantee = '`+db.AppRole+`'::regrole
		GROUP BY relname ORDER BY 1`)
	want := []string{
		"river_job DELETE,INSERT,SELECT,UPDATE",
		"river_job_id_seq SELECT,USAGE",
		"river_leader DELETE,INSERT,SELECT,UPDATE",
		"river_migration SELECT",
		"river_notification DELETE,INSERT,SELECT,UPDATE",
		"river_notification_id_seq SELECT,USAGE",
		"river_queue DELETE,INSERT,SELECT,UPDATE",
	}
	if !slices.Equal(grants, want) {
		t.Errorf("grants of the app role:\n%s", strings.Join(grants, "\n"))
	}
	if public := lines(t, p, `
		SELECT proname::text FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
		WHERE pronamespace = 'river'::regnamespace AND grantee = 0`); len(public) != 0 {
		t.Errorf("open to PUBLIC: %q", public)
	}
}
