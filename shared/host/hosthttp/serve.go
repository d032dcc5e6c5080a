package hosthttp

import (
	"context"
	"time"

	"docuvault/shared/host"
	"docuvault/shared/host/hostserver"
)

// drainDelay is how long a container still accepts requests after SIGTERM,
// while load balancers notice that /readyz refuses.
const drainDelay = 2 * time.Second

// Serve is the main of an HTTP function: it constructs the function, then runs
// it on AWS Lambda (AWS_LAMBDA_RUNTIME_API is set) or on $PORT (default 8080)
// with /healthz, /readyz and a graceful end. A constructor's error ends the
// process with one line.
func Serve(fn host.Function) {
	host.Main(func(ctx context.Context, env *host.Env) error {
		return run(ctx, env, fn)
	})
}

func run(ctx context.Context, env *host.Env, fn host.Function) error {
	handler, err := Handler(env, fn)
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
		serveLambda(handler)
		return nil
	}
	ln, err := hostserver.Listen(env, "8080")
	if err != nil {
		return err
	}
	env.Log.Info("listening", "function", fn.Name, "address", ln.Addr().String())
	server := &hostserver.Server{Env: env, Handler: handler, Headers: edge.Headers, DrainDelay: drainDelay}
	return server.Run(ctx, ln)
}
