package db_test

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"docuvault/db"
	"docuvault/shared/dbtest"
)

func TestMigrationsAreWellNamed(t *testing.T) {
	t.Parallel()
	entries, err := fs.ReadDir(db.Migrations, "migrations")
	if err != nil || len(entries) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	name := regexp.MustCompile(`^(\d{14})_[a-z0-9_]+\.sql$`)
	seen := map[string]string{}
	for _, entry := range entries {
		match := name.FindStringSubmatch(entry.Name())
		if match == nil {
			t.Errorf("%s: want 14 digits, an underscore and a name", entry.Name())
			continue
		}
		if other := seen[match[1]]; other != "" {
			t.Errorf("%s and %s have one version", other, entry.Name())
		}
		seen[match[1]] = entry.Name()
		if match[1] > db.Latest() {
			t.Errorf("Latest says %s, and %s is newer", db.Latest(), entry.Name())
		}
		content, err := fs.ReadFile(db.Migrations, "migrations/"+entry.Name())
		if err != nil || !strings.Contains(string(content), "-- migrate:up") {
			t.Errorf("%s: no \"-- migrate:up\" (%v)", entry.Name(), err)
		}
	}
	if seen[db.Latest()] == "" {
		t.Errorf("Latest says %s, and no file has that version", db.Latest())
	}
}

// Functions run as docuvault_app, and /readyz asks as that role.
func TestCheckAsTheAppRole(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	app, ctx := d.AsApp(t), context.Background()
	version, err := db.Version(ctx, app)
	if err != nil || version != db.Latest() {
		t.Fatalf("Version = %q, %v, want %q", version, err, db.Latest())
	}
	if err := db.Check(ctx, app); err != nil {
		t.Errorf("a fresh schema: %v", err)
	}
	// The database is one migration ahead of this program.
	d.Exec(t, "INSERT INTO schema_migrations VALUES ('99990101000000')")
	if err := db.Check(ctx, app); err != nil {
		t.Errorf("a newer schema: %v", err)
	}
	// One behind.
	d.Exec(t, "DELETE FROM schema_migrations WHERE version >= $1", db.Latest())
	if err := db.Check(ctx, app); !errors.Is(err, db.ErrSchemaOld) {
		t.Errorf("an older schema: %v", err)
	}
	if _, err := app.Exec(ctx, "INSERT INTO schema_migrations VALUES ('99990101000000')"); err == nil {
		t.Error("the app role can write the schema's version")
	}
}

func TestCheckOfAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	conn := dbtest.NewEmpty(t).AsSuper(t)
	version, err := db.Version(context.Background(), conn)
	if err != nil || version != "" {
		t.Errorf("Version = %q, %v", version, err)
	}
	if err := db.Check(context.Background(), conn); !errors.Is(err, db.ErrSchemaOld) {
		t.Errorf("Check: %v", err)
	}
}

// What a function links stays small: the migration tool and its driver come
// with package db/migrate alone, and of dbmate's drivers only PostgreSQL's.
func TestDependencies(t *testing.T) {
	t.Parallel()
	deps := func(pkg string) string {
		out, err := exec.Command("go", "list", "-deps", pkg).Output()
		if err != nil || !strings.Contains(string(out), pkg) {
			t.Fatalf("go list -deps %s: %v", pkg, err)
		}
		return string(out)
	}
	for pkg, unwanted := range map[string][]string{
		"docuvault/db":         {"amacneil/dbmate", "lib/pq"},
		"docuvault/db/migrate": {"mysql", "sqlite", "clickhouse", "bigquery", "cloud.google.com"},
	} {
		list := deps(pkg)
		for _, name := range unwanted {
			if strings.Contains(list, name) {
				t.Errorf("%s links %s", pkg, strings.TrimSpace(name))
			}
		}
	}
	if !strings.Contains(deps("docuvault/db/migrate"), "amacneil/dbmate") {
		t.Error("the list of dependencies does not hold what it must: this test looks at nothing")
	}
}

func TestFillingMigrationsAreFound(t *testing.T) {
	t.Parallel()
	// The first of them fills in a DO block. What is in River's own tables, and in
	// functions, does not count.
	if got := db.Filling("", "20261124149100"); !slices.Equal(got, []string{"20261124131000", "20261124132000", "20261124149000"}) {
		t.Errorf("rows are filled by %v", got)
	}
	for _, c := range [][2]string{{"20261124149000", "20261124149300"}, {"20261124132000", "20261124148999"}} {
		if got := db.Filling(c[0], c[1]); len(got) != 0 {
			t.Errorf("after %s up to %s: %v", c[0], c[1], got)
		}
	}
}
