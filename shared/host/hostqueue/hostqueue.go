// Package hostqueue runs queue consumers: on AWS Lambda for batches of SQS
// messages, and as a process that polls.
//
// It promises: the constructor has run before the first message; a message
// whose handler fails or panics costs only itself; a batch answers before the
// platform ends it, and says which messages are to come again; the log has a
// message's id and queue, never its body.
package hostqueue

import (
	"context"
	"fmt"
	"regexp"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"go.opentelemetry.io/otel/attribute"

	"docuvault/shared/host"
	"docuvault/shared/host/hostserver"
	"docuvault/shared/queue"
	"docuvault/shared/telemetry"
)

// Consumer is the trigger of a queue function.
type Consumer struct {
	queue     string
	construct func(env *host.Env) (queue.Handler, error)
}

var queueName = regexp.MustCompile(`^[a-z0-9-]{2,64}$`)

// Consume makes the trigger of a function that consumes the queue of this name
// ([a-z0-9-]{2,64}; another name is a programmer error and panics).
func Consume(name string, construct func(env *host.Env) (queue.Handler, error)) *Consumer {
	if !queueName.MatchString(name) {
		panic(fmt.Sprintf("hostqueue: %q is no queue's name", name))
	}
	return &Consumer{queue: name, construct: construct}
}

// Kind is "queue".
func (c *Consumer) Kind() string { return "queue" }

// Source is the queue's name.
func (c *Consumer) Source() string { return c.queue }

// Construct builds the handler as every home runs it: with its log line for
// each message, and panics as errors. The message's logger is
// host.Logger(ctx). Tests of functions call it too.
func (c *Consumer) Construct(env *host.Env) (queue.Handler, error) {
	measured, err := telemetry.Open(env)
	if err != nil {
		return nil, err
	}
	handle, err := c.construct(env)
	if err != nil {
		return nil, err
	}
	took := measured.Duration("messaging.process.duration", "How long messages took, by queue and outcome.")
	return func(ctx context.Context, m queue.Message) error {
		start := env.Now()
		ctx, end := measured.Process(ctx, c.queue, m.Attributes[telemetry.Carrier])
		log := env.Log.With("queue", c.queue, "message_id", m.ID, "receive", m.ReceiveCount)
		if id := telemetry.TraceID(ctx); id != "" {
			log = log.With("trace_id", id)
		}
		err := call(host.WithLogger(ctx, log), handle, m)
		end(err)
		lasted, outcome := env.Now().Sub(start), "done"
		if err != nil {
			outcome = "failed"
		}
		took(context.WithoutCancel(ctx), lasted, attribute.String("messaging.destination.name", c.queue), attribute.String("outcome", outcome))
		ms := float64(lasted.Microseconds()) / 1000
		if err != nil {
			log.Error("message failed", "ms", ms, "error", err)
			return err
		}
		log.Info("message done", "ms", ms)
		return nil
	}, nil
}

func call(ctx context.Context, handle queue.Handler, m queue.Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			host.Logger(ctx).Error("panic", "error", host.PanicText(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %s", host.PanicText(p))
		}
	}()
	return handle(ctx, m)
}

// Start constructs the function and returns the loop that polls its queue until
// the context ends, and then drains. package supervise runs it.
func (c *Consumer) Start(env *host.Env) (func(ctx context.Context) error, error) {
	handle, err := c.Construct(env)
	if err != nil {
		return nil, err
	}
	q, err := queue.Open(env)
	if err != nil {
		return nil, err
	}
	measured, err := telemetry.Open(env)
	if err != nil {
		return nil, err
	}
	if err := watch(env, measured, q, c.queue); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return q.Consume(ctx, c.queue, handle) }, nil
}

// Serve is the main of a queue function: on AWS Lambda it takes batches; else
// it polls the queue of QUEUE_DRIVER until SIGTERM, drains, and answers
// /healthz and /readyz if PORT is set.
func Serve(fn host.Function) {
	host.Main(func(ctx context.Context, env *host.Env) error { return run(ctx, env, fn) })
}

func run(ctx context.Context, env *host.Env, fn host.Function) error {
	consumer, ok := fn.Trigger.(*Consumer)
	if !ok {
		return fmt.Errorf("function %s is no queue function: its trigger is %T", fn.Name, fn.Trigger)
	}
	measured, err := telemetry.OpenAs(env, fn.Name)
	if err != nil {
		return fmt.Errorf("function %s: %w", fn.Name, err)
	}
	if env.Lookup("AWS_LAMBDA_RUNTIME_API") != "" {
		handle, err := consumer.Construct(env)
		if err != nil {
			return fmt.Errorf("function %s: %w", fn.Name, err)
		}
		if err := env.Start(ctx); err != nil {
			return fmt.Errorf("function %s: %w", fn.Name, err)
		}
		lambda.Start(telemetry.Flushing(measured, batchHandler(handle)))
		return nil
	}
	loop, err := consumer.Start(env)
	if err != nil {
		return fmt.Errorf("function %s: %w", fn.Name, err)
	}
	if err := env.Start(ctx); err != nil {
		return fmt.Errorf("function %s: %w", fn.Name, err)
	}
	env.Log.Info("consuming", "function", fn.Name, "queue", consumer.queue)
	if env.Lookup("PORT") == "" {
		return loop(ctx)
	}
	return withHealth(ctx, env, loop)
}

// withHealth runs loop beside a server for probes. Whichever ends first ends
// the other; probes are answered until the loop has drained.
func withHealth(ctx context.Context, env *host.Env, loop func(ctx context.Context) error) error {
	ln, err := hostserver.Listen(env, "")
	if err != nil {
		return err
	}
	env.Log.Info("listening", "address", ln.Addr().String())
	loopCtx, stopLoop := context.WithCancel(ctx)
	defer stopLoop()
	serverCtx, stopServer := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() {
		defer stopLoop()
		server := &hostserver.Server{Env: env, DrainTimeout: 5 * time.Second}
		served <- server.Run(serverCtx, ln)
	}()
	err = loop(loopCtx)
	stopServer()
	if serverErr := <-served; err == nil {
		err = serverErr
	}
	return err
}
