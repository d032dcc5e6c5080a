package telemetry_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/telemetry"
	"docuvault/shared/telemetry/telemetrytest"
)

func env(t *testing.T, vars ...string) *host.Env {
	t.Helper()
	e, err := host.NewEnv(vars, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func open(t *testing.T, vars ...string) *telemetry.Telemetry {
	t.Helper()
	e := env(t, vars...)
	measured, err := telemetry.Open(e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return measured
}

func TestAWrongValueStopsTheStart(t *testing.T) {
	t.Parallel()
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1"
	for _, vars := range [][]string{
		{"OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318"}, {"OTEL_EXPORTER_OTLP_ENDPOINT=http://"}, {"OTEL_EXPORTER_OTLP_ENDPOINT=http://who:planted@c:4318"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318/?key=planted"}, {"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", endpoint}, {"OTEL_EXPORTER_OTLP_COMPRESSION=zstd", endpoint},
		{"OTEL_EXPORTER_OTLP_TIMEOUT=0", endpoint}, {"OTEL_METRIC_EXPORT_INTERVAL=1", endpoint}, {"OTEL_TRACES_EXPORTER=zipkin", endpoint},
		{"OTEL_METRICS_EXPORTER=prometheus", endpoint}, {"OTEL_EXPORTER_OTLP_HEADERS=planted", endpoint}, {"OTEL_RESOURCE_ATTRIBUTES=a=%zz", endpoint},
		{"OTEL_TRACES_SAMPLER=xray", endpoint}, {"OTEL_TRACES_SAMPLER_ARG=1.5", "OTEL_TRACES_SAMPLER=traceidratio", endpoint},
		{"METRICS_TOKEN=planted-15-byte"}, {"METRICS_TOKEN=planted-more-than-16", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:1"},
	} {
		name, _, _ := strings.Cut(vars[0], "=")
		if _, err := telemetry.Open(env(t, vars...)); err == nil || !strings.HasPrefix(err.Error(), name) || strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: %v", vars, err)
		}
	}
	for _, vars := range [][]string{
		nil, {"OTEL_SDK_DISABLED=true", "OTEL_EXPORTER_OTLP_ENDPOINT=nonsense"}, {"OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.1", endpoint},
		{"OTEL_EXPORTER_OTLP_HEADERS=x-key=a%20b,other=1", "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test", endpoint},
	} {
		if _, err := telemetry.Open(env(t, vars...)); err != nil {
			t.Errorf("%s: %v", vars, err)
		}
	}
}

// Nothing is started, and nothing is measured, but a trace that somebody else
// records goes through.
func TestOffCostsNothing(t *testing.T) { // it counts allocations, so it is not parallel
	measured := open(t)
	if measured.Tracing() || measured.Measuring() {
		t.Error("it is not off")
	}
	ctx, span := measured.Root(t.Context(), "x", trace.SpanKindServer)
	if span.IsRecording() || telemetry.TraceParent(ctx) != "" || telemetry.TraceID(ctx) != "" {
		t.Errorf("a span is recorded: %q", telemetry.TraceParent(ctx))
	}
	measured.Counter("a", "")(ctx, 1, "b", "c")
	allocated := testing.AllocsPerRun(100, func() {
		_, end := telemetry.Span(ctx, "y", trace.SpanKindInternal)
		end(nil)
	})
	if allocated > 0 {
		t.Errorf("a span that nobody records costs %v allocations", allocated)
	}
	const began = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	ctx, end := measured.Process(t.Context(), "analyze", began)
	end(nil)
	if telemetry.TraceParent(ctx) != began {
		t.Errorf("the trace of a message ends in %q", telemetry.TraceParent(ctx))
	}
}

func TestWhatACollectorGets(t *testing.T) {
	t.Parallel()
	for _, compression := range []string{"none", "gzip"} {
		collector := telemetrytest.New(t)
		measured := open(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL+"/", "OTEL_EXPORTER_OTLP_COMPRESSION="+compression, "OTEL_EXPORTER_OTLP_HEADERS=x-key=a%20b",
			"OTEL_SERVICE_NAME=mine", "OTEL_RESOURCE_ATTRIBUTES=service.name=other,deployment.environment.name=test")
		ctx, span := measured.Root(t.Context(), "root", trace.SpanKindServer)
		_, end := telemetry.Span(ctx, "inner", trace.SpanKindClient)
		end(fault.New(fault.Unavailable, "").Because(io.ErrUnexpectedEOF))
		_, refused := telemetry.Span(ctx, "refused", trace.SpanKindInternal)
		refused(fault.New(fault.NotFound, ""))
		telemetry.End(span, nil)
		measured.Counter("docuvault.things", "Things.")(ctx, 3, "kind", "odd")
		measured.Duration("docuvault.work", "Work.")(ctx, 30*time.Millisecond)
		measured.Flush(t.Context())
		root, child, third := collector.Named("root"), collector.Named("inner"), collector.Named("refused")
		if len(root) != 1 || len(child) != 1 || len(third) != 1 || child[0].Parent != root[0].ID || third[0].Parent != root[0].ID || root[0].Parent != "" {
			t.Fatalf("%s: got %+v", compression, collector.Spans())
		}
		if root[0].Service != "mine" || root[0].Failed || !child[0].Failed || child[0].Attributes["error.type"] != "unavailable" || third[0].Failed {
			t.Errorf("got %+v", collector.Spans())
		}
		things, work := collector.Metric("docuvault.things"), collector.Metric("docuvault.work")
		if p := things.GetSum().GetDataPoints(); len(p) != 1 || p[0].GetAsInt() != 3 || p[0].Attributes[0].Value.GetStringValue() != "odd" || !things.GetSum().IsMonotonic || things.GetSum().AggregationTemporality != 2 {
			t.Errorf("got %v", things)
		}
		if p := work.GetHistogram().GetDataPoints(); len(p) != 1 || p[0].Count != 1 || p[0].GetSum() != 0.03 || len(p[0].BucketCounts) != len(p[0].ExplicitBounds)+1 || p[0].BucketCounts[3] != 1 || work.Unit != "s" {
			t.Errorf("got %v", work)
		}
		if collector.Header("X-Key") != "a b" || (collector.Header("Content-Encoding") == "gzip") != (compression == "gzip") {
			t.Errorf("headers %q, %q", collector.Header("X-Key"), collector.Header("Content-Encoding"))
		}
	}
}

// A request has a trace of its own, whatever its sender says, and the span says
// nothing of who sent it, from where, and for what; nor does anything else that a
// library, or we, put there by mistake.
func TestWhatLeavesOfARequest(t *testing.T) {
	t.Parallel()
	collector := telemetrytest.New(t)
	measured := open(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL)
	handler := measured.Server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		span := trace.SpanFromContext(r.Context())
		span.SetName("GET /v1/things/{id}")
		span.SetAttributes(attribute.String("http.route", "/v1/things/{id}"), attribute.String("enduser.id", "planted"))
		span.AddEvent("exception", trace.WithAttributes(attribute.String("exception.message", "planted")))
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("planted"))
	}))
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/things/planted?q=planted", strings.NewReader("planted"))
	r.Header.Set("User-Agent", "planted")
	r.Header.Set("X-Forwarded-For", "planted")
	r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	r.Header.Set("Tracestate", "planted=1")
	handler.ServeHTTP(httptest.NewRecorder(), r)
	measured.Flush(t.Context())
	got := collector.Named("GET /v1/things/{id}")
	if len(got) != 1 || got[0].Parent != "" || got[0].Trace == "4bf92f3577b34da6a3ce929d0e0e4736" || !got[0].Failed {
		t.Fatalf("got %+v", collector.Spans())
	}
	if !slices.Contains(got[0].Links, "4bf92f3577b34da6a3ce929d0e0e4736/00f067aa0ba902b7") {
		t.Errorf("links %q", got[0].Links)
	}
	for name := range got[0].Attributes {
		if !strings.HasPrefix(name, "http.") {
			t.Errorf("%s = %q left the process", name, got[0].Attributes[name])
		}
	}
	if text := string(collector.Raw()); strings.Contains(text, "planted") || strings.Contains(text, "192.0.2.1") || !strings.Contains(text, "/v1/things/{id}") {
		t.Errorf("sent %q", text)
	}
}

func TestSampling(t *testing.T) {
	t.Parallel()
	collector := telemetrytest.New(t)
	measured := open(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL, "OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0")
	ctx, span := measured.Root(t.Context(), "left out", trace.SpanKindServer)
	began := telemetry.TraceParent(ctx)
	span.End()
	if !strings.HasSuffix(began, "-00") {
		t.Errorf("what is left out says so to those who go on: %q", began)
	}
	// What began elsewhere was decided there, either way.
	for _, from := range []string{began, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"} {
		_, end := measured.Process(t.Context(), "analyze", from)
		end(nil)
	}
	measured.Flush(t.Context())
	if got := collector.Spans(); len(got) != 1 || got[0].Trace != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("got %+v", got)
	}
}

// A trace to go on in that is none changes nothing.
func TestContinueWithNonsense(t *testing.T) {
	t.Parallel()
	measured := open(t, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1")
	ctx, _ := measured.Root(t.Context(), "here", trace.SpanKindServer)
	const good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for given, followed := range map[string]bool{
		good: true, "": false, "x": false, good + "x": false, strings.ToUpper(good): false, "ff" + good[2:]: false,
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01": false, "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01": false,
	} {
		inner, _ := telemetry.Continue(ctx, given, "step")
		if got := telemetry.TraceID(inner); (got == good[3:35]) != followed || !followed && got != telemetry.TraceID(ctx) {
			t.Errorf("%q: the step is in %s", given, got)
		}
	}
}

// Who has not the token sees what stands at any unknown address.
func TestMetricsAreForTheScraper(t *testing.T) {
	t.Parallel()
	other := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	ask := func(measured *telemetry.Telemetry, method, authorization string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, "/metrics", nil)
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		measured.Metrics(other).ServeHTTP(w, r)
		return w
	}
	measured := open(t, "METRICS_TOKEN=0123456789abcdef")
	measured.Counter("docuvault.things", "Things, \"many\"\nof them.")(context.Background(), 3, "kind", "a\"b")
	measured.Duration("docuvault.work", "Work.")(context.Background(), 30*time.Millisecond)
	measured.Observe("docuvault.oldest.age", "Age.", "s", func(_ context.Context, one telemetry.Observation) { one(1.5) })
	for _, authorization := range []string{"", "Bearer ", "Bearer 0123456789abcde", "Bearer 0123456789abcdefg", "0123456789abcdef", "Basic 0123456789abcdef", "bearer 0123456789abcdef"} {
		if got := ask(measured, "GET", authorization); got.Code != http.StatusTeapot {
			t.Errorf("%q is answered with %d", authorization, got.Code)
		}
	}
	if got := ask(measured, "POST", "Bearer 0123456789abcdef"); got.Code != http.StatusTeapot {
		t.Errorf("a POST is answered with %d", got.Code)
	}
	if got := ask(open(t), "GET", "Bearer "); got.Code != http.StatusTeapot {
		t.Errorf("without METRICS_TOKEN it is answered with %d", got.Code)
	}
	got := ask(measured, "GET", "Bearer 0123456789abcdef")
	for _, line := range []string{
		`# HELP docuvault_things_total Things, "many"\nof them.`, "# TYPE docuvault_things_total counter", `docuvault_things_total{kind="a\"b"} 3`,
		"# TYPE docuvault_work_seconds histogram", `docuvault_work_seconds_bucket{le="0.025"} 0`, `docuvault_work_seconds_bucket{le="0.05"} 1`,
		`docuvault_work_seconds_bucket{le="+Inf"} 1`, "docuvault_work_seconds_sum 0.03", "docuvault_work_seconds_count 1",
		"# TYPE docuvault_oldest_age_seconds gauge", "docuvault_oldest_age_seconds 1.5", `docuvault_build_info{version="`, `service_name="docuvault"`,
	} {
		if got.Code != http.StatusOK || !strings.Contains(got.Body.String(), line) || got.Header().Get("Set-Cookie") != "" {
			t.Fatalf("%d, without %s:\n%s", got.Code, line, got.Body)
		}
	}
}
