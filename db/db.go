// Package db holds the schema: the roles and extensions (bootstrap.sql, run
// once per database by a superuser) and the migrations, embedded into the
// programs that need them.
//
// It promises that a program can tell whether a database's schema is at least
// the one it was built with (see [Check]), without linking the migration tool,
// which is package db/migrate.
package db

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Migrations holds the folder "migrations" with dbmate's files.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// BootstrapSQL makes the roles and the extensions. It can be run again.
//
//go:embed bootstrap.sql
var BootstrapSQL string

// The roles that bootstrap.sql makes.
const (
	AppRole     = "docuvault_app"
	MigrateRole = "docuvault_migrate"
)

// ErrSchemaOld is part of the error when a database's schema is older than
// this code's.
var ErrSchemaOld = errors.New("the database's schema is older than this program: run docuvault migrate")

var migrationName = regexp.MustCompile(`^(\d+).*\.sql$`)

// Latest returns the newest version among the embedded migrations: the digits
// in front of the file's name, as dbmate takes them.
func Latest() string {
	entries, err := fs.ReadDir(Migrations, "migrations")
	if err != nil {
		panic("db: " + err.Error()) // embedded: a programmer's error
	}
	var versions []string
	for _, entry := range entries {
		if match := migrationName.FindStringSubmatch(entry.Name()); match != nil {
			versions = append(versions, match[1])
		}
	}
	return slices.Max(versions)
}

var (
	doBlock = regexp.MustCompile(`(?mis)^DO \$\w*\$.*?\$\w*\$`)
	// What stands in a function is no statement of the migration.
	function = regexp.MustCompile(`(?is)\$\w*\$.*?\$\w*\$|\bBEGIN ATOMIC\b.*?\bEND;`)
	// A block writes at any place, a migration where a line begins.
	writes     = `(?:UPDATE(?: ONLY)?|DELETE FROM|INSERT INTO|MERGE INTO)\s+([\w."]+)`
	blockFills = regexp.MustCompile(`(?i)\b` + writes)
	lineFills  = regexp.MustCompile(`(?mi)^` + writes)
)

// fills reports whether the up part of a migration writes rows of the vault.
func fills(up string) bool {
	found := lineFills.FindAllStringSubmatch(function.ReplaceAllString(doBlock.ReplaceAllString(up, ""), ""), -1)
	for _, block := range doBlock.FindAllString(up, -1) {
		found = append(found, blockFills.FindAllStringSubmatch(block, -1)...)
	}
	return slices.ContainsFunc(found, func(statement []string) bool { return !strings.HasPrefix(statement[1], "river.") })
}

// Filling lists the versions of the embedded migrations above after, up to and
// with to, that write rows of the vault and so do more to one that has rows than
// to an empty one: by a statement that begins its line, or in a DO block. What
// River writes in its own schema does not count.
func Filling(after, to string) []string {
	entries, err := fs.ReadDir(Migrations, "migrations")
	if err != nil {
		panic("db: " + err.Error()) // embedded: a programmer's error
	}
	var versions []string
	for _, entry := range entries {
		match := migrationName.FindStringSubmatch(entry.Name())
		if match == nil || match[1] <= after || match[1] > to {
			continue
		}
		content, err := fs.ReadFile(Migrations, "migrations/"+entry.Name())
		if err != nil {
			panic("db: " + err.Error())
		}
		up, _, _ := strings.Cut(string(content), "-- migrate:down")
		if fills(up) {
			versions = append(versions, match[1])
		}
	}
	slices.Sort(versions)
	return versions
}

// Querier is what Version and Check need of a connection or a pool.
type Querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Version returns the newest migration that the database has, or "" when it
// has none.
func Version(ctx context.Context, conn Querier) (string, error) {
	var version string
	err := conn.QueryRow(ctx, "SELECT COALESCE(max(version), '') FROM public.schema_migrations").Scan(&version)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42P01" { // undefined_table
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the schema's version: %w", err)
	}
	return version, nil
}

// Check returns an error with [ErrSchemaOld] in it when the database's schema
// is older than the newest embedded migration. A newer schema is fine:
// migrations expand before they contract.
func Check(ctx context.Context, conn Querier) error {
	version, err := Version(ctx, conn)
	if err != nil {
		return err
	}
	if latest := Latest(); version < latest {
		return fmt.Errorf("%w (it has %q, and %q is needed)", ErrSchemaOld, version, latest)
	}
	return nil
}
