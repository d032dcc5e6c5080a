package hostqueue

import (
	"context"
	"slices"
	"sync"
	"time"

	"docuvault/shared/host"
	"docuvault/shared/queue"
	"docuvault/shared/telemetry"
)

const (
	// watchEvery is how often a queue is asked how it is, at most.
	watchEvery = 30 * time.Second
	// watchTimeout bounds one look.
	watchTimeout = 2 * time.Second
)

// watch measures how a queue is, when somebody asks. Whoever polls a queue may
// also see that; on Lambda CloudWatch does.
func watch(env *host.Env, measured *telemetry.Telemetry, of queue.Queue, name string) error {
	depths, ok := of.(queue.Depths)
	if !ok || !measured.Measuring() {
		return nil
	}
	all, err := host.Resource(env, func(env *host.Env) (*watchers, error) { return newWatchers(measured), nil })
	if err != nil {
		return err
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	all.list = append(all.list, &watcher{env: env, depths: depths, name: name})
	return nil
}

// watchers are the process's, since a gauge has one who looks.
type watchers struct {
	mu   sync.Mutex
	list []*watcher
}

func newWatchers(measured *telemetry.Telemetry) *watchers {
	all := &watchers{}
	each := func(value func(queue.Depth) float64) func(context.Context, telemetry.Observation) {
		return func(ctx context.Context, one telemetry.Observation) {
			all.mu.Lock()
			list := slices.Clone(all.list)
			all.mu.Unlock()
			var looking sync.WaitGroup // side by side: a database that is busy costs one watchTimeout
			for _, w := range list {
				looking.Go(func() { w.look(ctx) })
			}
			looking.Wait()
			for _, w := range list {
				if d, known := w.look(ctx); known && value(d) >= 0 {
					one(value(d), telemetry.Labels("queue", w.name))
				}
			}
		}
	}
	measured.Observe("docuvault.queue.waiting", "Messages that wait, by queue.", "", each(func(d queue.Depth) float64 { return float64(d.Waiting) }))
	measured.Observe("docuvault.queue.dead", "Dead letters, by queue.", "", each(func(d queue.Depth) float64 { return float64(d.Dead) }))
	measured.Observe("docuvault.queue.oldest.age", "How long ago the oldest message that waits was sent, by queue.", "s",
		each(func(d queue.Depth) float64 { return d.Oldest.Seconds() }))
	return all
}

// watcher remembers the last look.
type watcher struct {
	env    *host.Env
	depths queue.Depths
	name   string

	mu     sync.Mutex
	looked time.Time
	last   queue.Depth
	known  bool
}

func (w *watcher) look(ctx context.Context) (queue.Depth, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.env.Now().Sub(w.looked).Abs() < watchEvery {
		return w.last, w.known
	}
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	depth, err := w.depths.Depth(ctx, w.name)
	if err != nil {
		w.env.Log.Debug("a queue does not say how it is", "queue", w.name, "error", err)
	}
	w.looked, w.last, w.known = w.env.Now(), depth, err == nil
	return w.last, w.known
}
