package telemetry

import (
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
)

// Server makes a span of each request that next answers, which names it by its
// route; where nothing is traced, it is next.
//
// What the sender of a request says about traces is not believed, since it may
// be anybody: the span has no parent, and a valid traceparent is kept as a link.
// The library would tell the address of the client and the path as well; what may
// leave the process is in package otlp.
func (t *Telemetry) Server(next http.Handler) http.Handler {
	if !t.Tracing() {
		return next
	}
	return otelhttp.NewHandler(next, "request",
		otelhttp.WithTracerProvider(t.provider), otelhttp.WithMeterProvider(noopmetric.NewMeterProvider()),
		otelhttp.WithPropagators(propagation.TraceContext{}), otelhttp.WithPublicEndpointFn(func(*http.Request) bool { return true }),
		otelhttp.WithSpanNameFormatter(func(string, *http.Request) string { return "request" }))
}
