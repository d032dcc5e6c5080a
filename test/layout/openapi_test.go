package layout

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"docuvault/functions"
	"docuvault/shared/host/hosthttp"
)

var update = flag.Bool("update", false, "write openapi.yaml, template.grouped.yaml and its mains anew")

// TestOpenAPI holds openapi.yaml equal to what the functions say:
//
//	go test ./test/layout -run TestOpenAPI -update
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	got, err := hosthttp.OpenAPI(functions.All)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(filepath.Join(root, "openapi.yaml"), got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := read(t, "openapi.yaml")
	if string(got) != want {
		t.Errorf("openapi.yaml is not what the functions say; first difference: %s\nwrite it anew: make generate", firstDifference(string(got), want))
	}
}

// TestOpenAPIHasEveryRoute guards the generator itself: each HTTP function's
// method and path is an operation of the file, and nothing else is.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	t.Parallel()
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string `yaml:"operationId"`
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "openapi.yaml")), &document); err != nil {
		t.Fatal(err)
	}
	operations := map[string]string{}
	for path, methods := range document.Paths {
		for method, operation := range methods {
			operations[strings.ToUpper(method)+" "+path] = operation.OperationID
		}
	}
	for _, fn := range functions.All {
		if fn.Trigger.Kind() != "http" {
			continue
		}
		source := fn.Trigger.Source()
		if operations[source] != fn.Name {
			t.Errorf("%s: openapi.yaml has operation %q at %s, want the function's name", fn.Name, operations[source], source)
		}
		delete(operations, source)
	}
	for source := range operations {
		t.Errorf("openapi.yaml has %s, which no function answers", source)
	}
}

func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(a), len(b)) {
		var x, y string
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			return "now " + strings.TrimSpace(x) + ", in the file " + strings.TrimSpace(y)
		}
	}
	return "none"
}
