package hosthttp

import (
	"context"
	"strings"
	"time"

	"docuvault/shared/host"
	"docuvault/shared/host/hostserver"
	"docuvault/shared/telemetry"
)

// drainDelay is how long a container still accepts requests after SIGTERM,
// while load balancers notice that /readyz refuses.
const drainDelay = 2 * time.Second

// Serve is the main of an HTTP function, or of several that share a program: it
// constructs them, then runs them on AWS Lambda (AWS_LAMBDA_RUNTIME_API is set)
// or on $PORT (default 8080) with /healthz, /readyz and a graceful end. A
// constructor's error ends the process with one line.
func Serve(fns ...host.Function) {
	host.Main(func(ctx context.Context, env *host.Env) error {
		return run(ctx, env, fns)
	})
}

func run(ctx context.Context, env *host.Env, fns []host.Function) error {
	measured, err := telemetry.OpenAs(env, service(env, fns))
	if err != nil {
		return err
	}
	handler, err := Handler(env, fns...)
	if err != nil {
		return err
	}
	edge, err := OpenEdge(env)
	if err != nil {
		return err
	}
	if err := env.Start(ctx); err != nil {
		return err
	}
	if env.Lookup("AWS_LAMBDA_RUNTIME_API") != "" {
		serveLambda(handler, measured)
		return nil
	}
	ln, err := hostserver.Listen(env, "8080")
	if err != nil {
		return err
	}
	names := make([]string, len(fns))
	for i, fn := range fns {
		names[i] = fn.Name
	}
	env.Log.Info("listening", "function", strings.Join(names, " "), "address", ln.Addr().String())
	server := &hostserver.Server{Env: env, Handler: handler, Headers: edge.Headers, DrainDelay: drainDelay}
	return server.Run(ctx, ln)
}

// service is the process's name in traces and metrics: the function's, or what
// the platform calls several.
func service(env *host.Env, fns []host.Function) string {
	if platform := env.Lookup("AWS_LAMBDA_FUNCTION_NAME"); len(fns) > 1 && platform != "" {
		return platform
	}
	if len(fns) == 1 {
		return fns[0].Name
	}
	return "docuvault"
}
