package servers_test

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/notification"

	"docuvault/shared/host/lambdatest"
	"docuvault/shared/queue"
	"docuvault/shared/secret"
	"docuvault/test/servers"
)

var update = flag.Bool("update", false, "store the captured events anew")

const (
	eventsDir = "../../shared/host/lambdatest/events"
	account   = "000000000000"
	region    = "us-east-1"
)

// lambdas is ministack's Lambda with the captor deployed.
type lambdas struct {
	server   *servers.Server
	name     string
	captured chan []byte
}

// deploy builds the captor and makes it a function.
func deploy(t *testing.T) *lambdas {
	t.Helper()
	l := &lambdas{server: servers.SQS(t), name: "c" + strings.ToLower(rand.Text()), captured: make(chan []byte, 99)}
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		l.captured <- body
	}))
	t.Cleanup(sink.Close)
	bootstrap := filepath.Join(t.TempDir(), "bootstrap")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "lambda.norpc", "-ldflags=-s -w", "-o", bootstrap, "./captor")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the captor: %v\n%s", err, out)
	}
	program, err := os.ReadFile(bootstrap)
	if err != nil {
		t.Fatal(err)
	}
	var code bytes.Buffer
	archive := zip.NewWriter(&code)
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	header.SetMode(0o755)
	w, err := archive.CreateHeader(header)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(program); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	architecture := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	l.call(t, http.MethodPost, "/2015-03-31/functions", "lambda", map[string]any{
		"FunctionName": l.name, "Runtime": "provided.al2023", "Handler": "bootstrap", "Timeout": 30,
		"Role": "arn:aws:iam::" + account + ":role/captor", "Architectures": []string{architecture},
		"Code":        map[string]any{"ZipFile": base64.StdEncoding.EncodeToString(code.Bytes())},
		"Environment": map[string]any{"Variables": map[string]string{"CAPTURE_URL": sink.URL}},
	}, nil)
	return l
}

func (l *lambdas) arn() string {
	return "arn:aws:lambda:" + region + ":" + account + ":function:" + l.name
}

// call sends a request to one of ministack's APIs, which looks at whom the
// signature names and not at the signature. A service with a dot is a target
// of the JSON protocol.
func (l *lambdas) call(t *testing.T, method, path, service string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, l.server.URL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if strings.Contains(service, ".") {
		req.Header.Set("X-Amz-Target", service)
		req.Header.Set("Content-Type", "application/x-amz-json-1.1")
		service = "events"
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+l.server.AccessKey+"/20261124/"+region+"/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= http.StatusMultipleChoices {
		t.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, answer, err)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			t.Fatalf("%s: %v", answer, err)
		}
	}
}

// next is the next event that the function was invoked with.
func (l *lambdas) next(t *testing.T) []byte {
	t.Helper()
	select {
	case event := <-l.captured:
		return event
	case <-time.After(2 * time.Minute):
		t.Fatal("no event came")
		return nil
	}
}

// The stored events of ministack are what it sends.
func TestCapturedEvents(t *testing.T) {
	t.Parallel()
	t.Run("http", func(t *testing.T) {
		t.Parallel()
		l := deploy(t)
		var api struct{ APIID string }
		l.call(t, http.MethodPost, "/v2/apis", "apigateway", map[string]any{"name": l.name, "protocolType": "HTTP"}, &api)
		var integration struct{ IntegrationID string }
		l.call(t, http.MethodPost, "/v2/apis/"+api.APIID+"/integrations", "apigateway", map[string]any{
			"integrationType": "AWS_PROXY", "integrationUri": l.arn(), "payloadFormatVersion": "2.0",
		}, &integration)
		for _, route := range []string{"POST /v1/papers", "GET /v1/papers/{id}"} {
			l.call(t, http.MethodPost, "/v2/apis/"+api.APIID+"/routes", "apigateway",
				map[string]any{"routeKey": route, "target": "integrations/" + integration.IntegrationID}, nil)
		}
		l.call(t, http.MethodPost, "/v2/apis/"+api.APIID+"/stages", "apigateway", map[string]any{"stageName": "$default", "autoDeploy": true}, nil)
		send := func(method, path, body string, headers ...string) {
			t.Helper()
			req, err := http.NewRequestWithContext(t.Context(), method, l.server.URL+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Host = api.APIID + ".execute-api." + req.URL.Hostname()
			for i := 0; i < len(headers); i += 2 {
				req.Header.Add(headers[i], headers[i+1])
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("%s %s: %d", method, path, resp.StatusCode)
			}
		}
		send(http.MethodPost, "/v1/papers?verbose=true&label=b%2Cc&label=d", `{"name":"Rechnung € 12","tags":["a","b"]}`,
			"Content-Type", "application/json", "If-Match", `"a,b", "c"`, "Cookie", "__Host-docuvault_refresh=abc.def; theme=dark",
			"Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "User-Agent", "curl/8.14.1")
		stored(t, "http", "ministack-post.json", l.next(t))
		send(http.MethodGet, "/v1/papers/0196f3a2-7c11-7b3e-9f5d-2f6a1c0e4b7d", "", "User-Agent", "curl/8.14.1")
		stored(t, "http", "ministack-get.json", l.next(t))
	})
	t.Run("queue", func(t *testing.T) {
		t.Parallel()
		l := deploy(t)
		q, err := queue.NewSQS(queue.SQSConfig{Endpoint: l.server.URL, AccessKey: l.server.AccessKey, SecretKey: secret.New(l.server.SecretKey)}, queue.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := q.EnsureQueues(t.Context(), l.name); err != nil {
			t.Fatal(err)
		}
		// The test event and an object's, and one of ours, are in the queue before
		// the function asks, so that they come in one batch.
		c := client(t, l.server)
		notifies(t, c, l.name, notification.NewArn("aws", "sqs", region, account, l.name))
		if _, err := c.PutObject(t.Context(), l.name, "a/b c+d/é.pdf", strings.NewReader("x"), 1, minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
		ours := queue.Message{Body: []byte(`{"user_id":"0196f3a2-7c11-7b3e-9f5d-2f6a1c0e4b7d"}`), Attributes: map[string]string{
			"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		}}
		if err := q.Send(t.Context(), l.name, ours); err != nil {
			t.Fatal(err)
		}
		l.call(t, http.MethodPost, "/2015-03-31/event-source-mappings", "lambda", map[string]any{
			"EventSourceArn": "arn:aws:sqs:" + region + ":" + account + ":" + l.name, "FunctionName": l.name,
			"BatchSize": 10, "FunctionResponseTypes": []string{"ReportBatchItemFailures"},
		}, nil)
		stored(t, "queue", "ministack-sqs.json", l.next(t))
	})
	t.Run("schedule", func(t *testing.T) {
		t.Parallel()
		if !*update {
			t.Skip("takes more than a minute; with -update")
		}
		l := deploy(t)
		l.call(t, http.MethodPost, "/", "AWSEvents.PutRule", map[string]any{"Name": l.name, "ScheduleExpression": "rate(1 minute)"}, nil)
		l.call(t, http.MethodPost, "/", "AWSEvents.PutTargets",
			map[string]any{"Rule": l.name, "Targets": []any{map[string]string{"Id": "1", "Arn": l.arn()}}}, nil)
		stored(t, "schedule", "ministack-scheduled.json", l.next(t))
	})
}

// stored compares the fields of an event with those of the file, or writes it.
func stored(t *testing.T, kind, name string, event []byte) {
	t.Helper()
	if *update {
		var indented bytes.Buffer
		if err := json.Indent(&indented, event, "", "  "); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(eventsDir, kind, name), append(indented.Bytes(), '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, want := fields(t, event), fields(t, lambdatest.Events(t, kind)[name])
	if !slices.Equal(got, want) {
		t.Errorf("%s has the fields\n%s\nthe server sends\n%s", name, strings.Join(want, "\n"), strings.Join(got, "\n"))
	}
}

// fields are the paths of all values in a JSON text, with their kind; those in
// JSON texts within it too.
func fields(t *testing.T, raw []byte) []string {
	t.Helper()
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	var found []string
	var walk func(path string, value any)
	walk = func(path string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for name, value := range v {
				walk(path+"."+name, value)
			}
		case []any:
			for _, value := range v {
				walk(path+"[]", value)
			}
		case string:
			if inner := any(nil); strings.HasPrefix(v, "{") && json.Unmarshal([]byte(v), &inner) == nil {
				walk(path+"{}", inner)
				return
			}
			found = append(found, path+" string")
		default:
			found = append(found, fmt.Sprintf("%s %T", path, v))
		}
	}
	walk("", value)
	slices.Sort(found)
	return slices.Compact(found)
}
