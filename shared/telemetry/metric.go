package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// The names below are OpenTelemetry's; Prometheus reads them with _ for dots, and
// with the unit and _total behind: docuvault_uploads_total. docs/operations.md
// lists them all.

// Count adds to a counter, under pairs of label and value.
type Count = func(ctx context.Context, n int64, pairs ...string)

// Value sets a gauge, under pairs of label and value.
type Value = func(ctx context.Context, value float64, pairs ...string)

// Timing records how long something took.
type Timing = func(ctx context.Context, took time.Duration, attributes ...attribute.KeyValue)

// Counter counts what happened, by kinds that are few and known: add(ctx, "outcome", "stored").
func (t *Telemetry) Counter(name, description string) Count {
	c := must(t.meter.Int64Counter(name, metric.WithDescription(description)))
	return func(ctx context.Context, n int64, pairs ...string) {
		c.Add(ctx, n, metric.WithAttributes(keyValues(pairs)...))
	}
}

// Starting is a kind of a counter that is reported as zero before it first
// happens, so that an alert sees the first one too.
func Starting(add Count, label string, values ...string) {
	for _, value := range values {
		add(context.Background(), 0, label, value)
	}
}

// Requests take milliseconds, analyses minutes.
var boundaries = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300}

// Duration records how long something took.
func (t *Telemetry) Duration(name, description string) Timing {
	h := must(t.meter.Float64Histogram(name, metric.WithDescription(description), metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(boundaries...)))
	return func(ctx context.Context, took time.Duration, attributes ...attribute.KeyValue) {
		h.Record(ctx, took.Seconds(), metric.WithAttributes(attributes...))
	}
}

// Gauge records how something is now.
func (t *Telemetry) Gauge(name, description, unit string) Value {
	g := must(t.meter.Float64Gauge(name, metric.WithDescription(description), metric.WithUnit(unit)))
	return func(ctx context.Context, value float64, pairs ...string) {
		g.Record(ctx, value, metric.WithAttributes(keyValues(pairs)...))
	}
}

// Observation is one value of a gauge that is looked at when somebody asks.
type Observation = func(value float64, attributes ...metric.ObserveOption)

// Observe registers a gauge whose value is looked at when somebody asks. look
// is quick, and says nothing if it does not know.
func (t *Telemetry) Observe(name, description, unit string, look func(ctx context.Context, one Observation)) {
	must(t.meter.Float64ObservableGauge(name, metric.WithDescription(description), metric.WithUnit(unit), asked(look)))
}

// ObserveTotal is [Telemetry.Observe] for a number that only grows.
func (t *Telemetry) ObserveTotal(name, description, unit string, look func(ctx context.Context, one Observation)) {
	must(t.meter.Float64ObservableCounter(name, metric.WithDescription(description), metric.WithUnit(unit), asked(look)))
}

// asked has a gauge or a counter looked at.
func asked(look func(ctx context.Context, one Observation)) metric.Float64ObservableOption {
	return metric.WithFloat64Callback(func(ctx context.Context, o metric.Float64Observer) error {
		look(ctx, o.Observe)
		return nil
	})
}

// must is for instruments, whose names are constants of ours.
func must[T any](instrument T, err error) T {
	if err != nil {
		panic("telemetry: " + err.Error())
	}
	return instrument
}

// Labels are attributes of an observation: name, value, name, value.
func Labels(pairs ...string) metric.ObserveOption { return metric.WithAttributes(keyValues(pairs)...) }

func keyValues(pairs []string) []attribute.KeyValue {
	all := make([]attribute.KeyValue, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, attribute.String(pairs[i], pairs[i+1]))
	}
	return all
}
