package hosthttp

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/telemetry"
)

// Deadlines of a request.
const (
	// requestTimeout is where no platform sets a deadline: one second less than
	// the 30 s after which API Gateway and most proxies give up.
	requestTimeout = 29 * time.Second
	// platformMargin is what we leave the platform to send our answer.
	platformMargin = time.Second
	// bodyTimeout is how long a request body may take to arrive.
	bodyTimeout = 20 * time.Second
)

// call is what the chain knows about one request. The goroutine that serves the
// request owns it.
type call struct {
	id     string
	client netip.Addr
	public *url.URL
	code   fault.Code // of the problem that was answered
	cause  error
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// RequestID returns the id of the request that ctx belongs to, "" if none. The
// answer carries it as X-Request-Id, each log line as request_id.
func RequestID(ctx context.Context) string {
	if c := callOf(ctx); c != nil {
		return c.id
	}
	return ""
}

// Handler constructs the functions, which are all HTTP functions, on one mux
// with the chain around it. [Serve], the all-in-one server and the tests of
// functions serve the same thing. GET /openapi.yaml describes exactly these
// functions.
func Handler(env *host.Env, fns ...host.Function) (http.Handler, error) {
	measured, err := telemetry.Open(env)
	if err != nil {
		return nil, err
	}
	edge, err := OpenEdge(env)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	if err := mountAll(env, NewAPI(mux), fns); err != nil {
		return nil, err
	}
	document := sync.OnceValues(func() ([]byte, error) { return OpenAPI(fns) })
	mux.HandleFunc("GET /openapi.yaml", func(w http.ResponseWriter, r *http.Request) {
		out, err := document()
		if err != nil {
			refuse(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/yaml")
		_, _ = w.Write(out)
	})
	return measured.Server(&chain{
		env: env, edge: edge, mux: mux, request: requestTimeout, body: bodyTimeout,
		took: measured.Duration("http.server.request.duration", "How long requests took, by route and status."),
	}), nil
}

type chain struct {
	env           *host.Env
	edge          *Edge
	mux           *http.ServeMux
	request, body time.Duration // timeouts
	took          telemetry.Timing
}

// ServeHTTP serves one request: id, headers, deadline, cross-origin check,
// route, and at the end one log line, one measurement and the name of its span.
// These have the route's pattern, never the URL.
func (s *chain) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := s.env.Now()
	c := &call{
		id:     requestID(r),
		client: s.edge.ClientAddr(r),
		public: s.edge.PublicURL(r),
	}
	method := attribute.String("http.request.method", cleanMethod(r.Method))
	ctx := r.Context()
	span := trace.SpanFromContext(ctx)
	log := s.env.Log.With("request_id", c.id)
	if id := telemetry.TraceID(ctx); id != "" {
		log = log.With("trace_id", id)
	}
	ctx = host.WithLogger(context.WithValue(ctx, callKey{}, c), log)
	ctx, cancel := s.withDeadline(ctx)
	defer cancel()

	r = r.WithContext(ctx)
	r.Pattern = ""
	if r.Body != nil && r.Body != http.NoBody {
		body := &timedBody{ReadCloser: r.Body, control: http.NewResponseController(w), timeout: s.body}
		r.Body = body
		defer body.abandon()
	}
	rec := &recorder{ResponseWriter: w, r: r}
	s.edge.Headers(rec.Header(), r)
	rec.Header().Set("X-Request-Id", c.id)

	cut := s.guarded(rec, r)
	took := s.env.Now().Sub(start)
	s.logLine(log, r, rec, c, took)
	about := []attribute.KeyValue{method, attribute.String("http.route", route(r)), attribute.Int("http.response.status_code", rec.status)}
	span.SetName(cleanMethod(r.Method) + " " + route(r))
	span.SetAttributes(about...)
	telemetry.Mark(span, c.failure(rec.status))
	s.took(context.WithoutCancel(ctx), took, about...)
	if cut {
		panic(http.ErrAbortHandler) // the only way to tell the client that the answer is not whole
	}
}

// failure is what went wrong on our side.
func (c *call) failure(status int) error {
	if status < http.StatusInternalServerError {
		return nil
	}
	if c.code == "" {
		return fault.New(fault.Internal, "")
	}
	return fault.New(c.code, "")
}

// guarded runs the route. A panic is answered with 500 if nothing is written
// yet; cut reports that something was.
func (s *chain) guarded(rec *recorder, r *http.Request) (cut bool) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		err := errors.New("panic: " + host.PanicText(p))
		if thrown, ok := p.(error); !ok || !errors.Is(thrown, http.ErrAbortHandler) {
			host.Logger(r.Context()).Error("panic", "route", route(r), "error", err, "stack", string(debug.Stack()))
		}
		if rec.status == 0 {
			// A fault that was thrown is still a bug: the client sees 500.
			refuse(rec, r, fault.From(err))
			return
		}
		callOf(r.Context()).code, callOf(r.Context()).cause = fault.Internal, err
		cut = true
	}()
	if s.edge.preflight(rec, r) {
		return false
	}
	if err := s.edge.Check(r); err != nil {
		refuse(rec, r, fault.New(fault.CrossOrigin, "This request came from another site. Open the vault's own page.").Because(err))
		return false
	}
	s.mux.ServeHTTP(rec, r)
	if rec.status == 0 {
		rec.WriteHeader(http.StatusOK)
	}
	return false
}

func (s *chain) logLine(log *slog.Logger, r *http.Request, rec *recorder, c *call, took time.Duration) {
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("method", cleanMethod(r.Method)),
		slog.String("route", route(r)),
		slog.Int("status", rec.status),
		slog.Float64("ms", float64(took.Microseconds())/1000),
		slog.Int64("bytes", rec.bytes),
	}
	if c.code != "" {
		attrs = append(attrs, slog.String("code", string(c.code)))
		if cause := errors.Unwrap(c.cause); cause != nil || c.code == fault.Internal {
			attrs = append(attrs, slog.String("error", c.cause.Error()))
		}
	}
	if errors.Is(r.Context().Err(), context.Canceled) {
		attrs = append(attrs, slog.Bool("client_gone", true))
	} else if rec.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	log.LogAttrs(context.WithoutCancel(r.Context()), level, "request", attrs...)
}

// route is the pattern that matched, without the method; a URL that matched
// none is not logged, since it can hold anything.
func route(r *http.Request) string {
	if r.Pattern == "" {
		return "unmatched"
	}
	_, path, ok := strings.Cut(r.Pattern, " ")
	if !ok {
		return r.Pattern
	}
	return path
}

func cleanMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// withDeadline sets the platform's deadline less platformMargin, or our own.
func (s *chain) withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadline(ctx, deadline.Add(-platformMargin))
	}
	return context.WithTimeout(ctx, s.request)
}

var validRequestID = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

// requestID is the client's or proxy's own id if it looks like one, else
// Lambda's, else a new UUIDv7.
func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); validRequestID.MatchString(id) {
		return id
	}
	if lc, ok := lambdacontext.FromContext(r.Context()); ok && validRequestID.MatchString(lc.AwsRequestID) {
		return lc.AwsRequestID
	}
	return uuid.Must(uuid.NewV7()).String()
}

// recorder notes status and size for the log line, and turns the mux's own
// plain-text answers (404, 405, 400) into problems.
type recorder struct {
	http.ResponseWriter
	r        *http.Request
	status   int
	bytes    int64
	replaced bool // the mux's own text is dropped
}

// WriteHeader sends the status.
func (w *recorder) WriteHeader(status int) {
	if w.status != 0 {
		return
	}
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	c := callOf(w.r.Context())
	if status >= 400 && w.r.Pattern == "" && c.code == "" {
		w.replaced = true
		refuse(&recorded{w}, w.r, muxFault(status))
		return
	}
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body.
func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.replaced {
		return len(p), nil
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// recorded writes past the recorder's replacing.
type recorded struct{ *recorder }

func (w *recorded) WriteHeader(status int) {
	w.Header().Del("Content-Length")
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorded) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

func muxFault(status int) error {
	switch code := fault.OfStatus(status); code {
	case fault.NotFound:
		return fault.New(code, "There is nothing at this address.")
	case fault.MethodNotAllowed:
		return fault.New(code, "This address does not take this method; the header Allow lists those that it takes.")
	default:
		return fault.New(code, "The request is not valid.")
	}
}

// timedBody gives a request body its timeout to arrive, counted from its first
// read. net/http takes the deadline off the connection where the body ends; one
// that does not end keeps it, also while net/http reads on, up to 256 KiB, to
// find the next request.
type timedBody struct {
	io.ReadCloser
	control *http.ResponseController
	timeout time.Duration
	reading bool
	ended   bool
}

func (b *timedBody) Read(p []byte) (int, error) {
	if !b.reading {
		b.limit()
	}
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.ended = true
	}
	return n, err
}

// limit sets the deadline. On Lambda there is no connection to set it on.
func (b *timedBody) limit() {
	b.reading = true
	_ = b.control.SetReadDeadline(time.Now().Add(b.timeout))
}

// abandon limits what net/http reads of a body that the handler left alone.
func (b *timedBody) abandon() {
	if !b.ended {
		b.limit()
	}
}
