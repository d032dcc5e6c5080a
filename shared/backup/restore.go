package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"docuvault/db"
	"docuvault/shared/storage"
)

// Restore makes a vault of a backup, in a database that is empty but for its
// schema, and two buckets. Objects are there before the rows that name them, and
// all rows come in one transaction: killed at any point before its end, it can be
// started again. Rows come into the schema that they were in, and later
// migrations find them there; killed between the two, what is left is Migrate's.
// Functions may run meanwhile; nobody can sign in before it is done.
//
// With keys that are newer than the backup, accounts that had one and have none
// any more were deleted in between: they are deleted again.
func Restore(ctx context.Context, o Options) (Report, error) {
	r, err := open(o)
	if err != nil {
		return Report{}, err
	}
	if r.conn, err = connect(ctx, r.Owner); err != nil {
		return Report{}, err
	}
	defer func() { _ = r.conn.Close(context.WithoutCancel(ctx)) }()
	if err := r.empty(ctx); err != nil {
		return Report{}, err
	}
	for _, bucket := range r.Store.Buckets() {
		if err := bucket.Health(ctx); err != nil {
			return Report{}, fmt.Errorf("the bucket: %w", err)
		}
	}
	if err := r.schema(ctx); err != nil {
		return Report{}, err
	}
	if err := r.files(ctx); err != nil {
		return Report{}, err
	}
	if err := r.masters(); err != nil {
		return Report{}, err
	}
	if err := r.objects(ctx, r.put); err != nil {
		return Report{}, err
	}
	if err := r.load(ctx); err != nil {
		return r.report, err
	}
	if r.Migrate != nil {
		if err := r.Migrate(ctx, db.Latest()); err != nil {
			return r.report, fmt.Errorf("all rows are restored; what came after the backup's schema is not: run docuvault migrate when this is mended: %w", err)
		}
	}
	return r.report, nil
}

// schema brings the database to the schema of the backup. One that is newer will
// do as long as nothing in between would have filled the rows of the backup.
func (r *restorer) schema(ctx context.Context) error {
	if r.Migrate != nil {
		if err := r.Migrate(ctx, r.m.Schema); err != nil {
			return err
		}
	}
	version, err := db.Version(ctx, r.conn)
	if err != nil {
		return hide(ctx, err)
	}
	if version < r.m.Schema {
		return fmt.Errorf("the database's schema (%q) is older than the backup's (%s): run docuvault migrate of the newer program first", version, r.m.Schema)
	}
	if filled := db.Filling(r.m.Schema, version); len(filled) > 0 {
		program := r.m.Program
		if program == "" {
			program = "the one that made the backup"
		}
		return fmt.Errorf("the database's schema (%s) is newer than the backup's (%s), and %s in between would have filled its rows. Restore into a database without a schema, with DATABASE_MIGRATE_URL: restore makes it. Or restore with an older program (%s), then upgrade",
			version, r.m.Schema, strings.Join(filled, ", "), program)
	}
	return nil
}

// Check reads all of a backup and compares it with its hashes. It needs no
// vault.
func Check(ctx context.Context, o Options) (Report, error) {
	r, err := open(o)
	if err != nil {
		return Report{}, err
	}
	if err := r.files(ctx); err != nil {
		return Report{}, err
	}
	err = r.objects(ctx, func(ctx context.Context, e entry) (bool, error) {
		_, closing, err := r.bytes(ctx, e)
		if err == nil {
			err = closing()
		}
		return false, err
	})
	return r.report, err
}

// restorer is one run.
type restorer struct {
	Options
	m      Manifest
	k      Keys
	conn   *pgx.Conn
	report Report
}

// open reads the manifests, and refuses what does not fit together.
func open(o Options) (*restorer, error) {
	r := &restorer{Options: o.defaults()}
	err := readJSON(filepath.Join(r.Dir, manifestFile), &r.m)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no finished backup: there is no %s in it", r.Dir, manifestFile)
	}
	if err != nil {
		return nil, fmt.Errorf("read the backup: %w", err)
	}
	if err = readJSON(filepath.Join(r.Keys, keysManifest), &r.k); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the users' wrapped keys are not in %s: name the folder that they are kept in with --keys; without them nothing sealed opens", r.Keys)
	}
	if err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	switch {
	case r.m.Format > format || r.k.Format > format:
		return nil, errors.New("this backup was made by a newer program: restore it with that one")
	case r.m.Schema > db.Latest():
		return nil, fmt.Errorf("this backup's schema (%s) is newer than this program knows (%s): restore it with the program that made it, or a newer one", r.m.Schema, db.Latest())
	case r.m.Vault != r.k.Vault:
		return nil, errors.New("these keys are of another vault than the backup")
	case r.k.At.Before(r.m.At):
		return nil, fmt.Errorf("the keys are of %s and the backup is of %s: keys have to be as new, or newer", r.k.At.Format("2006-01-02 15:04:05"), r.m.At.Format("2006-01-02 15:04:05"))
	}
	r.report = Report{At: r.m.At, Schema: r.m.Schema, Tables: len(r.m.Tables) + 1, Rows: r.k.Table.Rows, Losses: []Loss{}}
	for _, t := range r.m.Tables {
		r.report.Rows += t.Rows
	}
	return r, nil
}

// transient are tables that a vault without users may have rows in.
var transient = map[string]bool{"public.cursors": true, "public.rate_limits": true, "public.schema_migrations": true}

// empty refuses a database that holds anything.
func (r *restorer) empty(ctx context.Context) error {
	all, err := catalogue(ctx, r.conn)
	if err != nil {
		return err
	}
	for _, t := range all {
		if transient[t.name] || strings.HasPrefix(t.name, "river.") {
			continue
		}
		var filled bool
		if err := r.conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+quoted(t.name)+`)`).Scan(&filled); err != nil {
			return hide(ctx, err)
		}
		if filled {
			return fmt.Errorf("the database is not empty (table %s has rows): a backup is restored into a new one only; nothing was changed", t.name)
		}
	}
	return nil
}

// files compares the hashes of all files but those of objects.
func (r *restorer) files(ctx context.Context) error {
	r.Progress(Progress{Step: "Comparing the tables with their hashes"})
	if err := check(ctx, r.Keys, r.k.Table.File); err != nil {
		return err
	}
	for _, t := range append(r.m.Tables, r.m.Keyed) {
		if err := check(ctx, r.Dir, t.File); err != nil {
			return err
		}
	}
	return check(ctx, r.Dir, r.m.Index)
}

// objects calls do for every object of the backup, several at a time; moved
// says that it was not there yet.
func (r *restorer) objects(ctx context.Context, do func(context.Context, entry) (moved bool, err error)) error {
	var mu sync.Mutex
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	err := eachEntry(within, r.Dir, r.m.Index, func(e entry) error {
		switch e.State {
		case stateGone:
			r.report.Gone++
		case stateLost:
			r.report.Lost++
		case stateOpen:
			r.report.Open++
		case stateMade:
		case stateKept:
			group.Go(func() error {
				moved, err := do(within, e)
				if err != nil {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				r.report.Objects++
				r.report.Bytes += e.Size
				if moved {
					r.report.Copied++
					r.report.CopiedBytes += e.Size
				}
				r.Progress(Progress{Step: "Comparing and sending the objects", Objects: r.report.Objects, Of: r.m.Objects, Bytes: r.report.Bytes})
				return nil
			})
		}
		return nil
	})
	failed := group.Wait()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case failed != nil:
		return failed
	case err != nil:
		return err
	case r.report.Objects != r.m.Objects:
		return fmt.Errorf("the backup is damaged: it names %d objects and has %d", r.m.Objects, r.report.Objects)
	}
	return nil
}

// bytes opens what a backup has of an object, after comparing it.
func (r *restorer) bytes(ctx context.Context, e entry) (io.ReadSeeker, func() error, error) {
	if e.Text != "" {
		sum := sha256.Sum256([]byte(e.Text))
		if hex.EncodeToString(sum[:]) != e.SHA256 {
			return nil, nil, fmt.Errorf("the backup is damaged: the text of %s is not what was written", e.Key)
		}
		return strings.NewReader(e.Text), func() error { return nil }, nil
	}
	path := e.path()
	if err := check(ctx, r.Dir, File{Path: path, Bytes: e.Size, SHA256: e.SHA256}); err != nil {
		return nil, nil, err
	}
	name, err := within(r.Dir, path)
	if err != nil {
		return nil, nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, fmt.Errorf("read the backup: %w", err)
	}
	return f, f.Close, nil
}

// put sends an object to its bucket, unless it is there.
func (r *restorer) put(ctx context.Context, e entry) (moved bool, err error) {
	bucket := r.bucket(e.Bucket)
	there, err := bucket.Stat(ctx, e.Key)
	switch {
	case err == nil && there.Size == e.Size && hex.EncodeToString(there.SHA256) == e.SHA256:
		return false, nil
	case err != nil && !errors.Is(err, storage.ErrNotFound):
		return false, fmt.Errorf("look for an object: %w", err)
	}
	body, closing, err := r.bytes(ctx, e)
	if err != nil {
		return false, err
	}
	err = bucket.Put(ctx, e.Key, body, e.Size, storage.PutOptions{ContentType: e.Type})
	if err := errors.Join(err, closing()); err != nil {
		return false, fmt.Errorf("send an object: %w", err)
	}
	return true, nil
}

// masters tries the first data key of each master key: without the right master
// keys the vault would open nothing, and say so much later.
func (r *restorer) masters() error {
	if r.Ring == nil {
		return nil
	}
	tried := map[string]bool{}
	return r.eachKey(func(row keyRow) error {
		if tried[row.wrapped.MasterID] {
			return nil
		}
		tried[row.wrapped.MasterID] = true
		if _, err := r.Ring.Unwrap(row.user, row.wrapped); err != nil {
			return fmt.Errorf("MASTER_KEYS does not open the users' keys: they are wrapped under the master key with the id %q. Give the vault the master keys of the one that was backed up, then start again", row.wrapped.MasterID)
		}
		return nil
	})
}
