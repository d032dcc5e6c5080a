// Package telemetrytest is a collector for tests: it takes OTLP over HTTP, as
// any collector does, and reads it with OpenTelemetry's own protobuf code.
package telemetrytest

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collectormetrics "go.opentelemetry.io/proto/slim/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/slim/otlp/metrics/v1"
	tracev1 "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Span is one that arrived.
type Span struct {
	Trace, ID, Parent string // hexadecimal; Parent is "" for a root
	Name, Service     string
	Kind              tracev1.Span_SpanKind
	Failed            bool
	Attributes        map[string]string
	Links             []string // traces and spans: "trace/span"
}

// Collector is one that listens. Its methods may be called by many goroutines.
type Collector struct {
	URL string

	mu      sync.Mutex
	raw     bytes.Buffer // all that arrived, unpacked
	headers http.Header
	spans   []Span
	metrics map[string]*metrics.Metric // the newest by name
}

// New makes a Collector that listens until the test ends.
func New(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{metrics: map[string]*metrics.Metric{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.take(r); err != nil {
			t.Errorf("the collector got what it cannot read at %s: %v", r.URL.Path, err)
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(server.Close)
	c.URL = server.URL
	return c
}

func (c *Collector) take(r *http.Request) error {
	if got := r.Header.Get("Content-Type"); r.Method != http.MethodPost || got != "application/x-protobuf" {
		return fmt.Errorf("%s of %q", r.Method, got)
	}
	reader := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			return err
		}
		reader = unpacked
	}
	body, err := io.ReadAll(reader)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.headers = r.Header.Clone()
	c.raw.Write(body)
	switch r.URL.Path {
	case "/v1/traces":
		var request collectortrace.ExportTraceServiceRequest
		if err := (proto.UnmarshalOptions{}).Unmarshal(body, &request); err != nil {
			return err
		}
		return c.takeSpans(&request)
	case "/v1/metrics":
		var request collectormetrics.ExportMetricsServiceRequest
		if err := proto.Unmarshal(body, &request); err != nil {
			return err
		}
		for _, of := range request.ResourceMetrics {
			for _, scope := range of.ScopeMetrics {
				for _, m := range scope.Metrics {
					if len(m.ProtoReflect().GetUnknown()) > 0 || m.Data == nil {
						return fmt.Errorf("metric %s is not whole", m.Name)
					}
					c.metrics[m.Name] = m
				}
			}
		}
		return nil
	default:
		return fmt.Errorf("no such path")
	}
}

func (c *Collector) takeSpans(request *collectortrace.ExportTraceServiceRequest) error {
	for _, of := range request.ResourceSpans {
		service := ""
		for _, kv := range of.Resource.Attributes {
			if kv.Key == "service.name" {
				service = kv.Value.GetStringValue()
			}
		}
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				if len(s.ProtoReflect().GetUnknown()) > 0 || len(s.TraceId) != 16 || len(s.SpanId) != 8 || s.EndTimeUnixNano < s.StartTimeUnixNano || s.StartTimeUnixNano == 0 {
					return fmt.Errorf("span %s is not whole", s.Name)
				}
				span := Span{
					Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId),
					Name: s.Name, Service: service, Kind: s.Kind, Attributes: attributes(s.Attributes),
					Failed: s.Status.GetCode() == tracev1.Status_STATUS_CODE_ERROR,
				}
				for _, l := range s.Links {
					span.Links = append(span.Links, hex.EncodeToString(l.TraceId)+"/"+hex.EncodeToString(l.SpanId))
				}
				c.spans = append(c.spans, span)
			}
		}
	}
	return nil
}

func attributes(all []*common.KeyValue) map[string]string {
	m := map[string]string{}
	for _, kv := range all {
		switch v := kv.Value.Value.(type) {
		case *common.AnyValue_StringValue:
			m[kv.Key] = v.StringValue
		case *common.AnyValue_IntValue:
			m[kv.Key] = fmt.Sprint(v.IntValue)
		default:
			m[kv.Key] = fmt.Sprint(v)
		}
	}
	return m
}

// Spans are all that arrived.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Named are the spans of this name.
func (c *Collector) Named(name string) []Span {
	return slices.DeleteFunc(c.Spans(), func(s Span) bool { return s.Name != name })
}

// Trace are the spans of one trace.
func (c *Collector) Trace(id string) []Span {
	return slices.DeleteFunc(c.Spans(), func(s Span) bool { return s.Trace != id })
}

// Raw is all that arrived, as it is on the wire, unpacked.
func (c *Collector) Raw() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.raw.Bytes())
}

// Header is one header of the last request.
func (c *Collector) Header(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.headers.Get(name)
}

// Metric is the newest value of a metric; nil if none arrived.
func (c *Collector) Metric(name string) *metrics.Metric {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.metrics[name]
}

// Loose are what keeps spans from being one whole trace: roots besides the
// first, and spans below one that is not there.
func Loose(spans []Span) (loose []string) {
	known := map[string]bool{}
	for _, s := range spans {
		known[s.ID] = true
	}
	roots := 0
	for _, s := range spans {
		if s.Parent == "" {
			if roots++; roots > 1 {
				loose = append(loose, s.Name+" is another root")
			}
		} else if !known[s.Parent] {
			loose = append(loose, s.Name+" is below a span that is not there")
		}
	}
	return loose
}

// Draw writes a trace as a tree, for a failed test.
func Draw(spans []Span) string {
	var out strings.Builder
	known := map[string]bool{}
	for _, s := range spans {
		known[s.ID] = true
	}
	slices.SortStableFunc(spans, func(a, b Span) int { return cmp.Compare(a.Name, b.Name) })
	var draw func(parent string, depth int)
	draw = func(parent string, depth int) {
		for _, s := range spans {
			if s.Parent == parent {
				fmt.Fprintf(&out, "%s%s (%s)\n", strings.Repeat("  ", depth), s.Name, s.ID)
				draw(s.ID, depth+1)
			}
		}
	}
	draw("", 0)
	for _, s := range spans {
		if s.Parent != "" && !known[s.Parent] {
			fmt.Fprintf(&out, "orphan: %s (%s) below %s\n", s.Name, s.ID, s.Parent)
		}
	}
	return out.String()
}
