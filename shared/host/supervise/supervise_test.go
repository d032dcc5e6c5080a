package supervise_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"docuvault/shared/host"
	"docuvault/shared/host/supervise"
)

// worker is a background trigger of this test.
type worker struct {
	start func(env *host.Env) (func(ctx context.Context) error, error)
}

func (worker) Kind() string   { return "test" }
func (worker) Source() string { return "test" }
func (w worker) Start(env *host.Env) (func(ctx context.Context) error, error) {
	return w.start(env)
}

// foreground is a trigger that does not run in the background.
type foreground struct{}

func (foreground) Kind() string   { return "http" }
func (foreground) Source() string { return "GET /" }

func background(name string, run func(ctx context.Context) error) host.Function {
	return host.Function{Name: name, Trigger: worker{func(*host.Env) (func(context.Context) error, error) { return run, nil }}}
}

func env(t *testing.T) (*host.Env, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	e, err := host.NewEnv(nil, slog.New(slog.NewTextHandler(&log, nil)), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return e, &log
}

func TestLoopsAreStartedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, log := env(t)
		start := time.Now()
		var at []time.Duration
		var steady atomic.Int32
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		err := supervise.Run(ctx, e, []host.Function{
			{Name: "page", Trigger: foreground{}},
			background("steady", func(ctx context.Context) error {
				steady.Add(1)
				<-ctx.Done()
				return nil
			}),
			background("shaky", func(ctx context.Context) error {
				at = append(at, time.Since(start).Round(time.Second))
				switch len(at) {
				case 1:
					panic("zebra")
				case 9:
					select {
					case <-time.After(2 * time.Minute): // long enough to be forgiven
					case <-ctx.Done():
					}
				}
				return errors.New("the database is away")
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		seconds := []time.Duration{0, 1, 3, 7, 15, 31, 63, 123, 183, 304, 306, 310, 318, 334, 366, 426, 486, 546}
		for i := range seconds {
			seconds[i] *= time.Second
		}
		if !slices.Equal(at, seconds) {
			t.Errorf("started at %v, want %v", at, seconds)
		}
		if steady.Load() != 1 {
			t.Errorf("a loop that did not end was started %d times", steady.Load())
		}
		if out := log.String(); !strings.Contains(out, "a value of type string") || strings.Contains(out, "zebra") || !strings.Contains(out, "goroutine") || !strings.Contains(out, "function=shaky") {
			t.Errorf("log: %s", out)
		}
	})
}

func TestRunWaitsForDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _ := env(t)
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := supervise.Run(ctx, e, []host.Function{background("slow", func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(7 * time.Second) // the bubble's clock
			return nil
		})})
		if err != nil || time.Since(start) != 8*time.Second {
			t.Errorf("ended after %s with %v", time.Since(start), err)
		}
	})
}

func TestConstructorsRunFirst(t *testing.T) {
	t.Parallel()
	e, _ := env(t)
	ran := false
	err := supervise.Run(t.Context(), e, []host.Function{
		background("good", func(context.Context) error { ran = true; return nil }),
		{Name: "bad", Trigger: worker{func(*host.Env) (func(context.Context) error, error) {
			return nil, errors.New("S3_BUCKET: not set")
		}}},
	})
	if err == nil || err.Error() != "function bad: S3_BUCKET: not set" || ran {
		t.Errorf("%v, ran %v", err, ran)
	}
}
