package backup_test

import (
	"context"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"docuvault/db"
	"docuvault/db/migrate"
	"docuvault/shared/backup"
	"docuvault/shared/dbtest"
	"docuvault/shared/pgserver"
	"docuvault/shared/secret"
	"docuvault/shared/testenv"
	"docuvault/shared/vaulttest"
)

// The way to a new major of PostgreSQL: into the newest one that the package
// brings, from the tests' own.
func TestIntoAnotherMajor(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("npm"); err != nil {
		testenv.NotRun(t, "no npm")
	}
	w := vaulttest.New(t, nil)
	major := func(d *dbtest.Database) int {
		return dbtest.Query1[int](t, d, `SELECT current_setting('server_version_num')::integer / 10000`)
	}
	sources := []pgserver.Source{pgserver.FromCache, pgserver.FromPackage}
	if found, err := pgserver.Find(t.Context(), 0, sources...); err != nil {
		testenv.NotRun(t, "no other PostgreSQL: "+err.Error())
	} else if found.Major == major(w.DB) {
		testenv.NotRun(t, "the tests run on "+found.Version+" already")
	}
	s, err := pgserver.Start(t.Context(), pgserver.Options{Throwaway: true, Sources: sources})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(context.Background()) })
	if err := s.CreateDatabase(t.Context(), "vault"); err != nil {
		t.Fatal(err)
	}
	if err := migrate.Bootstrap(t.Context(), s.DSN("vault"), secret.New("password-of-the-app"), secret.New("password-of-the-owner")); err != nil {
		t.Fatal(err)
	}
	as := func(role, password string) string {
		u, err := url.Parse(s.DSN("vault").Reveal())
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword(role, password)
		return u.String()
	}
	d := &dbtest.Database{
		Name: "vault", SuperURL: s.DSN("vault").Reveal(),
		AppURL: as(db.AppRole, "password-of-the-app"), MigrateURL: as(db.MigrateRole, "password-of-the-owner"),
	}

	anna := register(t, w, "anna@example.org")
	anna.keep(t, "invoice.txt")
	sealed(t, w)
	dir := t.TempDir()
	write(t, w, dir)
	vars := map[string]string{}
	for _, name := range []string{"MASTER_KEYS", "SESSION_KEYS", "JWT_SIGNING_KEYS", "JWT_PUBLIC_KEYS"} {
		vars[name] = w.Vars[name]
	}
	back := vaulttest.On(t, d, vars)
	o := options(t, back, dir)
	// Not migrated, and without anything that does it.
	if _, err := backup.Restore(t.Context(), o); err == nil || !strings.Contains(err.Error(), "older than the backup's") {
		t.Errorf("without a schema: %v", err)
	}
	o.Migrate = func(ctx context.Context, version string) error { return migrate.To(ctx, o.Owner, version, nil) }
	if _, err := backup.Restore(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if was, is := major(w.DB), major(d); was == is {
		t.Errorf("from %d to %d", was, is)
	}
	well(t, back)
	anna.finds(t, back)
}
