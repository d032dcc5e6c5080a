// Package hostserver runs an HTTP handler on a port the way containers expect
// it (the Knative container contract): /healthz says that the process lives,
// /readyz that it can work, and the end is graceful. hosthttp serves functions
// with it; hostqueue only its health.
//
// It promises: no request that was accepted is cut off before DrainTimeout;
// /readyz refuses before the listener closes, so that a load balancer looks
// away first; no client can hold a connection by sending its headers slowly.
package hostserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"docuvault/shared/host"
	"docuvault/shared/telemetry"
)

// Server is one HTTP server with health and a graceful end. Set the fields,
// then call [Server.Run] once.
type Server struct {
	Env *host.Env
	// Handler answers everything but /healthz, /readyz and, for who has
	// METRICS_TOKEN, /metrics; nil is 404.
	Handler http.Handler
	// Headers sets those that every answer has, before it is made; nil is
	// [Harden].
	Headers func(h http.Header, r *http.Request)
	// DrainDelay is how long the server still accepts after it was told to
	// stop, while /readyz already refuses. Zero: not at all.
	DrainDelay time.Duration
	// DrainTimeout is how long requests that run may take to end; 30 s if zero.
	DrainTimeout time.Duration

	draining atomic.Bool
}

// Timeouts of the server. hosthttp limits how long a body may take.
const (
	readHeaderTimeout = 10 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 120 * time.Second
	maxHeaderBytes    = 64 << 10
	readyTimeout      = 3 * time.Second
)

// Run serves on ln until ctx ends, then drains. It closes ln. The error is nil
// after a clean end.
func (s *Server) Run(ctx context.Context, ln net.Listener) error {
	measured, err := telemetry.Open(s.Env)
	if err != nil {
		return err
	}
	srv := &http.Server{
		Handler:           s.mux(measured),
		ReadHeaderTimeout: readHeaderTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.Env.Log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()

	select {
	case err := <-served:
		return fmt.Errorf("serve on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}

	s.draining.Store(true)
	s.Env.Log.Info("stopping: draining requests")
	if s.DrainDelay > 0 {
		delay := time.NewTimer(s.DrainDelay)
		defer delay.Stop()
		select {
		case <-delay.C:
		case err := <-served:
			return fmt.Errorf("serve on %s: %w", ln.Addr(), err)
		}
	}
	timeout := s.DrainTimeout
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	shutdown, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	if err := srv.Shutdown(shutdown); err != nil {
		_ = srv.Close()
		return fmt.Errorf("drain requests within %s: %w", timeout, err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", ln.Addr(), err)
	}
	return nil
}

// Listen listens on the port of the variable PORT, or on fallback ("8080") when
// it is not set.
func Listen(env *host.Env, fallback string) (net.Listener, error) {
	port := env.Lookup("PORT")
	if port == "" {
		port = fallback
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 && port != "0" {
		return nil, fmt.Errorf("PORT: %q is no port between 1 and 65535", port)
	}
	ln, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return nil, fmt.Errorf("PORT: %w", err)
	}
	return ln, nil
}

func (s *Server) mux(measured *telemetry.Telemetry) http.Handler {
	mux := http.NewServeMux()
	Health(mux, s.Env, s.draining.Load)
	rest := s.Handler
	if rest == nil {
		rest = http.NotFoundHandler()
	}
	mux.Handle("/", rest)
	mux.Handle("/metrics", measured.Metrics(rest))
	headers := s.Headers
	if headers == nil {
		headers = func(h http.Header, _ *http.Request) { Harden(h) }
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers(w.Header(), r)
		mux.ServeHTTP(w, r)
	})
}

// Harden sets the headers that are right for every answer of an API: nothing
// of it is kept, sniffed, framed, run, or told to another site (ASVS 5.0 items
// 3.4.3 to 3.4.6, 3.4.8, 3.5.8 and 14.3.2).
func Harden(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
}

// Health mounts GET /healthz (200 while the process lives) and GET /readyz (200
// when every check of the Env passes and draining reports false; else 503
// "unavailable" with the names of what failed; causes go to the log only).
func Health(mux *http.ServeMux, env *host.Env, draining func() bool) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, "application/json", map[string]any{"status": "alive"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		failed := []string{"draining"}
		if !draining() {
			ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
			defer cancel()
			var causes []error
			if failed, causes = env.Unready(ctx); len(failed) == 0 {
				answer(w, http.StatusOK, "application/json", map[string]any{"status": "ready"})
				return
			}
			env.Log.Warn("not ready", "failed", failed, "error", errors.Join(causes...))
		}
		answer(w, http.StatusServiceUnavailable, "application/problem+json", map[string]any{
			"title": http.StatusText(http.StatusServiceUnavailable), "status": http.StatusServiceUnavailable,
			"code": "unavailable", "detail": "Not ready to work.", "failed": failed,
		})
	})
}

func answer(w http.ResponseWriter, status int, contentType string, body map[string]any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a probe that hung up
}
