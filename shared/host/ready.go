package host

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Check says whether a resource can do its work: nil, or why not. It is called
// by the readiness probe with a context of a few seconds, so it is cheap.
type Check func(ctx context.Context) error

type namedCheck struct {
	name  string
	check Check
}

// Ready registers a readiness check. The package that opens a resource
// registers its check while opening it; the name ("database") is public.
func (e *Env) Ready(name string, check Check) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.checks = append(e.checks, namedCheck{name, check})
}

// AtStart registers a check that runs once: when all constructors have run,
// before the first request, message or turn. Its error stops the start, so it
// is for what only a person can put right; a database that does not answer yet
// is a matter of [Env.Ready]. It should take one round trip: on Lambda it is
// part of a cold start.
func (e *Env) AtStart(check Check) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.starts = append(e.starts, check)
}

// startTimeout bounds the checks of a start.
const startTimeout = 3 * time.Second

// Start runs what [Env.AtStart] registered. Hosts call it before they serve.
func (e *Env) Start(ctx context.Context) error {
	e.mu.Lock()
	checks := slices.Clone(e.starts)
	e.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for _, check := range checks {
		if err := check(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Unready runs all readiness checks side by side and returns the names of
// those that failed, sorted, with the causes. None failed: ready.
func (e *Env) Unready(ctx context.Context) (names []string, causes []error) {
	e.mu.Lock()
	checks := slices.Clone(e.checks)
	e.mu.Unlock()

	errs := make([]error, len(checks))
	var wg sync.WaitGroup
	for i, c := range checks {
		wg.Go(func() { errs[i] = c.check(ctx) })
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			names = append(names, checks[i].name)
			causes = append(causes, err)
		}
	}
	slices.Sort(names)
	return names, causes
}
