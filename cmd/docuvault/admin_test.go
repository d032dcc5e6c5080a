package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"docuvault/functions/auth/login"
	"docuvault/shared/auth/authtest"
	"docuvault/shared/dbtest"
)

// admin runs the command as a person would, without a terminal.
func admin(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	var out, messages bytes.Buffer
	code = run(context.Background(), append([]string{"admin", "create"}, args...), streams{in: strings.NewReader(""), out: &out, err: &messages})
	return code, out.String() + messages.String()
}

// Not parallel: the command reads the environment.
func TestAdminCreate(t *testing.T) {
	v := authtest.Open(t, map[string]string{"REGISTRATION": "open"}, login.Function)
	v.SignUp(t, "ada@example.org")
	v.SignUp(t, "other@example.org")
	t.Setenv("DATABASE_MIGRATE_URL", v.DB.MigrateURL)
	roles := func() string {
		return dbtest.Query1[string](t, v.DB, `SELECT string_agg(email || '=' || role, ' ' ORDER BY email) FROM users`)
	}

	if code, said := admin(t, " Ada@Example.org"); code != exitOK || said != "ada@example.org is now an administrator.\n" {
		t.Errorf("promote: %d %q", code, said)
	}
	if got := roles(); got != "ada@example.org=admin other@example.org=user" {
		t.Errorf("roles: %s", got)
	}
	if code, said := admin(t, "ada@example.org"); code != exitOK || said != "ada@example.org is already an administrator.\n" {
		t.Errorf("again: %d %q", code, said)
	}

	if code, said := admin(t, "new@example.org"); code != exitUsage || !strings.Contains(said, "DOCUVAULT_PASSWORD") {
		t.Errorf("without a password: %d %q", code, said)
	}
	t.Setenv("DOCUVAULT_PASSWORD", "short")
	if code, said := admin(t, "new@example.org"); code != exitUsage || !strings.Contains(said, "at least 8 characters") || strings.Contains(said, "short") {
		t.Errorf("with a bad password: %d %q", code, said)
	}
	if code, _ := admin(t, "no address"); code != exitUsage {
		t.Errorf("no address: %d", code)
	}
	if got := roles(); strings.Contains(got, "new") {
		t.Fatalf("refused, and made: %s", got)
	}
	t.Setenv("DOCUVAULT_PASSWORD", authtest.Password)
	if code, said := admin(t, "--quota", "77", "New@example.org"); code != exitOK || said != "new@example.org is a new account, and an administrator.\n" || strings.Contains(said, authtest.Password) {
		t.Errorf("create: %d %q", code, said)
	}
	c := v.Client()
	if c.Login(t, "new@example.org", authtest.Password); c.Grant.User.Role != "admin" || c.Grant.User.Quota.LimitBytes != 77 {
		t.Errorf("the new account signs in as %+v", c.Grant.User)
	}
	if n := dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM audit_log WHERE actor = 'admin' AND action = 'account.made_admin' AND user_id = target`); n != 2 {
		t.Errorf("%d audit entries of two new administrators", n)
	}
	if strings.Contains(string(v.DB.Dump(t)), authtest.Password) {
		t.Error("the database holds the password")
	}
}

// A vault that takes no registrations gets its first account from its operator.
func TestFirstAdminOfAClosedVault(t *testing.T) {
	v := authtest.Open(t, map[string]string{"REGISTRATION": "closed"}, login.Function)
	t.Setenv("DATABASE_MIGRATE_URL", v.DB.MigrateURL)
	t.Setenv("DOCUVAULT_PASSWORD", authtest.Password)
	if code, said := admin(t, "first@example.org"); code != exitOK {
		t.Fatalf("%d %s", code, said)
	}
	c := v.Client()
	c.Login(t, "first@example.org", authtest.Password).JSON(t, 200, nil)
	if c.Grant.User.Role != "admin" {
		t.Errorf("role %q", c.Grant.User.Role)
	}
	// The app role cannot do what the operator did.
	t.Setenv("DATABASE_MIGRATE_URL", v.DB.AppURL)
	if code, _ := admin(t, "second@example.org"); code != exitFailed {
		t.Errorf("as docuvault_app: exit code %d", code)
	}
	if n := dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM users`); n != 1 {
		t.Errorf("%d accounts", n)
	}
}
