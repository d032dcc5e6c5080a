package telemetry

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"docuvault/shared/secret"
)

// Config is what the environment says about telemetry: the standard variables of
// OpenTelemetry, and METRICS_TOKEN.
type Config struct {
	// Endpoint is the address of a collector that takes OTLP over HTTP. Without
	// it nothing is sent.
	Endpoint string `env:"OTEL_EXPORTER_OTLP_ENDPOINT"`
	// Headers go with every request, as name=value,name=value; a collector's key
	// stands there.
	Headers     secret.Text `env:"OTEL_EXPORTER_OTLP_HEADERS"`
	Protocol    string      `env:"OTEL_EXPORTER_OTLP_PROTOCOL" envDefault:"http/protobuf"`
	Compression string      `env:"OTEL_EXPORTER_OTLP_COMPRESSION" envDefault:"none"`
	// TimeoutMS is how long the collector may take to answer, in milliseconds.
	TimeoutMS  int    `env:"OTEL_EXPORTER_OTLP_TIMEOUT" envDefault:"10000"`
	Traces     string `env:"OTEL_TRACES_EXPORTER" envDefault:"otlp"`
	Metrics    string `env:"OTEL_METRICS_EXPORTER" envDefault:"otlp"`
	IntervalMS int    `env:"OTEL_METRIC_EXPORT_INTERVAL" envDefault:"60000"`
	Sampler    string `env:"OTEL_TRACES_SAMPLER" envDefault:"parentbased_always_on"`
	SamplerArg string `env:"OTEL_TRACES_SAMPLER_ARG"`
	Service    string `env:"OTEL_SERVICE_NAME"`
	Resource   string `env:"OTEL_RESOURCE_ATTRIBUTES"`
	Disabled   bool   `env:"OTEL_SDK_DISABLED"`

	// MetricsToken opens GET /metrics, as Authorization: Bearer.
	MetricsToken secret.Text `env:"METRICS_TOKEN"`
	// Lambda is set by the platform.
	Lambda string `env:"AWS_LAMBDA_RUNTIME_API"`

	sampler  sdktrace.Sampler
	headers  map[string]string
	resource map[string]string
}

// minToken is the least length of METRICS_TOKEN, in bytes.
const minToken = 16

// Validate names the variable that is wrong and what would be right.
func (c *Config) Validate() (err error) {
	if token := c.MetricsToken; !token.IsZero() {
		switch {
		case c.Lambda != "":
			return errors.New("METRICS_TOKEN is set, and a function on Lambda has no /metrics: it lives for a moment. Leave it unset, and set OTEL_EXPORTER_OTLP_ENDPOINT")
		case len(token.Reveal()) < minToken:
			return fmt.Errorf("METRICS_TOKEN: at least %d bytes, like those of openssl rand -base64 32", minToken)
		}
	}
	if c.Endpoint == "" || c.Disabled {
		c.Endpoint = ""
		return nil
	}
	// The address itself stays out of the message: it may hold a password.
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return errors.New("OTEL_EXPORTER_OTLP_ENDPOINT: this has to be the address of a collector that takes OTLP over HTTP, like http://127.0.0.1:4318, without user and query; keys go into OTEL_EXPORTER_OTLP_HEADERS")
	}
	if c.Protocol != "http/protobuf" {
		return fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL: %.40q is not http/protobuf, which is what is sent; collectors take it on port 4318", c.Protocol)
	}
	if !slices.Contains([]string{"none", "gzip"}, c.Compression) {
		return fmt.Errorf("OTEL_EXPORTER_OTLP_COMPRESSION: %.40q is none of none, gzip", c.Compression)
	}
	if c.TimeoutMS < 1 || c.TimeoutMS > 60_000 {
		return errors.New("OTEL_EXPORTER_OTLP_TIMEOUT: from 1 to 60000 milliseconds")
	}
	if c.IntervalMS < 1000 || c.IntervalMS > 3_600_000 {
		return errors.New("OTEL_METRIC_EXPORT_INTERVAL: from 1000 to 3600000 milliseconds")
	}
	for name, value := range map[string]string{"OTEL_TRACES_EXPORTER": c.Traces, "OTEL_METRICS_EXPORTER": c.Metrics} {
		if value != "otlp" && value != "none" {
			return fmt.Errorf("%s: %.40q is none of otlp, none", name, value)
		}
	}
	if c.headers, err = pairs(c.Headers.Reveal()); err != nil {
		return errors.New("OTEL_EXPORTER_OTLP_HEADERS: this has to be name=value, several separated by commas, with other characters as in a URL")
	}
	if c.resource, err = pairs(c.Resource); err != nil {
		return errors.New("OTEL_RESOURCE_ATTRIBUTES: this has to be name=value, several separated by commas, with other characters as in a URL")
	}
	c.sampler, err = c.sampling()
	return err
}

// sampling is the sampler that OTEL_TRACES_SAMPLER names.
func (c *Config) sampling() (sdktrace.Sampler, error) {
	name, based := strings.CutPrefix(c.Sampler, "parentbased_")
	var s sdktrace.Sampler
	switch name {
	case "always_on":
		s = sdktrace.AlwaysSample()
	case "always_off":
		s = sdktrace.NeverSample()
	case "traceidratio":
		ratio := 1.0
		if c.SamplerArg != "" {
			var err error
			if ratio, err = strconv.ParseFloat(c.SamplerArg, 64); err != nil || !(ratio >= 0 && ratio <= 1) {
				return nil, errors.New("OTEL_TRACES_SAMPLER_ARG: a number from 0 to 1")
			}
		}
		s = sdktrace.TraceIDRatioBased(ratio)
	default:
		return nil, fmt.Errorf("OTEL_TRACES_SAMPLER: %.40q is none of always_on, always_off, traceidratio, and these with parentbased_ in front", c.Sampler)
	}
	if based {
		s = sdktrace.ParentBased(s)
	}
	return s, nil
}

// pairs reads name=value,name=value (W3C Baggage section 3.2, without
// properties).
func pairs(s string) (map[string]string, error) {
	all := map[string]string{}
	for pair := range strings.SplitSeq(s, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || name == "" || err != nil || strings.ContainsFunc(name+value, func(r rune) bool { return r < ' ' || r > '~' }) {
			return nil, errors.New("malformed")
		}
		all[name] = value
	}
	return all, nil
}
