package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/jackc/pgx/v5"

	"docuvault/cmd/docuvault/internal/embedded"
	"docuvault/db/migrate"
	"docuvault/functions"
	"docuvault/shared/secret"
)

// operator is what commands share that act on a vault as its owner.
type operator struct {
	Data string `placeholder:"DIR" help:"Data folder of a running embedded vault (default: ${data}); not used with DATABASE_MIGRATE_URL."`
}

// dsn is DATABASE_MIGRATE_URL, or that of the embedded vault that runs on the
// data folder.
func (o operator) dsn() (secret.Text, error) {
	if fromEnv := os.Getenv("DATABASE_MIGRATE_URL"); fromEnv != "" {
		return secret.New(fromEnv), nil
	}
	if path := os.Getenv("DATABASE_MIGRATE_URL_FILE"); path != "" {
		content, err := os.ReadFile(path)
		if err != nil {
			return secret.Text{}, fmt.Errorf("DATABASE_MIGRATE_URL_FILE: %w", err)
		}
		return secret.New(strings.TrimSpace(string(content))), nil
	}
	folder, err := o.folder()
	if err != nil {
		return secret.Text{}, err
	}
	return folder.MigrateDSN()
}

func (o operator) folder() (embedded.Folder, error) {
	path := o.Data
	if path == "" {
		path = defaultData()
	}
	return embedded.OpenFolder(path)
}

type migrateCmd struct {
	operator
}

// Run brings the schema up to date.
func (c *migrateCmd) Run(ctx context.Context) error {
	if os.Getenv("DATABASE_MIGRATE_URL") == "" && os.Getenv("DATABASE_MIGRATE_URL_FILE") == "" {
		folder, err := c.folder()
		if err != nil {
			return err
		}
		return folder.Prepare(ctx, os.Stderr)
	}
	dsn, err := c.dsn()
	if err != nil {
		return err
	}
	return migrate.Up(ctx, dsn, os.Stderr)
}

type functionsCmd struct{}

// Run prints every function with what starts it.
func (c *functionsCmd) Run() error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FUNCTION\tKIND\tSOURCE")
	for _, fn := range functions.All {
		fmt.Fprintf(w, "%s\t%s\t%s\n", fn.Name, fn.Trigger.Kind(), fn.Trigger.Source())
	}
	return w.Flush()
}

type adminCmd struct {
	Create adminCreateCmd `cmd:"" help:"Make an existing account an administrator. An administrator counts bytes and closes accounts, and reads nothing."`
}

type adminCreateCmd struct {
	operator
	Email string `arg:"" help:"Address of an account that has registered."`
}

// Run gives an account the role admin: the one place where users.role is
// written.
func (c *adminCreateCmd) Run(ctx context.Context) error {
	dsn, err := c.dsn()
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, dsn.Reveal())
	if err != nil {
		return errors.New("cannot connect as docuvault_migrate: is the database running, and DATABASE_MIGRATE_URL right?")
	}
	defer func() { _ = conn.Close(ctx) }()
	email := strings.ToLower(strings.TrimSpace(c.Email))
	tag, err := conn.Exec(ctx, `UPDATE users SET role = 'admin' WHERE email = $1 AND role <> 'admin'`, email)
	if err != nil {
		return fmt.Errorf("make %s an administrator: %w", email, err)
	}
	if tag.RowsAffected() == 1 {
		fmt.Fprintf(os.Stderr, "%s is an administrator now.\n", email)
		return nil
	}
	var there bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM users WHERE email = $1)`, email).Scan(&there); err != nil {
		return fmt.Errorf("look for %s: %w", email, err)
	}
	if !there {
		return fmt.Errorf("there is no account %s: register it first, then call this again", email)
	}
	fmt.Fprintf(os.Stderr, "%s is an administrator already.\n", email)
	return nil
}
