package host_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"docuvault/shared/host"
	"docuvault/shared/host/childtest"
)

func env(t *testing.T, vars ...string) *host.Env {
	t.Helper()
	e, err := host.NewEnv(vars, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestMain(m *testing.M) {
	switch childtest.Program() {
	case "wait":
		host.Main(func(ctx context.Context, env *host.Env) error {
			_, err := host.Resource(env, func(*host.Env) (*closer, error) { return &closer{log: env.Log}, nil })
			if err != nil {
				return err
			}
			env.Log.Info("runs")
			<-ctx.Done()
			env.Log.Info("stops")
			return nil
		})
	case "deaf":
		host.Main(func(ctx context.Context, env *host.Env) error {
			env.Log.Info("runs")
			<-ctx.Done()
			env.Log.Info("ignores it")
			select {}
		})
	case "secrets":
		host.Main(func(_ context.Context, env *host.Env) error {
			env.Log.Info("read", "matches", env.Lookup("DATABASE_URL") == "planted" && env.Lookup("SMTP_URL") == "" && env.Lookup("OTHER") == "")
			return nil
		})
	case "fail":
		host.Main(func(context.Context, *host.Env) error { return errors.New("one\ntwo") })
	default:
		os.Exit(m.Run())
	}
	os.Exit(0)
}

type closer struct {
	log   *slog.Logger
	order *[]string
	name  string
}

func (c *closer) Close() error {
	if c.log != nil {
		c.log.Info("closed")
	}
	if c.order != nil {
		*c.order = append(*c.order, c.name)
	}
	return nil
}

func TestMainProcess(t *testing.T) {
	t.Parallel()
	child := childtest.Start(t, "wait")
	child.Await(t, "runs")
	child.Terminate(t)
	if code := child.Exit(t); code != 0 || !strings.Contains(child.Output(), "stops") || !strings.Contains(child.Output(), "closed") {
		t.Errorf("exit code %d: %s", code, child.Output())
	}
	child = childtest.Start(t, "fail")
	if code, out := child.Exit(t), child.Output(); code != 1 || out != "one; two\n" {
		t.Errorf("exit code %d, wrote %q", code, out)
	}
	child = childtest.Start(t, "deaf")
	child.Await(t, "runs")
	child.Terminate(t)
	child.Await(t, "ignores it")
	child.Terminate(t)
	if code := child.Exit(t); code == 0 {
		t.Error("a second signal does not end it")
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(path, []byte("postgres://x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := env(t, "DATABASE_URL_FILE="+path).Lookup("DATABASE_URL"); got != "postgres://x" {
		t.Errorf("got %q", got)
	}
	for name, vars := range map[string][]string{
		"DATABASE_URL and DATABASE_URL_FILE": {"DATABASE_URL=a", "DATABASE_URL_FILE=" + path},
		"MASTER_KEYS_FILE":                   {"MASTER_KEYS_FILE=" + path + ".absent"},
	} {
		if _, err := host.NewEnv(vars, slog.New(slog.DiscardHandler), time.Now); err == nil || !strings.HasPrefix(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// As a process on Lambda: a secret that is named by its ARN is read before any
// constructor runs; what is none, or none of ours, is let be.
func TestSecretsByARN(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 9)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked <- string(body)
		if strings.Contains(string(body), "closed") {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"AccessDeniedException"}`)
			return
		}
		_, _ = io.WriteString(w, `{"SecretString":"planted"}`)
	}))
	t.Cleanup(server.Close)
	const arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:"
	platform := []string{"AWS_ENDPOINT_URL=" + server.URL, "AWS_ACCESS_KEY_ID=role", "AWS_SECRET_ACCESS_KEY=role"}
	start := func(vars ...string) (int, string) {
		t.Helper()
		child := childtest.Start(t, "secrets", append(platform, vars...)...)
		return child.Exit(t), child.Output()
	}
	if code, out := start("DATABASE_URL_SECRET_ARN="+arn+"url", "SMTP_URL_SECRET_ARN=", "OTHER_SECRET_ARN="+arn+"other"); code != 0 || !strings.Contains(out, `"matches":true`) || len(asked) != 1 {
		t.Errorf("exit code %d, asked %d times: %s", code, len(asked), out)
	}
	if code, out := start("MASTER_KEYS_SECRET_ARN=" + arn + "closed"); code != 1 || out != "MASTER_KEYS_SECRET_ARN: Secrets Manager says AccessDeniedException\n" {
		t.Errorf("exit code %d: %s", code, out)
	}
	if code, out := start("MASTER_KEYS=k1:x", "MASTER_KEYS_SECRET_ARN="+arn+"keys"); code != 1 || !strings.HasPrefix(out, "MASTER_KEYS and MASTER_KEYS_SECRET_ARN are both set") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestResourcesAreOpenedOnceAndClosedBackwards(t *testing.T) {
	t.Parallel()
	e, order, opened := env(t), []string{}, 0
	type other struct{ closer }
	inner := func(*host.Env) (*closer, error) {
		opened++
		return &closer{order: &order, name: "inner"}, nil
	}
	for range 2 {
		_, err := host.Resource(e, func(e *host.Env) (*other, error) {
			if _, err := host.Resource(e, inner); err != nil {
				return nil, err
			}
			return &other{closer{order: &order, name: "outer"}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	host.Provide[io.Reader](e, strings.NewReader("mine"))
	if r, err := host.Resource(e, func(*host.Env) (io.Reader, error) { return nil, errors.New("opened") }); err != nil || r == nil {
		t.Errorf("a provided resource was opened: %v", err)
	}
	if err := e.Close(); err != nil || opened != 1 || !slices.Equal(order, []string{"outer", "inner"}) {
		t.Errorf("opened %d times, closed %v, %v", opened, order, err)
	}
}

func TestUnready(t *testing.T) {
	t.Parallel()
	e := env(t)
	if names, causes := e.Unready(t.Context()); names != nil || causes != nil {
		t.Errorf("an Env without checks: %v %v", names, causes)
	}
	bad := errors.New("schema 3, want 4")
	e.Ready("storage", func(context.Context) error { return bad })
	e.Ready("queue", func(context.Context) error { return nil })
	e.Ready("database", func(ctx context.Context) error { return ctx.Err() })
	if names, causes := e.Unready(t.Context()); !slices.Equal(names, []string{"storage"}) || !errors.Is(errors.Join(causes...), bad) {
		t.Errorf("%v %v", names, causes)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if names, _ := e.Unready(ctx); !slices.Equal(names, []string{"database", "storage"}) {
		t.Errorf("%v", names)
	}
}

func TestLogger(t *testing.T) {
	t.Parallel()
	host.Logger(t.Context()).Info("discarded")
	var out bytes.Buffer
	host.Logger(host.WithLogger(t.Context(), slog.New(slog.NewTextHandler(&out, nil)).With("id", 7))).Info("x")
	if !strings.Contains(out.String(), "id=7") {
		t.Errorf("logged %q", out.String())
	}
}
