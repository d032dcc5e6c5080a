package layout

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"docuvault/functions"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/host/hostschedule"
)

// fromSecret are the variables that lie in a Secret; all others are in the
// ConfigMap.
var fromSecret = []string{"DATABASE_URL", "MASTER_KEYS", "SESSION_KEYS", "JWT_SIGNING_KEYS", "STORAGE_EVENT_TOKEN", "SMTP_URL", "S3_SECRET_KEY"}

// inACluster is what a pod could have: the ConfigMap and every secret.
func inACluster(t *testing.T) map[string]string {
	t.Helper()
	value := values(t)
	vars := map[string]string{"S3_SECRET_KEY": "secret"}
	for name, given := range mapping(parse(t, "deploy/kubernetes/background/config.yaml"), "data") {
		if vars[name] = text(given); slices.Contains(fromSecret, name) {
			t.Errorf("%s stands readable in the ConfigMap", name)
		}
	}
	for name, v := range value {
		if _, there := vars[name]; !there || name == "JWT_PUBLIC_KEYS" {
			vars[name] = v
		}
	}
	return vars
}

// needs are the secrets without which the function does not start: it gets these
// and no others.
func needs(t *testing.T, fn host.Function, vars map[string]string) []string {
	t.Helper()
	var needed []string
	less := maps.Clone(vars)
	for _, name := range fromSecret {
		delete(less, name)
		if err := construct([]host.Function{fn}, less); err != nil {
			if !strings.Contains(err.Error(), name) {
				t.Fatalf("%s without %s: %v", fn.Name, name, err)
			}
			less[name] = vars[name]
			needed = append(needed, name)
		}
	}
	for _, name := range needed {
		if may, ruled := mayHave[name]; ruled && !may(fn.Name) {
			t.Errorf("%s has %s, which the design does not give it", fn.Name, name)
		}
	}
	return needed
}

// generated writes the file anew with -update, else wants it as it is.
func generated(t *testing.T, path, content string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(filepath.Join(root, path), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, path) != content {
		t.Errorf("%s is not what the functions say: go test ./test/layout -run 'TestKubernetes|TestKnative' -update", path)
	}
}

const hardened = `securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
`

const podUser = `securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile: { type: RuntimeDefault }
`

func indent(s string, by int) string {
	return regexp.MustCompile(`(?m)^(.)`).ReplaceAllString(s, strings.Repeat(" ", by)+"$1")
}

// environmentOf is the container's, from the ConfigMap and the secrets it needs.
func environmentOf(secrets []string) string {
	s := "envFrom:\n  - configMapRef: { name: docuvault }\n"
	for i, name := range secrets {
		if i == 0 {
			s += "env:\n"
		}
		s += fmt.Sprintf("  - name: %[1]s\n    valueFrom: { secretKeyRef: { name: docuvault, key: %[1]s } }\n", name)
	}
	return s
}

// cron is an interval as cron writes it.
func cron(t *testing.T, every time.Duration) string {
	t.Helper()
	switch minutes := int(every / time.Minute); {
	case minutes == 1:
		return "* * * * *"
	case minutes < 60 && 60%minutes == 0:
		return fmt.Sprintf("*/%d * * * *", minutes)
	case minutes == 60:
		return "0 * * * *"
	case minutes%60 == 0 && minutes <= 720 && 24%(minutes/60) == 0:
		return fmt.Sprintf("0 */%d * * *", minutes/60)
	case minutes == 1440:
		return "0 3 * * *"
	default:
		t.Fatalf("%s is no interval of cron", every)
		return ""
	}
}

// TestKubernetesSchedules holds the CronJobs equal to the schedules.
func TestKubernetesSchedules(t *testing.T) {
	t.Parallel()
	vars := inACluster(t)
	out := "# Generated from functions/functions.go: go test ./test/layout -run TestKubernetes -update\n"
	for _, fn := range functions.All {
		job, ok := fn.Trigger.(*hostschedule.Job)
		if !ok {
			continue
		}
		out += fmt.Sprintf(`---
apiVersion: batch/v1
kind: CronJob
metadata:
  name: docuvault-%[1]s
spec:
  schedule: %[2]q
  # A run that is late is made good by the next one.
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 60
  successfulJobsHistoryLimit: 1
  failedJobsHistoryLimit: 3
  jobTemplate:
    spec:
      backoffLimit: 0
      activeDeadlineSeconds: 900
      template:
        metadata:
          labels: { app.kubernetes.io/name: docuvault, app.kubernetes.io/component: schedule }
        spec:
          restartPolicy: Never
          automountServiceAccountToken: false
          enableServiceLinks: false
%[3]s          containers:
            - name: run
              image: docuvault/server
              args: [run, %[1]s]
%[4]s%[5]s              resources:
                requests: { cpu: 50m, memory: 64Mi }
                limits: { memory: 512Mi }
`, fn.Name, cron(t, job.Interval()), indent(podUser, 10), indent(environmentOf(needs(t, fn, vars)), 14), indent(hardened, 14))
	}
	generated(t, "deploy/kubernetes/background/schedules.yaml", out)
}

// What one Knative Service may use. An instance takes many requests at a time on
// two connections, which DATABASE_URL says (pool_max_conns=2).
const (
	concurrency    = 40
	connectionsOf  = 2
	maxConnections = 400 // of PostgreSQL, or of PgBouncer before it
)

// busy are the functions that get more instances than one.
var busy = map[string]int{
	"auth-login": 2, "auth-refresh": 4, "documents-get": 3, "documents-list": 4, "documents-download": 2,
	"uploads-begin": 4, "uploads-batch": 2, "uploads-complete": 4, "uploads-parts": 2, "events-storage": 3,
	"search-query": 3, "changes-list": 3, "me-get": 2,
}

func maxScale(name string) int { return max(1, busy[name]) }

// TestKnativeServices holds the Knative Services equal to the HTTP functions: one
// each, with the secrets that it needs.
func TestKnativeServices(t *testing.T) {
	t.Parallel()
	vars := inACluster(t)
	out := "# Generated from functions/functions.go: go test ./test/layout -run TestKnative -update\n"
	known := map[string]bool{}
	for _, fn := range functions.HTTP() {
		known[fn.Name] = true
		out += fmt.Sprintf(`---
apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: docuvault-%[1]s
  labels: { networking.knative.dev/visibility: cluster-local }
spec:
  template:
    metadata:
      labels: { app.kubernetes.io/name: docuvault, app.kubernetes.io/component: function }
      annotations:
        autoscaling.knative.dev/min-scale: "0"
        autoscaling.knative.dev/max-scale: "%[2]d"
    spec:
      containerConcurrency: %[3]d
      timeoutSeconds: 60
      automountServiceAccountToken: false
      enableServiceLinks: false
      containers:
        - image: ko://docuvault/%[4]s/bootstrap
%[5]s          readinessProbe:
            httpGet: { path: /readyz }
%[6]s          resources:
            requests: { cpu: 25m, memory: 32Mi }
            limits: { memory: 256Mi }
`, fn.Name, maxScale(fn.Name), concurrency, folder(fn), indent(environmentOf(needs(t, fn, vars)), 10),
			indent(strings.Replace(hardened, "securityContext:\n", "securityContext:\n  runAsNonRoot: true\n  seccompProfile: { type: RuntimeDefault }\n", 1), 10))
	}
	for name := range busy {
		if !known[name] {
			t.Errorf("there is no HTTP function %s", name)
		}
	}
	generated(t, "deploy/knative/services.yaml", out)
}

// TestKnativeConnections holds the instances of all functions together below the
// database's max_connections, with 20 for consumers, schedules and an operator.
func TestKnativeConnections(t *testing.T) {
	t.Parallel()
	sum := 0
	decoder := yaml.NewDecoder(strings.NewReader(read(t, "deploy/knative/services.yaml")))
	for range functions.HTTP() {
		var service map[string]any
		if err := decoder.Decode(&service); err != nil {
			t.Fatal(err)
		}
		var n int
		_, err := fmt.Sscan(text(service, "spec", "template", "metadata", "annotations", "autoscaling.knative.dev/max-scale"), &n)
		if err != nil || n < 1 {
			t.Errorf("%s: nothing bounds its instances", text(service, "metadata", "name"))
		}
		sum += n * connectionsOf
	}
	if sum > maxConnections-20 {
		t.Errorf("%d connections of functions, and the database takes %d", sum, maxConnections)
	}
	t.Logf("%d of %d connections", sum, maxConnections)
}

// rulesOfARoute is how many the Gateway API takes.
const rulesOfARoute = 16

// TestKnativeRoutes holds the HTTPRoutes equal to the routes: a rule each, in
// groups of an area, that leads to Knative's own gateway under the function's name.
func TestKnativeRoutes(t *testing.T) {
	t.Parallel()
	parameter := regexp.MustCompile(`\\\{[a-z_]+\\\}`)
	rules := map[string][]string{}
	for _, fn := range functions.HTTP() {
		route := fn.Trigger.(*hosthttp.Route)
		kind, path := "Exact", route.Path()
		if strings.Contains(path, "{") {
			kind, path = "RegularExpression", "^"+parameter.ReplaceAllString(regexp.QuoteMeta(path), "[^/]+")+"$"
		}
		area, _, _ := strings.Cut(fn.Name, "-")
		rules[area] = append(rules[area], fmt.Sprintf(`    - matches:
        - method: %s
          path: { type: %s, value: '%s' }
      filters:
        - type: URLRewrite
          urlRewrite: { hostname: docuvault-%s.docuvault.svc.cluster.local }
      backendRefs:
        - { name: kourier-internal, namespace: kourier-system, port: 80 }
`, route.Method(), kind, path, fn.Name))
	}
	out := "# Generated from functions/functions.go: go test ./test/layout -run TestKnative -update\n"
	for _, area := range slices.Sorted(maps.Keys(rules)) {
		for part := 1; len(rules[area]) > 0; part++ {
			n := min(rulesOfARoute, len(rules[area]))
			name := "docuvault-" + area
			if part > 1 {
				name += fmt.Sprint("-", part)
			}
			out += fmt.Sprintf(`---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: %s
spec:
  parentRefs:
    - { name: docuvault }
  hostnames: [vault.example.org]
  rules:
%s`, name, strings.Join(rules[area][:n], ""))
			rules[area] = rules[area][n:]
		}
	}
	generated(t, "deploy/knative/routes.yaml", out)
}

// workload is the first object of a file.
func workload(t *testing.T, file string) map[string]any {
	t.Helper()
	var first map[string]any
	if err := yaml.NewDecoder(strings.NewReader(read(t, file))).Decode(&first); err != nil {
		t.Fatal(err)
	}
	return first
}

// TestKubernetesEnvironment constructs what each Deployment runs with exactly the
// variables that it has: they are enough, and no secret is there for nothing. The
// migration alone has the string for DDL.
func TestKubernetesEnvironment(t *testing.T) {
	t.Parallel()
	vars := inACluster(t)
	known := configured(t)
	for name := range mapping(parse(t, "deploy/kubernetes/background/config.yaml"), "data") {
		if !known[name] {
			t.Errorf("the ConfigMap has %s, which no configuration reads", name)
		}
	}
	for file, kind := range map[string]string{"deploy/kubernetes/base/api.yaml": "http", "deploy/kubernetes/background/worker.yaml": "queue"} {
		containers, _ := dig(workload(t, file), "spec", "template", "spec", "containers").([]any)
		if len(containers) != 1 {
			t.Fatalf("%s: %d containers", file, len(containers))
		}
		if args := text(containers[0], "args"); !strings.HasSuffix(args, "--only "+kind+"]") {
			t.Errorf("%s runs %s, want --only %s", file, args, kind)
		}
		var has []string
		list, _ := dig(containers[0], "env").([]any)
		for _, entry := range list {
			has = append(has, text(entry, "name"))
			if optional := dig(entry, "valueFrom", "secretKeyRef", "optional") == true; optional != (text(entry, "name") == "METRICS_TOKEN") {
				t.Errorf("%s: %s is optional: %t", file, text(entry, "name"), optional)
			}
		}
		want := map[string]bool{"METRICS_TOKEN": true}
		for _, fn := range functions.All {
			if fn.Trigger.Kind() == kind {
				for _, name := range needs(t, fn, vars) {
					want[name] = true
				}
			}
		}
		if slices.Sort(has); !slices.Equal(has, slices.Sorted(maps.Keys(want))) {
			t.Errorf("%s has the secrets %q, want %q", file, has, slices.Sorted(maps.Keys(want)))
		}
	}
	for _, file := range slices.Concat(glob(t, "deploy/*/*.yaml"), glob(t, "deploy/*/*/*.yaml")) {
		if has := strings.Contains(read(t, file), "DATABASE_MIGRATE_URL"); has != (file == "deploy/kubernetes/background/migrate.yaml") {
			t.Errorf("%s: DATABASE_MIGRATE_URL: %t", file, has)
		}
	}
}
