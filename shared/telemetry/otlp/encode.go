package otlp

import (
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/protobuf/encoding/protowire"
)

// message is a protobuf message that is being written. The numbers of the fields
// are those of opentelemetry-proto 1.x; the test reads them with its code.
type message []byte

func (m message) bytes(field protowire.Number, value []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, field, protowire.BytesType), value)
}

// text leaves out what is empty, as protobuf does.
func (m message) text(field protowire.Number, value string) message {
	if value == "" {
		return m
	}
	return protowire.AppendString(protowire.AppendTag(m, field, protowire.BytesType), value)
}

func (m message) varint(field protowire.Number, value uint64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, field, protowire.VarintType), value)
}

func (m message) fixed64(field protowire.Number, value uint64) message {
	return protowire.AppendFixed64(protowire.AppendTag(m, field, protowire.Fixed64Type), value)
}

func (m message) fixed32(field protowire.Number, value uint32) message {
	return protowire.AppendFixed32(protowire.AppendTag(m, field, protowire.Fixed32Type), value)
}

func (m message) double(field protowire.Number, value float64) message {
	return m.fixed64(field, math.Float64bits(value))
}

func (m message) time(field protowire.Number, value time.Time) message {
	if value.IsZero() {
		return m
	}
	return m.fixed64(field, uint64(max(value.UnixNano(), 0)))
}

func (m message) attributes(field protowire.Number, all []attribute.KeyValue) message {
	for _, kv := range all {
		m = m.bytes(field, message(nil).text(1, string(kv.Key)).bytes(2, anyValue(kv.Value)))
	}
	return m
}

func anyValue(v attribute.Value) message {
	var m message
	switch v.Type() {
	case attribute.STRING:
		// Not text: a value that is "" is one.
		return m.bytes(1, []byte(v.AsString()))
	case attribute.BOOL:
		return m.varint(2, protowire.EncodeBool(v.AsBool()))
	case attribute.INT64:
		return m.varint(3, uint64(v.AsInt64()))
	case attribute.FLOAT64:
		return m.double(4, v.AsFloat64())
	default:
		// Lists, which neither we nor what we link makes.
		return m.bytes(1, []byte(v.String()))
	}
}

func encodeResource(r *resource.Resource) message { return message(nil).attributes(1, r.Attributes()) }

func encodeScope(s instrumentation.Scope) message {
	return message(nil).text(1, s.Name).text(2, s.Version)
}

// encodeSpans is an ExportTraceServiceRequest. All spans are of one resource.
func encodeSpans(all []sdktrace.ReadOnlySpan) []byte {
	scopes := map[instrumentation.Scope]message{}
	for _, s := range all {
		at := s.InstrumentationScope()
		if scopes[at] == nil {
			scopes[at] = message(nil).bytes(1, encodeScope(at))
		}
		scopes[at] = scopes[at].bytes(2, encodeSpan(s))
	}
	of := message(nil).bytes(1, encodeResource(all[0].Resource()))
	for _, s := range scopes {
		of = of.bytes(2, s)
	}
	return message(nil).bytes(1, of)
}

// remote says in a span's flags whether its parent, or what it links to, is of
// another process.
func remote(flags byte, is bool) uint32 {
	const known, yes = 1 << 8, 1 << 9
	if is {
		return uint32(flags) | known | yes
	}
	return uint32(flags) | known
}

func encodeSpan(s sdktrace.ReadOnlySpan) message {
	at, parent := s.SpanContext(), s.Parent()
	traceID, spanID, parentID := at.TraceID(), at.SpanID(), parent.SpanID()
	m := message(nil).bytes(1, traceID[:]).bytes(2, spanID[:]).text(3, at.TraceState().String())
	if parent.SpanID().IsValid() {
		m = m.bytes(4, parentID[:])
	}
	m = m.text(5, s.Name()).varint(6, uint64(s.SpanKind())).time(7, s.StartTime()).time(8, s.EndTime()).attributes(9, filtered(s.Attributes()))
	for _, e := range s.Events() {
		m = m.bytes(11, message(nil).time(1, e.Time).text(2, e.Name).attributes(3, filtered(e.Attributes)))
	}
	for _, l := range s.Links() {
		traceID, spanID := l.SpanContext.TraceID(), l.SpanContext.SpanID()
		m = m.bytes(13, message(nil).bytes(1, traceID[:]).bytes(2, spanID[:]).attributes(4, filtered(l.Attributes)).
			fixed32(6, remote(byte(l.SpanContext.TraceFlags()), l.SpanContext.IsRemote())))
	}
	switch status := s.Status(); status.Code {
	case codes.Ok:
		m = m.bytes(15, message(nil).varint(3, 1))
	case codes.Error:
		m = m.bytes(15, message(nil).text(2, status.Description).varint(3, 2))
	}
	return m.fixed32(16, remote(byte(at.TraceFlags()), parent.IsRemote()))
}

// encodeMetrics is an ExportMetricsServiceRequest.
func encodeMetrics(all *metricdata.ResourceMetrics) []byte {
	of := message(nil).bytes(1, encodeResource(all.Resource))
	for _, s := range all.ScopeMetrics {
		scope := message(nil).bytes(1, encodeScope(s.Scope))
		for _, metric := range s.Metrics {
			scope = scope.bytes(2, encodeMetric(metric))
		}
		of = of.bytes(2, scope)
	}
	return message(nil).bytes(1, of)
}

func encodeMetric(metric metricdata.Metrics) message {
	m := message(nil).text(1, metric.Name).text(2, metric.Description).text(3, metric.Unit)
	switch data := metric.Data.(type) {
	case metricdata.Gauge[int64]:
		return m.bytes(5, numbers(data.DataPoints))
	case metricdata.Gauge[float64]:
		return m.bytes(5, numbers(data.DataPoints))
	case metricdata.Sum[int64]:
		return m.bytes(7, sum(numbers(data.DataPoints), data.IsMonotonic))
	case metricdata.Sum[float64]:
		return m.bytes(7, sum(numbers(data.DataPoints), data.IsMonotonic))
	case metricdata.Histogram[float64]:
		return m.bytes(9, histogram(data.DataPoints))
	default:
		return m // no instrument of ours makes another
	}
}

// cumulative is the temporality of all sums.
const cumulative = 2

func sum(points message, monotonic bool) message {
	return points.varint(2, cumulative).varint(3, protowire.EncodeBool(monotonic))
}

func numbers[N int64 | float64](points []metricdata.DataPoint[N]) (m message) {
	for _, p := range points {
		point := message(nil).attributes(7, p.Attributes.ToSlice()).time(2, p.StartTime).time(3, p.Time)
		switch v := any(p.Value).(type) {
		case int64:
			point = point.fixed64(6, uint64(v))
		case float64:
			point = point.double(4, v)
		}
		m = m.bytes(1, point)
	}
	return m
}

func histogram(points []metricdata.HistogramDataPoint[float64]) (m message) {
	for _, p := range points {
		point := message(nil).attributes(9, p.Attributes.ToSlice()).time(2, p.StartTime).time(3, p.Time).fixed64(4, p.Count).double(5, p.Sum)
		var counts, bounds []byte
		for _, n := range p.BucketCounts {
			counts = protowire.AppendFixed64(counts, n)
		}
		for _, b := range p.Bounds {
			bounds = protowire.AppendFixed64(bounds, math.Float64bits(b))
		}
		m = m.bytes(1, point.bytes(6, counts).bytes(7, bounds))
	}
	return m.varint(2, cumulative)
}
