package database_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"docuvault/shared/database"
	"docuvault/shared/dbtest"
	"docuvault/shared/id"
)

// shared are the tables without rows of users, each with its reason. A table
// that is neither here nor under row-level security fails the test.
var shared = map[string]string{
	"schema_migrations": "names of migrations",
	"rate_limits":       "keyed by hashes, read by one statement",
	"groups":            "no rows until sharing comes",
	"audit_seals":       "ranges of ids and hashes",
	"invites":           "hashes of tokens; no role but the owner has a grant",
	"cursors":           "where the system's own work stands",
}

const tenantPolicy = `= (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid)`

// unprotected looks through the catalogue for tables of schema public whose
// rows one user could see of another.
func unprotected(t *testing.T, conn *pgx.Conn) (faults []string) {
	t.Helper()
	rows, err := conn.Query(context.Background(), `
		SELECT c.relname, c.relkind::text,
		       CASE WHEN c.relname = 'users' THEN 'id' ELSE 'user_id' END,
		       c.relname = 'users' OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'user_id' AND NOT a.attisdropped),
		       c.relrowsecurity AND c.relforcerowsecurity,
		       coalesce((SELECT array_agg(format('%s|%s|%s|%s|%s|%s', p.policyname, p.permissive, p.roles, p.cmd, p.qual, p.with_check) ORDER BY p.policyname)
		          FROM pg_policies p WHERE p.schemaname = 'public' AND p.tablename = c.relname), '{}')
		  FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var name, kind, column string
		var tenant, forced bool
		var policies []string
		if err := rows.Scan(&name, &kind, &column, &tenant, &forced, &policies); err != nil {
			t.Fatal(err)
		}
		if kind != "r" {
			faults = append(faults, name+": a view or foreign table, which row-level security does not reach")
			continue
		}
		if !tenant {
			if shared[name] == "" {
				faults = append(faults, name+": has no user_id, and is not listed as shared")
			}
			continue
		}
		if !forced {
			faults = append(faults, name+": row-level security is not enabled and forced")
		}
		allowed := []string{
			"owner_reads|PERMISSIVE|{docuvault_migrate}|SELECT|true|",
			fmt.Sprintf("tenant|PERMISSIVE|{public}|ALL|(%s %s|", column, tenantPolicy),
		}
		if name == "audit_log" {
			allowed = append(allowed, "system_writes|PERMISSIVE|{docuvault_app}|INSERT||((user_id IS NULL) AND (NULLIF(current_setting('app.user_id'::text, true), ''::text) IS NULL))")
			slices.Sort(allowed)
		}
		if name == "objects" {
			allowed = append(allowed, "heads|PERMISSIVE|{docuvault_migrate}|INSERT||((kind = 'audit_head'::text) AND (user_id IS NULL))")
			slices.Sort(allowed)
		}
		if administered := map[string]string{
			"users": "UPDATE|(id = admin_target())|", "quotas": "UPDATE|(user_id = admin_target())|", "sessions": "UPDATE|(user_id = admin_target())|",
			"audit_log": "INSERT||((user_id = admin_target()) AND (actor = 'admin'::text))",
			"alerts":    "INSERT||(user_id = admin_target())", "mails": "INSERT||(user_id = admin_target())", "changes": "INSERT||(user_id = admin_target())",
		}[name]; administered != "" {
			allowed = append(allowed, "admin_writes|PERMISSIVE|{docuvault_migrate}|"+administered)
			slices.Sort(allowed)
		}
		if !slices.Equal(policies, allowed) {
			faults = append(faults, fmt.Sprintf("%s: policies %q", name, policies))
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return faults
}

func TestEveryTenantTableIsProtected(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	if faults := unprotected(t, d.AsSuper(t)); len(faults) != 0 {
		t.Error(strings.Join(faults, "\n"))
	}
}

// What a later migration could get wrong is found.
func TestTheCheckFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"later":       `CREATE TABLE later (id uuid, user_id uuid)`,
		"not_forced":  `CREATE TABLE not_forced (user_id uuid); ALTER TABLE not_forced ENABLE ROW LEVEL SECURITY`,
		"no_policy":   `CREATE TABLE no_policy (user_id uuid); ALTER TABLE no_policy ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`,
		"without":     `CREATE TABLE without (secret text)`,
		"seen":        `CREATE VIEW seen AS SELECT * FROM documents`,
		"documents":   `CREATE POLICY open ON documents FOR SELECT USING (true)`,
		"folders":     `ALTER POLICY tenant ON folders USING (true)`,
		"tags":        `ALTER TABLE tags DISABLE ROW LEVEL SECURITY`,
		"topics":      `DROP POLICY tenant ON topics`,
		"credentials": `ALTER POLICY owner_reads ON credentials TO public`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := dbtest.New(t)
			for _, statement := range strings.Split(sql, "; ") {
				d.Exec(t, statement)
			}
			faults := unprotected(t, d.AsSuper(t))
			if len(faults) == 0 || slices.ContainsFunc(faults, func(f string) bool { return !strings.HasPrefix(f, name+":") }) {
				t.Errorf("found %q", faults)
			}
		})
	}
}

// seed puts one row at least into every tenant table.
func seed(t *testing.T, d *dbtest.Database) id.ID {
	t.Helper()
	me, _ := user(t, d)
	document, owner := id.New().String(), me.String()
	for _, sql := range []string{
		`INSERT INTO credentials (user_id, kind, phc) VALUES ($1, 'password', 'x')`,
		`INSERT INTO recovery_codes (user_id, hash) VALUES ($1, 'x')`,
		`INSERT INTO api_tokens (id, user_id, name_sealed, hash, scopes, expires_at) VALUES (gen_random_uuid(), $1, 'x', sha256($1::uuid::text::bytea), '{read}', now())`,
		`INSERT INTO user_keys (user_id, number, master_id, wrapped) VALUES ($1, 1, 'k', 'x')`,
		`INSERT INTO erasures (user_id) VALUES ($1)`,
		`INSERT INTO alerts (id, user_id, kind) VALUES (gen_random_uuid(), $1, 'quota_80')`,
		`INSERT INTO mails (id, user_id, kind, dedupe) VALUES (gen_random_uuid(), $1, 'quota_80', 'x')`,
		`WITH g AS (INSERT INTO groups (id) VALUES (gen_random_uuid()) RETURNING id) INSERT INTO group_members SELECT id, $1 FROM g`,
		`INSERT INTO folders (id, user_id, name_key, name_sealed) VALUES ($1, $1, 'x', 'x')`,
		`INSERT INTO topics (id, user_id, name_key, name_sealed) VALUES ($1, $1, 'x', 'x')`,
		`INSERT INTO tags (id, user_id, name_key, name_sealed) VALUES ($1, $1, 'x', 'x')`,
		`INSERT INTO classifier_topics VALUES ($1, $1, 1)`,
		`INSERT INTO classifier_tokens VALUES ($1, 'x', $1, 1)`,
		`INSERT INTO search_eras VALUES ($1, 1)`,
		`INSERT INTO idempotency (user_id, key_hash, request_hash, status) VALUES ($1, 'x', 'x', 200)`,
		`INSERT INTO lagging (document_id, user_id) VALUES ($1, $1)`,
		`WITH l AS (INSERT INTO audit_log (user_id, actor, action) VALUES ($1, 'user', 'x') RETURNING id)
		   INSERT INTO audit_personal SELECT id, $1, 'x', 'x' FROM l`,
	} {
		d.Exec(t, sql, owner)
	}
	for _, sql := range []string{
		`INSERT INTO documents (id, user_id, status, object_key, size, sha256, content_type, upload_expires_at, filename_sealed)
		   VALUES ($2::uuid, $1, 'ready', ($2::uuid)::text, 1, sha256(($2::uuid)::text::bytea), 'text/plain', now(), 'x')`,
		`INSERT INTO document_tags VALUES ($2, $1, $1)`,
		`INSERT INTO texts VALUES ($2, $1, 'x', 'x')`,
		`INSERT INTO tokens VALUES ($2, 1, $1, '')`,
		`INSERT INTO objects (key, user_id, document_id, kind, size) VALUES (($2::uuid)::text, $1, $2::uuid, 'preview', 1)`,
		`INSERT INTO previews (document_id, user_id) VALUES ($2, $1)`,
	} {
		d.Exec(t, sql, owner, document)
	}
	d.Exec(t, `DELETE FROM changes WHERE user_id = $1 AND kind <> 'tag'`, owner) // each of those rows has made one
	return me
}

// tenantTables are those with rows of users, by their owner's column.
func tenantTables(t *testing.T, d *dbtest.Database) map[string]string {
	t.Helper()
	tables := map[string]string{"users": "id"}
	for _, name := range dbtest.Query1[[]string](t, d, `SELECT array_agg(c.relname::text) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attname = 'user_id'`) {
		tables[name] = "user_id"
	}
	if len(tables) < 20 {
		t.Fatalf("only %d tenant tables: %v", len(tables), tables)
	}
	return tables
}

func TestAUserSeesOwnRowsAlone(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	mine, other := seed(t, d), seed(t, d)
	opened := open(t, d, "")
	for table, column := range tenantTables(t, d) {
		for _, owner := range []id.ID{mine, other} {
			if n := dbtest.Query1[int](t, d, `SELECT count(*) FROM `+table+` WHERE `+column+` = $1`, owner.String()); n != 1 {
				t.Fatalf("%s: %d rows of one user in the test's own data, want 1: add one to seed", table, n)
			}
		}
		count := func(actor database.Actor) (own, all int) {
			t.Helper()
			err := opened.Do(t.Context(), actor, func(b *database.Batch) {
				b.One(`SELECT count(*) FILTER (WHERE `+column+` = app_user())::integer, count(*)::integer FROM `+table, nil, &own, &all)
			})
			if err != nil {
				t.Fatalf("%s: %v", table, err)
			}
			return own, all
		}
		if _, all := count(database.Actor{}); all != 0 {
			t.Errorf("%s: %d rows without a user", table, all)
		}
		if own, all := count(database.OnBehalfOf(mine)); own != 1 || all != 1 {
			t.Errorf("%s: %d own rows and %d in all, want 1 and 1", table, own, all)
		}
		if own, all := count(database.OnBehalfOf(id.New())); own != 0 || all != 0 {
			t.Errorf("%s: %d rows for a user who does not exist", table, all)
		}
		// Writing reaches no further: a row of another user is not there, and an
		// own one cannot be given away. Where the grant is missing, that refuses.
		for _, sql := range []string{
			`DELETE FROM ` + table + ` WHERE ` + column + ` = @other`,
			`UPDATE ` + table + ` SET ` + column + ` = app_user() WHERE ` + column + ` = @other`,
			`UPDATE ` + table + ` SET ` + column + ` = @other WHERE ` + column + ` = app_user()`,
		} {
			var n int64
			err := opened.Do(t.Context(), database.OnBehalfOf(mine), func(b *database.Batch) {
				b.Affected(&n, sql, database.Args{"other": other})
			})
			if err == nil && n != 0 || err != nil && !strings.Contains(err.Error(), "42501") && !strings.Contains(err.Error(), "keeps its owner") {
				t.Errorf("%s: %d rows, %v", sql, n, err)
			}
		}
		if n := dbtest.Query1[int](t, d, `SELECT count(*) FROM `+table+` WHERE `+column+` = $1`, other.String()); n != 1 {
			t.Errorf("%s: %d rows of the other user are left", table, n)
		}
	}
}

// For every tenant table of the catalogue: a row of another user, as it is, is
// refused to a user and to nobody. An own one meets another refusal, if any, so
// that it is the owner that was refused.
func TestInsertForAnotherUserFails(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	mine, other := seed(t, d), seed(t, d)
	opened := open(t, d, "")
	granted := 0
	for table, column := range tenantTables(t, d) {
		columns := dbtest.Query1[[]string](t, d, `SELECT coalesce(array_agg(quote_ident(attname) ORDER BY attnum), '{}') FROM pg_attribute
			WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity <> 'a'
			  AND has_column_privilege('docuvault_app', attrelid, attnum, 'INSERT')`, table)
		insertable := slices.Contains(columns, column)
		if len(columns) == 0 {
			columns = []string{column}
		}
		insert := func(actor database.Actor, owner id.ID) error {
			row := dbtest.Query1[string](t, d, `SELECT row_to_json(x)::text FROM `+table+` x WHERE `+column+` = $1 LIMIT 1`, owner.String())
			list := strings.Join(columns, ", ")
			return opened.Do(t.Context(), actor, func(b *database.Batch) {
				b.Exec(`INSERT INTO `+table+` (`+list+`) SELECT `+list+` FROM json_populate_record(NULL::`+table+`, @row::json)`, database.Args{"row": row})
			})
		}
		for name, actor := range map[string]database.Actor{"a user": database.OnBehalfOf(mine), "nobody": {}} {
			if err := insert(actor, other); err == nil || !strings.Contains(err.Error(), "42501") {
				t.Errorf("%s as %s: %v", table, name, err)
			}
		}
		if err := insert(database.OnBehalfOf(mine), mine); insertable && err != nil && strings.Contains(err.Error(), "42501") {
			t.Errorf("%s: an own row is refused like another's: %v", table, err)
		}
		if insertable {
			granted++
		}
	}
	if granted < 15 {
		t.Errorf("only %d tables take rows of the app role", granted)
	}
	// The system's own entries have no user, and no user writes one.
	err := opened.Do(t.Context(), database.OnBehalfOf(mine), func(b *database.Batch) {
		b.Exec(`INSERT INTO audit_log (user_id, actor, action) VALUES (NULL, 'system', 'x')`, nil)
	})
	if err == nil || !strings.Contains(err.Error(), "42501") {
		t.Errorf("an entry of the system by a user: %v", err)
	}
}

func TestWhatTheAppRoleCannotDo(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	me := seed(t, d)
	conn := d.AsApp(t)
	if _, err := conn.Exec(t.Context(), `SELECT set_config('app.user_id', $1, false)`, me.String()); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`UPDATE users SET role = 'admin'`, `UPDATE users SET disabled_at = NULL`, `UPDATE users SET email = 'x@example.org'`,
		`INSERT INTO users (id, email, role) VALUES (app_user(), 'x@example.org', 'admin')`,
		`UPDATE quotas SET limit_bytes = 1`, `UPDATE quotas SET document_limit = 1`, `DELETE FROM quotas`,
		`INSERT INTO quotas (user_id, limit_bytes, used_bytes) VALUES (app_user(), 1, 1)`,
		`UPDATE audit_log SET action = 'y'`, `DELETE FROM audit_log`, `TRUNCATE audit_log`,
		`UPDATE audit_personal SET personal = 'y'`, `UPDATE audit_seals SET hash = 'y'`, `DELETE FROM audit_seals`,
		`INSERT INTO audit_seals SELECT * FROM audit_seals`, `INSERT INTO audit_log (user_id, actor, action, xid) VALUES (app_user(), 'user', 'x', '1')`,
		`INSERT INTO audit_log (user_id, actor, action, at) VALUES (app_user(), 'user', 'x', now())`,
		`UPDATE sessions SET auth_time = now()`, `UPDATE sessions SET expires_at = now() + interval '1 year'`,
		`INSERT INTO groups (id) VALUES (gen_random_uuid())`, `INSERT INTO schema_migrations VALUES ('1')`,
		`TRUNCATE documents`, `ALTER TABLE documents DISABLE ROW LEVEL SECURITY`, `DROP POLICY tenant ON documents`,
		`CREATE TABLE mine (x int)`, `CREATE SCHEMA mine`, `CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
		`SET ROLE docuvault_migrate`, `SET SESSION AUTHORIZATION docuvault_migrate`, `CREATE ROLE evil`,
		`SELECT pg_read_file('/etc/passwd')`, `COPY users TO PROGRAM 'cat'`, `SELECT * FROM pg_authid`,
		`SELECT setval('audit_log_id_seq', 1)`,
	} {
		_, err := conn.Exec(t.Context(), sql)
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != "42501" {
			t.Errorf("%s: %v, want insufficient_privilege", sql, err)
		}
	}
	// And what it must be able to do: the audit log's sequence included.
	for _, sql := range []string{
		`UPDATE users SET display_name = 'x'`, `UPDATE quotas SET used_bytes = 1`, `INSERT INTO audit_log (user_id, actor, action) VALUES (app_user(), 'user', 'x')`,
		`DELETE FROM audit_personal`, `SELECT check_reauth(id) FROM sessions`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	// Row-level security cannot be switched off by a setting: it is an error then.
	if _, err := conn.Exec(t.Context(), `SET row_security = off`); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `SELECT * FROM documents`); err == nil {
		t.Error("row_security = off shows rows")
	}
}

// The owner reads across users, for its functions; it writes for nobody but the
// user that it names.
func TestTheOwnerIsBoundToo(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	mine, other := seed(t, d), seed(t, d)
	conn := d.AsMigrate(t)
	tag, err := conn.Exec(t.Context(), `UPDATE users SET display_name = 'x'`)
	if err != nil || tag.RowsAffected() != 0 {
		t.Errorf("without a user: %d rows, %v", tag.RowsAffected(), err)
	}
	if _, err := conn.Exec(t.Context(), `SELECT set_config('app.user_id', $1, false)`, mine.String()); err != nil {
		t.Fatal(err)
	}
	tag, err = conn.Exec(t.Context(), `UPDATE users SET display_name = 'x'`)
	if err != nil || tag.RowsAffected() != 1 {
		t.Errorf("with a user: %d rows, %v", tag.RowsAffected(), err)
	}
	if tag, err = conn.Exec(t.Context(), `DELETE FROM alerts WHERE user_id = $1`, other.String()); err != nil || tag.RowsAffected() != 0 {
		t.Errorf("another user's: %d rows, %v", tag.RowsAffected(), err)
	}
}

// The functions that cross users return what is promised, and no more.
func TestDefinerFunctions(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	got := dbtest.Query1[[]string](t, d, `SELECT array_agg(format('%s owner=%s path=%s', p.oid::regprocedure, r.rolname, array_to_string(p.proconfig, ',')) ORDER BY 1)
		FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef`)
	if len(got) == 0 {
		t.Fatal("no SECURITY DEFINER functions")
	}
	for _, f := range got {
		// Other settings may come after the path.
		if !strings.Contains(f+",", "owner=docuvault_migrate path=search_path=public, pg_temp,") {
			t.Errorf("%s: want the owner docuvault_migrate and a fixed search_path", f)
		}
	}
	if open := dbtest.Query1[int](t, d, `SELECT count(*) FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
		WHERE p.pronamespace = 'public'::regnamespace AND a.grantee = 0`); open != 0 {
		t.Errorf("%d functions of ours are open to PUBLIC", open)
	}
}
