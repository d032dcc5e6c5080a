package telemetry

import (
	"context"
	"regexp"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"docuvault/shared/fault"
)

// Carrier is the name under which a trace context travels: the attribute of a
// message, the header of a request (W3C Trace Context section 3.2).
const Carrier = "traceparent"

// Ended ends a span. An error that is ours to mend marks it, by its code alone:
// an error's text may quote what a person wrote.
type Ended = func(err error)

// Root starts a span that has no parent: a run of a schedule.
func (t *Telemetry) Root(ctx context.Context, name string, kind trace.SpanKind) (context.Context, trace.Span) {
	return t.tracer.Start(ctx, name, trace.WithNewRoot(), trace.WithSpanKind(kind))
}

// Process starts the span of a message, below the one that sent it.
func (t *Telemetry) Process(ctx context.Context, queue, traceparent string) (context.Context, Ended) {
	ctx, span := t.tracer.Start(From(ctx, traceparent), "process "+queue, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		attribute.String("messaging.system", "docuvault"), attribute.String("messaging.destination.name", queue),
		attribute.String("messaging.operation.name", "process"), attribute.String("messaging.operation.type", "process")))
	return ctx, func(err error) { End(span, err) }
}

// Span starts a span below the one of ctx; without one, none.
func Span(ctx context.Context, name string, kind trace.SpanKind, attributes ...attribute.KeyValue) (context.Context, Ended) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, func(error) {}
	}
	ctx, span := parent.TracerProvider().Tracer(scope).Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attributes...))
	return ctx, func(err error) { End(span, err) }
}

// Continue starts a span in the trace that traceparent names, which began
// earlier and elsewhere, with a link to the span of ctx. One that is not valid
// counts as none: then the span is below the one of ctx.
func Continue(ctx context.Context, traceparent, name string) (context.Context, Ended) {
	here := trace.SpanFromContext(ctx)
	var options []trace.SpanStartOption
	began, ok := parse(traceparent)
	if ok && began.TraceID() != here.SpanContext().TraceID() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, began)
		if here.SpanContext().IsValid() {
			options = append(options, trace.WithLinks(trace.Link{SpanContext: here.SpanContext()}))
		}
	}
	ctx, span := here.TracerProvider().Tracer(scope).Start(ctx, name, options...)
	return ctx, func(err error) { End(span, err) }
}

// End ends a span as [Ended] does.
func End(span trace.Span, err error) {
	Mark(span, err)
	span.End()
}

// Mark is End for a span that somebody else ends.
func Mark(span trace.Span, err error) {
	if err != nil {
		if code := fault.CodeOf(err); code.Status() >= 500 {
			span.SetStatus(codes.Error, "")
			span.SetAttributes(attribute.String("error.type", string(code)))
		}
	}
}

// TraceParent is the trace context of ctx's span, to be handed on; "" if there
// is none.
func TraceParent(ctx context.Context) string {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() {
		return ""
	}
	flags := "00"
	if sc.IsSampled() {
		flags = "01"
	}
	return "00-" + sc.TraceID().String() + "-" + sc.SpanID().String() + "-" + flags
}

// TraceID is the id of ctx's trace, for the log; "" if there is none.
func TraceID(ctx context.Context) string {
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		return sc.TraceID().String()
	}
	return ""
}

// From returns a context whose span is the one that traceparent names, so that
// what is started or sent in it belongs there. One that is not valid changes
// nothing.
func From(ctx context.Context, traceparent string) context.Context {
	if sc, ok := parse(traceparent); ok {
		return trace.ContextWithRemoteSpanContext(ctx, sc)
	}
	return ctx
}

var form = regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// parse reads a trace context of version 00 whose ids are not zero.
func parse(s string) (trace.SpanContext, bool) {
	if !form.MatchString(s) {
		return trace.SpanContext{}, false
	}
	traceID, err1 := trace.TraceIDFromHex(s[3:35])
	spanID, err2 := trace.SpanIDFromHex(s[36:52])
	if err1 != nil || err2 != nil {
		return trace.SpanContext{}, false
	}
	flags := trace.TraceFlags(0)
	if strings.ContainsRune("13579bdf", rune(s[54])) {
		flags = trace.FlagsSampled
	}
	sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID, TraceFlags: flags, Remote: true})
	return sc, sc.IsValid()
}
