package manifests

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// served are the metrics of a vault, each with its labels: what /metrics has
// after a whole story, as test/observe finds and holds it.
func served(t *testing.T) map[string][]string {
	t.Helper()
	list, err := os.ReadFile("../observe/testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	// What Prometheus itself says of whom it asks.
	all := map[string][]string{"up": nil}
	for line := range strings.Lines(string(list)) {
		fields := strings.Fields(line)
		var names []string
		if len(fields) > 2 {
			names = strings.Split(fields[2], ",")
		}
		if fields[1] != "histogram" {
			all[fields[0]] = names
			continue
		}
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			all[fields[0]+suffix] = names
		}
	}
	if len(all) < 20 {
		t.Fatalf("only %d metrics are known", len(all))
	}
	return all
}

// TestAlerts reads every rule as Prometheus does, and wants each metric and label
// that it asks for to be one that a vault has.
func TestAlerts(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../deploy/prometheus/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	groups, errs := rulefmt.Parse(content, false, model.LegacyValidation)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	metrics, asked := served(t), map[string]bool{}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			expr, err := parser.ParseExpr(rule.Expr)
			if err != nil {
				t.Fatalf("%s: %v", rule.Alert, err)
			}
			parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
				selector, ok := node.(*parser.VectorSelector)
				if !ok {
					return nil
				}
				asked[selector.Name] = true
				names, ok := metrics[selector.Name]
				if !ok {
					t.Errorf("%s asks for %s, which no vault has", rule.Alert, selector.Name)
				}
				for _, m := range selector.LabelMatchers {
					if m.Name != labels.MetricName && m.Name != "le" && m.Name != "job" && !slices.Contains(names, m.Name) {
						t.Errorf("%s asks for the label %s of %s", rule.Alert, m.Name, selector.Name)
					}
				}
				return nil
			})
			if rule.Alert == "" || rule.Annotations["summary"] == "" || rule.Annotations["action"] == "" || !slices.Contains([]string{"critical", "warning"}, rule.Labels["severity"]) {
				t.Errorf("%s lacks a name, a summary, what to do, or a severity", rule.Alert)
			}
			runbook(t, rule.Alert, rule.Annotations["runbook"])
		}
	}
	if len(asked) < 12 {
		t.Errorf("the alerts ask for %d metrics only", len(asked))
	}
}

// runbook wants a file of the repository, and the heading in it.
func runbook(t *testing.T, alert, at string) {
	t.Helper()
	file, heading, _ := strings.Cut(at, "#")
	content, err := os.ReadFile("../../" + file)
	if err != nil {
		t.Errorf("%s: %v", alert, err)
		return
	}
	for line := range strings.Lines(string(content)) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") &&
			regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "-") == heading {
			return
		}
	}
	if heading != "" {
		t.Errorf("%s: %s has no heading %s", alert, file, heading)
	}
}

// TestScrapeConfig holds the example to what it names.
func TestScrapeConfig(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../deploy/prometheus/prometheus.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Rules  []string `yaml:"rule_files"`
		Scrape []struct {
			Job           string            `yaml:"job_name"`
			Authorization map[string]string `yaml:"authorization"`
			Path          string            `yaml:"metrics_path"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal(content, &config); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(config.Rules, []string{"alerts.yaml"}) || len(config.Scrape) != 1 || config.Scrape[0].Job != "docuvault" || config.Scrape[0].Authorization["credentials_file"] == "" || config.Scrape[0].Path != "" {
		t.Errorf("got %+v", config)
	}
}
