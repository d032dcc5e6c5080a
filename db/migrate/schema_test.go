package migrate_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"docuvault/shared/dbtest"
	"docuvault/shared/pgserver"
	"docuvault/shared/testenv"
)

var update = flag.Bool("update", false, "write db/schema.sql anew")

// schemaMajor is the PostgreSQL version whose pg_dump writes db/schema.sql:
// each has its own way of writing.
const schemaMajor = 15

// perRun matches lines that differ between two dumps of one schema: the key
// that psql is locked with, and the minor versions.
var perRun = regexp.MustCompile(`(?m)^(\\(un)?restrict .*|-- Dumped (from|by) .*)\n`)

// TestSchemaFile holds db/schema.sql equal to what the migrations make:
//
//	go test ./db/migrate -run TestSchemaFile -update
func TestSchemaFile(t *testing.T) {
	t.Parallel()
	binaries, err := pgserver.Find(t.Context(), schemaMajor, pgserver.FromSystem)
	if err != nil {
		testenv.NotRun(t, err.Error())
	}
	program := filepath.Join(binaries.Dir, "pg_dump")
	if _, err := os.Stat(program); err != nil {
		testenv.NotRun(t, "no pg_dump of PostgreSQL 15")
	}
	d := dbtest.New(t)
	if major := dbtest.Query1[int](t, d, "SELECT current_setting('server_version_num')::int / 10000"); major != schemaMajor {
		testenv.NotRun(t, "the server is not PostgreSQL 15")
	}
	cmd := exec.Command(program, "--schema-only", "--dbname="+d.SuperURL)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	dump, err := cmd.Output()
	if err != nil {
		t.Fatalf("pg_dump: %v: %s", err, &problems)
	}
	// A test database has a name of its own, which a dump of it must not show.
	got := strings.ReplaceAll(string(perRun.ReplaceAll(dump, nil)), d.Name, "docuvault")
	const header = "-- What the migrations make, for reading. Written by:\n-- go test ./db/migrate -run TestSchemaFile -update\n\n"
	got = header + strings.TrimSpace(got) + "\n"

	const file = "../schema.sql"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("db/schema.sql is not what the migrations make; first difference: %s\nwrite it anew: go test ./db/migrate -run TestSchemaFile -update", firstDifference(got, string(want)))
	}
}

func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(a), len(b)) {
		var x, y string
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			return "the migrations make " + strings.TrimSpace(x) + ", the file has " + strings.TrimSpace(y)
		}
	}
	return "none"
}
