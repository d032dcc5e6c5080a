// Package otlp sends spans and metrics to a collector: OTLP 1 over HTTP, in
// protobuf.
//
// It is our own, because OpenTelemetry's exporter links gRPC, which it does not
// use: 9 MB in each function.
//
// It promises that a collector that is slow, broken or not there costs nobody
// but itself: a request to it has a timeout, after one that failed none is made
// for a while, what is not sent is lost, and the log says so once.
package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// pause is how long nothing is sent after a failure.
const pause = 10 * time.Second

// Options say where the collector is.
type Options struct {
	Endpoint string // /v1/traces and /v1/metrics are added
	Headers  map[string]string
	Gzip     bool
	Timeout  time.Duration
	Log      *slog.Logger
}

// Collector is one that takes OTLP.
type Collector struct {
	opts   Options
	client *http.Client

	mu     sync.Mutex
	failed bool
	until  time.Time
}

// New makes a Collector. It connects to nothing.
func New(opts Options) *Collector {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 2
	return &Collector{opts: opts, client: &http.Client{
		Transport: transport, Timeout: opts.Timeout,
		// The headers hold a key, which is for this address alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Spans is the exporter of spans.
func (c *Collector) Spans() sdktrace.SpanExporter { return spans{c} }

// Metrics is the exporter of metrics.
func (c *Collector) Metrics() sdkmetric.Exporter { return metrics{c} }

type spans struct{ *Collector }

// ExportSpans never fails: the SDK would log each time.
func (s spans) ExportSpans(ctx context.Context, all []sdktrace.ReadOnlySpan) error {
	if len(all) > 0 {
		s.send(ctx, "/v1/traces", encodeSpans(all))
	}
	return nil
}

func (s spans) Shutdown(context.Context) error {
	s.client.CloseIdleConnections()
	return nil
}

type metrics struct{ *Collector }

func (metrics) Temporality(sdkmetric.InstrumentKind) metricdata.Temporality {
	return metricdata.CumulativeTemporality
}

func (metrics) Aggregation(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(kind)
}

// Export never fails: the SDK would log each time.
func (m metrics) Export(ctx context.Context, all *metricdata.ResourceMetrics) error {
	if len(all.ScopeMetrics) > 0 {
		m.send(ctx, "/v1/metrics", encodeMetrics(all))
	}
	return nil
}

func (metrics) ForceFlush(context.Context) error { return nil }

func (m metrics) Shutdown(context.Context) error {
	m.client.CloseIdleConnections()
	return nil
}

// send posts one request, unless one has just failed.
func (c *Collector) send(ctx context.Context, path string, body []byte) {
	c.mu.Lock()
	waits := time.Now().Before(c.until)
	c.mu.Unlock()
	if waits {
		return
	}
	err := c.post(ctx, path, body)
	c.mu.Lock()
	was := c.failed
	if c.failed = err != nil; err != nil {
		c.until = time.Now().Add(pause)
	}
	c.mu.Unlock()
	switch {
	case err != nil && !was:
		c.opts.Log.Warn("the telemetry does not arrive; trying again, without another line", "error", err)
	case err == nil && was:
		c.opts.Log.Info("the telemetry arrives again")
	}
}

func (c *Collector) post(ctx context.Context, path string, body []byte) error {
	if c.opts.Gzip {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = w.Write(body) // a buffer takes everything
		_ = w.Close()
		body = packed.Bytes()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(c.opts.Endpoint, "/")+path, bytes.NewReader(body))
	if err != nil {
		return errors.New("the collector's address is not valid")
	}
	for name, value := range c.opts.Headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("User-Agent", "docuvault")
	if c.opts.Gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	resp, err := c.client.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // without the address
		}
		return fmt.Errorf("the collector does not answer: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the collector answers %d", resp.StatusCode)
	}
	return nil
}
