package dbtest_test

import (
	"bytes"
	"context"
	"testing"

	"docuvault/db"
	"docuvault/shared/dbtest"

	"github.com/jackc/pgx/v5"
)

func TestNewGivesTheSchemaToBothRoles(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	for name, conn := range map[string]db.Querier{"migrate": d.AsMigrate(t), "super": d.AsSuper(t)} {
		if err := db.Check(context.Background(), conn); err != nil {
			t.Errorf("as %s: %v", name, err)
		}
	}
	var user string
	if err := d.AsApp(t).QueryRow(context.Background(), "SELECT current_user").Scan(&user); err != nil || user != db.AppRole {
		t.Errorf("the app connects as %q, %v", user, err)
	}
	if super := dbtest.Query1[bool](t, d, "SELECT bool_or(rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb) FROM pg_roles WHERE rolname LIKE 'docuvault%'"); super {
		t.Error("a role of ours has more power than it needs")
	}
}

func TestDatabasesAreApart(t *testing.T) {
	t.Parallel()
	a, b := dbtest.New(t), dbtest.New(t)
	a.Exec(t, "INSERT INTO users (id, email) VALUES (gen_random_uuid(), 'anna@example.org')")
	if n := dbtest.Query1[int](t, a, "SELECT count(*) FROM users"); n != 1 {
		t.Errorf("own database: %d rows, want 1", n)
	}
	if n := dbtest.Query1[int](t, b, "SELECT count(*) FROM users"); n != 0 {
		t.Errorf("other database: %d rows, want 0", n)
	}
}

func TestDatabaseIsDroppedWithOpenConnections(t *testing.T) {
	t.Parallel()
	watcher := dbtest.New(t)
	var name string
	var left *pgx.Conn
	t.Run("inner", func(t *testing.T) {
		d := dbtest.New(t)
		name = d.Name
		// Not AsApp: that one closes before the database goes.
		var err error
		if left, err = pgx.Connect(t.Context(), d.AppURL); err != nil {
			t.Fatal(err)
		}
		if _, err := left.Exec(t.Context(), "BEGIN"); err != nil {
			t.Fatal(err)
		}
	})
	defer func() { _ = left.Close(context.Background()) }()
	if n := dbtest.Query1[int](t, watcher, "SELECT count(*) FROM pg_database WHERE datname = $1", name); name == "" || n != 0 {
		t.Errorf("database %q is still there after its test", name)
	}
}

func TestDumpShowsPlantedWordsHoweverStored(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	d.Exec(t, "CREATE SCHEMA elsewhere")
	d.Exec(t, `CREATE TABLE elsewhere."Odd name" (plain text, bytes bytea, made text GENERATED ALWAYS AS (plain || 'made') STORED, doc jsonb)`)
	d.Exec(t, `INSERT INTO elsewhere."Odd name" (plain, bytes, doc) VALUES ('plainword', convert_to('bytesword' || chr(10) || 'ü', 'UTF8'), '{"a": "jsonword"}')`)
	dump := d.Dump(t)
	for _, word := range []string{"plainword", "bytesword\nü", "plainwordmade", "jsonword", "627974657377"} {
		if !bytes.Contains(dump, []byte(word)) {
			t.Errorf("the dump does not hold %q", word)
		}
	}
	if bytes.Contains(dump, []byte("never planted")) {
		t.Error("the dump holds a word that was never planted")
	}
}

func BenchmarkNew(b *testing.B) {
	dbtest.New(b)
	for b.Loop() {
		dbtest.New(b)
	}
}
