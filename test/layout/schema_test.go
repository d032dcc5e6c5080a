package layout

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"docuvault/functions"
	"docuvault/shared/dbtest"
)

// denied is the SQLSTATE of a missing privilege.
const denied = "42501"

// TestAppRoleHasNoDDL holds DATABASE_URL's role to rows: it owns nothing, makes
// nothing, and gives nobody a role or a limit.
func TestAppRoleHasNoDDL(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	app := d.AsApp(t)
	for _, statement := range []string{
		"CREATE TABLE public.mine (a int)",
		"CREATE SCHEMA mine",
		"ALTER TABLE documents ADD COLUMN mine int",
		"DROP TABLE documents",
		"TRUNCATE documents",
		"ALTER TABLE documents DISABLE ROW LEVEL SECURITY",
		"UPDATE users SET role = 'admin'",
		"UPDATE quotas SET limit_bytes = 1",
		"UPDATE audit_log SET action = ''",
		"DELETE FROM audit_log",
		"SET ROLE docuvault_migrate",
	} {
		_, err := app.Exec(t.Context(), statement)
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != denied {
			t.Errorf("%s: %v, want a missing privilege (%s)", statement, err, denied)
		}
	}
	owned := dbtest.Query1[int](t, d, `SELECT count(*)::int FROM pg_class WHERE relowner = 'docuvault_app'::regrole`)
	if owned != 0 {
		t.Errorf("docuvault_app owns %d relations", owned)
	}
}

// TestTenantTables wants forced row-level security on every table with a column
// user_id, and no row of any of them for a session without a user.
func TestTenantTables(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	const open = `
		SELECT COALESCE(string_agg(c.relname, ', ' ORDER BY c.relname), '') FROM pg_class c
		WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
		  AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'user_id' AND NOT a.attisdropped)
		  AND NOT (c.relrowsecurity AND c.relforcerowsecurity)`
	if tables := dbtest.Query1[string](t, d, open); tables != "" && tables != "group_members" {
		t.Errorf("without forced row-level security: %s", tables)
	}
	n := dbtest.Query1[int](t, d, `SELECT count(*)::int FROM pg_class WHERE relkind = 'r' AND relforcerowsecurity`)
	if n < 10 {
		t.Errorf("only %d tables with forced row-level security: this test cannot see", n)
	}
}

// TestNoPlanKnowsWhoAsks wants no statistics of any user_id: a connection keeps
// its plans for all users, and one that was made for an empty vault reads all of
// a large one (a list of what a search found took 223 ms instead of 2).
func TestNoPlanKnowsWhoAsks(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	const known = `
		SELECT COALESCE(string_agg(c.relname, ', ' ORDER BY c.relname), '') FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attname = 'user_id' AND NOT a.attisdropped
		  AND COALESCE(a.attstattarget, -1) <> 0`
	if tables := dbtest.Query1[string](t, d, known); tables != "" {
		t.Errorf("user_id has statistics in %s: ALTER COLUMN user_id SET STATISTICS 0", tables)
	}
}

// TestSequenceGrants wants the app role to use every sequence: a grant on a
// table does not bring that of its id's sequence.
func TestSequenceGrants(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	const lacking = `
		SELECT COALESCE(string_agg(c.relname, ', '), '') FROM pg_class c
		WHERE c.relkind = 'S' AND c.relnamespace = 'public'::regnamespace
		  AND NOT (has_sequence_privilege('docuvault_app', c.oid, 'USAGE') AND has_sequence_privilege('docuvault_app', c.oid, 'SELECT'))`
	if sequences := dbtest.Query1[string](t, d, lacking); sequences != "" {
		t.Errorf("docuvault_app may not use %s", sequences)
	}
	var next int64
	if err := d.AsApp(t).QueryRow(t.Context(), `SELECT nextval(pg_get_serial_sequence('audit_log', 'id'))`).Scan(&next); err != nil {
		t.Errorf("nextval of audit_log.id as the app role: %v", err)
	}
}

// TestColumns holds the columns that the decisions name.
func TestColumns(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	for _, want := range []struct{ table, column, typ, null string }{
		{"documents", "user_id", "uuid", "NO"},
		{"audit_log", "metadata", "jsonb", "NO"},
		{"users", "ai_provider", "text", ""},
		{"users", "ai_model", "text", ""},
	} {
		got := dbtest.Query1[string](t, d, `SELECT COALESCE((SELECT data_type || ' ' || is_nullable FROM information_schema.columns
			WHERE table_schema = 'public' AND table_name = '`+want.table+`' AND column_name = '`+want.column+`'), 'nothing')`)
		typ, null, _ := strings.Cut(got, " ")
		if typ != want.typ || want.null != "" && null != want.null {
			t.Errorf("%s.%s is %s, want %s, nullable: %s", want.table, want.column, got, want.typ, want.null)
		}
	}
	referenced := dbtest.Query1[string](t, d, `SELECT COALESCE(string_agg(confrelid::regclass::text, ','), '') FROM pg_constraint
		WHERE contype = 'f' AND conrelid = 'documents'::regclass AND conkey = ARRAY[(SELECT attnum FROM pg_attribute WHERE attrelid = 'documents'::regclass AND attname = 'user_id')]`)
	if !strings.Contains(referenced, "users") {
		t.Errorf("documents.user_id refers to %q, not to users", referenced)
	}
}

// TestGroupsAreEmpty: the tables are there, and nobody writes to them.
func TestGroupsAreEmpty(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	for _, table := range []string{"groups", "group_members"} {
		if n := dbtest.Query1[int](t, d, "SELECT count(*)::int FROM "+table); n != 0 {
			t.Errorf("%s has %d rows", table, n)
		}
		for _, privilege := range []string{"INSERT", "UPDATE", "DELETE"} {
			if dbtest.Query1[bool](t, d, "SELECT has_table_privilege('docuvault_app', '"+table+"', '"+privilege+"')") {
				t.Errorf("docuvault_app may %s %s", privilege, table)
			}
		}
	}
}

// TestNoImpersonation: no route, and no function of the database, takes the id
// of a user to act as.
func TestNoImpersonation(t *testing.T) {
	t.Parallel()
	for _, fn := range functions.All {
		source := fn.Trigger.Source()
		for _, word := range []string{"impersonat", "login-as", "act-as", "sudo", "{user_id}"} {
			if strings.Contains(source, word) {
				t.Errorf("%s answers %s", fn.Name, source)
			}
		}
	}
	openapi := read(t, "openapi.yaml")
	for _, word := range []string{"impersonat", "on_behalf_of", "as_user"} {
		if strings.Contains(strings.ToLower(openapi), word) {
			t.Errorf("openapi.yaml has %q", word)
		}
	}
}
