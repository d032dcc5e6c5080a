package hosthttp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/host/childtest"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/host/lambdatest"
	"docuvault/shared/id"
	"docuvault/shared/telemetry/telemetrytest"
)

// echoIn is everything that a home has to carry to a handler.
type echoIn struct {
	Verbose bool     `query:"verbose"`
	Labels  []string `query:"label,explode"`
	IfMatch string   `header:"If-Match"`
	Agent   string   `header:"User-Agent"`
	Refresh string   `cookie:"__Host-docuvault_refresh"`
	Theme   string   `cookie:"theme"`
	Body    struct {
		Name string   `json:"name"`
		Tags []string `json:"tags,omitempty"`
	}
}

type echo struct {
	Verbose   bool      `json:"verbose"`
	Labels    []string  `json:"labels"`
	IfMatch   string    `json:"if_match"`
	Agent     string    `json:"agent"`
	Refresh   string    `json:"refresh"`
	Theme     string    `json:"theme"`
	Name      string    `json:"name"`
	Client    string    `json:"client"`
	Public    string    `json:"public"`
	RequestID string    `json:"request_id"`
	Deadline  time.Time `json:"deadline"`
}

type echoOut struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
	Body      echo
}

func echoFunction() host.Function {
	return function("POST", "/v1/papers", func(ctx context.Context, in *echoIn) (*echoOut, error) {
		out := &echoOut{SetCookie: []http.Cookie{{Name: "a", Value: "1", Path: "/"}, {Name: "b", Value: "2", HttpOnly: true}}}
		deadline, _ := ctx.Deadline()
		out.Body = echo{
			Verbose: in.Verbose, Labels: in.Labels, IfMatch: in.IfMatch, Agent: in.Agent, Refresh: in.Refresh, Theme: in.Theme,
			Name: in.Body.Name, Client: hosthttp.ClientAddr(ctx).String(), Public: hosthttp.PublicURL(ctx).String(),
			RequestID: hosthttp.RequestID(ctx), Deadline: deadline,
		}
		switch in.Body.Name {
		case "panic":
			panic("zebra")
		case "wait":
			<-ctx.Done()
			return nil, fmt.Errorf("wait: %w", ctx.Err())
		}
		return out, nil
	})
}

func getFunction() host.Function {
	type in struct {
		ID id.ID `path:"id"`
	}
	type out struct {
		Body struct {
			ID     id.ID  `json:"id"`
			Client string `json:"client"`
		}
	}
	return function("GET", "/v1/papers/{id}", func(ctx context.Context, in *in) (*out, error) {
		o := &out{}
		o.Body.ID, o.Body.Client = in.ID, hosthttp.ClientAddr(ctx).String()
		return o, nil
	})
}

// slowFunction says that it runs and ends when it is told to.
func slowFunction() host.Function {
	return host.Function{Name: "slow", Trigger: hosthttp.Operation(
		huma.Operation{OperationID: "slow", Method: "GET", Path: "/slow", Summary: "Slow"},
		func(env *host.Env) (func(context.Context, *struct{}) (*paperOut, error), error) {
			return func(context.Context, *struct{}) (*paperOut, error) {
				env.Log.Info("slow request runs")
				<-time.After(2500 * time.Millisecond) // longer than the drain delay
				return &paperOut{}, nil
			}, nil
		})}
}

func brokenFunction() host.Function {
	return host.Function{Name: "broken", Trigger: hosthttp.Operation(
		huma.Operation{OperationID: "broken", Method: "GET", Path: "/broken", Summary: "Broken"},
		func(*host.Env) (func(context.Context, *struct{}) (*struct{}, error), error) {
			return nil, errors.New("MASTER_KEYS: not set; want id:base64")
		})}
}

// refusedFunction has a resource that cannot work.
func refusedFunction() host.Function {
	return host.Function{Name: "refused", Trigger: hosthttp.Operation(
		huma.Operation{OperationID: "refused", Method: "GET", Path: "/refused", Summary: "Refused"},
		func(env *host.Env) (func(context.Context, *struct{}) (*struct{}, error), error) {
			env.AtStart(func(context.Context) error { return errors.New("MASTER_KEYS: k1 is missing") })
			return func(context.Context, *struct{}) (*struct{}, error) { return nil, nil }, nil
		})}
}

// What a check of the start refuses is never served, wherever it runs.
func TestACheckOfTheStartRefuses(t *testing.T) {
	t.Parallel()
	for _, home := range []string{"PORT=0", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:1"} {
		child := childtest.Start(t, "refused", home)
		if code := child.Exit(t); code != 1 || !strings.Contains(child.Output(), "MASTER_KEYS: k1 is missing") {
			t.Errorf("%s: exit code %d: %s", home, code, child.Output())
		}
	}
}

func TestMain(m *testing.M) {
	switch childtest.Program() {
	case "echo":
		hosthttp.Serve(echoFunction())
	case "get":
		hosthttp.Serve(getFunction())
	case "slow":
		hosthttp.Serve(slowFunction())
	case "refused":
		hosthttp.Serve(refusedFunction())
	case "broken":
		hosthttp.Serve(brokenFunction())
	default:
		os.Exit(m.Run())
	}
	os.Exit(0)
}

func event(t *testing.T, name string, change func(*events.APIGatewayV2HTTPRequest)) []byte {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if change == nil {
		return raw
	}
	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	change(&e)
	raw, err = json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func invoke(t *testing.T, r *lambdatest.Runtime, event []byte, timeout time.Duration) events.APIGatewayV2HTTPResponse {
	t.Helper()
	return decode(t, r.Invoke(t, event, timeout))
}

func decode(t *testing.T, result lambdatest.Result) events.APIGatewayV2HTTPResponse {
	t.Helper()
	if result.Failed {
		t.Fatalf("the function failed: %s", result.Body)
	}
	var answer events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(result.Body, &answer); err != nil {
		t.Fatalf("decode %s: %v", result.Body, err)
	}
	return answer
}

func TestLambdaCarriesEverything(t *testing.T) {
	t.Parallel()
	runtime := lambdatest.Start(t)
	child := childtest.Start(t, "echo", runtime.Environ()...)

	result := runtime.Invoke(t, event(t, "post.json", nil), 10*time.Second)
	answer := decode(t, result)
	if answer.StatusCode != 200 {
		t.Fatalf("status %d: %s\n%s", answer.StatusCode, answer.Body, child.Output())
	}
	var got echo
	if err := json.Unmarshal([]byte(answer.Body), &got); err != nil {
		t.Fatal(err)
	}
	if kept := result.Deadline.Sub(got.Deadline); kept != time.Second {
		t.Errorf("the deadline is %s before the platform's, want one second", kept)
	}
	got.Deadline = time.Time{}
	want := echo{
		Verbose: true, Labels: []string{"b,c", "d"}, IfMatch: `"a,b", "c"`,
		Agent:   "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)",
		Refresh: "abc.def", Theme: "dark", Name: "Rechnung € 12",
		Client: "205.255.255.176", Public: "https://r3pmxmplak.execute-api.eu-central-1.amazonaws.com",
		RequestID: "8476a536-e9f4-11e8-9739-000000000001",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if len(answer.Cookies) != 2 || answer.Headers["X-Request-Id"] != want.RequestID || answer.Headers["Cache-Control"] != "no-store" {
		t.Errorf("cookies %v, headers %v", answer.Cookies, answer.Headers)
	}
	child.Await(t, `"route":"/v1/papers"`)
}

// The platform freezes a function after its answer: what it has to tell is told
// before. A collector that never answers fails no request.
func TestLambdaSendsItsTraceBeforeItAnswers(t *testing.T) {
	t.Parallel()
	collector, runtime := telemetrytest.New(t), lambdatest.Start(t)
	childtest.Start(t, "echo", append(runtime.Environ(), "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL)...)
	for n := 1; n <= 2; n++ {
		answer := invoke(t, runtime, event(t, "post.json", nil), 10*time.Second)
		spans := collector.Named("POST /v1/papers")
		if answer.StatusCode != 200 || len(spans) != n {
			t.Fatalf("answered with %d, and %d of %d spans had arrived", answer.StatusCode, len(spans), n)
		}
		// The event has a trace context, which anybody may have written.
		if s := spans[n-1]; s.Parent != "" || s.Service != "test" || len(s.Links) != 1 || s.Attributes["http.response.status_code"] != "200" {
			t.Errorf("the span is %+v", s)
		}
	}
	if m := collector.Metric("http.server.request.duration"); m == nil || m.GetHistogram().GetDataPoints()[0].Count != 2 {
		t.Errorf("the metric is %v", m)
	}

	released := make(chan struct{})
	deaf := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-released }))
	t.Cleanup(deaf.Close)
	t.Cleanup(func() { close(released) })
	runtime = lambdatest.Start(t)
	child := childtest.Start(t, "echo", append(runtime.Environ(), "OTEL_EXPORTER_OTLP_ENDPOINT="+deaf.URL)...)
	for range 3 {
		if answer := invoke(t, runtime, event(t, "post.json", nil), 10*time.Second); answer.StatusCode != 200 {
			t.Errorf("answered with %d", answer.StatusCode)
		}
	}
	if n := strings.Count(child.Output(), "the telemetry does not arrive"); n != 1 {
		t.Errorf("the log says so %d times:\n%s", n, child.Output())
	}
}

// One process answers every real event: those of its route with what was sent,
// all others with a problem.
func TestRealEventsInAProcess(t *testing.T) {
	t.Parallel()
	runtime := lambdatest.Start(t)
	child := childtest.Start(t, "echo", runtime.Environ()...)
	routes := 0
	for name, raw := range lambdatest.Events(t, "http") {
		answer := invoke(t, runtime, raw, 10*time.Second)
		if !strings.Contains(string(raw), `"POST /v1/papers"`) {
			if answer.StatusCode != fault.NotFound.Status() || !strings.Contains(answer.Body, `"code":"not_found"`) {
				t.Errorf("%s: %d %s", name, answer.StatusCode, answer.Body)
			}
			continue
		}
		routes++
		var got echo
		if err := json.Unmarshal([]byte(answer.Body), &got); err != nil {
			t.Fatalf("%s: %d %s\n%s", name, answer.StatusCode, answer.Body, child.Output())
		}
		want := echo{
			Verbose: true, Labels: []string{"b,c", "d"}, IfMatch: `"a,b", "c"`, Agent: "curl/8.14.1",
			Refresh: "abc.def", Theme: "dark", Name: "Rechnung € 12", Client: "127.0.0.1", Public: got.Public,
			RequestID: got.RequestID, Deadline: got.Deadline,
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || !strings.HasPrefix(got.Public, "https://") {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, want)
		}
	}
	if routes == 0 {
		t.Error("no event reached the route")
	}
}

func TestLambdaLivesOn(t *testing.T) {
	t.Parallel()
	runtime := lambdatest.Start(t)
	child := childtest.Start(t, "echo", runtime.Environ()...)
	send := func(change func(*events.APIGatewayV2HTTPRequest), timeout time.Duration) events.APIGatewayV2HTTPResponse {
		t.Helper()
		return invoke(t, runtime, event(t, "post.json", change), timeout)
	}
	body := func(s string) func(*events.APIGatewayV2HTTPRequest) {
		return func(e *events.APIGatewayV2HTTPRequest) { e.Body, e.IsBase64Encoded = s, false }
	}
	tests := []struct {
		name    string
		change  func(*events.APIGatewayV2HTTPRequest)
		timeout time.Duration
		code    fault.Code
	}{
		{"panic", body(`{"name":"panic"}`), 10 * time.Second, fault.Internal},
		{"deadline", body(`{"name":"wait"}`), 1100 * time.Millisecond, fault.DeadlineExceeded},
		{"not JSON", body(`hunter2`), 10 * time.Second, fault.ValidationFailed},
		{"path that cannot be parsed", func(e *events.APIGatewayV2HTTPRequest) {
			e.RawPath, e.RawQueryString = "/v1/%zz", "q=hunter2"
		}, 10 * time.Second, fault.ValidationFailed},
		{"broken base64", func(e *events.APIGatewayV2HTTPRequest) { e.Body = "%%hunter2" }, 10 * time.Second, fault.ValidationFailed},
		{"wrong method", func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = "PUT" }, 10 * time.Second, fault.MethodNotAllowed},
		{"nothing there", func(e *events.APIGatewayV2HTTPRequest) { e.RawPath = "/hunter2" }, 10 * time.Second, fault.NotFound},
	}
	for _, tt := range tests {
		answer := send(tt.change, tt.timeout)
		if answer.StatusCode != tt.code.Status() || !strings.Contains(answer.Body, `"code":"`+string(tt.code)+`"`) ||
			answer.Headers["Content-Type"] != "application/problem+json" {
			t.Errorf("%s: %d %s", tt.name, answer.StatusCode, answer.Body)
		}
		if strings.Contains(answer.Body, "hunter2") || strings.Contains(answer.Body, "zebra") {
			t.Errorf("%s: echoes: %s", tt.name, answer.Body)
		}
	}
	if answer := send(nil, 10*time.Second); answer.StatusCode != 200 {
		t.Errorf("afterwards: %d %s", answer.StatusCode, answer.Body)
	}
	if strings.Contains(child.Output(), "hunter2") {
		t.Errorf("the log holds what was sent:\n%s", child.Output())
	}
}

func TestLambdaGetAndHead(t *testing.T) {
	t.Parallel()
	runtime := lambdatest.Start(t)
	childtest.Start(t, "get", runtime.Environ()...)
	answer := invoke(t, runtime, event(t, "get.json", nil), 10*time.Second)
	if want := `{"id":"0196f3a2-7c11-7b3e-9f5d-2f6a1c0e4b7d","client":"2001:db8::17"}` + "\n"; answer.Body != want {
		t.Errorf("got %s, want %s", answer.Body, want)
	}
	answer = invoke(t, runtime, event(t, "get.json", func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = "HEAD" }), 10*time.Second)
	if answer.StatusCode != 200 || answer.Body != "" {
		t.Errorf("HEAD: %d %q", answer.StatusCode, answer.Body)
	}
}

func TestInitErrorEndsTheProcess(t *testing.T) {
	t.Parallel()
	for name, environ := range map[string][]string{
		"lambda": lambdatest.Start(t).Environ(),
		"port":   {"PORT=0"},
	} {
		child := childtest.Start(t, "broken", environ...)
		if code := child.Exit(t); code != 1 {
			t.Errorf("%s: exit code %d", name, code)
		}
		if got, want := child.Output(), "function broken: MASTER_KEYS: not set; want id:base64\n"; got != want {
			t.Errorf("%s: wrote %q, want %q", name, got, want)
		}
	}
	for variable, value := range map[string]string{"PORT": "hello", "TRUSTED_PROXIES": "10.0.0.0/99", "PUBLIC_URL": "vault.example", "ALLOWED_ORIGINS": "evil", "LOG_LEVEL": "loud"} {
		child := childtest.Start(t, "get", variable+"="+value)
		if code := child.Exit(t); code != 1 || !strings.HasPrefix(child.Output(), variable+": ") || strings.Count(child.Output(), "\n") != 1 {
			t.Errorf("%s=%s: exit code %d, wrote %q", variable, value, code, child.Output())
		}
	}
}

// address is where a child listens, by its log line.
func address(t *testing.T, child *childtest.Process) string {
	t.Helper()
	var line struct {
		Address string `json:"address"`
	}
	if err := json.Unmarshal([]byte(child.Await(t, `"msg":"listening"`)), &line); err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(line.Address, "[::]"), ":")
	return "http://127.0.0.1:" + port
}

func TestPort(t *testing.T) {
	t.Parallel()
	child := childtest.Start(t, "echo", "PORT=0")
	url := address(t, child)
	answer := hosttest.Call(t, http.DefaultClient, "POST", url+"/v1/papers?label=b%2Cc&label=d", `{"name":"x"}`,
		"X-Forwarded-For", "9.9.9.9", "X-Request-Id", "my-own-id-1")
	var got echo
	answer.JSON(t, 200, &got)
	if got.Client != "127.0.0.1" || got.Public != url || got.RequestID != "my-own-id-1" || len(got.Labels) != 2 {
		t.Errorf("got %+v", got)
	}
	if len(answer.Cookies()) != 2 {
		t.Errorf("cookies: %v", answer.Cookies())
	}
	hosttest.Call(t, http.DefaultClient, "POST", url+"/v1/papers", `{"name":"panic"}`).Problem(t, fault.Internal)
	hosttest.Call(t, http.DefaultClient, "GET", url+"/healthz", nil).JSON(t, 200, nil)
	hosttest.Call(t, http.DefaultClient, "GET", url+"/readyz", nil).JSON(t, 200, nil)
	if got := string(hosttest.Call(t, http.DefaultClient, "GET", url+"/openapi.yaml", nil).Bytes); !strings.Contains(got, "/v1/papers:") {
		t.Errorf("openapi.yaml: %s", got)
	}
	child.Terminate(t)
	if code := child.Exit(t); code != 0 {
		t.Errorf("exit code %d: %s", code, child.Output())
	}
}

func TestTerminateDrains(t *testing.T) {
	t.Parallel()
	child := childtest.Start(t, "slow", "PORT=0")
	url := address(t, child)
	type result struct {
		status int
		err    error
	}
	done := make(chan result, 1)
	go func() {
		resp, err := http.Get(url + "/slow")
		if err != nil {
			done <- result{err: err}
			return
		}
		defer func() { _ = resp.Body.Close() }()
		done <- result{status: resp.StatusCode}
	}()
	child.Await(t, "slow request runs")
	child.Terminate(t)
	child.Await(t, "stopping")
	hosttest.Call(t, http.DefaultClient, "GET", url+"/healthz", nil).JSON(t, 200, nil)
	hosttest.Call(t, http.DefaultClient, "GET", url+"/readyz", nil).JSON(t, 503, nil)
	if r := <-done; r.err != nil || r.status != 200 {
		t.Errorf("the request that ran: %d, %v", r.status, r.err)
	}
	if code := child.Exit(t); code != 0 {
		t.Errorf("exit code %d: %s", code, child.Output())
	}
}
