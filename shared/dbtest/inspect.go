package dbtest

import (
	"bytes"
	"context"
	"encoding/hex"
	"regexp"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// AsSuper connects as the superuser, past row-level security. The connection
// is closed when the test ends.
func (d *Database) AsSuper(t testing.TB) *pgx.Conn {
	t.Helper()
	return d.connect(t, d.SuperURL)
}

// AsApp connects as docuvault_app, for tests of grants and policies.
func (d *Database) AsApp(t testing.TB) *pgx.Conn {
	t.Helper()
	return d.connect(t, d.AppURL)
}

// AsMigrate connects as docuvault_migrate.
func (d *Database) AsMigrate(t testing.TB) *pgx.Conn {
	t.Helper()
	return d.connect(t, d.MigrateURL)
}

func (d *Database) connect(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatalf("dbtest: connect: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// Exec runs one statement as the superuser and returns how many rows it
// touched.
func (d *Database) Exec(t testing.TB, sql string, args ...any) int64 {
	t.Helper()
	conn, done := d.once(t)
	defer done()
	tag, err := conn.Exec(context.Background(), sql, args...)
	if err != nil {
		t.Fatalf("dbtest: %s: %v", sql, err)
	}
	return tag.RowsAffected()
}

// Query1 reads one value as the superuser, such as a count.
func Query1[T any](t testing.TB, d *Database, sql string, args ...any) T {
	t.Helper()
	conn, done := d.once(t)
	defer done()
	var value T
	if err := conn.QueryRow(context.Background(), sql, args...).Scan(&value); err != nil {
		t.Fatalf("dbtest: %s: %v", sql, err)
	}
	return value
}

// once connects as the superuser for one statement.
func (d *Database) once(t testing.TB) (*pgx.Conn, func()) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), d.SuperURL)
	if err != nil {
		t.Fatalf("dbtest: connect: %v", err)
	}
	return conn, func() { _ = conn.Close(context.Background()) }
}

var byteaPattern = regexp.MustCompile(`\\\\x((?:[0-9a-f]{2})+)`)

// Dump returns every row of every table and materialized view in every schema,
// as COPY writes them, with the bytes of each bytea value once more as they
// are: a planted word is found in it however it was stored, except sealed or
// hashed. Sequences and the schema itself are not in it.
func (d *Database) Dump(t testing.TB) []byte {
	t.Helper()
	ctx := context.Background()
	conn, done := d.once(t)
	defer done()
	rows, err := conn.Query(ctx, `
		SELECT format('%I.%I', n.nspname, c.relname)
		  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		 WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
		   AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
		 ORDER BY 1`)
	if err != nil {
		t.Fatalf("dbtest: list the tables: %v", err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("dbtest: list the tables: %v", err)
	}
	if len(tables) == 0 {
		t.Fatal("dbtest: dump: there are no tables")
	}
	var out bytes.Buffer
	for _, table := range tables {
		out.WriteString("-- " + table + "\n")
		var content bytes.Buffer
		// A sub-select, since COPY of a table leaves out generated columns.
		if _, err := conn.PgConn().CopyTo(ctx, &content, "COPY (SELECT * FROM "+table+") TO STDOUT"); err != nil {
			t.Fatalf("dbtest: dump %s: %v", table, err)
		}
		out.Write(content.Bytes())
		for _, match := range byteaPattern.FindAllSubmatch(content.Bytes(), -1) {
			raw, err := hex.DecodeString(string(match[1]))
			if err != nil {
				t.Fatalf("dbtest: dump %s: %v", table, err)
			}
			out.Write(raw)
			out.WriteByte('\n')
		}
	}
	return out.Bytes()
}

// WaitForOthers waits until every transaction of the server that is older than
// xid has ended; "": all that run now. Those of other tests' databases count
// too: a snapshot's xmin, below which the audit log is sealed, is the server's.
func (d *Database) WaitForOthers(t testing.TB, xid string) {
	t.Helper()
	conn, done := d.once(t)
	defer done()
	if xid == "" {
		if err := conn.QueryRow(context.Background(), `SELECT pg_current_xact_id()::text`).Scan(&xid); err != nil {
			t.Fatalf("dbtest: %v", err)
		}
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		var ended bool
		err := conn.QueryRow(context.Background(), `SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8 FROM pg_sleep(0.01)`, xid).Scan(&ended)
		if err != nil {
			t.Fatalf("dbtest: %v", err)
		}
		if ended {
			return
		}
	}
	t.Fatal("dbtest: a transaction does not end")
}
