package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"docuvault/cmd/docuvault/internal/embedded"
	"docuvault/db/migrate"
	"docuvault/functions"
	"docuvault/shared/secret"
)

// operator is what commands share that act on a vault as its owner.
type operator struct {
	Data string `placeholder:"DIR" env:"DOCUVAULT_DATA" help:"Data folder of a running embedded vault (default: ${data}); not used with DATABASE_MIGRATE_URL."`
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
