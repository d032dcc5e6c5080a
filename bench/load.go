package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// sample is what a load gave.
type sample struct {
	n       int
	took    time.Duration
	latency []time.Duration // in order of size
	cpu     time.Duration   // of the process that was asked for, if any
	client  time.Duration   // of this process
}

func (s sample) perSecond() float64 { return float64(s.n) / s.took.Seconds() }

// at is a percentile of the latencies, in milliseconds.
func (s sample) at(percent float64) float64 {
	if len(s.latency) == 0 {
		return 0
	}
	i := int(math.Ceil(percent/100*float64(len(s.latency)))) - 1
	return milliseconds(s.latency[max(0, i)])
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// during runs clients in a closed loop for a time; each call gets its client
// and its number among all.
func during(ctx context.Context, clients int, d time.Duration, server *child, call func(ctx context.Context, client, n int) error) (sample, error) {
	end := time.Now().Add(d)
	return loop(ctx, clients, server, func(int) bool { return time.Now().Before(end) }, call)
}

// times is during for a number of calls.
func times(ctx context.Context, clients, n int, server *child, call func(ctx context.Context, client, n int) error) (sample, error) {
	return loop(ctx, clients, server, func(i int) bool { return i < n }, call)
}

func loop(ctx context.Context, clients int, server *child, goOn func(n int) bool, call func(ctx context.Context, client, n int) error) (sample, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var s sample
	var mu sync.Mutex
	var all sync.WaitGroup
	var next atomic.Int64
	cpu, own := cpuOf(server), ownCPU()
	begun := time.Now()
	for client := range clients {
		all.Go(func() {
			var latency []time.Duration
			for n := int(next.Add(1)) - 1; ctx.Err() == nil && goOn(n); n = int(next.Add(1)) - 1 {
				at := time.Now()
				if err := call(ctx, client, n); err != nil {
					cancel(err)
					return
				}
				latency = append(latency, time.Since(at))
			}
			mu.Lock()
			defer mu.Unlock()
			s.latency = append(s.latency, latency...)
		})
	}
	all.Wait()
	s.took, s.n = time.Since(begun), len(s.latency)
	s.cpu, s.client = cpuOf(server)-cpu, ownCPU()-own
	slices.Sort(s.latency)
	if err := context.Cause(ctx); err != nil {
		return s, err
	}
	if s.n == 0 {
		return s, errors.New("nothing was done in the time")
	}
	return s, nil
}

// call sends a request as the user; want is the status. The answer goes into
// out unless that is nil.
func (u *user) call(ctx context.Context, method, path string, in any, want int, out any) error {
	body := []byte(nil)
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, u.v.api.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+u.token)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return send(req, want, out)
}

func send(req *http.Request, want int, out any) error {
	answer, err := sender.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != want {
		body, _ := io.ReadAll(io.LimitReader(answer.Body, 2000))
		return fmt.Errorf("%s %s: %d, want %d: %s", req.Method, req.URL.Path, answer.StatusCode, want, body)
	}
	if out == nil {
		_, err = io.Copy(io.Discard, answer.Body)
		return err
	}
	return json.NewDecoder(answer.Body).Decode(out)
}

// median of figures that were taken in turns.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

func sortDurations(all []time.Duration) { slices.Sort(all) }
