// Package vaulttest is a whole vault for one test: every HTTP function behind
// one server, a real database, a real S3 server and the real queue, with users
// that are signed in.
//
// Nothing runs by itself: a test delivers messages to workers one by one
// ([World.Deliver]), or lets them all run ([World.Work]).
package vaulttest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"docuvault/functions"
	"docuvault/shared/auth"
	"docuvault/shared/dbtest"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/host/hostqueue"
	"docuvault/shared/host/hostschedule"
	"docuvault/shared/host/supervise"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/queue"
	"docuvault/shared/secret"
	"docuvault/shared/storage"
	"docuvault/shared/storage/storagetest"
	"docuvault/shared/telemetry/telemetrytest"
)

// EventToken is STORAGE_EVENT_TOKEN of every World.
const EventToken = "an-event-token-of-32-characters-or-more"

// MetricsToken is METRICS_TOKEN of every World.
const MetricsToken = "a-token-of-a-scraper-that-is-long-enough"

// Quota is the limit of a user of [World.User], in bytes.
const Quota = 1 << 30

// World is one vault.
type World struct {
	DB     *dbtest.Database
	Env    *host.Env
	Log    *hosttest.Log
	Store  *storage.Store
	Server *httptest.Server
	Vars   map[string]string
	// Collector gets its traces and metrics.
	Collector *telemetrytest.Collector

	signer  *auth.Signer
	allowed []string // parts of error lines that the test expects
	mu      sync.Mutex
	once    map[string]any // constructed workers and schedules
}

// New makes a World. Variables in vars win over its own; provide may put
// resources (wrappers of storage, queue or database) into the Env before any
// function is constructed.
func New(t testing.TB, vars map[string]string, provide ...func(env *host.Env)) *World {
	t.Helper()
	return On(t, dbtest.New(t), vars, provide...)
}

// On is [New] on a database that the test has made: so vars may name another way
// to it.
func On(t testing.TB, db *dbtest.Database, vars map[string]string, provide ...func(env *host.Env)) *World {
	t.Helper()
	w := &World{DB: db, Collector: telemetrytest.New(t), once: map[string]any{}}
	w.Vars = Vars(t, w.DB)
	w.Vars["OTEL_EXPORTER_OTLP_ENDPOINT"], w.Vars["METRICS_TOKEN"] = w.Collector.URL, MetricsToken
	for name, value := range vars {
		w.Vars[name] = value
	}
	t.Cleanup(func() { w.checkTelemetry(t) }) // after the Env has sent its last
	w.Env, w.Log = hosttest.Env(t, w.Vars)
	t.Cleanup(func() { w.checkLog(t) })
	for _, p := range provide {
		p(w.Env)
	}
	store, err := storage.Open(w.Env)
	if err != nil {
		t.Fatalf("open storage: %v", err)
	}
	w.Store = store
	w.Server = hosttest.Serve(t, w.Env, functions.HTTP()...)
	if w.signer, err = auth.OpenSigner(w.Env); err != nil {
		t.Fatalf("open signer: %v", err)
	}
	return w
}

// Allow says that the log may hold errors with this text; any other line of
// level ERROR fails the test.
func (w *World) Allow(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.allowed = append(w.allowed, text)
}

func (w *World) checkLog(t testing.TB) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for line := range strings.Lines(w.Log.String()) {
		expected := slices.ContainsFunc(w.allowed, func(text string) bool { return strings.Contains(line, text) })
		if strings.Contains(line, `"level":"ERROR"`) && !expected {
			t.Errorf("an error was logged: %s", line)
		}
	}
	for _, leak := range hosttest.LeaksOfDump(w.DB.Dump(t)) {
		t.Errorf("the database holds %s", leak)
	}
}

// checkTelemetry fails the test if a span or a metric holds what may be seen
// nowhere.
func (w *World) checkTelemetry(t testing.TB) {
	for _, leak := range hosttest.Leaks(w.Collector.Raw()) {
		t.Errorf("the telemetry holds %s", leak)
	}
}

// Vars are the variables of a vault on a test's database and its own buckets:
// also for a child process.
func Vars(t testing.TB, db *dbtest.Database) map[string]string {
	t.Helper()
	vars := map[string]string{
		"DATABASE_URL": db.AppURL, "STORAGE_EVENT_TOKEN": EventToken, "REGISTRATION": "open",
	}
	for _, kv := range storagetest.Environ(t) {
		name, value, _ := strings.Cut(kv, "=")
		vars[name] = value
	}
	for _, name := range []string{"MASTER_KEYS", "SESSION_KEYS", "JWT_SIGNING_KEYS"} {
		set, err := keys.Generate("t1")
		if err != nil {
			t.Fatalf("make keys: %v", err)
		}
		vars[name] = set.Reveal()
	}
	signing, err := keys.ParseSet("JWT_SIGNING_KEYS", secret.New(vars["JWT_SIGNING_KEYS"]))
	if err != nil {
		t.Fatalf("parse keys: %v", err)
	}
	vars["JWT_PUBLIC_KEYS"] = string(auth.JWKS(signing))
	return vars
}

// Deliver gives one message to a worker ("analyze") and returns its error.
func (w *World) Deliver(t testing.TB, worker string, body []byte) error {
	t.Helper()
	return w.Handler(t, worker)(t.Context(), queue.Message{ID: "test", Body: body, ReceiveCount: 1,
		Extend: func(context.Context, time.Duration) error { return nil }})
}

// Handler is a worker's handler as its host runs it, constructed once.
func (w *World) Handler(t testing.TB, worker string) queue.Handler {
	t.Helper()
	return construct(t, w, "workers-"+worker, func(fn host.Function) (queue.Handler, error) {
		return fn.Trigger.(*hostqueue.Consumer).Construct(w.Env)
	})
}

// Schedule runs a schedule ("reconcile") once.
func (w *World) Schedule(t testing.TB, name string) error {
	t.Helper()
	return construct(t, w, "schedules-"+name, func(fn host.Function) (hostschedule.Run, error) {
		return fn.Trigger.(*hostschedule.Job).Construct(w.Env)
	})(t.Context())
}

func construct[T any](t testing.TB, w *World, name string, make func(host.Function) (T, error)) T {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if made, ok := w.once[name]; ok {
		return made.(T)
	}
	for _, fn := range functions.All {
		if fn.Name == name {
			made, err := make(fn)
			if err != nil {
				t.Fatalf("construct %s: %v", name, err)
			}
			w.once[name] = made
			return made
		}
	}
	t.Fatalf("there is no function %s", name)
	panic("unreachable")
}

// Work runs all consumers until the test ends. Schedules do not run.
func (w *World) Work(t testing.TB) {
	t.Helper()
	group, err := supervise.New(w.Env, functions.Queue())
	if err != nil {
		t.Fatalf("construct workers: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		group.Run(ctx)
	}()
	t.Cleanup(func() { stop(); <-done })
}

// User is someone who is signed in.
type User struct {
	World   *World
	ID      id.ID
	Session id.ID
	Token   string
}

// User makes a user with [Quota] and a session.
func (w *World) User(t testing.TB) *User {
	t.Helper()
	u := &User{World: w, ID: id.New(), Session: id.New()}
	w.DB.Exec(t, `INSERT INTO users (id, email) VALUES ($1, $2)`, u.ID.String(), u.ID.String()+"@example.org")
	w.DB.Exec(t, `INSERT INTO quotas (user_id, limit_bytes) VALUES ($1, $2)`, u.ID.String(), Quota)
	w.DB.Exec(t, `INSERT INTO sessions (id, user_id, expires_at, idle_timeout) VALUES ($1, $2, now() + interval '1 day', interval '1 day')`,
		u.Session.String(), u.ID.String())
	token, err := w.signer.Sign(auth.Identity{User: u.ID, Session: u.Session, Generation: 1, AuthTime: time.Now()})
	if err != nil {
		t.Fatalf("sign token: %v", err)
	}
	u.Token = token.Reveal()
	return u
}

// Call sends a request as the user.
func (u *User) Call(t testing.TB, method, path string, body any, headers ...string) hosttest.Answer {
	t.Helper()
	return hosttest.Call(t, http.DefaultClient, method, u.World.Server.URL+path, body,
		append([]string{"Authorization", "Bearer " + u.Token}, headers...)...)
}

// Document is what tests read of a document.
type Document struct {
	ID          id.ID    `json:"id"`
	Filename    string   `json:"filename"`
	Title       string   `json:"title"`
	Status      string   `json:"status"`
	Failure     string   `json:"failure"`
	Size        int64    `json:"size"`
	ContentType string   `json:"content_type"`
	SniffedType string   `json:"sniffed_type"`
	Topic       string   `json:"topic"`
	TopicSource string   `json:"topic_source"`
	Tags        []string `json:"tags"`
	FolderID    string   `json:"folder_id"`
	PageCount   int      `json:"page_count"`
	Language    string   `json:"language"`
	Version     int64    `json:"version"`
	Suggestions []struct {
		Kind       string  `json:"kind"`
		Value      string  `json:"value"`
		Confidence float64 `json:"confidence"`
		Source     string  `json:"source"`
		Evidence   []struct {
			Word    string `json:"word"`
			Learned bool   `json:"learned"`
		} `json:"evidence"`
	} `json:"suggestions"`
}

// Begun is the answer to a begin.
type Begun struct {
	Document Document `json:"document"`
	Upload   struct {
		Method    string            `json:"method"`
		URL       string            `json:"url"`
		Headers   map[string]string `json:"headers"`
		ExpiresAt time.Time         `json:"expires_at"`
		Multipart *struct {
			PartSize  int       `json:"part_size"`
			PartCount int       `json:"part_count"`
			ExpiresAt time.Time `json:"expires_at"`
		} `json:"multipart"`
	} `json:"upload"`
}

// Announce is the body of a begin for this content.
func Announce(filename, contentType string, content []byte) map[string]any {
	sum := sha256.Sum256(content)
	return map[string]any{
		"filename": filename, "content_type": contentType, "size": len(content), "sha256": hex.EncodeToString(sum[:]),
	}
}

// Begin begins an upload and expects 201.
func (u *User) Begin(t testing.TB, filename, contentType string, content []byte) Begun {
	t.Helper()
	var b Begun
	u.Call(t, http.MethodPost, "/v1/uploads", Announce(filename, contentType, content)).JSON(t, http.StatusCreated, &b)
	return b
}

// Put sends the bytes to storage as a client does, and returns its status.
func (b Begun) Put(t testing.TB, content []byte) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), b.Upload.Method, b.Upload.URL, bytes.NewReader(content))
	if err != nil {
		t.Fatalf("make request: %v", err)
	}
	if len(content) == 0 {
		req.Body = http.NoBody
	}
	for name, value := range b.Upload.Headers {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("put: %v", err)
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode
}

// Store uploads a document by client alone: begin, put, complete.
func (u *User) Store(t testing.TB, filename, contentType string, content []byte) Document {
	t.Helper()
	b := u.Begin(t, filename, contentType, content)
	if status := b.Put(t, content); status != http.StatusOK {
		t.Fatalf("storage answered %d", status)
	}
	var done struct{ Document Document }
	u.Call(t, http.MethodPost, fmt.Sprintf("/v1/uploads/%s/complete", b.Document.ID), nil).JSON(t, http.StatusOK, &done)
	return done.Document
}

// Get reads a document.
func (u *User) Get(t testing.TB, document id.ID) Document {
	t.Helper()
	var d Document
	u.Call(t, http.MethodGet, "/v1/documents/"+document.String(), nil).JSON(t, http.StatusOK, &d)
	return d
}

// Job is the body of a message about one of the user's documents.
func (u *User) Job(document id.ID) []byte {
	return fmt.Appendf(nil, `{"user_id":%q,"document_id":%q}`, u.ID, document)
}

// Analyzed stores a document and has it analyzed.
func (u *User) Analyzed(t testing.TB, filename, contentType string, content []byte) Document {
	t.Helper()
	d := u.Store(t, filename, contentType, content)
	if err := u.World.Deliver(t, "analyze", u.Job(d.ID)); err != nil {
		t.Fatalf("analyze: %v", err)
	}
	return u.Get(t, d.ID)
}
