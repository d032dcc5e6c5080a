package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"docuvault/shared/id"
	"docuvault/shared/objectkey"
	"docuvault/shared/storage"
)

// stats is how many objects are asked for at a time.
const stats = 16

// needs are the statuses whose object has to be there. A purging document may
// have lost it already, a pending one may not have it yet.
const needs = `('stored', 'processing', 'ready', 'failed', 'trashed')`

// kept leaves out the rows of accounts that are being erased: their bytes and
// keys go first.
const kept = `user_id NOT IN (SELECT user_id FROM erasures)`

// derivedNeeds leaves out what is about to be written, since the row comes first:
// a head of the audit log, and a preview until it is made.
const derivedNeeds = `CASE WHEN kind = 'audit_head' THEN created_at < clock_timestamp() - interval '15 minutes' ELSE ` + kept + `
  AND NOT EXISTS (SELECT FROM previews p WHERE p.document_id = objects.document_id AND p.made_at IS NULL AND objects.key IN (p.small_key, p.large_key)) END`

// objects is invariant 2, both ways, and what of invariant 4 only objects show.
func (r *run) objects(ctx context.Context, i *Invariant) error {
	if r.Store == nil {
		i.skip("the S3_* variables are not set")
		return nil
	}
	for _, bucket := range []storage.Backend{r.Store.Documents, r.Store.Derived} {
		if err := bucket.Health(ctx); err != nil {
			return err
		}
	}
	for _, b := range []struct {
		name    string
		bucket  storage.Backend
		rows    string // those after a key, in the order of keys
		still   string // whether a row still needs its object
		unknown string // which keys no row has
	}{
		{"documents", r.Store.Documents,
			`SELECT user_id, id, object_key, size, sha256 FROM documents WHERE object_key > @after AND status IN ` + needs + ` AND ` + kept + ` ORDER BY object_key LIMIT @page`,
			`SELECT EXISTS (SELECT FROM documents WHERE object_key = @key AND status IN ` + needs + ` AND ` + kept + `)`,
			`SELECT k.key FROM unnest(@keys::text[]) k(key) WHERE NOT EXISTS (SELECT FROM documents d WHERE d.object_key = k.key)`},
		{"derived", r.Store.Derived,
			`SELECT user_id, document_id, key, size, NULL::bytea FROM objects WHERE key > @after AND ` + derivedNeeds + ` ORDER BY key LIMIT @page`,
			`SELECT EXISTS (SELECT FROM objects WHERE key = @key AND ` + derivedNeeds + `)`,
			`SELECT k.key FROM unnest(@keys::text[]) k(key) WHERE NOT EXISTS (SELECT FROM objects o WHERE o.key = k.key)`},
	} {
		err := r.step("rows of "+b.name, func(after []string) error {
			return r.rowsToObjects(ctx, i, b.bucket, b.rows, b.still, after)
		})
		if err != nil {
			return err
		}
		err = r.step("objects of "+b.name, func(after []string) error {
			return r.objectsToRows(ctx, i, b.bucket, b.unknown, after)
		})
		if err != nil {
			return err
		}
	}
	n := r.at.Counts
	i.Checked = fmt.Sprintf("%s that need an object, %s", plural(n[rowCount], "row"), plural(n[objectCount], "object"))
	i.note("size and checksum are those that storage keeps; the bytes are not read again")
	if n := n[unhashedCount]; n > 0 {
		i.note("%s without a checksum in storage: only the size was compared", plural(n, "object"))
	}
	if n := n[youngCount]; n > 0 {
		i.note("%s without a row, of uploads that have ended, less than %d hours old; the reconciler removes them", plural(n, "object"), int(r.grace().Hours()))
	}
	return nil
}

// What is counted on the way, by its name in the state file.
const (
	rowCount      = "rows"
	objectCount   = "objects"
	unhashedCount = "objects without checksum"
	youngCount    = "young objects"
)

// wanted is a row that needs its object.
type wanted struct {
	user, document id.ID
	key            string
	size           int64
	sha            []byte
}

// rowsToObjects asks storage for the object of every row, page by page.
func (r *run) rowsToObjects(ctx context.Context, i *Invariant, bucket storage.Backend, sql, still string, after []string) error {
	last := ""
	if len(after) == 1 {
		last = after[0]
	}
	for {
		var rows []wanted
		err := r.each(ctx, sql, pgx.NamedArgs{"after": last, "page": page}, func(scan func(...any) error) error {
			var w wanted
			err := scan(&w.user, &w.document, &w.key, &w.size, &w.sha)
			rows = append(rows, w)
			return err
		})
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := r.stat(ctx, i, bucket, still, rows); err != nil {
			return err
		}
		r.at.Counts[rowCount] += int64(len(rows))
		last = rows[len(rows)-1].key
		if err := r.mark(last); err != nil {
			return err
		}
	}
}

// stat asks storage for the objects of a page of rows, several at a time. still
// is asked again about a row whose object is not there: it may have been deleted
// meanwhile.
func (r *run) stat(ctx context.Context, i *Invariant, bucket storage.Backend, still string, rows []wanted) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex // of the report
	problem := func(code string, w wanted, detail string) {
		mu.Lock()
		defer mu.Unlock()
		i.found(Problem{Code: code, User: w.user, Document: w.document, Object: printable(w.key), Detail: detail})
	}
	look := func(w wanted) error {
		info, err := bucket.Stat(ctx, w.key)
		switch {
		case errors.Is(err, storage.ErrNotFound):
			var there bool
			if err := r.one(ctx, still, pgx.NamedArgs{"key": w.key}, &there); err != nil {
				return err
			}
			if there {
				problem("object_missing", w, "")
			}
		case err != nil:
			return err
		case info.Size != w.size:
			problem("object_size_differs", w, fmt.Sprintf("%d bytes in storage, %d announced", info.Size, w.size))
		case w.sha != nil && info.SHA256 == nil:
			mu.Lock()
			defer mu.Unlock()
			r.at.Counts[unhashedCount]++
		case w.sha != nil && !bytes.Equal(info.SHA256, w.sha):
			problem("object_checksum_differs", w, "")
		}
		return nil
	}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range stats {
		workers.Go(func() {
			for ctx.Err() == nil {
				n := next.Add(1) - 1
				if n >= int64(len(rows)) {
					return
				}
				if err := look(rows[n]); err != nil {
					cancel(err)
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

// objectsToRows lists a bucket and looks for the row of every object.
func (r *run) objectsToRows(ctx context.Context, i *Invariant, bucket storage.Backend, unknown string, after []string) error {
	lister, err := storage.As[storage.Lister](bucket)
	if err != nil {
		return err
	}
	first := ""
	if len(after) == 1 {
		first = after[0]
	}
	batch := make(map[string]storage.Info, page)
	last := first
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		n := len(batch)
		orphans, err := r.orphans(ctx, unknown, batch)
		clear(batch)
		if err != nil {
			return err
		}
		for _, o := range orphans {
			if err := r.orphan(ctx, i, bucket, o); err != nil {
				return err
			}
		}
		r.at.Counts[objectCount] += int64(n)
		return r.mark(last)
	}
	for info, err := range lister.List(ctx, "", first) {
		if err != nil {
			return err
		}
		batch[info.Key], last = info, info.Key
		if len(batch) == page {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// orphan is an object without a row, and what the audit log says of its
// document.
type orphan struct {
	storage.Info
	user, document id.ID
	ours           bool // its key has the vault's form
	begun          bool
	purged         time.Time
}

// orphans returns those of the batch that no row has.
func (r *run) orphans(ctx context.Context, unknown string, batch map[string]storage.Info) ([]orphan, error) {
	keys := make([]string, 0, len(batch))
	for key := range batch {
		keys = append(keys, key)
	}
	var found []orphan
	var users, documents []string
	err := r.each(ctx, unknown, pgx.NamedArgs{"keys": keys}, func(scan func(...any) error) error {
		var key string
		if err := scan(&key); err != nil {
			return err
		}
		o := orphan{Info: batch[key]}
		if o.user, o.document, o.ours = objectkey.Owner(key); o.ours {
			users, documents = append(users, o.user.String()), append(documents, o.document.String())
		}
		found = append(found, o)
		return nil
	})
	if err != nil || len(documents) == 0 {
		return found, err
	}
	begun, purged := map[id.ID]bool{}, map[id.ID]time.Time{}
	err = r.each(ctx, `SELECT target, action, max(at) FROM audit_log
	   WHERE user_id = ANY (@users::uuid[]) AND target = ANY (@documents::uuid[]) AND action IN ('upload.begun', 'document.purged')
	   GROUP BY target, action`, pgx.NamedArgs{"users": users, "documents": documents}, func(scan func(...any) error) error {
		var document id.ID
		var action string
		var at time.Time
		err := scan(&document, &action, &at)
		if action == "upload.begun" {
			begun[document] = true
		} else {
			purged[document] = at
		}
		return err
	})
	for n := range found {
		found[n].begun, found[n].purged = begun[found[n].document], purged[found[n].document]
	}
	return found, err
}

// orphan judges one object without a row. An upload may end while its bytes are
// on their way, so a young object of one that has begun is only a note. One
// that was there before its document was purged is a delete that did not
// happen, however young.
func (r *run) orphan(ctx context.Context, i *Invariant, bucket storage.Backend, o orphan) error {
	if _, err := bucket.Stat(ctx, o.Key); err != nil {
		if errors.Is(err, storage.ErrNotFound) {
			return nil // it went while we looked
		}
		return err
	}
	p := Problem{Code: "object_without_row", Object: printable(o.Key)}
	if o.ours {
		p.User, p.Document = o.user, o.document
	} else {
		p.Detail = fmt.Sprintf("a key that the vault does not make; its SHA-256 begins %x", shortHash(o.Key))
	}
	switch {
	// Some servers keep whole seconds.
	case !o.purged.IsZero() && (r.Strict || o.Modified.Before(o.purged.Add(-time.Second))):
		p.Code = "acknowledged_delete_readable"
		r.by[4].found(p)
	case o.begun && r.Now().Sub(o.Modified) < r.grace():
		r.at.Counts[youngCount]++
	default:
		i.found(p)
	}
	return nil
}

// printable is an object key that may be shown: one of the vault's own holds
// ids and an extension; any other may hold a name.
func printable(key string) string {
	_, _, ours := objectkey.Owner(key)
	if !ours || len(path.Base(key)) > 60 {
		return ""
	}
	return key
}

func shortHash(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:8]
}

// isDenied reports that the role may not read a table at all, which is as good
// as no rows.
func isDenied(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "42501"
}
