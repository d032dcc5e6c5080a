package host

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Main is the whole main of a function's binary: it builds the process's Env
// and runs the function until it ends or the process is told to (SIGTERM,
// SIGINT: ctx ends; a second signal kills). An error ends the process with
// exit code 1 and one line on standard error, which for a wrong configuration
// names the variable.
func Main(run func(ctx context.Context, env *Env) error) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals) // before ctx ends, so that the next one is not lost
		cancel()
	}()
	if err := mainErr(ctx, run); err != nil {
		fmt.Fprintln(os.Stderr, strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(1)
	}
}

func mainErr(ctx context.Context, run func(ctx context.Context, env *Env) error) error {
	env, err := ProcessEnv(ctx)
	if err != nil {
		return err
	}
	runErr := run(ctx, env)
	if err := env.Close(); err != nil {
		env.Log.Error("resources did not close cleanly", "error", err)
	}
	return runErr
}
