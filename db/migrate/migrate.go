// Package migrate prepares a database: roles and extensions as the superuser
// ([Bootstrap]), tables as docuvault_migrate ([Up]). Programs that only use the
// database do not import it, and so do not link dbmate.
package migrate

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"slices"
	"time"

	"docuvault/db"
	"docuvault/shared/secret"

	"github.com/amacneil/dbmate/v2/pkg/dbmate"
	_ "github.com/amacneil/dbmate/v2/pkg/driver/postgres" // this driver alone
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// lockKey is the advisory lock under which a database is prepared. The number
// has no meaning but must stay the same.
const lockKey = 5_847_361_209

// Bootstrap runs bootstrap.sql in the database that the superuser's DSN names,
// and gives the two roles their passwords. It can be run again, also by two at
// once; it then sets the passwords anew. The server is sent the passwords'
// SCRAM verifiers, so that no log or catalogue of it ever has a password.
func Bootstrap(ctx context.Context, superuserDSN, appPassword, migratePassword secret.Text) error {
	conn, unlock, err := lock(ctx, superuserDSN)
	if err != nil {
		return fmt.Errorf("bootstrap the database: %w", err)
	}
	defer unlock()
	statements := db.BootstrapSQL
	for _, role := range []struct {
		name     string
		password secret.Text
	}{{db.AppRole, appPassword}, {db.MigrateRole, migratePassword}} {
		verifier, err := scramVerifier(role.password)
		if err != nil {
			return fmt.Errorf("bootstrap the database: the password of %s %w", role.name, err)
		}
		statements += fmt.Sprintf("\n;\nALTER ROLE %s LOGIN PASSWORD '%s'", pgx.Identifier{role.name}.Sanitize(), verifier)
	}
	// Roles belong to the whole server: another database's bootstrap, which
	// the lock does not hold, may be at the same rows. PostgreSQL answers
	// with a violated key (both create) or an internal error (both alter).
	for attempt := 1; ; attempt++ {
		_, err = conn.PgConn().Exec(ctx, statements).ReadAll()
		var pg *pgconn.PgError
		if errors.As(err, &pg) && (pg.Code == "23505" || pg.Code == "XX000") && attempt < 10 {
			continue
		}
		if err != nil {
			return fmt.Errorf("bootstrap the database: %w", err)
		}
		return nil
	}
}

// Up applies the embedded migrations that the database does not have yet.
// migrateDSN is DATABASE_MIGRATE_URL's value. log gets one line for each; nil
// drops them. Two at once are fine: one waits for the other. dbmate cannot be
// interrupted: ctx bounds the wait, not a migration.
func Up(ctx context.Context, migrateDSN secret.Text, log io.Writer) error {
	return To(ctx, migrateDSN, db.Latest(), log)
}

// To is [Up] with the migrations up to a version and no newer one.
func To(ctx context.Context, migrateDSN secret.Text, version string, log io.Writer) error {
	if log == nil {
		log = io.Discard
	}
	_, unlock, err := lock(ctx, migrateDSN)
	if err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	defer unlock()
	dsn, err := url.Parse(migrateDSN.Reveal())
	if err != nil {
		// url.Error quotes what it was given.
		return errors.New("migrate the database: DATABASE_MIGRATE_URL should be of the form postgres://user:password@host:port/database")
	}
	mate := dbmate.New(dsn)
	mate.FS = upTo{db.Migrations, version}
	mate.MigrationsDir = []string{"migrations"}
	mate.MigrationsTableName = "public.schema_migrations"
	mate.AutoDumpSchema = false
	mate.Log = log
	if err := mate.Migrate(); err != nil {
		return fmt.Errorf("migrate the database: %w", err)
	}
	return nil
}

// upTo are the migrations up to a version.
type upTo struct {
	embed.FS
	version string
}

// ReadDir implements fs.ReadDirFS. A migration's name begins with its version,
// all of one length.
func (f upTo) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := f.FS.ReadDir(name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		return len(e.Name()) >= len(f.version) && e.Name()[:len(f.version)] > f.version
	}), err
}

// lock connects and takes the advisory lock. It asks again and again instead
// of waiting inside one statement: that would hold a snapshot, and a migration
// that builds an index concurrently waits for all of those.
func lock(ctx context.Context, dsn secret.Text) (*pgx.Conn, func(), error) {
	conn, err := pgx.Connect(ctx, dsn.Reveal())
	if err != nil {
		return nil, nil, err
	}
	// Closing the connection gives the lock back, also when ctx has ended.
	unlock := func() { _ = conn.Close(context.WithoutCancel(ctx)) }
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		var got bool
		if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(lockKey)).Scan(&got); err != nil {
			unlock()
			return nil, nil, err
		}
		if got {
			return conn, unlock, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			unlock()
			return nil, nil, fmt.Errorf("wait for another migration: %w", ctx.Err())
		}
	}
}
