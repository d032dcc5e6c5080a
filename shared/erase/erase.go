// Package erase removes what is left of a deleted account: its objects in both
// buckets and in every version, its documents, and its rows in all tables.
//
// DELETE /v1/me has ended every right before (SQL function begin_erasure): no
// session, no key, no quota is left, so that nothing new begins. What remains
// is work that may be cut off at any point, and come twice, late or out of
// order: the row in erasures makes the reconciler send it again until nothing
// is left. Bytes go before the rows that know of them. When the account's row
// is gone, the erasure stays for eight days and looks again and again whether
// an upload that was on its way has arrived.
//
// It promises to touch nothing of an account that was not deleted.
package erase

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/job"
	"docuvault/shared/queue"
	"docuvault/shared/storage"
)

// Bounds of one message.
const (
	page        = 200 // objects or documents
	pages       = 10  // of each
	rowsAtATime = 1000
	rowTurns    = 100
	// Watch is for how long objects of a deleted account may still arrive: an
	// upload lasts 7 days at most, and its last request an hour more.
	Watch = 8 * 24 * time.Hour
)

// Eraser erases.
type Eraser struct {
	db    *database.DB
	store *storage.Store
	parts storage.Multipart
	jobs  queue.Queue
	log   *slog.Logger
}

// Open returns the Env's one Eraser.
func Open(env *host.Env) (*Eraser, error) { return host.Resource(env, open) }

func open(env *host.Env) (*Eraser, error) {
	db, err := database.Open(env)
	if err != nil {
		return nil, err
	}
	store, err := storage.Open(env)
	if err != nil {
		return nil, err
	}
	parts, err := storage.As[storage.Multipart](store.Documents)
	if err != nil {
		return nil, err
	}
	jobs, err := queue.Open(env)
	if err != nil {
		return nil, err
	}
	return &Eraser{db: db, store: store, parts: parts, jobs: jobs, log: env.Log}, nil
}

// Erase takes the erasure of an account further, to its end unless the account
// is a large one: then it sends itself again. An account that was not deleted,
// or whose erasure is over, is left alone. beat is called between the pieces of
// work.
func (e *Eraser) Erase(ctx context.Context, user id.ID, beat func(context.Context) error) error {
	actor := database.OnBehalfOf(user)
	var there, erased bool
	err := e.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&there, `SELECT erased_at IS NOT NULL FROM erasures WHERE user_id = app_user()`, nil, &erased)
	})
	if err != nil || !there {
		return wrap("look", err)
	}
	done := true
	for _, step := range []struct {
		name string
		do   func(ctx context.Context, actor database.Actor) (more bool, err error)
		rows bool
	}{
		{"derived objects", e.derived, true},
		{"documents", e.documents, true},
		// What no row knows, and what came meanwhile.
		{"objects", e.objects, false},
		{"rows", e.rows, true},
	} {
		if erased && step.rows {
			continue
		}
		for turn, more := 0, true; more; turn++ {
			if turn == pages {
				done = false
				break
			}
			if more, err = step.do(ctx, actor); err != nil {
				return wrap(step.name, err)
			}
			if err := beat(ctx); err != nil {
				return wrap("hold the message", err)
			}
		}
	}
	switch {
	case !done:
		return wrap("send the rest", e.jobs.Send(ctx, job.Erase, queue.Message{Body: job.Account{User: user}.Encode()}))
	case erased:
		return wrap("look later", e.later(ctx, actor))
	default:
		return wrap("finish", e.finish(ctx, actor))
	}
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("erase: %s: %w", what, err)
}

// derived deletes one page of derived objects, then their rows.
func (e *Eraser) derived(ctx context.Context, actor database.Actor) (more bool, err error) {
	var keys []string
	err = e.db.Do(ctx, actor, func(b *database.Batch) {
		b.Each(`SELECT key FROM objects WHERE user_id = app_user() ORDER BY key LIMIT @limit`, database.Args{"limit": page},
			func(scan func(...any) error) error {
				var key string
				err := scan(&key)
				keys = append(keys, key)
				return err
			})
	})
	if err != nil || len(keys) == 0 {
		return false, err
	}
	if err := each(keys, func(key string) error { return e.store.Derived.Delete(ctx, key) }); err != nil {
		return false, err
	}
	err = e.db.Do(ctx, actor, func(b *database.Batch) {
		b.Exec(`DELETE FROM objects WHERE user_id = app_user() AND key = ANY (@keys::text[])`, database.Args{"keys": keys})
	})
	return len(keys) == page, err
}

// document is what there is to delete of one.
type document struct {
	id            id.ID
	key, uploadID string
}

// documents deletes the objects of one page of documents, then the rows, with
// an entry each.
func (e *Eraser) documents(ctx context.Context, actor database.Actor) (more bool, err error) {
	var found []document
	var ids []id.ID
	err = e.db.Do(ctx, actor, func(b *database.Batch) {
		b.Each(`SELECT id, object_key, coalesce(upload_id, '') FROM documents WHERE user_id = app_user() ORDER BY id LIMIT @limit`,
			database.Args{"limit": page}, func(scan func(...any) error) error {
				var d document
				err := scan(&d.id, &d.key, &d.uploadID)
				found, ids = append(found, d), append(ids, d.id)
				return err
			})
	})
	if err != nil || len(found) == 0 {
		return false, err
	}
	err = each(found, func(d document) error {
		if d.uploadID != "" {
			if err := e.parts.Abort(ctx, d.key, d.uploadID); err != nil {
				return err
			}
		}
		return e.store.Documents.Delete(ctx, d.key)
	})
	if err != nil {
		return false, err
	}
	entry := audit.Entry{Action: audit.DocumentPurged}
	err = e.db.Do(ctx, actor, func(b *database.Batch) {
		b.Exec(`WITH changed AS (DELETE FROM documents WHERE user_id = app_user() AND id = ANY (@ids::uuid[])
		           AND EXISTS (SELECT FROM erasures WHERE user_id = app_user()) RETURNING id)
		        SELECT `+audit.CallEach+` FROM changed`, entry.Into(ctx, actor, database.Args{"ids": ids}))
	})
	return len(found) == page, err
}

// objects deletes what else lies under the account's name in both buckets, up
// to one page.
func (e *Eraser) objects(ctx context.Context, actor database.Actor) (more bool, err error) {
	for _, bucket := range []storage.Backend{e.store.Documents, e.store.Derived} {
		lister, err := storage.As[storage.Lister](bucket)
		if err != nil {
			return false, err
		}
		var keys []string
		for info, err := range lister.List(ctx, actor.User().String()+"/", "") {
			if err != nil {
				return false, err
			}
			if keys = append(keys, info.Key); len(keys) == page {
				more = true
				break
			}
		}
		if err := each(keys, func(key string) error { return bucket.Delete(ctx, key) }); err != nil {
			return false, err
		}
	}
	return more, nil
}

// rows deletes some of the rows of every table that the catalogue knows.
func (e *Eraser) rows(ctx context.Context, actor database.Actor) (more bool, err error) {
	for range rowTurns {
		var n int64
		err := e.db.Do(ctx, actor, func(b *database.Batch) {
			b.One(`SELECT erase_rows(@limit::integer)`, database.Args{"limit": rowsAtATime}, &n)
		})
		if err != nil || n == 0 {
			return false, err
		}
	}
	return true, nil
}

// finish deletes the account's row, with an entry; once.
func (e *Eraser) finish(ctx context.Context, actor database.Actor) error {
	entry := audit.Entry{Action: audit.AccountErased, Target: actor.User()}
	return e.db.Do(ctx, actor, func(b *database.Batch) {
		b.Exec(`WITH gone AS (SELECT finish_erasure() AS now) SELECT `+audit.Call+` FROM gone WHERE now`, entry.Into(ctx, actor, database.Args{}))
	})
}

// later says when to look again: after as long again as it has lasted, at most
// a day; and ends the erasure when nothing can arrive any more.
func (e *Eraser) later(ctx context.Context, actor database.Actor) error {
	return e.db.Do(ctx, actor, func(b *database.Batch) {
		args := database.Args{"watch": Watch}
		b.Exec(`UPDATE erasures SET next_due_at = clock_timestamp() + LEAST(interval '1 day', GREATEST(interval '1 minute', clock_timestamp() - requested_at))
		         WHERE user_id = app_user() AND requested_at > clock_timestamp() - @watch::interval`, args)
		b.Exec(`DELETE FROM erasures WHERE user_id = app_user() AND requested_at <= clock_timestamp() - @watch::interval`, args)
	})
}

// each calls do for all items, some at a time where there are many, and
// returns what failed.
func each[T any](items []T, do func(T) error) error {
	lanes := min(8, 1+len(items)/20)
	errs := make([]error, lanes)
	var all sync.WaitGroup
	for lane := range lanes {
		all.Go(func() {
			for i := lane; i < len(items); i += lanes {
				if err := do(items[i]); err != nil {
					errs[lane] = err
					return
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
