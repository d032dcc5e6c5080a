package hosthttp_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestLinksNothingElse holds this package, which every HTTP function links,
// free of what only some need. Traces and metrics all of them need: for these
// it links OpenTelemetry's API, SDK and spans of requests, and neither its
// exporters, which bring gRPC and 9 MB, nor Prometheus' client, nor a runtime of
// protobuf.
func TestLinksNothingElse(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, out)
	}
	if !strings.Contains(string(out), "github.com/danielgtaylor/huma/v2\n") {
		t.Fatal("the list is not one of dependencies")
	}
	for dep := range strings.Lines(string(out)) {
		for _, heavy := range []string{"jackc/pgx", "riverqueue", "aws-sdk-go", "minio", "opentelemetry.io/otel/exporters", "opentelemetry.io/proto", "grpc", "prometheus/client", "protobuf/proto\n", "otelpgx", "shared/queue", "shared/database", "shared/storage", "net/http/httptest", "testing"} {
			if strings.Contains(dep, heavy) {
				t.Errorf("links %s", strings.TrimSpace(dep))
			}
		}
	}
}
