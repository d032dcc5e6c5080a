package backup_test

import (
	"slices"
	"strings"
	"testing"

	"docuvault/shared/backup"
	"docuvault/shared/dbtest"
)

// A table of tomorrow is in the backup without anybody thinking of it, and if
// the owner cannot read it, the backup is refused instead of empty.
func TestNoTableIsForgotten(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	conn := d.AsMigrate(t)
	look := func() (all, some []string, err error) {
		t.Helper()
		return backup.Catalogue(t.Context(), conn)
	}
	all, some, err := look()
	if err != nil || len(some) < 20 {
		t.Fatalf("%v %v", some, err)
	}
	// The catalogue itself, asked in another way.
	rows, err := conn.Query(t.Context(), `SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		copies, left := slices.Contains(some, name), slices.Contains(backup.LeftOut(), name)
		if copies == left {
			t.Errorf("%s: copied %v, left out %v", name, copies, left)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, name := range backup.LeftOut() {
		if !slices.Contains(all, name) {
			t.Errorf("%s is left out, and is not there", name)
		}
	}

	if _, err := conn.Exec(t.Context(), `CREATE TABLE stamps (user_id uuid REFERENCES users, word text);
	    ALTER TABLE stamps ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
	    CREATE POLICY tenant ON stamps USING (user_id = app_user())`); err != nil {
		t.Fatal(err)
	}
	if _, _, err = look(); err == nil || !strings.Contains(err.Error(), "public.stamps") {
		t.Errorf("a table that nobody reads: %v", err)
	}
	if _, err := conn.Exec(t.Context(), `CREATE POLICY owner_reads ON stamps FOR SELECT TO docuvault_migrate USING (true)`); err != nil {
		t.Fatal(err)
	}
	_, some, err = look()
	if err != nil || slices.Index(some, "public.stamps") < slices.Index(some, "public.users") || !slices.Contains(some, "public.stamps") {
		t.Errorf("%v %v", some, err)
	}
}
