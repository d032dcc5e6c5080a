package hosthttp

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/fault"
	"docuvault/shared/host"
)

type bodyIn struct {
	Body struct {
		Name string `json:"name"`
	}
}

type nameOut struct {
	Body struct {
		Name string `json:"name"`
	}
}

// serve runs one handler behind a chain with short timeouts.
func serve(t *testing.T, request, body time.Duration, handle func(context.Context, *bodyIn) (*nameOut, error), guards ...Guard) *httptest.Server {
	t.Helper()
	env, err := host.NewEnv(nil, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	h, err := Handler(env, host.Function{Name: "test", Trigger: Operation(
		huma.Operation{OperationID: "test", Method: "POST", Path: "/test", Summary: "Test"},
		func(*host.Env) (func(context.Context, *bodyIn) (*nameOut, error), error) { return handle, nil }, guards...)})
	if err != nil {
		t.Fatal(err)
	}
	c := h.(*chain)
	c.request, c.body = request, body
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	return server
}

func post(t *testing.T, server *httptest.Server, body string, headers ...string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/test", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(got), resp.Header
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	server := serve(t, 20*time.Millisecond, time.Minute, func(ctx context.Context, _ *bodyIn) (*nameOut, error) {
		<-ctx.Done()
		return nil, fmt.Errorf("ask the database: %w", ctx.Err())
	})
	status, body, _ := post(t, server, `{"name":"a"}`)
	if status != http.StatusGatewayTimeout || !strings.Contains(body, string(fault.DeadlineExceeded)) || strings.Contains(body, "database") {
		t.Errorf("%d %s", status, body)
	}
}

// TestHandlerOutlivesTheBodysDeadline holds net/http to taking the deadline off
// where the body ends; one that stayed would cancel this handler.
func TestHandlerOutlivesTheBodysDeadline(t *testing.T) {
	t.Parallel()
	const bodyTimeout = 50 * time.Millisecond
	server := serve(t, time.Minute, bodyTimeout, func(ctx context.Context, in *bodyIn) (*nameOut, error) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(3 * bodyTimeout):
			out := &nameOut{}
			out.Body.Name = in.Body.Name
			return out, nil
		}
	})
	if status, body, _ := post(t, server, `{"name":"a"}`); status != 200 {
		t.Errorf("%d %s", status, body)
	}
}

func TestSlowBodyIsGivenUp(t *testing.T) {
	t.Parallel()
	server := serve(t, time.Minute, 50*time.Millisecond, func(context.Context, *bodyIn) (*nameOut, error) {
		return nil, fault.New(fault.NotFound, "The handler ran.")
	})
	for path, want := range map[string]int{
		"/test":    fault.DeadlineExceeded.Status(),
		"/nothing": http.StatusNotFound, // nobody reads this body
	} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		_, err = io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"name\":")
		if err != nil {
			t.Fatal(err)
		}
		reader := bufio.NewReader(conn)
		resp, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if resp.StatusCode != want {
			t.Errorf("%s: status %d", path, resp.StatusCode)
		}
		_ = resp.Body.Close()
		if _, err := io.Copy(io.Discard, reader); err != nil {
			t.Errorf("%s: the connection stays open: %v", path, err)
		}
	}
}

// TestClientGone checks that a hung-up client ends the handler's context.
func TestClientGone(t *testing.T) {
	t.Parallel()
	running, ended := make(chan struct{}), make(chan error, 1)
	server := serve(t, time.Minute, time.Minute, func(ctx context.Context, _ *bodyIn) (*nameOut, error) {
		close(running)
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		req, _ := http.NewRequestWithContext(ctx, "POST", server.URL+"/test", strings.NewReader(`{"name":"a"}`))
		req.Header.Set("Content-Type", "application/json")
		if resp, err := server.Client().Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-running
	cancel()
	select {
	case err := <-ended:
		if err != context.Canceled {
			t.Errorf("the context ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the handler runs on")
	}
}

type userKey struct{}

func TestGuardComesBeforeValidation(t *testing.T) {
	t.Parallel()
	var guard Guard = func(*host.Env) (Middleware, error) {
		return func(ctx huma.Context, next func(huma.Context)) {
			if ctx.Header("Authorization") != "Bearer good" {
				Refuse(ctx, fault.New(fault.Unauthenticated, "Sign in."))
				return
			}
			next(huma.WithValue(ctx, userKey{}, "user"))
		}, nil
	}
	server := serve(t, time.Minute, time.Minute, func(ctx context.Context, _ *bodyIn) (*nameOut, error) {
		out := &nameOut{}
		out.Body.Name, _ = ctx.Value(userKey{}).(string)
		return out, nil
	}, guard)
	for _, body := range []string{`{"name":"a"}`, `{"wrong":1}`, `broken`} {
		status, got, header := post(t, server, body)
		if status != 401 || !strings.Contains(got, `"code":"unauthenticated"`) || header.Get("WWW-Authenticate") != "Bearer" ||
			header.Get("Content-Type") != "application/problem+json" || !strings.Contains(got, header.Get("X-Request-Id")) {
			t.Errorf("%s: %d %s %v", body, status, got, header)
		}
	}
	if status, got, _ := post(t, server, `{"name":"a"}`, "Authorization", "Bearer good"); status != 200 || !strings.Contains(got, `"user"`) {
		t.Errorf("%d %s", status, got)
	}
}

func TestGuardMarksOpenAPI(t *testing.T) {
	t.Parallel()
	construct := func(*host.Env) (func(context.Context, *struct{}) (*struct{}, error), error) {
		t.Error("openapi.yaml constructs a function")
		return nil, nil
	}
	var guard Guard = func(*host.Env) (Middleware, error) {
		t.Error("openapi.yaml constructs a guard")
		return nil, nil
	}
	out, err := OpenAPI([]host.Function{
		{Name: "a", Trigger: Operation(huma.Operation{OperationID: "open", Method: "GET", Path: "/open", Summary: "x"}, construct)},
		{Name: "b", Trigger: Operation(huma.Operation{OperationID: "guarded", Method: "GET", Path: "/guarded", Summary: "x"}, construct, guard)},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, paths, _ := strings.Cut(string(out), "\npaths:")
	guarded, open, _ := strings.Cut(paths, "  /open:")
	if !strings.Contains(guarded, "security:\n        - bearer:") || strings.Contains(open, "security:") {
		t.Errorf("security in:\n%s", paths)
	}
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	for given, kept := range map[string]bool{
		"0196f3a2-7c11-7b3e-9f5d-2f6a1c0e4b7d": true, "abcdefgh": true,
		"short": false, "with space in it": false, "new\nline-injected": false, strings.Repeat("a", 65): false, "": false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["X-Request-Id"] = []string{given}
		if got := requestID(r); (got == given) != kept || !validRequestID.MatchString(got) {
			t.Errorf("%q became %q", given, got)
		}
	}
}
