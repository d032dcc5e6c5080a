package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/caarlos0/env/v11"

	"docuvault/shared/secret/secretsmanager"
)

// Env is what a constructor gets: configuration, a logger, a clock, and the
// resources that were opened before it.
type Env struct {
	// Log is where the function writes. No file name, token, presigned query
	// or search query goes into it.
	Log *slog.Logger
	// Now is the clock.
	Now func() time.Time

	vars map[string]string

	mu        sync.Mutex
	resources map[reflect.Type]any
	closers   []func() error
	checks    []namedCheck
	starts    []Check
}

// NewEnv makes an Env from environment variables in the form of os.Environ.
// For every NAME_FILE it reads that file into NAME (less one final newline).
// A variable named in both forms, or a file that cannot be read, is an error
// that names it.
func NewEnv(environ []string, log *slog.Logger, now func() time.Time) (*Env, error) {
	vars := make(map[string]string, len(environ))
	for _, kv := range environ {
		if name, value, ok := strings.Cut(kv, "="); ok {
			vars[name] = value
		}
	}
	for name, path := range vars {
		base, ok := strings.CutSuffix(name, "_FILE")
		if !ok || !secretVariables[base] || path == "" {
			continue
		}
		if vars[base] != "" {
			return nil, fmt.Errorf("%s and %s are both set: keep one", base, name)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		vars[base] = strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	}
	return &Env{Log: log, Now: now, vars: vars, resources: map[reflect.Type]any{}}, nil
}

// secretVariables are the secrets that may come as NAME_FILE, and on Lambda as
// NAME_SECRET_ARN. An explicit list, so that an unrelated SSL_CERT_FILE in the
// environment is left alone.
var secretVariables = map[string]bool{
	"DATABASE_URL": true, "DATABASE_MIGRATE_URL": true,
	"MASTER_KEYS": true, "SESSION_KEYS": true, "JWT_SIGNING_KEYS": true, "JWT_PUBLIC_KEYS": true,
	"S3_ACCESS_KEY": true, "S3_SECRET_KEY": true, "STORAGE_EVENT_TOKEN": true, "SMTP_URL": true,
	"METRICS_TOKEN": true, "OTEL_EXPORTER_OTLP_HEADERS": true,
}

// Config parses and validates one typed part of the environment. T is a struct
// with `env:"NAME"` tags of caarlos0/env; if *T has a method Validate() error,
// it is called too. Errors name the variable and say what would be right.
func Config[T any](e *Env) (T, error) {
	cfg, err := env.ParseAsWithOptions[T](env.Options{Environment: e.vars})
	if err != nil {
		return cfg, err
	}
	if v, ok := any(&cfg).(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return cfg, err
		}
	}
	return cfg, nil
}

// Resource returns the Env's one T, and opens it on first use. Two functions
// of one process that ask for the same type share it; what implements
// io.Closer is closed by [Env.Close], last opened first.
func Resource[T any](e *Env, open func(*Env) (T, error)) (T, error) {
	key := reflect.TypeFor[T]()
	e.mu.Lock()
	if found, ok := e.resources[key]; ok {
		e.mu.Unlock()
		return found.(T), nil
	}
	e.mu.Unlock()

	// Opened without the lock, because opening one resource may ask for
	// another. Constructors run one after the other, so nothing races here.
	opened, err := open(e)
	if err != nil {
		return opened, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.resources[key] = opened
	if c, ok := any(opened).(io.Closer); ok {
		e.closers = append(e.closers, c.Close)
	}
	return opened, nil
}

// Provide puts a resource in place of the one that Resource would open: the
// all-in-one server's embedded parts, and wrappers in tests. The caller closes it.
func Provide[T any](e *Env, value T) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.resources[reflect.TypeFor[T]()] = value
}

// Close closes every resource that was opened, last opened first.
func (e *Env) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var errs []error
	for i := len(e.closers) - 1; i >= 0; i-- {
		errs = append(errs, e.closers[i]())
	}
	e.closers = nil
	return errors.Join(errs...)
}

// Lookup returns one raw variable; "" if unset. Configuration belongs into
// [Config]; this is for the platform's own variables (PORT, AWS_*).
func (e *Env) Lookup(name string) string { return e.vars[name] }

// ProcessEnv is the Env of this process: os.Environ, JSON lines on standard
// error at LOG_LEVEL (debug, info, warn, error), and the system clock. On Lambda
// a secret may come as NAME_SECRET_ARN; it is read once, here.
func ProcessEnv(ctx context.Context) (*Env, error) {
	level := slog.LevelInfo
	if raw := os.Getenv("LOG_LEVEL"); raw != "" {
		if err := level.UnmarshalText([]byte(raw)); err != nil {
			return nil, fmt.Errorf("LOG_LEVEL: %q is none of debug, info, warn, error", raw)
		}
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	env, err := NewEnv(os.Environ(), log, time.Now)
	if err != nil {
		return nil, err
	}
	return env, env.readSecrets(ctx)
}

// readSecrets reads NAME for every NAME_SECRET_ARN.
func (e *Env) readSecrets(ctx context.Context) error {
	wanted := map[string]string{}
	for name, arn := range e.vars {
		base, ok := strings.CutSuffix(name, "_SECRET_ARN")
		if !ok || !secretVariables[base] || arn == "" {
			continue
		}
		if e.vars[base] != "" {
			return fmt.Errorf("%s and %s are both set: keep one", base, name)
		}
		wanted[base] = arn
	}
	if len(wanted) == 0 {
		return nil
	}
	client := secretsmanager.New(e.Lookup, e.Now)
	defer client.Close()
	values, err := client.Read(ctx, wanted)
	if err != nil {
		return err
	}
	for name, value := range values {
		e.vars[name] = value.Reveal()
	}
	return nil
}
