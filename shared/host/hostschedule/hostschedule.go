// Package hostschedule runs schedules: on AWS Lambda for EventBridge events,
// as a process that runs once and ends (a CronJob), and as a ticker in the
// all-in-one server.
//
// It promises: the constructor has run before the first run; runs of one
// process do not overlap; a run that fails or panics is logged and comes again
// at the next turn.
package hostschedule

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"go.opentelemetry.io/otel/trace"

	"docuvault/shared/host"
	"docuvault/shared/telemetry"
)

// Run is one run of a schedule. It is bounded, can be cut off at any point, and
// may run beside a run of another process.
type Run = func(ctx context.Context) error

const (
	// platformMargin is what we leave the platform to take our answer.
	platformMargin = time.Second
	// runTimeout bounds a run where the platform does not: the most that Lambda
	// allows.
	runTimeout = 15 * time.Minute
	// drainTimeout is how long a run may go on after the ticker was told to stop.
	drainTimeout = 20 * time.Second
)

// Job is the trigger of a schedule.
type Job struct {
	every     time.Duration
	construct func(env *host.Env) (Run, error)
}

// Every makes the trigger of a function that runs again and again. d is a whole
// number of minutes, 1 or more, as EventBridge wants it; anything else is a
// programmer error and panics.
func Every(d time.Duration, construct func(env *host.Env) (func(ctx context.Context) error, error)) *Job {
	if d < time.Minute || d%time.Minute != 0 {
		panic(fmt.Sprintf("hostschedule: %s is no whole number of minutes", d))
	}
	return &Job{every: d, construct: construct}
}

// Kind is "schedule".
func (j *Job) Kind() string { return "schedule" }

// Source is the schedule as EventBridge writes it: "rate(1 minute)".
func (j *Job) Source() string {
	unit, n := "minute", j.every/time.Minute
	switch {
	case j.every%(24*time.Hour) == 0:
		unit, n = "day", j.every/(24*time.Hour)
	case j.every%time.Hour == 0:
		unit, n = "hour", j.every/time.Hour
	}
	if n > 1 {
		unit += "s"
	}
	return fmt.Sprintf("rate(%d %s)", n, unit)
}

// Interval is the time from one start to the next.
func (j *Job) Interval() time.Duration { return j.every }

// Construct builds one run as every home runs it: with its log line, its
// deadline, and panics as errors. Its logger is host.Logger(ctx). Tests of
// functions call it too.
func (j *Job) Construct(env *host.Env) (Run, error) {
	measured, err := telemetry.Open(env)
	if err != nil {
		return nil, err
	}
	once, err := j.construct(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		start := env.Now()
		ctx, span := measured.Root(ctx, "run "+j.Source(), trace.SpanKindInternal)
		log := env.Log.With("schedule", j.Source())
		if id := telemetry.TraceID(ctx); id != "" {
			log = log.With("trace_id", id)
		}
		ctx, cancel := withDeadline(host.WithLogger(ctx, log))
		defer cancel()
		err := call(ctx, once)
		telemetry.End(span, err)
		ms := float64(env.Now().Sub(start).Microseconds()) / 1000
		if err != nil {
			log.Error("run failed", "ms", ms, "error", err)
			return err
		}
		log.Info("run done", "ms", ms)
		return nil
	}, nil
}

func withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadline(ctx, deadline.Add(-platformMargin))
	}
	return context.WithTimeout(ctx, runTimeout)
}

func call(ctx context.Context, once Run) (err error) {
	defer func() {
		if p := recover(); p != nil {
			host.Logger(ctx).Error("panic", "error", host.PanicText(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %s", host.PanicText(p))
		}
	}()
	return once(ctx)
}

// Start constructs the function and returns the loop that runs it at once and
// then at every interval until ctx ends; a run that is under way then gets 20 s
// to end. A failed run does not end the loop. package supervise runs it.
func (j *Job) Start(env *host.Env) (func(ctx context.Context) error, error) {
	once, err := j.Construct(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		ticker := time.NewTicker(j.every)
		defer ticker.Stop()
		for {
			runDraining(ctx, once)
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return nil
			}
		}
	}, nil
}

// runDraining runs once with a context that outlives ctx by drainTimeout.
func runDraining(ctx context.Context, once Run) {
	if ctx.Err() != nil {
		return
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(drainTimeout)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-run.Done():
		}
	})
	defer stop()
	_ = once(run) // logged; the next turn tries again
}

// Serve is the main of a schedule: on AWS Lambda it runs for each event; else
// it runs once, and the exit code says how it went.
func Serve(fn host.Function) {
	host.Main(func(ctx context.Context, env *host.Env) error { return run(ctx, env, fn) })
}

func run(ctx context.Context, env *host.Env, fn host.Function) error {
	job, ok := fn.Trigger.(*Job)
	if !ok {
		return fmt.Errorf("function %s is no schedule: its trigger is %T", fn.Name, fn.Trigger)
	}
	measured, err := telemetry.OpenAs(env, fn.Name)
	if err != nil {
		return fmt.Errorf("function %s: %w", fn.Name, err)
	}
	once, err := job.Construct(env)
	if err != nil {
		return fmt.Errorf("function %s: %w", fn.Name, err)
	}
	if err := env.Start(ctx); err != nil {
		return fmt.Errorf("function %s: %w", fn.Name, err)
	}
	if env.Lookup("AWS_LAMBDA_RUNTIME_API") != "" {
		lambda.Start(telemetry.Flushing(measured, eventHandler(once)))
		return nil
	}
	if err := once(ctx); err != nil {
		return fmt.Errorf("function %s: %w", fn.Name, err)
	}
	return nil
}

// answered is the result of a Lambda invocation; nobody reads it.
type answered struct{}

// eventHandler runs once for each EventBridge event. What is in the event does
// not matter, but an event of another kind is a wrong configuration, and says
// so. An error makes Lambda try again.
func eventHandler(once Run) func(context.Context, events.EventBridgeEvent) (answered, error) {
	return func(ctx context.Context, event events.EventBridgeEvent) (answered, error) {
		if event.Source == "" || event.DetailType == "" {
			return answered{}, fmt.Errorf("this event is no EventBridge event: it lacks source or detail-type")
		}
		return answered{}, once(ctx)
	}
}
