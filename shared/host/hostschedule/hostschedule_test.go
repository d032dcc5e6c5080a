package hostschedule_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"docuvault/shared/host"
	"docuvault/shared/host/childtest"
	"docuvault/shared/host/hostschedule"
	"docuvault/shared/host/lambdatest"
)

// schedule does what the variable RUN says.
func schedule() host.Function {
	return host.Function{Name: "schedules-test", Trigger: hostschedule.Every(time.Minute, func(env *host.Env) (func(context.Context) error, error) {
		do := env.Lookup("RUN")
		if do == "broken" {
			return nil, errors.New("RUN: broken")
		}
		return func(ctx context.Context) error {
			env.Log.Info("runs")
			switch do {
			case "fail":
				return errors.New("the database is away")
			case "panic":
				panic("zebra")
			case "wait":
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}, nil
	})}
}

func TestMain(m *testing.M) {
	switch childtest.Program() {
	case "schedule":
		hostschedule.Serve(schedule())
		os.Exit(0)
	case "refused":
		hostschedule.Serve(host.Function{Name: "schedules-refused", Trigger: hostschedule.Every(time.Minute, func(env *host.Env) (func(context.Context) error, error) {
			env.AtStart(func(context.Context) error { return errors.New("MASTER_KEYS: k1 is missing") })
			return func(context.Context) error { return nil }, nil
		})})
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// What a check of the start refuses never runs, wherever it is.
func TestACheckOfTheStartRefuses(t *testing.T) {
	t.Parallel()
	for _, home := range []string{"PORT=0", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:1"} {
		child := childtest.Start(t, "refused", home)
		if code := child.Exit(t); code != 1 || !strings.Contains(child.Output(), "MASTER_KEYS: k1 is missing") {
			t.Errorf("%s: exit code %d: %s", home, code, child.Output())
		}
	}
}

func TestRunsOnceAndEnds(t *testing.T) {
	t.Parallel()
	for do, want := range map[string]int{"": 0, "fail": 1, "panic": 1, "broken": 1} {
		child := childtest.Start(t, "schedule", "RUN="+do)
		if code := child.Exit(t); code != want {
			t.Errorf("%q: exit code %d: %s", do, code, child.Output())
		}
		if n := strings.Count(child.Output(), `"msg":"runs"`); n != 1 && do != "broken" {
			t.Errorf("%q: %d runs", do, n)
		}
	}
	child := childtest.Start(t, "schedule", "RUN=wait")
	child.Await(t, `"msg":"runs"`)
	child.Terminate(t)
	if code := child.Exit(t); code != 1 {
		t.Errorf("terminated: exit code %d: %s", code, child.Output())
	}
}

// Every real event of a schedule is one run.
func TestRealEvents(t *testing.T) {
	t.Parallel()
	runtime := lambdatest.Start(t)
	child := childtest.Start(t, "schedule", runtime.Environ()...)
	for name, event := range lambdatest.Events(t, "schedule") {
		if result := runtime.Invoke(t, event, 10*time.Second); result.Failed {
			t.Errorf("%s: %s\n%s", name, result.Body, child.Output())
		}
		child.Await(t, `"msg":"runs"`)
	}
}

func TestLambda(t *testing.T) {
	t.Parallel()
	event := lambdatest.Events(t, "schedule")["ministack-scheduled.json"]
	for do, failed := range map[string]bool{"": false, "fail": true, "panic": true, "wait": true} {
		runtime := lambdatest.Start(t)
		child := childtest.Start(t, "schedule", append(runtime.Environ(), "RUN="+do)...)
		for range 2 { // the second shows that the process lives
			timeout := 1200 * time.Millisecond
			if do != "wait" {
				timeout = 10 * time.Second
			}
			result := runtime.Invoke(t, event, timeout)
			if result.Failed != failed {
				t.Errorf("%q: %s\n%s", do, result.Body, child.Output())
			}
			if result.Late() {
				t.Errorf("%q: answered %s after the deadline", do, result.Answered.Sub(result.Deadline))
			}
		}
		if result := runtime.Invoke(t, []byte(`{"Records":[]}`), 10*time.Second); !result.Failed {
			t.Errorf("an event of another kind: %s", result.Body)
		}
	}
}

func TestSource(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		time.Minute: "rate(1 minute)", 5 * time.Minute: "rate(5 minutes)", time.Hour: "rate(1 hour)",
		90 * time.Minute: "rate(90 minutes)", 24 * time.Hour: "rate(1 day)", 48 * time.Hour: "rate(2 days)",
	} {
		if got := hostschedule.Every(d, nil).Source(); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
	for _, d := range []time.Duration{0, time.Second, 90 * time.Second, -time.Minute} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is a schedule", d)
				}
			}()
			hostschedule.Every(d, nil)
		}()
	}
}

// loop constructs a ticker of one minute around run.
func loop(t *testing.T, run hostschedule.Run) func(context.Context) error {
	t.Helper()
	env, err := host.NewEnv(nil, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	loop, err := hostschedule.Every(time.Minute, func(*host.Env) (func(context.Context) error, error) { return run, nil }).Start(env)
	if err != nil {
		t.Fatal(err)
	}
	return loop
}

func TestTickerRunsAtOnceAndGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		running := 0
		l := loop(t, func(context.Context) error {
			if running++; running > 1 {
				t.Error("two runs at once")
			}
			defer func() { running-- }()
			at = append(at, time.Since(start))
			switch len(at) {
			case 1:
				return errors.New("fails")
			case 2:
				panic("zebra")
			case 3:
				time.Sleep(90 * time.Second) // the bubble's clock: longer than the interval
			}
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute+time.Second)
		defer cancel()
		if err := l(ctx); err != nil {
			t.Error(err)
		}
		want := []time.Duration{0, time.Minute, 2 * time.Minute, 3*time.Minute + 30*time.Second, 4 * time.Minute, 5 * time.Minute}
		if len(at) != len(want) {
			t.Fatalf("runs at %v, want %v", at, want)
		}
		for i := range want {
			if at[i] != want[i] {
				t.Errorf("runs at %v, want %v", at, want)
				break
			}
		}
	})
}

func TestTickerDrains(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ takes, ends time.Duration }{
		"a run that ends in time is not cut off": {15 * time.Second, 15 * time.Second},
		"a run that takes too long is":           {10 * time.Minute, 21 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			var result error
			l := loop(t, func(ctx context.Context) error {
				select {
				case <-time.After(tt.takes):
				case <-ctx.Done():
					result = ctx.Err()
				}
				return result
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := l(ctx); err != nil {
				t.Error(err)
			}
			if took := time.Since(start); took != tt.ends || (result != nil) != (tt.takes > time.Minute) {
				t.Errorf("%s: ended after %s with %v", name, took, result)
			}
		})
	}
}
