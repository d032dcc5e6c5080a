package host

import (
	"context"
	"slices"
	"sync"
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
