package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"docuvault/functions"
	"docuvault/shared/host/hostqueue"
	"docuvault/shared/id"
	"docuvault/shared/queue"
	"docuvault/shared/secret"
	"docuvault/test/servers"
)

// notificationToReady measures how long it takes from a bucket notification
// until the document is ready, and how many get there in a second. The documents
// are of a type without an extractor, so that nothing is analyzed, but they pass
// both queues.
func notificationToReady(ctx context.Context, b *bench) ([]Figure, error) {
	store, err := b.store(ctx)
	if err != nil {
		return nil, err
	}
	figures, err := readyWith(ctx, b, store, "postgres", nil)
	if err != nil {
		return nil, err
	}
	sqs, err := servers.Ministack(ctx)
	if errors.Is(err, servers.ErrMissing) {
		return append(figures, Figure{Name: "sqs: NOT RUN", Note: "no server of SQS: " + firstLine(err)}), nil
	}
	if err != nil {
		return nil, err
	}
	b.ends = append(b.ends, sqs.Stop)
	vars := map[string]string{
		"QUEUE_DRIVER": "sqs", "SQS_ENDPOINT": sqs.URL, "SQS_QUEUE_PREFIX": "bench-",
		"AWS_ACCESS_KEY_ID": sqs.AccessKey, "AWS_SECRET_ACCESS_KEY": sqs.SecretKey,
	}
	queues, err := queue.NewSQS(queue.SQSConfig{Endpoint: sqs.URL, Prefix: "bench-", AccessKey: sqs.AccessKey, SecretKey: secret.New(sqs.SecretKey)}, queue.Options{})
	if err != nil {
		return nil, err
	}
	if err := queues.EnsureQueues(ctx, queueNames()...); err != nil {
		return nil, err
	}
	more, err := readyWith(ctx, b, store, "sqs", vars)
	return append(figures, more...), err
}

// queueNames are those that the workers consume.
func queueNames() []string {
	var names []string
	for _, fn := range functions.All {
		if consumer, ok := fn.Trigger.(*hostqueue.Consumer); ok {
			names = append(names, consumer.Source())
		}
	}
	return names
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// arrivals are documents whose bytes are in storage, of which nobody told yet.
type arrivals struct {
	v    *vault
	ids  []string
	keys []string
}

func readyWith(ctx context.Context, b *bench, store *servers.Server, driver string, vars map[string]string) ([]Figure, error) {
	v, err := b.vault(ctx, "ready"+driver, store, vars)
	if err != nil {
		return nil, err
	}
	if err := v.serve(); err != nil {
		return nil, err
	}
	users, err := v.users(ctx, 8)
	if err != nil {
		return nil, err
	}
	warm, err := v.arrive(ctx, users, store, 50)
	if err != nil {
		return nil, err
	}
	calm, err := v.arrive(ctx, users, store, pick(b, 200, 10))
	if err != nil {
		return nil, err
	}
	many, err := v.arrive(ctx, users, store, pick(b, 2000, 50))
	if err != nil {
		return nil, err
	}
	workers, err := v.work()
	if err != nil {
		return nil, err
	}
	if _, _, err := warm.tell(ctx, 4, 0, nil); err != nil {
		return nil, err
	}
	if err := v.settle(ctx); err != nil {
		return nil, err
	}

	// One after the other, with pauses that are no multiple of a poll's.
	latencies, _, err := calm.tell(ctx, 1, 23*time.Millisecond, nil)
	if err != nil {
		return nil, err
	}
	_, flood, err := many.tell(ctx, 16, 0, workers)
	if err != nil {
		return nil, err
	}
	name := driver + ": "
	return []Figure{
		{Name: name + "notification to ready, p50", Value: latencies.at(50), Unit: "ms", Goal: atMost(100), Note: "one every 23 ms or slower"},
		{Name: name + "notification to ready, p99", Value: latencies.at(99), Unit: "ms"},
		{Name: name + "ready", Value: flood.perSecond(), Unit: "a second", Goal: atLeast(500), Note: fmt.Sprintf("%d at once, until the last is ready", flood.n)},
		{Name: name + "CPU of the workers", Value: milliseconds(flood.cpu) / float64(flood.n), Unit: "ms each"},
	}, nil
}

// arrive begins uploads and puts their bytes.
func (v *vault) arrive(ctx context.Context, users []*user, store *servers.Server, n int) (*arrivals, error) {
	a := &arrivals{v: v, ids: make([]string, n), keys: make([]string, n)}
	_, err := times(ctx, 8, n, nil, func(ctx context.Context, client, i int) error {
		u := users[client]
		text := []byte(id.New().String())
		c := content{block: append(make([]byte, 8), text...), size: int64(8 + len(text))}
		var b begun
		if err := u.call(ctx, http.MethodPost, "/v1/uploads", c.announcement(), http.StatusCreated, &b); err != nil {
			return err
		}
		a.ids[i] = b.Document.ID
		if err := b.Upload.send(ctx, c, 0, c.size); err != nil {
			return err
		}
		_, path, _ := strings.Cut(b.Upload.URL, "/"+v.vars["S3_BUCKET"]+"/")
		a.keys[i], _, _ = strings.Cut(path, "?")
		return nil
	})
	return a, err
}

// tell sends a notification for each, and waits until all are ready. The time
// to ready is by the clock of this machine, which PostgreSQL's is too.
func (a *arrivals) tell(ctx context.Context, clients int, pause time.Duration, workers *child) (latencies, flood sample, err error) {
	sent := make([]time.Time, len(a.ids))
	cpu, begun := cpuOf(workers), time.Now()
	_, err = times(ctx, clients, len(a.ids), nil, func(ctx context.Context, _, i int) error {
		body := fmt.Sprintf(`{"Records":[{"eventVersion":"2.0","eventSource":"minio:s3","eventName":"s3:ObjectCreated:Put","s3":{"bucket":{"name":%q},"object":{"key":%q}}}]}`,
			a.v.vars["S3_BUCKET"], a.keys[i])
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.v.api.url+"/v1/events/storage", bytes.NewReader([]byte(body)))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+eventToken)
		sent[i] = time.Now()
		if err := send(req, http.StatusNoContent, nil); err != nil {
			return err
		}
		return wait(ctx, pause)
	})
	if err != nil {
		return latencies, flood, err
	}
	ready, err := a.ready(ctx)
	if err != nil {
		return latencies, flood, err
	}
	flood.n, flood.cpu = len(a.ids), cpuOf(workers)-cpu
	for i, document := range a.ids {
		at := ready[document]
		latencies.latency = append(latencies.latency, at.Sub(sent[i]))
		flood.took = max(flood.took, at.Sub(begun))
	}
	sortDurations(latencies.latency)
	return latencies, flood, nil
}

// ready waits until all are, and returns since when.
func (a *arrivals) ready(ctx context.Context) (map[string]time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for {
		at := make(map[string]time.Time, len(a.ids))
		rows, err := a.v.super.Query(ctx, `SELECT id::text, updated_at FROM documents WHERE status = 'ready' AND id::text = ANY ($1)`, a.ids)
		if err != nil {
			return nil, fmt.Errorf("who is ready: %w", err)
		}
		for rows.Next() {
			var document string
			var when time.Time
			if err := rows.Scan(&document, &when); err != nil {
				return nil, err
			}
			at[document] = when
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
		if len(at) == len(a.ids) {
			return at, nil
		}
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return nil, fmt.Errorf("%d of %d are ready: %w", len(at), len(a.ids), err)
		}
	}
}

// wait is a pause that ends with ctx.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
