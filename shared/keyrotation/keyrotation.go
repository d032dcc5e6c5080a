// Package keyrotation brings every user's data key under the primary master
// key: what "docuvault keys rotate" does.
//
// It promises that a data key never changes, only what it is wrapped under; that
// each row is written by compare-and-set, so that it may run beside writes, new
// users, deletions and itself; and that it may be killed at any point and run
// again: what is done is done. It needs DATABASE_MIGRATE_URL, since it crosses
// users, and opens nothing but data keys.
package keyrotation

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"docuvault/shared/id"
	"docuvault/shared/keys"
)

// batch is how many rows one transaction writes.
const batch = 500

// Report is how the data keys stand.
type Report struct {
	// Primary is the id of the key that new data keys are wrapped under.
	Primary string `json:"primary"`
	// Rewrapped is how many data keys this run wrapped anew.
	Rewrapped int64 `json:"rewrapped"`
	// Failed is how many do not open: damaged, or their master key is missing.
	Failed int64 `json:"failed"`
	// InUse are the master keys that data keys are wrapped under, by id.
	InUse []Use `json:"in_use"`
	// Done says that no data key needs another master key than the primary.
	Done bool `json:"done"`
}

// Use is one master key that is in use.
type Use struct {
	Key      string `json:"key"`
	DataKeys int64  `json:"data_keys"`
	// Known says that MASTER_KEYS holds it.
	Known bool `json:"known"`
}

// Status counts the data keys by master key, and changes nothing.
func Status(ctx context.Context, conn *pgx.Conn, ring *keys.Ring) (Report, error) {
	report := Report{Primary: ring.Primary(), InUse: []Use{}, Done: true}
	rows, err := conn.Query(ctx, `SELECT master_id, count(*) FROM user_keys GROUP BY master_id ORDER BY master_id`)
	if err != nil {
		return report, hide(err)
	}
	defer rows.Close()
	for rows.Next() {
		var u Use
		if err := rows.Scan(&u.Key, &u.DataKeys); err != nil {
			return report, hide(err)
		}
		u.Known = ring.Has(u.Key)
		report.Done = report.Done && u.Key == report.Primary
		report.InUse = append(report.InUse, u)
	}
	return report, hide(rows.Err())
}

// row is a data key, and what it becomes.
type row struct {
	user       id.ID
	old, fresh keys.Wrapped
}

// Rotate wraps every data key under the primary master key, and reports how
// they stand then. One that does not open is counted and left. progress, if
// any, hears after each batch how many were done.
func Rotate(ctx context.Context, conn *pgx.Conn, ring *keys.Ring, progress func(rewrapped int64)) (Report, error) {
	var total, failed int64
	// Users come while it runs, and rows are lost to others: again, until a
	// pass finds nothing that it can do.
	for again := true; again; {
		again, failed = false, 0
		var after id.ID
		var number int64
		for more := true; more; {
			found, err := read(ctx, conn, ring.Primary(), after, number)
			if err != nil {
				return Report{}, err
			}
			var todo []row
			for _, r := range found {
				after, number = r.user, int64(r.old.Number)
				var changed bool
				if r.fresh, changed, err = ring.Rewrap(r.user, r.old); err != nil {
					failed++
				} else if changed {
					todo = append(todo, r)
				}
			}
			if len(todo) > 0 {
				n, err := write(ctx, conn, todo)
				if err != nil {
					return Report{}, err
				}
				total, again = total+n, true
				if progress != nil {
					progress(total)
				}
			}
			more = len(found) == batch
		}
	}
	report, err := Status(ctx, conn, ring)
	report.Rewrapped, report.Failed = total, failed
	return report, err
}

// read returns the next rows that are not under the primary key, in order.
func read(ctx context.Context, conn *pgx.Conn, primary string, after id.ID, number int64) ([]row, error) {
	rows, err := conn.Query(ctx, `SELECT user_id, number, master_id, wrapped FROM user_keys
	   WHERE (user_id, number) > ($1::uuid, $2) AND master_id <> $3 ORDER BY user_id, number LIMIT $4`, after.String(), number, primary, batch)
	if err != nil {
		return nil, hide(err)
	}
	defer rows.Close()
	var found []row
	for rows.Next() {
		var r row
		var n int64
		if err := rows.Scan(&r.user, &n, &r.old.MasterID, &r.old.Bytes); err != nil {
			return nil, hide(err)
		}
		r.old.Number = uint32(n)
		found = append(found, r)
	}
	return found, hide(rows.Err())
}

// write changes the rows that are still as they were read, in one transaction.
// Row-level security binds the owner as well: it names each user.
func write(ctx context.Context, conn *pgx.Conn, todo []row) (changed int64, err error) {
	b := &pgx.Batch{}
	for _, r := range todo {
		b.Queue(`SELECT set_config('app.user_id', $1, true)`, r.user.String())
		b.Queue(`WITH changed AS (UPDATE user_keys SET master_id = $1, wrapped = $2
		     WHERE user_id = $3::uuid AND number = $4 AND master_id = $5 AND wrapped = $6 RETURNING user_id)
		   SELECT audit_write('admin', 'key.rewrapped', user_id, '{"by": "operator"}', NULL, NULL, NULL) FROM changed`,
			r.fresh.MasterID, r.fresh.Bytes, r.user.String(), int64(r.old.Number), r.old.MasterID, r.old.Bytes)
	}
	results := conn.SendBatch(ctx, b)
	for range todo {
		if _, err = results.Exec(); err != nil {
			break
		}
		tag, updateErr := results.Exec()
		if err = updateErr; err != nil {
			break
		}
		changed += tag.RowsAffected()
	}
	// Close is the commit.
	if err := errors.Join(err, results.Close()); err != nil {
		return 0, hide(err)
	}
	return changed, nil
}

// hide keeps pgx's errors in.
func hide(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("rotate keys: the database did not answer: %v", err)
}
