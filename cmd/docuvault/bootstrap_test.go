package main

import (
	"bytes"
	"context"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"docuvault/db"
	"docuvault/db/migrate"
	"docuvault/shared/auth"
	"docuvault/shared/keys"
	"docuvault/shared/pgserver"
	"docuvault/shared/secret"
	"docuvault/shared/testenv"
)

// bootstrap runs the command and returns what it printed, by name.
func bootstrap(t *testing.T, args ...string) (printed map[string]string, code int, said string) {
	t.Helper()
	var out, messages bytes.Buffer
	code = run(context.Background(), append([]string{"bootstrap"}, args...), streams{in: strings.NewReader(""), out: &out, err: &messages})
	printed = map[string]string{}
	for line := range strings.Lines(out.String()) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		printed[name] = value
	}
	return printed, code, messages.String()
}

func names(printed map[string]string) string {
	return strings.Join(slices.Sorted(maps.Keys(printed)), " ")
}

// Not parallel: the command reads the environment. A server of its own, since
// roles belong to a whole server.
func TestBootstrap(t *testing.T) {
	if _, err := pgserver.Find(t.Context(), 0); err != nil {
		testenv.NotRun(t, err.Error())
	}
	server, err := pgserver.Start(t.Context(), pgserver.Options{Throwaway: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	super, err := pgx.Connect(t.Context(), server.DSN("postgres").Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = super.Close(context.Background()) }()
	// As on RDS: no superuser, but owner of the database.
	for _, sql := range []string{"CREATE ROLE master LOGIN CREATEROLE CREATEDB PASSWORD 'planted-master'", "CREATE DATABASE vault OWNER master"} {
		if _, err := super.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	config := super.Config()
	dsn := strings.Replace(server.DSN("vault").Reveal(), config.Password, "planted-master", 1)
	dsn = strings.Replace(dsn, "//"+config.User+":", "//master:", 1)

	t.Setenv("DATABASE_SUPERUSER_URL", "")
	if _, code, said := bootstrap(t); code != exitUsage || !strings.Contains(said, "DATABASE_SUPERUSER_URL is not set") {
		t.Errorf("without a DSN: %d %s", code, said)
	}
	t.Setenv("DATABASE_SUPERUSER_URL", dsn)
	first, code, said := bootstrap(t)
	if code != exitOK || names(first) != "DATABASE_MIGRATE_URL DATABASE_URL JWT_PUBLIC_KEYS JWT_SIGNING_KEYS MASTER_KEYS SESSION_KEYS STORAGE_EVENT_TOKEN" {
		t.Fatalf("exit code %d, printed %s: %s", code, names(first), said)
	}
	for _, value := range first {
		if strings.Contains(said, value) {
			t.Error("standard error holds a secret")
		}
	}
	for _, name := range []string{"MASTER_KEYS", "SESSION_KEYS", "JWT_SIGNING_KEYS"} {
		set, err := keys.ParseSet(name, secret.New(first[name]))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if name == "JWT_SIGNING_KEYS" && first["JWT_PUBLIC_KEYS"] != string(auth.JWKS(set)) {
			t.Errorf("the public keys %s are not those of the signing keys", first["JWT_PUBLIC_KEYS"])
		}
	}

	// The roles can do their part, and the second has passwords of its own.
	if err := migrate.Up(t.Context(), secret.New(first["DATABASE_MIGRATE_URL"]), nil); err != nil {
		t.Fatal(err)
	}
	app := func(dsn string) error {
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(context.Background()) }()
		return db.Check(t.Context(), conn)
	}
	if err := app(first["DATABASE_URL"]); err != nil {
		t.Error(err)
	}
	again, code, said := bootstrap(t)
	if code != exitOK || again["MASTER_KEYS"] == first["MASTER_KEYS"] || again["DATABASE_URL"] == first["DATABASE_URL"] {
		t.Errorf("again: exit code %d: %s", code, said)
	}
	if app(first["DATABASE_URL"]) == nil || app(again["DATABASE_URL"]) != nil {
		t.Error("the app's new password is not the one that counts")
	}

	// A database that somebody uses keeps its keys.
	vault, err := pgx.Connect(t.Context(), server.DSN("vault").Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = vault.Close(context.Background()) }()
	if _, err := vault.Exec(t.Context(), "INSERT INTO users (id, email) VALUES (gen_random_uuid(), 'ada@example.org')"); err != nil {
		t.Fatal(err)
	}
	used, code, said := bootstrap(t)
	if code != exitOK || names(used) != "DATABASE_MIGRATE_URL DATABASE_URL" || !strings.Contains(said, "none were made") {
		t.Errorf("with users: exit code %d, printed %s: %s", code, names(used), said)
	}
}

// What it prints for AWS is what a shell passes on.
func TestBootstrapQuotes(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := &bootstrapCmd{AWS: "vault/"}
	text := `it's "a" $secret \ with; all`
	if err := c.print(streams{out: &out}, value{"DATABASE_URL", secret.New(text)}); err != nil {
		t.Fatal(err)
	}
	script := `aws() { printf '%s|' "$@"; }; ` + out.String()
	said, err := exec.CommandContext(t.Context(), "sh", "-c", script).Output()
	if want := "secretsmanager|create-secret|--query|ARN|--output|text|--name|vault/DATABASE_URL|--secret-string|" + text + "|"; err != nil || string(said) != want {
		t.Errorf("%v: the shell runs %s", err, said)
	}
}
