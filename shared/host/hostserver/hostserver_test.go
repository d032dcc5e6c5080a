package hostserver_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"docuvault/shared/host"
	"docuvault/shared/host/hostserver"
)

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestHealth(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	env, err := host.NewEnv(nil, slog.New(slog.NewTextHandler(&log, nil)), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	var broken, draining atomic.Bool
	env.Ready("database", func(context.Context) error {
		if broken.Load() {
			return errors.New("schema 3, want 4")
		}
		return nil
	})
	mux := http.NewServeMux()
	hostserver.Health(mux, env, draining.Load)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)

	expect := func(path string, status int, part string) {
		t.Helper()
		if got, body := get(t, server.URL+path); got != status || !strings.Contains(body, part) || strings.Contains(body, "schema") {
			t.Errorf("%s: %d %s", path, got, body)
		}
	}
	expect("/healthz", 200, "alive")
	expect("/readyz", 200, "ready")
	broken.Store(true)
	expect("/healthz", 200, "alive")
	expect("/readyz", 503, `"failed":["database"]`)
	broken.Store(false)
	draining.Store(true)
	expect("/healthz", 200, "alive")
	expect("/readyz", 503, `"failed":["draining"]`)
	if !strings.Contains(log.String(), "schema 3, want 4") {
		t.Errorf("the cause is not in the log: %s", log.String())
	}
}

// TestRequestsThatDoNotEndAreCutOff checks the other end of draining.
func TestRequestsThatDoNotEndAreCutOff(t *testing.T) {
	t.Parallel()
	env, err := host.NewEnv(nil, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	running, release := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(release) })
	server := &hostserver.Server{Env: env, DrainTimeout: 50 * time.Millisecond, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(running)
		<-release
	})}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx, ln) }()
	go func() {
		if resp, err := http.Get("http://" + ln.Addr().String() + "/"); err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-running
	stop()
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "drain") {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("does not end")
	}
	if _, err := net.DialTimeout("tcp", ln.Addr().String(), time.Second); err == nil {
		t.Error("still listens")
	}
}
