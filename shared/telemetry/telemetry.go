// Package telemetry says what a process does: traces and metrics to a collector
// (OpenTelemetry, OTLP over HTTP) when OTEL_EXPORTER_OTLP_ENDPOINT is set, and
// metrics to Prometheus at GET /metrics when METRICS_TOKEN is.
//
// It promises: without these variables nothing is measured and nothing is sent;
// a collector that is slow, broken or not there slows no request and fails none;
// no attribute holds what a person wrote, a file's name, a token, an address of
// a client, an id of a user or a URL. Names and attributes are constants of
// this code, patterns of routes, codes and counts; metrics never tell users
// apart.
package telemetry

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	nooptrace "go.opentelemetry.io/otel/trace/noop"

	"docuvault/shared/host"
	"docuvault/shared/telemetry/otlp"
	"docuvault/shared/telemetry/prometheus"
)

// scope names us as the instrumentation.
const scope = "docuvault"

const (
	// flushTimeout is what the end of an invocation on Lambda may wait for the
	// collector: the platform freezes the process after it.
	flushTimeout = 500 * time.Millisecond
	// closeTimeout is the same for the end of a process, which is allowed to drain.
	closeTimeout = 3 * time.Second
	// maxQueued spans wait for the collector; what is more is dropped.
	maxQueued = 2048
)

// Telemetry is what one process measures with. The zero cost of one that is off
// is a call of an empty method.
type Telemetry struct {
	tracer   trace.Tracer
	meter    metric.Meter
	provider trace.TracerProvider

	spans  *sdktrace.TracerProvider // nil: no collector
	meters *sdkmetric.MeterProvider // nil: nobody asks
	scrape *sdkmetric.ManualReader  // nil: no /metrics
	token  [sha256.Size]byte
	lambda bool
}

// Open returns the Env's one Telemetry. It connects to nothing.
func Open(env *host.Env) (*Telemetry, error) { return OpenAs(env, "docuvault") }

// OpenAs is [Open] for the process of one function, whose name is the service's
// unless OTEL_SERVICE_NAME is set. The first to open names it; what is opened
// first is closed last, so that the spans of an end arrive too.
func OpenAs(env *host.Env, service string) (*Telemetry, error) {
	return host.Resource(env, func(env *host.Env) (*Telemetry, error) { return open(env, service) })
}

func open(env *host.Env, service string) (*Telemetry, error) {
	cfg, err := host.Config[Config](env)
	if err != nil {
		return nil, err
	}
	if cfg.Service != "" {
		service = cfg.Service
	}
	t := &Telemetry{
		provider: nooptrace.NewTracerProvider(), meter: noopmetric.NewMeterProvider().Meter(scope), lambda: cfg.Lambda != "",
	}
	var readers []sdkmetric.Option
	about := describe(service, cfg.resource)
	if cfg.Endpoint != "" {
		collector := otlp.New(otlp.Options{
			Endpoint: cfg.Endpoint, Headers: cfg.headers, Gzip: cfg.Compression == "gzip",
			Timeout: time.Duration(cfg.TimeoutMS) * time.Millisecond, Log: env.Log,
		})
		if cfg.Traces != "none" {
			t.spans = sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithSampler(cfg.sampler),
				sdktrace.WithBatcher(collector.Spans(), sdktrace.WithMaxQueueSize(maxQueued)))
			t.provider = t.spans
		}
		if cfg.Metrics != "none" {
			readers = append(readers, sdkmetric.WithReader(sdkmetric.NewPeriodicReader(collector.Metrics(),
				sdkmetric.WithInterval(time.Duration(cfg.IntervalMS)*time.Millisecond))))
		}
	}
	if !cfg.MetricsToken.IsZero() {
		t.scrape, t.token = sdkmetric.NewManualReader(), sha256.Sum256([]byte(cfg.MetricsToken.Reveal()))
		readers = append(readers, sdkmetric.WithReader(t.scrape))
	}
	if len(readers) > 0 {
		t.meters = sdkmetric.NewMeterProvider(append(readers, sdkmetric.WithResource(about),
			sdkmetric.WithExemplarFilter(exemplar.AlwaysOffFilter), sdkmetric.WithCardinalityLimit(1000))...)
		t.meter = t.meters.Meter(scope)
	}
	t.tracer = t.provider.Tracer(scope)
	t.buildInfo()
	return t, nil
}

// describe is the resource: the process, and nothing of its machine.
func describe(service string, more map[string]string) *resource.Resource {
	attributes := []attribute.KeyValue{
		attribute.String("service.instance.id", uuid.NewString()), attribute.String("service.version", Version()),
	}
	for name, value := range more {
		attributes = append(attributes, attribute.String(name, value))
	}
	// Of two with the same name the last one counts.
	return resource.NewSchemaless(append(attributes, attribute.String("service.name", service))...)
}

// release is the version of a release, which its build sets.
var release string

// Version is the version of a release, else the commit of the build.
func Version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				return setting.Value
			}
		}
	}
	return "unknown"
}

func (t *Telemetry) buildInfo() {
	if t.meters == nil {
		return
	}
	version := metric.WithAttributes(attribute.String("version", Version()))
	t.Observe("docuvault.build.info", "1, with the version of the running code.", "", func(_ context.Context, one Observation) { one(1, version) })
}

// Tracing reports whether spans go anywhere.
func (t *Telemetry) Tracing() bool { return t.spans != nil }

// Measuring reports whether anybody reads the metrics.
func (t *Telemetry) Measuring() bool { return t.meters != nil }

// Provider is for libraries that make their own spans.
func (t *Telemetry) Provider() trace.TracerProvider { return t.provider }

// Flush sends what waits, within a moment: for the end of an invocation on
// Lambda.
func (t *Telemetry) Flush(ctx context.Context) { t.flush(ctx, flushTimeout) }

func (t *Telemetry) flush(ctx context.Context, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	// The collector's failures are the exporter's to log.
	if t.spans != nil {
		_ = t.spans.ForceFlush(ctx)
	}
	if t.meters != nil {
		_ = t.meters.ForceFlush(ctx)
	}
}

// Close sends what waits and ends. What the collector does not take in time is
// lost.
func (t *Telemetry) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if t.spans != nil {
		_ = t.spans.Shutdown(ctx)
	}
	if t.meters != nil {
		_ = t.meters.Shutdown(ctx)
	}
	return nil
}

// Flushing makes a handler of Lambda that sends its telemetry before it
// answers.
func Flushing[I, O any](t *Telemetry, handle func(context.Context, I) (O, error)) func(context.Context, I) (O, error) {
	if t.spans == nil && t.meters == nil {
		return handle
	}
	return func(ctx context.Context, in I) (O, error) {
		defer t.Flush(ctx)
		return handle(ctx, in)
	}
}

// Metrics serves GET /metrics in Prometheus' text form to whoever has
// METRICS_TOKEN. Everybody else, and everybody where it is not set, gets what
// other answers, as for any unknown path.
func (t *Telemetry) Metrics(other http.Handler) http.Handler {
	if t.scrape == nil {
		return other
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		given := sha256.Sum256([]byte(token)) // so that the comparison takes the same time for any length
		if subtle.ConstantTimeCompare(given[:], t.token[:]) != 1 || !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
			other.ServeHTTP(w, r)
			return
		}
		prometheus.Serve(w, r, t.scrape)
	})
}
