// Package contract runs the programs of all HTTP functions as Knative does: with
// $PORT, probes, many requests at a time, and SIGTERM under load (the Knative
// container contract).
package contract

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"docuvault/functions"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/testenv"
	"docuvault/shared/vaulttest"
)

// atOnce is containerConcurrency of deploy/knative.
const atOnce = 40

// request is one that the function answers with this status.
type request struct {
	method, path, token string
	body                func(n int) string
	status              int
}

// Every HTTP function of the project, in a program of its own: it answers as the
// one process does that has them all, forty requests at a time.
func TestKnativeContract(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	anna := w.User(t)
	var environ []string
	for name, value := range w.Vars {
		if name == "DATABASE_URL" {
			// As deploy/knative wants it: two connections an instance.
			separator := "?"
			if strings.Contains(value, "?") {
				separator = "&"
			}
			value += separator + "pool_max_conns=2"
		}
		environ = append(environ, name+"="+value)
	}
	all := functions.HTTP()
	if len(all) < 60 {
		t.Fatalf("only %d HTTP functions", len(all))
	}
	// A program mostly waits: for its load balancer to look away, before it ends.
	var wait sync.WaitGroup
	next := make(chan host.Function)
	for range 12 {
		wait.Go(func() {
			for fn := range next {
				t.Run(fn.Name, func(t *testing.T) { holds(t, build(t, fn), environ, requestOf(t, w, anna, fn)) })
			}
		})
	}
	for _, fn := range all {
		next <- fn
	}
	close(next)
	wait.Wait()
}

// build makes the function's program.
func build(t *testing.T, fn host.Function) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "function")
	folder := strings.Replace(fn.Name, "-", "/", 1)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", program, "docuvault/functions/"+folder+"/bootstrap")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

var parameter = regexp.MustCompile(`\{[a-z_]+\}`)

// requestOf is a request for the function that can be repeated: for what reads,
// one of somebody who is signed in; for begin, a paper; for what else writes, one
// that it has to refuse.
func requestOf(t *testing.T, w *vaulttest.World, u *vaulttest.User, fn host.Function) request {
	t.Helper()
	if fn.Name == "uploads-begin" {
		return request{http.MethodPost, "/v1/uploads", u.Token, func(n int) string {
			content, _ := json.Marshal(vaulttest.Announce("paper.txt", "text/plain", []byte(fmt.Sprintf("paper number %d", n)))) // a map of scalars
			return string(content)
		}, http.StatusCreated}
	}
	route, _ := fn.Trigger.(*hosthttp.Route)
	r := request{method: route.Method(), path: parameter.ReplaceAllString(route.Path(), u.ID.String())}
	var headers []string
	if r.method == http.MethodGet {
		r.token = u.Token
		headers = []string{"Authorization", "Bearer " + u.Token}
	}
	r.status = hosttest.Call(t, http.DefaultClient, r.method, w.Server.URL+r.path, nil, headers...).StatusCode
	if r.status >= http.StatusInternalServerError {
		t.Fatalf("%s %s answers %d in the one process", r.method, r.path, r.status)
	}
	return r
}

// holds starts the program on a port and goes through the contract.
func holds(t *testing.T, program string, environ []string, r request) {
	t.Helper()
	cmd := exec.Command(program) // ended by a signal
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "PORT=0", "K_SERVICE=function", "K_REVISION=function-00001", "K_CONFIGURATION=function"}, environ...)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	address := make(chan string, 1)
	var lines strings.Builder
	go func() {
		for s := bufio.NewScanner(log); s.Scan(); {
			lines.WriteString(s.Text() + "\n")
			var line struct{ Msg, Address string }
			if json.Unmarshal(s.Bytes(), &line) == nil && line.Msg == "listening" {
				address <- line.Address
			}
		}
		ended <- cmd.Wait()
	}()
	var url string
	select {
	case at := <-address:
		url = "http://127.0.0.1:" + at[strings.LastIndex(at, ":")+1:]
	case err := <-ended:
		t.Fatalf("it ended: %v\n%s", err, lines.String())
	case <-time.After(time.Minute):
		t.Fatal("it does not listen")
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}}
	get := func(path string) int {
		status, err := ask(t.Context(), client, url, request{method: http.MethodGet, path: path}, 0)
		if err != nil {
			return 0
		}
		return status
	}
	testenv.Eventually(t, time.Minute, "it is ready", func() bool { return get("/readyz") == http.StatusOK })
	if status := get("/nothing"); status != http.StatusNotFound {
		t.Errorf("a path of another function answers %d", status)
	}

	var n, wrong atomic.Int64
	load := func(atOnce int) (end func()) {
		ctx, stop := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		for range atOnce {
			wait.Go(func() {
				for ctx.Err() == nil {
					status, err := ask(t.Context(), client, url, r, int(n.Add(1)))
					if (err != nil || status != r.status) && wrong.Add(1) == 1 {
						t.Errorf("%s %s answered %d, %v, want %d", r.method, r.path, status, err, r.status)
					}
				}
			})
		}
		return func() {
			stop()
			wait.Wait()
		}
	}
	// As many at a time as Knative lets through.
	end := load(atOnce)
	testenv.Eventually(t, time.Minute, "requests are answered", func() bool { return n.Load() > 5*atOnce })
	end()
	// SIGTERM comes among requests; none is refused or cut off while the load
	// balancer learns of it from /readyz.
	end = load(2)
	before := n.Load()
	testenv.Eventually(t, time.Minute, "requests are answered", func() bool { return n.Load() > before+4 })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, time.Minute, "/readyz refuses", func() bool { return get("/readyz") == http.StatusServiceUnavailable })
	if status := get("/healthz"); status != http.StatusOK {
		t.Errorf("/healthz answers %d while it drains", status)
	}
	end()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("after SIGTERM it ended with %v\n%s", err, lines.String())
		}
	case <-time.After(time.Minute):
		t.Error("it does not end")
	}
	t.Logf("%d requests, %d wrong", n.Load(), wrong.Load())
}

func ask(ctx context.Context, client *http.Client, url string, r request, n int) (int, error) {
	var body io.Reader
	if r.body != nil {
		body = strings.NewReader(r.body(n))
	}
	req, err := http.NewRequestWithContext(ctx, r.method, url+r.path, body)
	if err != nil {
		return 0, err
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	answer, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, errors.Join(err, answer.Body.Close())
}
