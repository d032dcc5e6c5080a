package backup_test

import (
	"context"
	"net/url"
	"slices"
	"testing"

	"docuvault/db"
	"docuvault/db/migrate"
	"docuvault/shared/backup"
	"docuvault/shared/dbtest"
	"docuvault/shared/id"
	"docuvault/shared/secret"
	"docuvault/shared/vaulttest"
)

// bootstrapped is a database with its roles, and no table.
func bootstrapped(t *testing.T) *dbtest.Database {
	t.Helper()
	d := dbtest.NewEmpty(t)
	password := func(dsn string) secret.Text {
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatal(err)
		}
		p, _ := u.User.Password()
		return secret.New(p)
	}
	if err := migrate.Bootstrap(t.Context(), secret.New(d.SuperURL), password(d.AppURL), password(d.MigrateURL)); err != nil {
		t.Fatal(err)
	}
	return d
}

// A backup of an older schema is restored into that one, and then migrated: a
// migration that fills rows finds them.
func TestAnOlderBackupIsMigratedWithItsRows(t *testing.T) {
	t.Parallel()
	const older = "20261124159900"
	if older >= db.Latest() {
		t.Fatal("there is no newer migration")
	}
	old := bootstrapped(t)
	if err := migrate.To(t.Context(), secret.New(old.MigrateURL), older, nil); err != nil {
		t.Fatal(err)
	}
	user := id.New().String()
	old.Exec(t, `INSERT INTO users (id, email) VALUES ($1, 'anna@example.org')`, user)
	w := vaulttest.New(t, nil) // its storage
	dir := t.TempDir()
	if _, err := backup.Write(t.Context(), backup.Options{Owner: secret.New(old.MigrateURL), Store: w.Store, Dir: dir, Program: "docuvault v1.2.3"}); err != nil {
		t.Fatal(err)
	}

	back := bootstrapped(t)
	var versions []string
	report, err := backup.Restore(t.Context(), backup.Options{
		Owner: secret.New(back.MigrateURL), Store: w.Store, Dir: dir,
		Migrate: func(ctx context.Context, version string) error {
			if versions = append(versions, version); len(versions) == 2 {
				// As a migration that fills.
				back.Exec(t, `UPDATE users SET display_name = 'filled'`)
			}
			return migrate.To(ctx, secret.New(back.MigrateURL), version, nil)
		},
	})
	if err != nil || report.Schema != older {
		t.Fatalf("%+v, %v", report, err)
	}
	if !slices.Equal(versions, []string{older, db.Latest()}) {
		t.Errorf("migrated to %v", versions)
	}
	if version, err := db.Version(t.Context(), back.AsSuper(t)); err != nil || version != db.Latest() {
		t.Errorf("the schema is at %s, %v", version, err)
	}
	if n := dbtest.Query1[int](t, back, `SELECT count(*) FROM users WHERE id = $1 AND display_name = 'filled'`, user); n != 1 {
		t.Error("the later migration has not found the row")
	}
}
