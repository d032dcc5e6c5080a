// Package backup writes a vault into a folder, and makes a vault of such a
// folder: what "docuvault backup" and "docuvault restore" do.
//
// A backup is logical: the rows of every table as one snapshot of the database
// saw them, then the objects that these rows name, from both buckets. So it
// fits another major of PostgreSQL, another storage and a newer schema. It
// promises that what its manifest names is complete, and that every byte is
// compared with its hash before it is used. The manifest is written last: a
// folder without one is no backup, and one that was being renewed is still the
// backup before.
//
// The folder holds one backup. Writing it again copies only the objects that are
// new, and removes what the new manifest does not name, so that a purged paper
// leaves the folder with the next run. Users' wrapped keys are in a folder of
// their own: who keeps that one for a shorter time, or only the newest, makes
// what is sealed in older backups unreadable for accounts that were deleted.
// Master keys are in neither.
//
// It needs DATABASE_MIGRATE_URL, since it crosses users, and opens nothing that
// is sealed.
package backup

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/secret"
	"docuvault/shared/storage"
)

// format is the version of the folder's form; a backup of a higher one is
// refused.
const format = 1

// Options are what is written or read, and where.
type Options struct {
	// Owner is DATABASE_MIGRATE_URL.
	Owner secret.Text
	// Store is the two buckets.
	Store *storage.Store
	// Dir is the backup's folder.
	Dir string
	// Keys is the folder of the wrapped keys; "": keys in Dir.
	Keys string
	// Ring holds the master keys of the vault to restore, which have to open
	// the wrapped keys; nil: that is not checked.
	Ring *keys.Ring
	// Migrate brings the schema up to a version, and changes nothing of one that
	// is newer; nil: the schema is there.
	Migrate func(ctx context.Context, version string) error
	// Program names the program that writes a backup, for who restores it.
	Program string
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Progress hears how far it has come; nil: nobody does.
	Progress func(Progress)
}

// Progress is how far a run has come with its objects.
type Progress struct {
	Step    string // what it does, for people
	Objects int64
	Of      int64 // 0: not known yet
	Bytes   int64
}

// Report is what a run did.
type Report struct {
	// At is the time of the snapshot: what came later is not in the backup.
	At     time.Time `json:"at"`
	Schema string    `json:"schema"`
	Tables int       `json:"tables"`
	Rows   int64     `json:"rows"`
	// Objects and Bytes are those of the backup; Copied and CopiedBytes were
	// moved by this run, since the others were there.
	Objects     int64 `json:"objects"`
	Bytes       int64 `json:"bytes"`
	Copied      int64 `json:"copied"`
	CopiedBytes int64 `json:"copied_bytes"`
	// Open is how many uploads had begun and have no bytes in the backup.
	Open int64 `json:"open_uploads"`
	// Gone is how many objects were deleted after the snapshot, by their owners
	// or when their time was up: a restore goes on with deleting their rows.
	Gone int64 `json:"gone"`
	// Lost is how many objects the vault itself does not have as it should;
	// Losses are the first 100.
	Lost   int64  `json:"lost"`
	Losses []Loss `json:"losses"`
	// Removed is how many files of the backup before are not needed any more.
	Removed int64 `json:"removed"`
	// Erased is how many accounts of an older backup had no key any more, and
	// are being deleted.
	Erased int64 `json:"erased"`
}

// Loss is an object that a row needs, and that storage has not or not so.
type Loss struct {
	Code     string `json:"code"` // object_missing, object_differs
	User     id.ID  `json:"user_id,omitzero"`
	Document id.ID  `json:"document_id,omitzero"`
	Object   string `json:"object"`
}

const maxLosses = 100

// leftOut are the tables of which no row is in a backup, with the reason.
// Every other one is, without anybody thinking of it.
var leftOut = map[string]string{
	"public.schema_migrations": "the migrations of the restored database write it",
	"public.user_keys":         "is in the folder of keys",
	"public.changes":           "a restore begins a new feed, of which no cursor is from before",
	"public.sessions":          "one that was revoked after the backup would live again: everybody signs in anew",
	"public.mails":             "nothing is sent twice, and no link from before works: whoever waits for one asks again",
	"public.rate_limits":       "of minutes",
	"river.river_job":          "jobs are hints: the reconciler sends what is due",
	"river.river_leader":       "of the running queue",
	"river.river_migration":    "the migrations of the restored database write it",
	"river.river_notification": "of the running queue",
	"river.river_queue":        "of the running queue",
}

// vaultIdentity tells databases apart: keys of another one must not be taken
// for newer ones of this.
const vaultIdentity = `SELECT md5(concat_ws(' ', (pg_control_system()).system_identifier, (SELECT oid FROM pg_database WHERE datname = current_database())))`

// connect opens one connection as docuvault_migrate, and takes the lock under
// which a database is backed up or restored: one run at a time.
func connect(ctx context.Context, dsn secret.Text) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(dsn.Reveal())
	if err != nil {
		return nil, errors.New("DATABASE_MIGRATE_URL is not a PostgreSQL connection string")
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, errors.New("cannot connect as docuvault_migrate: is the database running, and DATABASE_MIGRATE_URL right?")
	}
	var owner bool
	err = conn.QueryRow(ctx, `SELECT pg_has_role(current_user, 'docuvault_migrate', 'MEMBER')`).Scan(&owner)
	switch {
	case err != nil:
		err = hide(ctx, err)
	case !owner:
		err = errors.New("DATABASE_MIGRATE_URL is not docuvault_migrate's")
	default:
		err = lock(ctx, conn)
	}
	if err != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
		return nil, err
	}
	return conn, nil
}

// lock waits for a moment: the server may still be busy with a run that was
// killed.
func lock(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, `SET lock_timeout = '5s'`); err != nil {
		return hide(ctx, err)
	}
	_, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, lockKey())
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "55P03" { // lock_not_available
		return errors.New("another backup or restore of this vault is running")
	}
	return hide(ctx, err)
}

func lockKey() int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("docuvault.backup"))
	return int64(h.Sum64())
}

// hide keeps pgx's errors in, and says why a run that was stopped ended.
func hide(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("the database: %v", err)
}
