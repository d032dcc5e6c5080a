package queue_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"docuvault/shared/dbtest"
	"docuvault/shared/host"
	"docuvault/shared/queue"
	"docuvault/shared/testenv"
)

const planted = "planted-word"

// buffer is a log that can be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// consume runs a consumer until the test ends.
func consume(t *testing.T, q queue.Queue, name string, h queue.Handler) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- q.Consume(ctx, name, h) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Consume: %v", err)
		}
	})
}

func receive(t *testing.T, got <-chan queue.Message) queue.Message {
	t.Helper()
	select {
	case m := <-got:
		return m
	case <-time.After(30 * time.Second):
		t.Fatal("no message came")
		panic("unreachable")
	}
}

func TestWhatIsNoMessageIsADeadLetterAtOnce(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	log := &buffer{}
	opts := quick
	opts.Log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	q := open(t, d.AppURL, nil, opts)
	ctx := context.Background()

	strangers := map[string]string{
		"other":     `{"body": "` + planted + `"}`,
		"message":   `{"body": "` + planted + `"}`, // not base64
		"message ":  `{"` + planted + `": 1}`,
		"message  ": `["` + planted + `"]`,
		"message-4": `"` + planted + `"`,
	}
	for kind, args := range strangers {
		if strings.HasPrefix(kind, "message") {
			kind = "message"
		}
		d.Exec(t, fmt.Sprintf(`INSERT INTO river.river_job (kind, args, queue, max_attempts) VALUES ('%s', '%s', 'mixed', 25)`, kind, args))
	}
	got := make(chan queue.Message, 9)
	consume(t, q, "mixed", func(_ context.Context, m queue.Message) error {
		got <- m
		return nil
	})
	if err := q.Send(ctx, "mixed", queue.Message{Body: []byte("ours")}); err != nil {
		t.Fatal(err)
	}
	if m := receive(t, got); string(m.Body) != "ours" {
		t.Errorf("received %q", m.Body)
	}
	allDead := func() bool {
		dead, err := q.Dead(ctx, "mixed", 99)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range dead {
			if m.ReceiveCount != 1 || m.ID == "" || len(m.Body) != 0 && !bytes.Contains([]byte(planted), m.Body) {
				t.Errorf("dead letter: %+v", m)
			}
		}
		return len(dead) == len(strangers)
	}
	testenv.Eventually(t, 30*time.Second, "all strangers are dead letters", allDead)
	if n, err := q.Redrive(ctx, "mixed"); n != len(strangers) || err != nil {
		t.Errorf("Redrive = %d, %v", n, err)
	}
	testenv.Eventually(t, 30*time.Second, "all strangers are dead letters again", allDead)
	if strings.Contains(log.String(), planted) {
		t.Errorf("the log shows content:\n%s", log.String())
	}
	if n := strings.Count(log.String(), "not a message of ours"); n != 2*(len(strangers)-1) {
		t.Errorf("%d lines in the log about strangers:\n%s", n, log.String())
	}
}

func TestNothingOfAFailureIsStored(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	log := &buffer{}
	opts := quick
	opts.Log = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	q := open(t, d.AppURL, nil, opts)
	consume(t, q, "failing", func(_ context.Context, m queue.Message) error {
		if m.ReceiveCount == 1 {
			panic("panic-" + planted)
		}
		return errors.New("error-" + planted)
	})
	if err := q.Send(context.Background(), "failing", queue.Message{Attributes: map[string]string{"a": "attribute-" + planted}}); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, 30*time.Second, "the message is dead", func() bool {
		dead, err := q.Dead(context.Background(), "failing", 1)
		return err == nil && len(dead) == 1
	})
	if row := dbtest.Query1[string](t, d, `SELECT concat(errors::text, metadata::text, tags::text) FROM river.river_job`); strings.Contains(row, planted) || !strings.Contains(row, "the handler failed") {
		t.Errorf("stored: %s", row)
	}
	for _, word := range []string{"panic-" + planted, "attribute-" + planted} {
		if strings.Contains(log.String(), word) {
			t.Errorf("the log shows %s:\n%s", word, log.String())
		}
	}
	for _, word := range []string{"panic (string)", "error-" + planted, "for the last time"} {
		if !strings.Contains(log.String(), word) {
			t.Errorf("the log lacks %q:\n%s", word, log.String())
		}
	}
}

func TestUnavailableDatabaseIsSaidSoInOurWords(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	nobody := open(t, "postgres://docuvault_app:"+planted+"@127.0.0.1:1/nothing", nil, quick)
	noTable := open(t, strings.Replace(d.AppURL, d.Name, dbtest.NewEmpty(t).Name, 1), nil, quick)
	ctx := context.Background()
	for name, q := range map[string]*queue.Postgres{"nobody": nobody, "no table": noTable} {
		_, deadErr := q.Dead(ctx, "any", 1)
		_, redriveErr := q.Redrive(ctx, "any")
		for call, err := range map[string]error{
			"Send":    q.Send(ctx, "any", queue.Message{}),
			"Consume": q.Consume(ctx, "any", func(context.Context, queue.Message) error { return nil }),
			"Dead":    deadErr,
			"Redrive": redriveErr,
		} {
			if !errors.Is(err, queue.ErrUnavailable) {
				t.Errorf("%s: %s = %v, want ErrUnavailable", name, call, err)
				continue
			}
			var server *pgconn.PgError
			var connect *pgconn.ConnectError
			if errors.As(err, &server) || errors.As(err, &connect) {
				t.Errorf("%s: %s: a pgx error left the package: %T", name, call, err)
			}
			if strings.Contains(err.Error(), planted) {
				t.Errorf("%s: %s shows the password: %v", name, call, err)
			}
		}
	}
}

// A worker's connections are lost in a restart or a failover; it goes on.
func TestConsumerOutlivesItsConnections(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	q := open(t, sized(t, d.AppURL, 2), nil, quick)
	got := make(chan queue.Message, 99)
	consume(t, q, "lasting", func(_ context.Context, m queue.Message) error {
		got <- m
		return nil
	})
	sender := open(t, d.AppURL, nil, quick)
	for range 3 {
		if err := sender.Send(context.Background(), "lasting", queue.Message{}); err != nil {
			t.Fatal(err)
		}
		receive(t, got)
		d.Exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE usename = 'docuvault_app' AND datname = current_database()`)
		testenv.Eventually(t, 30*time.Second, "the sender has connections again", func() bool {
			_, err := sender.Dead(context.Background(), "lasting", 1)
			return err == nil
		})
	}
}

// counter counts statements.
type counter struct{ n atomic.Int64 }

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.n.Add(1)
	return ctx
}
func (*counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// Three consumers, senders and all of River's parts get along with a single
// connection, and none of it listens.
func TestOneConnectionIsEnough(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	statements := &counter{}
	q := open(t, sized(t, d.AppURL, 1), statements, quick)
	names := []string{"first", "second", "third"}
	got := make(chan queue.Message, 99)
	for _, name := range names {
		consume(t, q, name, func(_ context.Context, m queue.Message) error {
			got <- m
			return nil
		})
	}
	for range 10 {
		for _, name := range names {
			if err := q.Send(context.Background(), name, queue.Message{Body: []byte(name)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 10 * len(names) {
		receive(t, got)
	}
	if n := dbtest.Query1[int](t, d, `SELECT count(*) FROM pg_stat_activity WHERE usename = 'docuvault_app' AND datname = current_database()`); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	before, start := statements.n.Load(), time.Now()
	testenv.Eventually(t, 30*time.Second, "a while of idling", func() bool { return time.Since(start) > 2*time.Second })
	rate := float64(statements.n.Load()-before) / time.Since(start).Seconds()
	t.Logf("three idle consumers send %.0f statements a second", rate)
	if rate > 60 {
		t.Errorf("three idle consumers send %.0f statements a second, want at most 60", rate)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	const dsn = "DATABASE_URL=postgres://docuvault_app@127.0.0.1:1/nothing"
	for _, c := range []struct {
		environ []string
		want    string // part of the error; "" for none
	}{
		{[]string{dsn}, ""},
		{[]string{dsn, "QUEUE_DRIVER=postgres", "QUEUE_CONCURRENCY=100"}, ""},
		{[]string{dsn, "QUEUE_DRIVER=rabbit"}, `"rabbit"`},
		{[]string{dsn, "QUEUE_CONCURRENCY=101"}, "QUEUE_CONCURRENCY"},
		{[]string{dsn, "QUEUE_CONCURRENCY=-1"}, "QUEUE_CONCURRENCY"},
		{nil, "DATABASE_URL"},
	} {
		env, err := host.NewEnv(c.environ, slog.New(slog.DiscardHandler), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = env.Close() })
		q, err := queue.Open(env)
		switch {
		case c.want == "":
			again, _ := queue.Open(env)
			if err != nil || q != again {
				t.Errorf("%q: %v, the same queue twice: %v", c.environ, err, q == again)
			}
		case err == nil || !strings.Contains(err.Error(), c.want):
			t.Errorf("%q: %v, want %s", c.environ, err, c.want)
		}
	}
}
