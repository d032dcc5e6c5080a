package hosthttp_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/host/hosthttp/hosttest"
)

type paperIn struct {
	Verbose bool `query:"verbose"`
	Body    struct {
		Name  string   `json:"name" minLength:"1" maxLength:"20"`
		Email string   `json:"email,omitempty" format:"email"`
		Tags  []string `json:"tags,omitempty" maxItems:"3"`
		Size  int64    `json:"size,omitempty" minimum:"0"`
		Link  string   `json:"link,omitempty" format:"uri"`
	}
}

type paperOut struct {
	Body struct {
		Name  string            `json:"name"`
		Items []string          `json:"items"`
		Map   map[string]string `json:"map"`
		Bytes []byte            `json:"bytes"`
	}
}

func function[I, O any](method, path string, handle func(ctx context.Context, in *I) (*O, error), guards ...hosthttp.Guard) host.Function {
	return host.Function{Name: "test", Trigger: hosthttp.Operation(
		huma.Operation{OperationID: strings.Trim(strings.NewReplacer("/", "-", "{", "", "}", "").Replace(strings.ToLower(method)+path), "-"), Method: method, Path: path, Summary: "Test"},
		func(*host.Env) (func(context.Context, *I) (*O, error), error) { return handle, nil }, guards...)}
}

func paper(context.Context, *paperIn) (*paperOut, error) { return &paperOut{}, nil }

func TestNilListsAreEmpty(t *testing.T) {
	t.Parallel()
	env, _ := hosttest.Env(t, nil)
	server := hosttest.Serve(t, env, function("POST", "/v1/papers", paper))
	answer := hosttest.Call(t, server.Client(), "POST", server.URL+"/v1/papers", `{"name":"a"}`)
	answer.JSON(t, http.StatusOK, nil)
	if got, want := strings.TrimSpace(string(answer.Bytes)), `{"name":"","items":[],"map":{},"bytes":""}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	env, log := hosttest.Env(t, nil)
	server := hosttest.Serve(t, env, function("POST", "/v1/papers", paper),
		function("GET", "/v1/fault", func(context.Context, *struct{}) (*struct{}, error) {
			return nil, fault.New(fault.QuotaExceeded, "Full.").With("limit_bytes", 7)
		}),
		function("GET", "/v1/plain", func(context.Context, *struct{}) (*struct{}, error) {
			return nil, http.ErrBodyNotAllowed
		}),
		function("GET", "/v1/panic", func(context.Context, *struct{}) (*struct{}, error) { panic("zebra") }))
	const secret = "hunter2xyzzy"
	tests := []struct {
		name, method, path, body string
		headers                  []string
		code                     fault.Code
		location                 string
	}{
		{"unknown member", "POST", "/v1/papers", `{"name":"a","role":"` + secret + `"}`, nil, fault.ValidationFailed, "body.role"},
		{"unknown member with a made-up name", "POST", "/v1/papers", `{"name":"a","` + secret + ` x":1}`, nil, fault.ValidationFailed, "body.?"},
		{"other case", "POST", "/v1/papers", `{"Name":"a"}`, nil, fault.ValidationFailed, "body"},
		{"too long", "POST", "/v1/papers", `{"name":"` + secret + strings.Repeat(secret, 3) + `"}`, nil, fault.ValidationFailed, "body.name"},
		{"wrong type", "POST", "/v1/papers", `{"name":["` + secret + `"]}`, nil, fault.ValidationFailed, "body.name"},
		{"wrong email", "POST", "/v1/papers", `{"name":"a","email":"` + secret + `"}`, nil, fault.ValidationFailed, "body.email"},
		{"too big a number", "POST", "/v1/papers", `{"name":"a","size":98765432109876543210}`, nil, fault.ValidationFailed, "body"},
		{"wrong link", "POST", "/v1/papers", `{"name":"a","link":"` + secret + `:\u0001"}`, nil, fault.ValidationFailed, "body.link"},
		{"not JSON", "POST", "/v1/papers", secret, nil, fault.ValidationFailed, "body"},
		{"empty", "POST", "/v1/papers", ``, nil, fault.ValidationFailed, ""},
		{"unknown query", "POST", "/v1/papers?verbos=" + secret, `{"name":"a"}`, nil, fault.ValidationFailed, "query.verbos"},
		{"wrong query", "POST", "/v1/papers?verbose=" + secret, `{"name":"a"}`, nil, fault.ValidationFailed, "query.verbose"},
		{"wrong content type", "POST", "/v1/papers", secret, []string{"Content-Type", "text/plain"}, fault.UnsupportedMedia, ""},
		{"too large", "POST", "/v1/papers", `{"name":"` + strings.Repeat("a", 1<<20) + `"}`, nil, fault.PayloadTooLarge, ""},
		{"wrong method", "PUT", "/v1/papers?q=" + secret, ``, nil, fault.MethodNotAllowed, ""},
		{"nothing there", "GET", "/v1/" + secret, ``, nil, fault.NotFound, ""},
		{"cross origin", "POST", "/v1/papers", `{"name":"a"}`, []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, fault.CrossOrigin, ""},
		{"fault", "GET", "/v1/fault", ``, nil, fault.QuotaExceeded, ""},
		{"other error", "GET", "/v1/plain", ``, nil, fault.Internal, ""},
		{"panic", "GET", "/v1/panic", ``, nil, fault.Internal, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var body any = tt.body
			if tt.body == "" {
				body = nil
			}
			answer := hosttest.Call(t, server.Client(), tt.method, server.URL+tt.path, body, tt.headers...)
			members := answer.Problem(t, tt.code)
			if strings.Contains(string(answer.Bytes), "hunter2") || strings.Contains(string(answer.Bytes), "zebra") ||
				strings.Contains(string(answer.Bytes), "98765") || strings.Contains(string(answer.Bytes), "Go ") {
				t.Errorf("echoes what was sent, or a cause: %s", answer.Bytes)
			}
			if tt.location != "" {
				errs, _ := members["errors"].([]any)
				if len(errs) == 0 || errs[0].(map[string]any)["location"] != tt.location {
					t.Errorf("errors %v, want location %q first", errs, tt.location)
				}
			}
			switch tt.code {
			case fault.MethodNotAllowed:
				if got := answer.Header.Get("Allow"); got != "POST" {
					t.Errorf("Allow: %q", got)
				}
			case fault.QuotaExceeded:
				if members["limit_bytes"] != float64(7) {
					t.Errorf("fields are missing: %s", answer.Bytes)
				}
			}
		})
	}
	lines := log.String()
	if strings.Contains(lines, "hunter2") || strings.Contains(lines, "zebra") {
		t.Errorf("the log holds what was sent:\n%s", lines)
	}
	for _, want := range []string{"a value of type string", "goroutine", http.ErrBodyNotAllowed.Error(), `"route":"/v1/papers"`, `"route":"unmatched"`} {
		if !strings.Contains(lines, want) {
			t.Errorf("the log lacks %q:\n%s", want, lines)
		}
	}
}

func TestOpenAPINeedsNoConfiguration(t *testing.T) {
	t.Parallel()
	fns := []host.Function{function("POST", "/v1/papers", paper)}
	first, err := hosthttp.OpenAPI(fns)
	if err != nil {
		t.Fatal(err)
	}
	second, err := hosthttp.OpenAPI(fns)
	if err != nil {
		t.Fatal(err)
	}
	if string(first) != string(second) {
		t.Error("two runs differ")
	}
	t.Log(string(first))
}
