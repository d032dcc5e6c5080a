// Package lambda deploys template.yaml with AWS's own deployer and drives a
// vault of it: every function a process of its own that AWS's runtime protocol
// starts, behind the HTTP API, on real PostgreSQL.
package lambda

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"docuvault/db/migrate"
	"docuvault/deploy/aws/groups"
	"docuvault/functions"
	"docuvault/shared/auth"
	"docuvault/shared/dbtest"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/keys"
	"docuvault/shared/queue"
	"docuvault/shared/secret"
	"docuvault/shared/testenv"
	"docuvault/test/servers"
)

const (
	root       = "../.."
	stackName  = "dv"
	account    = "000000000000"
	region     = "us-east-1"
	publicURL  = "https://vault.example.org"
	eventToken = "an-event-token-of-32-characters-or-more"
	documents  = "dv-documents"
	derived    = "dv-derived"
	deployment = "dv-deployment"
)

// The deployments: a function each, or functions in groups.
const (
	single  = "template.yaml"
	grouped = "template.grouped.yaml"
)

// stack is a deployed vault.
type stack struct {
	file   string // its template
	server *servers.Server
	db     *dbtest.Database
	queue  *queue.SQS
	api    string // the HTTP API's id
}

// run runs a program in the repository's root and returns what it printed.
func run(t testing.TB, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = 10 * time.Second
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args[:min(2, len(args))], " "), err, out[max(0, len(out)-6000):])
	}
	t.Logf("%s %s took %s", filepath.Base(name), args[0], time.Since(began).Round(100*time.Millisecond))
	return string(out)
}

// architecture is this machine's, as Lambda calls it.
func architecture(t testing.TB) string {
	t.Helper()
	name := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	if runtime.GOOS != "linux" || name == "" {
		testenv.NotRun(t, "functions of Lambda are programs for Linux on amd64 or arm64")
	}
	return name
}

// sam is AWS's deployer.
func sam(t testing.TB) string {
	t.Helper()
	path, err := servers.SAM()
	if errors.Is(err, servers.ErrMissing) {
		testenv.NotRun(t, "no SAM: "+err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// goBuild is how functions are built: no C, and no more than they need.
var goBuild = []string{"CGO_ENABLED=0", "GOFLAGS=-buildvcs=false -trimpath -tags=lambda.norpc '-ldflags=-s -w'", "AWS_DEFAULT_REGION=" + region}

// buildVariable names folders that "sam build" has filled, for whoever runs these
// tests again and again: one for template.yaml, and with _GROUPED the other's.
const buildVariable = "DOCUVAULT_TEST_LAMBDA_BUILD"

// build has SAM build all functions of a template, and returns the folder.
func build(t testing.TB, file string) string {
	t.Helper()
	variable := buildVariable
	if file == grouped {
		variable += "_GROUPED"
	}
	if dir := os.Getenv(variable); dir != "" {
		return dir
	}
	dir := filepath.Join(t.TempDir(), "build")
	run(t, goBuild, sam(t), "build", "--template", file, "--parallel", "--build-dir", dir, "--cache-dir", filepath.Join(t.TempDir(), "cache"),
		"--parameter-overrides", "Architecture="+architecture(t))
	return dir
}

// deploy builds a template and makes its stack, and by the API what ministack does
// not make of a template: the routes.
func deploy(t testing.TB, file string) *stack {
	t.Helper()
	dir := build(t, file)
	server, err := servers.AWS(t.Context())
	if errors.Is(err, servers.ErrMissing) {
		testenv.NotRun(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	s := &stack{file: file, server: server, db: dbtest.NewEmpty(t)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("the end of ministack's log:\n" + server.Log())
		}
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	// As an operator does before the first deployment: roles, then secrets.
	if err := migrate.Bootstrap(t.Context(), secret.New(s.db.SuperURL), password(t, s.db.AppURL), password(t, s.db.MigrateURL)); err != nil {
		t.Fatal(err)
	}
	parameters := s.parameters(t)
	s.call(t, http.MethodPut, "/"+deployment, "s3", nil, nil)
	args := []string{"deploy", "--template-file", filepath.Join(dir, "template.yaml"), "--stack-name", stackName, "--s3-bucket", deployment,
		"--region", region, "--capabilities", "CAPABILITY_IAM", "--no-progressbar", "--no-confirm-changeset", "--parameter-overrides"}
	run(t, s.environ(), sam(t), append(args, parameters...)...)

	for _, fn := range functions.HTTP() {
		s.route(t, fn)
	}
	if s.queue, err = queue.NewSQS(queue.SQSConfig{
		Endpoint: server.URL, Prefix: stackName + "-", AccessKey: server.AccessKey, SecretKey: secret.New(server.SecretKey),
	}, queue.Options{}); err != nil {
		t.Fatal(err)
	}
	return s
}

func password(t testing.TB, dsn string) secret.Text {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := u.User.Password()
	return secret.New(p)
}

// environ leads AWS's tools to the stack's account.
func (s *stack) environ() []string {
	return []string{"AWS_ENDPOINT_URL=" + s.server.URL, "AWS_ACCESS_KEY_ID=" + s.server.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s.server.SecretKey,
		"AWS_DEFAULT_REGION=" + region, "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null"}
}

// parameters stores the secrets and names them.
func (s *stack) parameters(t testing.TB) []string {
	t.Helper()
	key := func() string {
		made, err := keys.Generate("t1")
		if err != nil {
			t.Fatal(err)
		}
		return made.Reveal()
	}
	signing := key()
	set, err := keys.ParseSet("JWT_SIGNING_KEYS", secret.New(signing))
	if err != nil {
		t.Fatal(err)
	}
	parameters := []string{
		"PublicUrl=" + publicURL, "DocumentsBucketName=" + documents, "DerivedBucketName=" + derived,
		"EmailVerification=off", "Registration=open", "Architecture=" + architecture(t),
		// SAM reads the value as a shell does.
		"JwtPublicKeys=" + strings.ReplaceAll(string(auth.JWKS(set)), `"`, `\"`),
	}
	for name, value := range map[string]string{
		"DatabaseUrl": s.db.AppURL, "DatabaseMigrateUrl": s.db.MigrateURL, "MasterKeys": key(), "SessionKeys": key(),
		"JwtSigningKeys": signing, "StorageEventToken": eventToken, "SmtpUrl": "smtp://127.0.0.1:1?from=vault@example.org&tls=none",
	} {
		var made struct{ ARN string }
		s.call(t, http.MethodPost, "/", "secretsmanager.CreateSecret", map[string]any{"Name": "dv-" + name, "SecretString": value}, &made)
		parameters = append(parameters, name+"SecretArn="+made.ARN)
	}
	return parameters
}

// function is the name of what runs a function: itself, or its group.
func (s *stack) function(fn host.Function) string {
	if s.file == grouped {
		return stackName + "-" + groups.Deployed(fn)
	}
	return stackName + "-" + fn.Name
}

// functions counts what the template deploys beside the one that migrates.
func (s *stack) functions() int {
	names := map[string]bool{}
	for _, fn := range functions.All {
		names[s.function(fn)] = true
	}
	return len(names)
}

// route leads a route of the HTTP API to its function, as the template says.
func (s *stack) route(t testing.TB, fn host.Function) {
	t.Helper()
	if s.api == "" {
		var apis struct {
			Items []struct{ APIID, Name string }
		}
		s.call(t, http.MethodGet, "/v2/apis", "apigateway", nil, &apis)
		if len(apis.Items) != 1 {
			t.Fatalf("the stack has %d HTTP APIs, want 1", len(apis.Items))
		}
		s.api = apis.Items[0].APIID
		var stages struct{ Items []struct{ StageName string } }
		s.call(t, http.MethodGet, "/v2/apis/"+s.api+"/stages", "apigateway", nil, &stages)
		if !slices.ContainsFunc(stages.Items, func(stage struct{ StageName string }) bool { return stage.StageName == "$default" }) {
			t.Fatalf("the API has the stages %v", stages.Items)
		}
	}
	var integration struct{ IntegrationID string }
	s.call(t, http.MethodPost, "/v2/apis/"+s.api+"/integrations", "apigateway", map[string]any{
		"integrationType": "AWS_PROXY", "payloadFormatVersion": "2.0",
		"integrationUri": "arn:aws:lambda:" + region + ":" + account + ":function:" + s.function(fn),
	}, &integration)
	trigger := fn.Trigger.(*hosthttp.Route)
	s.call(t, http.MethodPost, "/v2/apis/"+s.api+"/routes", "apigateway", map[string]any{
		"routeKey": trigger.Method() + " " + trigger.Path(), "target": "integrations/" + integration.IntegrationID,
	}, nil)
}

// call sends a request to an API of the account, as its root, whose signature
// ministack does not look at. A service with a dot is a target of the JSON
// protocol.
func (s *stack) call(t testing.TB, method, path, service string, in, out any) {
	t.Helper()
	if err := s.try(t, method, path, service, in, out); err != nil {
		t.Fatal(err)
	}
}

func (s *stack) try(t testing.TB, method, path, service string, in, out any) error {
	t.Helper()
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.server.URL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if name, _, target := strings.Cut(service, "."); target {
		req.Header.Set("X-Amz-Target", service)
		req.Header.Set("Content-Type", "application/x-amz-json-1.1")
		service = strings.ToLower(strings.TrimPrefix(name, "Amazon"))
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+s.server.AccessKey+"/20261124/"+region+"/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, answer)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			return fmt.Errorf("%s: %w", answer, err)
		}
	}
	return nil
}

// configure adds variables to the functions that have the variable marker.
func (s *stack) configure(t testing.TB, marker string, more map[string]string) {
	t.Helper()
	var all struct {
		Functions []struct {
			FunctionName string
			Environment  struct{ Variables map[string]string }
		}
		NextMarker string
	}
	s.call(t, http.MethodGet, "/2015-03-31/functions/?MaxItems=1000", "lambda", nil, &all)
	if len(all.Functions) < s.functions() {
		t.Fatalf("the account has only %d functions", len(all.Functions))
	}
	n := 0
	for _, fn := range all.Functions {
		if _, has := fn.Environment.Variables[marker]; !has {
			continue
		}
		n++
		for name, value := range more {
			fn.Environment.Variables[name] = value
		}
		s.call(t, http.MethodPut, "/2015-03-31/functions/"+fn.FunctionName+"/configuration", "lambda", map[string]any{"Environment": fn.Environment}, nil)
	}
	if n == 0 {
		t.Fatalf("no function has %s", marker)
	}
}

// Limits of ours: Lambda takes zips of 50 MB, and CloudFormation 500 resources
// and 60 dynamic references of a template.
const (
	maxZip        = 15 << 20
	maxResources  = 400
	maxReferences = 50
)

// measure holds what was deployed to the limits: the zips that SAM has sent, and
// the resources that came of the template.
func (s *stack) measure(t *testing.T) {
	t.Helper()
	c := storage(t, s.server)
	n, largest := 0, int64(0)
	for object := range c.ListObjects(t.Context(), deployment, minio.ListObjectsOptions{}) {
		if object.Err != nil {
			t.Fatal(object.Err)
		}
		if n++; object.Size > largest {
			largest = object.Size
		}
	}
	t.Logf("%d artifacts, the largest has %.1f MB", n, float64(largest)/1e6)
	if n < s.functions() || largest > maxZip {
		t.Errorf("%d artifacts, the largest has %d bytes; want at least %d, and at most %d bytes", n, largest, s.functions(), maxZip)
	}

	resources, next := 0, ""
	for {
		form := url.Values{"Action": {"ListStackResources"}, "Version": {"2010-05-15"}, "StackName": {stackName}}
		if next != "" {
			form.Set("NextToken", next)
		}
		answer := s.query(t, form)
		resources += strings.Count(answer, "<LogicalResourceId>")
		_, after, more := strings.Cut(answer, "<NextToken>")
		if next, _, _ = strings.Cut(after, "<"); !more || next == "" {
			break
		}
	}
	references := strings.Count(s.query(t, url.Values{"Action": {"GetTemplate"}, "Version": {"2010-05-15"}, "StackName": {stackName}, "TemplateStage": {"Processed"}}), "{{resolve:")
	t.Logf("%d resources, %d dynamic references", resources, references)
	if resources < s.functions() || resources > maxResources || references > maxReferences {
		t.Errorf("%d resources and %d dynamic references; want at most %d and %d", resources, references, maxResources, maxReferences)
	}
}

// storage speaks S3 to a server, as its root.
func storage(t testing.TB, server *servers.Server) *minio.Client {
	t.Helper()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	c, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(server.AccessKey, server.SecretKey, ""), Region: region})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// query calls CloudFormation.
func (s *stack) query(t testing.TB, form url.Values) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.server.URL, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+s.server.AccessKey+"/20261124/"+region+"/cloudformation/aws4_request, SignedHeaders=host, Signature=0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s %v", form.Get("Action"), resp.StatusCode, answer, err)
	}
	return string(answer)
}
