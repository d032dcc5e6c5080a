package reconcile

import (
	"context"
	"fmt"
	"time"

	"docuvault/shared/database"
)

// A sweep over everything there is goes in turns: a run does one piece, the next
// run goes on behind it, and when the end is reached the sweep rests, so that a
// run every minute has next to nothing to do in a vault where nothing happens.
const (
	// RestOfObjects is the least time between the end of a turn over all objects
	// in storage and the begin of the next. What it looks for is a day old
	// ([OrphanGrace]) and costs only its room.
	RestOfObjects = 12 * time.Hour
	// RestOfUsers is the same for the counters of all users.
	RestOfUsers = 30 * time.Minute
)

// turn runs the next piece of a sweep, unless it rests. The piece starts behind a
// position, "" at the begin of a turn, and returns where the next one starts, ""
// at its end. A piece that fails is done again by the next run.
//
// The sweep's row in cursors has the position and when it was written: with ""
// that is the end of the last turn. Without a rest an end at the begin writes
// nothing.
func (r *Reconciler) turn(ctx context.Context, name string, rest time.Duration, piece func(after string) (next string, err error)) error {
	after, written, err := r.position(ctx, name)
	if err != nil {
		return err
	}
	// Either way: an end that a wrong clock wrote far ahead is none.
	if after == "" && r.now().Sub(written).Abs() < rest {
		return nil
	}
	next, err := piece(after)
	if err != nil || rest == 0 && after == next {
		return err
	}
	return r.moveTo(ctx, name, after, next)
}

// position is where a sweep goes on, and since when; at the begin, and never,
// for one that nobody began.
func (r *Reconciler) position(ctx context.Context, name string) (at string, written time.Time, err error) {
	var found bool
	err = r.db.Do(ctx, database.Actor{}, func(b *database.Batch) {
		b.Maybe(&found, `SELECT position, updated_at FROM cursors WHERE name = @name`, database.Args{"name": name}, &at, &written)
	})
	if err != nil {
		return "", time.Time{}, fmt.Errorf("reconcile: cursor %s: %w", name, err)
	}
	return at, written, nil
}

// moveTo writes where the next run goes on, unless another run has moved the
// cursor meanwhile.
func (r *Reconciler) moveTo(ctx context.Context, name, from, to string) error {
	err := r.db.Do(ctx, database.Actor{}, func(b *database.Batch) {
		b.Exec(`INSERT INTO cursors (name, position, updated_at) VALUES (@name, @to, @now)
		        ON CONFLICT (name) DO UPDATE SET position = EXCLUDED.position, updated_at = EXCLUDED.updated_at
		        WHERE cursors.position = @from`, database.Args{"name": name, "from": from, "to": to, "now": r.now()})
	})
	if err != nil {
		return fmt.Errorf("reconcile: cursor %s: %w", name, err)
	}
	return nil
}
