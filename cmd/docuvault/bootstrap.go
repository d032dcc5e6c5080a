package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"

	"docuvault/db"
	"docuvault/db/migrate"
	"docuvault/shared/auth"
	"docuvault/shared/keys"
	"docuvault/shared/secret"
)

type bootstrapCmd struct {
	AWS string `name:"aws" placeholder:"PREFIX" help:"Print commands that store each value in AWS Secrets Manager, under names that begin with PREFIX."`
}

// Help says what it needs and what it changes.
func (c *bootstrapCmd) Help() string {
	return `Prepares a database for a vault that runs on separate servers: the two roles, the
extensions, and passwords for both; and makes the vault's keys. Reads
DATABASE_SUPERUSER_URL, the connection string of the database's superuser, or of
a role that owns the database and may make roles, as on RDS.

Prints NAME=value, what to store for the functions, to standard output and to
nowhere else. Running it again gives both roles new passwords. It makes no keys
for a database that has users: new ones would not open what the old ones sealed.`
}

// value is something to store.
type value struct {
	name string
	text secret.Text
}

// Run prepares the database and prints what to store.
func (c *bootstrapCmd) Run(ctx context.Context, s streams) error {
	raw := os.Getenv("DATABASE_SUPERUSER_URL")
	if raw == "" {
		return usage("DATABASE_SUPERUSER_URL is not set: it is the connection string of the database's superuser, as postgres://postgres:PASSWORD@HOST:5432/docuvault")
	}
	super, err := url.Parse(raw)
	if err != nil || super.Host == "" || strings.Trim(super.Path, "/") == "" {
		return usage("DATABASE_SUPERUSER_URL should be of the form postgres://user:password@host:port/database")
	}
	app, owner := random(), random()
	if err := migrate.Bootstrap(ctx, secret.New(raw), app, owner); err != nil {
		return err
	}
	values := []value{
		{"DATABASE_URL", as(super, db.AppRole, app)},
		{"DATABASE_MIGRATE_URL", as(super, db.MigrateRole, owner)},
	}
	used, err := hasUsers(ctx, raw)
	if err != nil {
		return err
	}
	if used {
		_, _ = fmt.Fprintln(s.err, "Both roles have new passwords. This database has users: their keys stay as they are, and none were made.")
	} else {
		made, err := newKeys()
		if err != nil {
			return err
		}
		values = append(values, made...)
		_, _ = fmt.Fprintln(s.err, "Store these, and keep MASTER_KEYS in a second place too: without them nothing can be read.")
	}
	for _, v := range values {
		if err := c.print(s, v); err != nil {
			return err
		}
	}
	return nil
}

// print writes a line that a person, or a shell, takes further.
func (c *bootstrapCmd) print(s streams, v value) error {
	line := v.name + "=" + v.text.Reveal()
	if c.AWS != "" && v.name == "JWT_PUBLIC_KEYS" {
		line = "# The parameter JwtPublicKeys, which is no secret: " + v.text.Reveal()
	} else if c.AWS != "" {
		line = "aws secretsmanager create-secret --query ARN --output text --name " + quoted(c.AWS+v.name) + " --secret-string " + quoted(v.text.Reveal())
	}
	_, err := fmt.Fprintln(s.out, line)
	return err
}

// quoted is a word of a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// as is the same database for another role.
func as(super *url.URL, role string, password secret.Text) secret.Text {
	u := *super
	u.User = url.UserPassword(role, password.Reveal())
	return secret.New(u.String())
}

// random is 26 characters of base32, 130 bits.
func random() secret.Text { return secret.New(rand.Text()) }

// hasUsers says whether anybody's data are in the database.
func hasUsers(ctx context.Context, dsn string) (used bool, err error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return false, errors.New("cannot connect with DATABASE_SUPERUSER_URL")
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	// Row-level security hides users from whoever is no superuser; how many rows
	// were ever written it does not hide.
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public' AND tablename = 'users')
		AND COALESCE((SELECT pg_relation_size(to_regclass('public.users')) > 0), false)`).Scan(&used)
	if err != nil {
		return false, fmt.Errorf("look for users: %w", err)
	}
	return used, nil
}

// newKeys makes what a vault needs once.
func newKeys() ([]value, error) {
	var made []value
	for _, name := range []string{"MASTER_KEYS", "SESSION_KEYS", "JWT_SIGNING_KEYS"} {
		text, err := keys.Generate("k1")
		if err != nil {
			return nil, err
		}
		made = append(made, value{name, text})
	}
	signing, err := keys.ParseSet("JWT_SIGNING_KEYS", made[2].text)
	if err != nil {
		return nil, err
	}
	return append(made, value{"STORAGE_EVENT_TOKEN", secret.New(rand.Text() + rand.Text())}, value{"JWT_PUBLIC_KEYS", secret.New(string(auth.JWKS(signing)))}), nil
}
