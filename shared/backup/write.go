package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"docuvault/db"
	"docuvault/shared/chain"
)

// Write makes a backup of the vault in o.Dir, or renews the one that is there.
// The vault may work meanwhile. Killed at any point, it leaves the backup before
// as it was, and can be started again. Its report tells of objects that the
// vault has lost: the backup is complete without them.
func Write(ctx context.Context, o Options) (Report, error) {
	o = o.defaults()
	conn, err := connect(ctx, o.Owner)
	if err != nil {
		return Report{}, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	w := &writer{Options: o, conn: conn, now: o.Now().UTC(), report: Report{Losses: []Loss{}}}
	for _, bucket := range o.Store.Buckets() {
		if err := bucket.Health(ctx); err != nil {
			return Report{}, fmt.Errorf("the bucket: %w", err)
		}
	}
	if err := w.prepare(ctx); err != nil {
		return Report{}, err
	}
	m, k, err := w.snapshot(ctx)
	if err != nil {
		return Report{}, err
	}
	if m.Index, err = w.objects(ctx); err != nil {
		return Report{}, err
	}
	m.Objects, m.Bytes = w.report.Objects, w.report.Bytes
	// Keys that are newer than the manifest do no harm: those of accounts that
	// were deleted in between are missing, as they should be.
	if err := replaceJSON(filepath.Join(o.Keys, keysManifest), k); err != nil {
		return Report{}, err
	}
	if err := replaceJSON(filepath.Join(o.Dir, manifestFile), m); err != nil {
		return Report{}, err
	}
	return w.report, w.prune(ctx, m, k)
}

func (o Options) defaults() Options {
	if o.Keys == "" {
		o.Keys = filepath.Join(o.Dir, keysDir)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	return o
}

// writer is one run.
type writer struct {
	Options
	conn   *pgx.Conn
	now    time.Time
	data   string // the folder of this run's tables, below Dir
	vault  string
	report Report
}

// prepare makes the folders, and refuses one of another vault.
func (w *writer) prepare(ctx context.Context) error {
	if err := w.conn.QueryRow(ctx, vaultIdentity).Scan(&w.vault); err != nil {
		return hide(ctx, err)
	}
	if err := claim(w.Dir); err != nil {
		return err
	}
	var before Manifest
	err := readJSON(filepath.Join(w.Dir, manifestFile), &before)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case before.Vault != w.vault:
		return fmt.Errorf("%s is the backup of another vault, or of this one before it was restored: name another folder", w.Dir)
	}
	w.data = dataPrefix + w.now.Format("20060102T150405.000000000Z")
	for _, dir := range []string{filepath.Join(w.Dir, w.data), filepath.Join(w.Dir, objectsDir), w.Keys} {
		if err := makeDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// snapshot writes all tables, the keys and the list of the objects that they
// name, as one transaction sees them.
func (w *writer) snapshot(ctx context.Context) (m Manifest, k Keys, err error) {
	w.Progress(Progress{Step: "Reading the tables"})
	if _, err := w.conn.Exec(ctx, `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`); err != nil {
		return m, k, hide(ctx, err)
	}
	defer func() { _, _ = w.conn.Exec(context.WithoutCancel(ctx), `ROLLBACK`) }()
	for _, setting := range []string{"statement_timeout", "idle_in_transaction_session_timeout"} {
		if _, err := w.conn.Exec(ctx, `SET LOCAL `+setting+` = 0`); err != nil {
			return m, k, hide(ctx, err)
		}
	}
	m = Manifest{Format: format, Vault: w.vault, Program: w.Program}
	if m.Schema, err = db.Version(ctx, w.conn); err != nil {
		return m, k, hide(ctx, err)
	}
	if m.Schema == "" {
		return m, k, errors.New("this database holds no vault: run docuvault migrate, or name another")
	}
	if m.Schema > db.Latest() {
		return m, k, fmt.Errorf("the vault's schema (%s) is newer than this program: use the program of the vault", m.Schema)
	}
	if err := w.conn.QueryRow(ctx, `SELECT transaction_timestamp(), current_setting('server_version')`).Scan(&m.At, &m.PostgreSQL); err != nil {
		return m, k, hide(ctx, err)
	}
	m.At = m.At.UTC()
	all, err := catalogue(ctx, w.conn)
	if err != nil {
		return m, k, err
	}
	some, err := copied(all)
	if err != nil {
		return m, k, err
	}
	for _, t := range some {
		table, err := dumpTable(ctx, w.conn, t, w.Dir, w.data+"/"+t.name+".copy.gz")
		if err != nil {
			return m, k, err
		}
		m.Tables = append(m.Tables, table)
		w.report.Rows += table.Rows
	}
	m.Keyed = Table{Name: keyedTable, Columns: []string{"user_id"}}
	m.Keyed.Rows, m.Keyed.File, err = dump(ctx, w.conn, `SELECT DISTINCT user_id FROM public.user_keys`, w.Dir, w.data+"/"+keyedTable+".copy.gz")
	if err != nil {
		return m, k, err
	}
	k = Keys{Format: format, At: m.At, Vault: w.vault}
	for _, t := range all {
		if t.name == "public.user_keys" {
			if k.Table, err = dumpTable(ctx, w.conn, t, w.Keys, keysPrefix+strings.TrimPrefix(w.data, dataPrefix)+".copy.gz"); err != nil {
				return m, k, err
			}
		}
	}
	w.report.At, w.report.Schema, w.report.Tables = m.At, m.Schema, len(m.Tables)+1
	w.report.Rows += k.Table.Rows
	return m, k, w.list(ctx)
}

// wanted is an object that a row of the snapshot names.
type wanted struct {
	Bucket   string `json:"bucket"` // documents, derived
	Key      string `json:"key"`
	Size     int64  `json:"size"`
	SHA256   []byte `json:"sha256,omitempty"`
	Type     string `json:"type,omitempty"`
	User     string `json:"user,omitempty"`
	Document string `json:"document,omitempty"`
	// Open: an upload that need not have come.
	Open bool `json:"open,omitempty"`
	// Making: what the vault is making, and makes again.
	Making bool `json:"making,omitempty"`
	// Head is the head of this day in the chain as the snapshot has it; Laid
	// says that storage has to have one.
	Head string `json:"head,omitempty"`
	Laid bool   `json:"laid,omitempty"`
}

// needs are the statuses whose object has to be there; the bytes of a purging
// document may be gone already, and those of an account that is being deleted.
const (
	needs = `('stored', 'processing', 'ready', 'failed', 'trashed')`
	kept  = `user_id NOT IN (SELECT user_id FROM public.erasures)`
)

func (w *writer) listFile() string { return filepath.Join(w.Dir, w.data, ".wanted") }

// list writes down which objects the snapshot names, so that no transaction has
// to last while they are copied. Memory does not grow with their number.
func (w *writer) list(ctx context.Context) error {
	f, err := os.OpenFile(w.listFile(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write the list of objects: %w", err)
	}
	encoder := json.NewEncoder(f)
	each := func(query string, scan func(pgx.Rows) (wanted, error)) error {
		rows, err := w.conn.Query(ctx, query)
		if err != nil {
			return hide(ctx, err)
		}
		defer rows.Close()
		for rows.Next() {
			want, err := scan(rows)
			if err != nil {
				return hide(ctx, err)
			}
			if err := encoder.Encode(want); err != nil {
				return fmt.Errorf("write the list of objects: %w", err)
			}
		}
		return hide(ctx, rows.Err())
	}
	err = each(`SELECT object_key, size, sha256, content_type, user_id::text, id::text, status = 'pending'
	     FROM public.documents WHERE (status IN `+needs+` OR status = 'pending') AND `+kept, func(rows pgx.Rows) (wanted, error) {
		want := wanted{Bucket: documentsBucket}
		err := rows.Scan(&want.Key, &want.Size, &want.SHA256, &want.Type, &want.User, &want.Document, &want.Open)
		return want, err
	})
	if err == nil {
		// A preview that is being made has rows and no bytes that count: it is made
		// anew.
		err = each(`SELECT key, size, user_id::text, coalesce(document_id::text, ''),
		       EXISTS (SELECT FROM public.previews p WHERE p.document_id = o.document_id AND p.made_at IS NULL AND o.key IN (p.small_key, p.large_key))
		     FROM public.objects o WHERE kind <> 'audit_head' AND `+kept, func(rows pgx.Rows) (wanted, error) {
			want := wanted{Bucket: derivedBucket}
			err := rows.Scan(&want.Key, &want.Size, &want.User, &want.Document, &want.Making)
			return want, err
		})
	}
	if err == nil {
		// A head is written again during its day, so that storage may have one of
		// a seal that the snapshot does not have.
		err = each(`SELECT o.key, o.size, s.number, s.hash, s.created_at,
		       coalesce(s.number <= (SELECT split_part(c.position, ' ', 2)::bigint FROM public.cursors c WHERE c.name = 'audit.head'), false)
		     FROM public.objects o JOIN (SELECT DISTINCT ON (day) day, number, hash, created_at
		            FROM (SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, number, hash, created_at FROM public.audit_seals) d
		           ORDER BY day, number DESC) s ON o.key = '`+chain.HeadFolder+`' || s.day
		    WHERE o.kind = 'audit_head'`, func(rows pgx.Rows) (wanted, error) {
			want := wanted{Bucket: derivedBucket, Type: "text/plain"}
			var h chain.Head
			var hash []byte
			err := rows.Scan(&want.Key, &want.Size, &h.Number, &hash, &h.At, &want.Laid)
			copy(h.Hash[:], hash)
			want.Head = h.Text()
			return want, err
		})
	}
	if closing := f.Close(); err == nil && closing != nil {
		err = fmt.Errorf("write the list of objects: %w", closing)
	}
	return err
}

// prune removes what the manifest does not name: of the backup before, of runs
// that were killed, and objects that were purged. What it cannot remove is an
// error, since a purged paper would stay.
func (w *writer) prune(ctx context.Context, m Manifest, k Keys) error {
	// A file whose name has the same sum as one that is needed stays: rarer than
	// anything else that may happen to it.
	needed := map[uint64]struct{}{}
	err := eachEntry(ctx, w.Dir, m.Index, func(e entry) error {
		if e.State == stateKept {
			needed[nameSum(e.path())] = struct{}{}
		}
		return nil
	})
	if err != nil {
		return err
	}
	remove := func(path string) error {
		w.report.Removed++
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove what is not needed any more: %w", err)
		}
		return nil
	}
	for _, place := range []struct{ dir, prefix, current string }{
		{w.Dir, dataPrefix, w.data}, {w.Keys, keysPrefix, k.Table.Path},
	} {
		entries, err := os.ReadDir(place.dir)
		if err != nil {
			return fmt.Errorf("look for what is not needed any more: %w", err)
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), place.prefix) && e.Name() != place.current || strings.HasPrefix(e.Name(), ".part-") {
				if err := remove(filepath.Join(place.dir, e.Name())); err != nil {
					return err
				}
			}
		}
	}
	if err := os.Remove(w.listFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove what is not needed any more: %w", err)
	}
	var dirs []string
	err = filepath.WalkDir(filepath.Join(w.Dir, objectsDir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		if d.IsDir() {
			dirs = append(dirs, path)
			return nil
		}
		name, err := filepath.Rel(w.Dir, path)
		if err != nil {
			return err
		}
		if _, ok := needed[nameSum(filepath.ToSlash(name))]; ok {
			return nil
		}
		return remove(path)
	})
	if err != nil {
		return fmt.Errorf("remove what is not needed any more: %w", err)
	}
	// From the leaves: those that still hold something stay.
	for n := len(dirs) - 1; n > 0; n-- {
		_ = os.Remove(dirs[n])
	}
	return nil
}

func nameSum(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return h.Sum64()
}
