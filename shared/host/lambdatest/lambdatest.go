// Package lambdatest is the other side of the AWS Lambda Runtime API (version
// 2018-06-01), for tests of whole function processes: it hands out events and
// takes answers over HTTP, as the Lambda service does.
package lambdatest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Runtime serves the Runtime API to one function process.
type Runtime struct {
	server *httptest.Server
	events chan *invocation
	closed chan struct{}

	mu   sync.Mutex
	next int
	open map[string]*invocation
}

type invocation struct {
	id       string
	event    []byte
	timeout  time.Duration
	deadline time.Time
	result   chan Result
}

// Result is what the function answered.
type Result struct {
	Body []byte
	// Failed says that the function reported an error, which Body describes.
	Failed bool
	// Deadline is what the function was told, to the millisecond; Answered is
	// when it answered.
	Deadline, Answered time.Time
}

// Late says that the platform would not have waited for the answer.
func (r Result) Late() bool { return r.Answered.After(r.Deadline) }

// Start serves the API until the test ends.
func Start(t testing.TB) *Runtime {
	t.Helper()
	r := &Runtime{events: make(chan *invocation), closed: make(chan struct{}), open: map[string]*invocation{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", r.serveNext)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", r.serveResult(false))
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", r.serveResult(true))
	r.server = httptest.NewServer(mux)
	t.Cleanup(func() {
		close(r.closed)
		r.server.CloseClientConnections()
		r.server.Close()
	})
	return r
}

// Environ are the variables that Lambda sets and a function process needs.
func (r *Runtime) Environ() []string {
	return []string{
		"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(r.server.URL, "http://"),
		"AWS_LAMBDA_FUNCTION_NAME=test", "AWS_REGION=eu-central-1", "_HANDLER=bootstrap",
	}
}

// Invoke gives the function one event and waits for its answer. timeout is the
// function's timeout, which it learns as its deadline; it counts from when the
// function takes the event, so that a start on a busy machine is not in it.
func (r *Runtime) Invoke(t testing.TB, event []byte, timeout time.Duration) Result {
	t.Helper()
	r.mu.Lock()
	r.next++
	// The form of a real id: a UUID.
	inv := &invocation{
		id: fmt.Sprintf("8476a536-e9f4-11e8-9739-%012d", r.next), event: event,
		timeout: timeout, result: make(chan Result, 1),
	}
	r.open[inv.id] = inv
	r.mu.Unlock()

	giveUp := time.NewTimer(timeout + 20*time.Second)
	defer giveUp.Stop()
	select {
	case r.events <- inv:
	case <-giveUp.C:
		t.Fatal("the function does not ask for an event")
	}
	select {
	case result := <-inv.result:
		return result
	case <-giveUp.C:
		t.Fatal("the function does not answer")
	}
	return Result{}
}

func (r *Runtime) serveNext(w http.ResponseWriter, req *http.Request) {
	select {
	case inv := <-r.events:
		r.mu.Lock()
		inv.deadline = time.Now().Add(inv.timeout).Truncate(time.Millisecond)
		r.mu.Unlock()
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:123456789012:function:test")
		h.Set("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1")
		_, _ = w.Write(inv.event)
	case <-req.Context().Done():
	case <-r.closed:
	}
}

func (r *Runtime) serveResult(failed bool) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		result := Result{Failed: failed, Answered: time.Now()}
		id := req.PathValue("id")
		r.mu.Lock()
		inv := r.open[id]
		delete(r.open, id)
		if inv != nil {
			result.Deadline = inv.deadline
		}
		r.mu.Unlock()
		if inv == nil {
			http.Error(w, `{"errorType":"InvalidRequestID"}`, http.StatusBadRequest)
			return
		}
		var err error
		if result.Body, err = io.ReadAll(req.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		inv.result <- result
	}
}
