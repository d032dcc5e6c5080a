// Package supervise runs the consumers and schedules of many functions in one
// process: the all-in-one server.
//
// It promises: all constructors have run before the first message; a loop that
// ends with an error or a panic is logged and started again, after a pause that
// grows; when the context ends, every loop drains before Run returns.
package supervise

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"docuvault/shared/host"
)

// Worker is a trigger that runs in the background: *hostqueue.Consumer and
// *hostschedule.Job.
type Worker interface {
	// Start constructs the function and returns its loop. The loop returns nil
	// when ctx has ended and its work is drained; an error when it cannot go on.
	Start(env *host.Env) (loop func(ctx context.Context) error, err error)
}

// Pauses before a loop is started again: the first, doubled each time up to the
// longest; a loop that ran for longer than the longest starts at the first.
const (
	firstPause   = time.Second
	longestPause = time.Minute
)

// Group is a set of constructed background functions.
type Group struct {
	log   *slog.Logger
	loops []loop
}

type loop struct {
	name string
	run  func(ctx context.Context) error
}

// New constructs the background functions among fns; HTTP functions are left
// out. An error names the function.
func New(env *host.Env, fns []host.Function) (*Group, error) {
	g := &Group{log: env.Log}
	for _, fn := range fns {
		worker, ok := fn.Trigger.(Worker)
		if !ok {
			continue
		}
		run, err := worker.Start(env)
		if err != nil {
			return nil, fmt.Errorf("function %s: %w", fn.Name, err)
		}
		g.loops = append(g.loops, loop{fn.Name, run})
	}
	return g, nil
}

// Run runs all loops until ctx ends and they have drained. Call it once.
func (g *Group) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, l := range g.loops {
		wg.Go(func() { g.keep(ctx, l) })
	}
	wg.Wait()
}

// Run constructs and runs the background functions among fns: [New] and
// [Group.Run] in one.
func Run(ctx context.Context, env *host.Env, fns []host.Function) error {
	g, err := New(env, fns)
	if err != nil {
		return err
	}
	g.Run(ctx)
	return nil
}

// keep runs one loop again and again.
func (g *Group) keep(ctx context.Context, l loop) {
	log := g.log.With("function", l.name)
	pause := firstPause
	for {
		start := time.Now()
		err := guarded(ctx, log, l.run)
		if ctx.Err() != nil {
			if err != nil {
				log.Error("did not stop cleanly", "error", err)
			}
			return
		}
		if time.Since(start) > longestPause {
			pause = firstPause
		}
		log.Error("stopped; starting it again", "error", err, "pause", pause.String())
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		pause = min(2*pause, longestPause)
	}
}

func guarded(ctx context.Context, log *slog.Logger, run func(ctx context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("panic", "error", host.PanicText(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %s", host.PanicText(p))
		}
	}()
	return run(ctx)
}
