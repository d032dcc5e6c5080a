package analysis

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Most papers are read in less time than a message is given at first; only the
// others cost a commit to hold it.
func TestOnlySlowWorkHoldsItsMessage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		work  time.Duration
		calls int
	}{
		"quick": {quick - time.Second, 0},
		"slow":  {quick + time.Second, 1},
		"whole": {Lease, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				working, done := hold(t.Context(), quick, func(_ context.Context, d time.Duration) error {
					if calls++; d != Lease {
						t.Errorf("held for %s", d)
					}
					return nil
				})
				time.Sleep(c.work)
				if working.Err() != nil {
					t.Error("the work was ended")
				}
				if err := done(); err != nil {
					t.Error(err)
				}
				if working.Err() == nil {
					t.Error("the work's context goes on")
				}
				time.Sleep(Lease)
				if calls != c.calls {
					t.Errorf("held %d times, want %d", calls, c.calls)
				}
			})
		})
	}
}

// Then another worker may have the message.
func TestWorkEndsWhenItsMessageCannotBeHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lost := errors.New("not held")
		working, done := hold(t.Context(), quick, func(context.Context, time.Duration) error { return lost })
		<-working.Done()
		if err := done(); !errors.Is(err, lost) {
			t.Errorf("ended with %v", err)
		}
	})
}
