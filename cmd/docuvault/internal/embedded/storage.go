package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"

	"docuvault/shared/s3server"
	"docuvault/shared/secret"
	"docuvault/shared/storage"
)

// accessKey is the name that goes with the embedded server's secret key.
const accessKey = "docuvault"

// Storage is the embedded S3 server and the way its events take.
type Storage struct {
	*s3server.Server
	runFile string
	buckets []string
	events  *eventSink
}

// StartStorage starts the embedded S3 server on a free loopback port and sets
// S3_ENDPOINT and its keys. Clients reach it through the vault's own port
// ([Storage.Handler]), so URLs are signed for the address of the request.
func (f Folder) StartStorage(ctx context.Context, vars Vars, log *slog.Logger) (*Storage, error) {
	secretKey, err := f.secret("s3-secret-key", random)
	if err != nil {
		return nil, err
	}
	// Nobody but this process sends events, so the token lives as long as it.
	token, err := random()
	if err != nil {
		return nil, err
	}
	delete(vars, "STORAGE_EVENT_TOKEN_FILE")
	vars.Set("STORAGE_EVENT_TOKEN", token.Reveal())
	vars.Set("S3_ACCESS_KEY", accessKey)
	vars.Set("S3_SECRET_KEY", secretKey.Reveal())
	vars.Set("S3_PUBLIC_ENDPOINT", storage.SameOrigin)
	vars.Default("S3_BUCKET", "docuvault")
	vars.Default("S3_DERIVED_BUCKET", "docuvault-derived")
	s := &Storage{
		runFile: f.runFile(),
		events:  &eventSink{token: token},
		buckets: []string{vars["S3_BUCKET"], vars["S3_DERIVED_BUCKET"]},
	}
	s.Server, err = s3server.Start(ctx, s3server.Config{
		Dir: f.objects(), AccessKey: accessKey, SecretKey: secretKey,
		Events: s.events.send, EventBuckets: s.buckets[:1], Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("start the embedded S3 server: %w", err)
	}
	vars.Set("S3_ENDPOINT", s.URL)
	err = f.noteRunning(running{Endpoint: s.URL, Bucket: s.buckets[0], DerivedBucket: s.buckets[1]})
	if err != nil {
		return nil, errors.Join(err, s.Server.Close())
	}
	return s, nil
}

// Close stops the server and forgets where it listened.
func (s *Storage) Close() error {
	_ = os.Remove(s.runFile)
	return s.Server.Close()
}

// Handler passes /<bucket>/<key> of the vault's port on to the S3 server.
func (s *Storage) Handler() *s3server.ProxyHandler { return s.Server.Handler(s.buckets...) }

// DeliverTo names the handler that takes the events: the vault's own, with its
// events function in it. Events before that are left to the reconciler.
func (s *Storage) DeliverTo(h http.Handler) { s.events.to.Store(&h) }

// eventSink calls the events function as a bucket's webhook would, without a
// network in between.
type eventSink struct {
	token secret.Text
	to    atomic.Pointer[http.Handler]
}

func (e *eventSink) send(ctx context.Context, body []byte) error {
	to := e.to.Load()
	if to == nil {
		return fmt.Errorf("the vault is still starting")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/v1/events/storage", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+e.token.Reveal())
	r.RemoteAddr = "127.0.0.1:0"
	answer := status{header: http.Header{}}
	(*to).ServeHTTP(&answer, r)
	if answer.code != http.StatusNoContent {
		return fmt.Errorf("the events function answered %d", answer.code)
	}
	return nil
}

// status is a ResponseWriter of which only the status is looked at.
type status struct {
	header http.Header
	code   int
}

func (s *status) Header() http.Header { return s.header }

func (s *status) WriteHeader(code int) {
	if s.code == 0 {
		s.code = code
	}
}

func (s *status) Write(b []byte) (int, error) {
	s.WriteHeader(http.StatusOK)
	return len(b), nil
}
