// Package hosttest serves HTTP functions to tests, with the same mux and chain
// as everywhere else.
//
// It promises that no test passes whose log, or a problem that [Call] got,
// holds a key of the environment, or a token, cookie, password, search or name
// that any test of the process has sent or got (see [Leaks]).
package hosttest

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
)

// Log is what an Env of a test has logged so far.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends; it makes Log a writer for slog.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String returns all lines.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Env returns an Env of these variables only, and its log of level debug. It is
// closed when the test ends; then its log may hold no secret.
func Env(t testing.TB, vars map[string]string) (*host.Env, *Log) {
	t.Helper()
	environ := make([]string, 0, len(vars))
	for name := range maps.Keys(vars) {
		environ = append(environ, name+"="+vars[name])
	}
	log := &Log{}
	env, err := host.NewEnv(environ, slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), time.Now)
	if err != nil {
		t.Fatalf("environment: %v", err)
	}
	plantVars(vars)
	t.Cleanup(func() {
		if err := env.Close(); err != nil {
			t.Errorf("close environment: %v", err)
		}
		checkLog(t, log)
	})
	return env, log
}

// Serve constructs the functions and serves them until the test ends.
func Serve(t testing.TB, env *host.Env, fns ...host.Function) *httptest.Server {
	t.Helper()
	handler, err := hosthttp.Handler(env, fns...)
	if err != nil {
		t.Fatalf("construct: %v", err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// Answer is a response with its body read.
type Answer struct {
	*http.Response
	Bytes []byte
}

// Call sends a request: body is nil, a string (sent as it is) or a value that
// is encoded as JSON. Headers are pairs of name and value.
func Call(t testing.TB, client *http.Client, method, url string, body any, headers ...string) Answer {
	t.Helper()
	var reader io.Reader
	var sent []byte
	switch b := body.(type) {
	case nil:
	case string:
		sent = []byte(b)
		reader = strings.NewReader(b)
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			t.Fatalf("encode request: %v", err)
		}
		sent = encoded
		reader = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, reader)
	if err != nil {
		t.Fatalf("make request: %v", err)
	}
	if reader != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: read answer: %v", method, url, err)
	}
	answer := Answer{resp, content}
	plantCall(req, sent, answer)
	checkProblem(t, method+" "+req.URL.Path, answer)
	return answer
}

// JSON checks the status and decodes the body into out (nil: only the status).
func (a Answer) JSON(t testing.TB, status int, out any) {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", a.StatusCode, status, a.Bytes)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(a.Bytes, out); err != nil {
		t.Fatalf("decode answer: %v: %s", err, a.Bytes)
	}
}

// Problem checks that the answer is a problem of this code, complete and with
// the status of the fault table, and returns its members.
func (a Answer) Problem(t testing.TB, code fault.Code) map[string]any {
	t.Helper()
	var members map[string]any
	a.JSON(t, code.Status(), &members)
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q of a problem", got)
	}
	if members["code"] != string(code) {
		t.Errorf("code %v, want %s: %s", members["code"], code, a.Bytes)
	}
	if members["status"] != float64(code.Status()) || members["detail"] == "" || members["title"] == "" {
		t.Errorf("not a complete problem: %s", a.Bytes)
	}
	if id := a.Header.Get("X-Request-Id"); id == "" || members["request_id"] != id {
		t.Errorf("request_id %v, header %q", members["request_id"], id)
	}
	return members
}
