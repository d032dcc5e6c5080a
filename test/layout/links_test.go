package layout

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"docuvault/functions"
)

// never is what no function links, with the reason.
var never = map[string]string{
	"github.com/versity/versitygw":        "an S3 server is 14 MB and changes the process's folder",
	"docuvault/shared/s3server":           "only cmd/docuvault runs it",
	"docuvault/shared/pgserver":           "only cmd/docuvault starts PostgreSQL",
	"docuvault/db/migrate":                "functions have no DDL",
	"github.com/amacneil/dbmate":          "functions have no DDL",
	"docuvault/shared/dbtest":             "for tests",
	"docuvault/shared/testenv":            "for tests",
	"testing":                             "for tests",
	"github.com/aws/aws-sdk-go-v2/config": "loading it costs each cold start 4 ms",
}

// gates says which heavy modules are behind which packages of ours: a function
// whose own files import none of the gates links none of the modules.
var gates = []struct {
	what    string
	modules []string
	through []string
}{
	{
		what: "object storage",
		// Its package credentials is no storage client: the queue's driver for SQS
		// takes the platform's role from there, since the SDK's own would cost a
		// client of STS.
		modules: []string{"docuvault/shared/storage", "github.com/minio/minio-go/v7/pkg/lifecycle"},
		through: []string{"shared/storage", "shared/upload", "shared/settle", "shared/reconcile", "shared/analysis", "shared/preview", "shared/erase", "shared/notary"},
	},
	{
		what:    "queues",
		modules: []string{"github.com/riverqueue/river", "github.com/aws/aws-sdk-go-v2/service/sqs"},
		through: []string{"shared/queue", "shared/host/hostqueue", "shared/settle", "shared/reconcile", "shared/backlog"},
	},
	{
		what:    "reading documents",
		modules: []string{"github.com/klippa-app/go-pdfium", "github.com/tetratelabs/wazero", "docuvault/shared/picture", "golang.org/x/image"},
		through: []string{"shared/extract", "shared/analysis"},
	},
	{
		what:    "text analysis",
		modules: []string{"github.com/blevesearch"},
		through: []string{"shared/lexeme", "shared/search", "shared/analysis", "shared/learning", "shared/ai", "shared/upload/uploadindex"},
	},
	{
		what:    "sending mail",
		modules: []string{"docuvault/shared/mail", "github.com/wneessen/go-mail"},
		through: []string{"shared/mail"},
	},
	{
		what:    "the database",
		modules: []string{"github.com/jackc/pgx/v5/pgxpool"},
		through: []string{"shared/database", "shared/auth", "shared/vault", "shared/preview", "shared/upload", "shared/settle", "shared/queue", "shared/reconcile", "shared/analysis", "shared/account", "shared/admin", "shared/mail", "shared/notary"},
	},
}

// TestLinks holds every function's binary free of what it does not use.
func TestLinks(t *testing.T) {
	t.Parallel()
	for _, fn := range functions.All {
		t.Run(fn.Name, func(t *testing.T) {
			t.Parallel()
			linked := list(t, "-deps", "./"+folder(fn)+"/bootstrap")
			imports := list(t, "-f", `{{join .Imports "\n"}}`, "./"+folder(fn), "./"+folder(fn)+"/bootstrap")
			if !slices.Contains(linked, "docuvault/shared/host") {
				t.Fatal("go list says that the function does not link package host: this test cannot see")
			}
			for module, reason := range never {
				if hit := within(linked, module); hit != "" {
					t.Errorf("links %s: %s", hit, reason)
				}
			}
			for _, gate := range gates {
				if slices.ContainsFunc(gate.through, func(pkg string) bool { return within(imports, "docuvault/"+pkg) != "" }) {
					continue
				}
				for _, module := range gate.modules {
					if hit := within(linked, module); hit != "" {
						t.Errorf("links %s, and imports nothing that is about %s (%s)", hit, gate.what, strings.Join(gate.through, ", "))
					}
				}
			}
		})
	}
}

// TestLinksOfGroups holds the programs of groups free of what no function links.
func TestLinksOfGroups(t *testing.T) {
	t.Parallel()
	linked := list(t, "-deps", "./deploy/aws/groups/...")
	for module, reason := range never {
		if hit := within(linked, module); hit != "" {
			t.Errorf("a group links %s: %s", hit, reason)
		}
	}
	if !slices.Contains(linked, "docuvault/functions/auth/login") {
		t.Error("go list says that no group links auth-login: this test cannot see")
	}
}

// TestEmbeddedServers holds the embedded servers to the one binary for people,
// and makes sure that it has them (else the test above proves nothing).
func TestEmbeddedServers(t *testing.T) {
	t.Parallel()
	linked := list(t, "-deps", "./cmd/docuvault")
	for _, pkg := range []string{"docuvault/shared/s3server", "docuvault/shared/pgserver"} {
		if !slices.Contains(linked, pkg) {
			t.Errorf("cmd/docuvault does not link %s", pkg)
		}
	}
}

// list runs "go list" in the repository's root.
func list(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("go list %s: %s", strings.Join(args, " "), exit.Stderr)
		}
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

// within returns the first of packages that is prefix or below it.
func within(packages []string, prefix string) string {
	for _, pkg := range packages {
		if pkg == prefix || strings.HasPrefix(pkg, prefix+"/") {
			return pkg
		}
	}
	return ""
}

// TestVectorsModule holds the module of test vectors in step with this one,
// whose requirements it repeats: otherwise its tests would not build.
func TestVectorsModule(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-mod=readonly", "-deps", "-test", "-tags=wycheproof", "./...")
	cmd.Dir = root + "/test/wycheproof"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s\nmend it: cd test/wycheproof && go mod tidy", out)
	}
}
