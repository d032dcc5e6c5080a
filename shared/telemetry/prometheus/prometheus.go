// Package prometheus writes metrics as Prometheus reads them: its text format
// 0.0.4.
//
// It is our own, since OpenTelemetry's exporter links Prometheus' client and
// three megabytes. It promises that names come out as that one makes them: _ for
// dots, the unit and _total behind.
package prometheus

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Reader collects. It is OpenTelemetry's ManualReader.
type Reader interface {
	Collect(ctx context.Context, into *metricdata.ResourceMetrics) error
}

// Serve answers one request of a scraper. What gauges look at has a time of its
// own: one that does not answer must not hide the others.
func Serve(w http.ResponseWriter, r *http.Request, from Reader) {
	var all metricdata.ResourceMetrics
	if err := from.Collect(r.Context(), &all); err != nil {
		http.Error(w, "the metrics could not be collected", http.StatusServiceUnavailable)
		return
	}
	var out bytes.Buffer
	Write(&out, &all)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(out.Len()))
	_, _ = w.Write(out.Bytes())
}

// Write writes all metrics, and the resource as target_info.
func Write(w io.Writer, all *metricdata.ResourceMetrics) {
	fmt.Fprint(w, "# HELP target_info What runs.\n# TYPE target_info gauge\n")
	fmt.Fprintf(w, "target_info%s 1\n", labels(all.Resource.Attributes()))
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			write(w, m)
		}
	}
}

func write(w io.Writer, m metricdata.Metrics) {
	switch data := m.Data.(type) {
	case metricdata.Gauge[int64]:
		numbers(w, m, "gauge", "", data.DataPoints)
	case metricdata.Gauge[float64]:
		numbers(w, m, "gauge", "", data.DataPoints)
	case metricdata.Sum[int64]:
		sum(w, m, data.IsMonotonic, data.DataPoints)
	case metricdata.Sum[float64]:
		sum(w, m, data.IsMonotonic, data.DataPoints)
	case metricdata.Histogram[float64]:
		name := head(w, m, "histogram", "")
		for _, p := range data.DataPoints {
			attributes, below := p.Attributes.ToSlice(), uint64(0)
			for i, n := range p.BucketCounts {
				below += n
				bound := math.Inf(1)
				if i < len(p.Bounds) {
					bound = p.Bounds[i]
				}
				fmt.Fprintf(w, "%s_bucket%s %d\n", name, labels(attributes, attribute.String("le", number(bound))), below)
			}
			fmt.Fprintf(w, "%s_sum%s %s\n%s_count%s %d\n", name, labels(attributes), number(p.Sum), name, labels(attributes), p.Count)
		}
	}
}

func sum[N int64 | float64](w io.Writer, m metricdata.Metrics, monotonic bool, points []metricdata.DataPoint[N]) {
	if monotonic {
		numbers(w, m, "counter", "_total", points)
		return
	}
	numbers(w, m, "gauge", "", points)
}

func numbers[N int64 | float64](w io.Writer, m metricdata.Metrics, kind, suffix string, points []metricdata.DataPoint[N]) {
	name := head(w, m, kind, suffix)
	for _, p := range points {
		fmt.Fprintf(w, "%s%s %s\n", name, labels(p.Attributes.ToSlice()), number(float64(p.Value)))
	}
}

// units are those that our instruments have.
var units = map[string]string{"s": "_seconds", "By": "_bytes"}

// head writes what a metric is, and returns its name.
func head(w io.Writer, m metricdata.Metrics, kind, suffix string) string {
	name := clean(m.Name)
	if unit := units[m.Unit]; !strings.HasSuffix(name, unit) {
		name += unit
	}
	name += suffix
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, strings.NewReplacer("\\", `\\`, "\n", `\n`).Replace(m.Description), name, kind)
	return name
}

// clean makes a name of letters, digits and underscores.
func clean(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name)
}

var escaped = strings.NewReplacer("\\", `\\`, "\n", `\n`, `"`, `\"`)

func labels(attributes []attribute.KeyValue, more ...attribute.KeyValue) string {
	if len(attributes)+len(more) == 0 {
		return ""
	}
	parts := make([]string, 0, len(attributes)+len(more))
	for _, kv := range slices.Concat(attributes, more) {
		parts = append(parts, clean(string(kv.Key))+`="`+escaped.Replace(kv.Value.String())+`"`)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func number(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "+Inf"
	case math.IsInf(v, -1):
		return "-Inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
