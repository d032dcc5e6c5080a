package queue_test

import (
	"errors"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"docuvault/shared/database"
	"docuvault/shared/dbtest"
	"docuvault/shared/queue"
	"docuvault/shared/queue/queuetest"
	"docuvault/shared/secret"
	"docuvault/shared/testenv"
	"docuvault/test/servers"
)

// childURL is where the killed consumer of the conformance suite finds its
// database.
const childURL = "QUEUE_TEST_CHILD_URL"

// quick are the test's times: all consumers of a database have the same
// visibility, as the driver asks.
var quick = queue.Options{
	Visibility: 5 * time.Second,
	Drain:      5 * time.Second,
	Backoff:    func(int) time.Duration { return 5 * time.Millisecond },
}

func TestMain(m *testing.M) {
	queuetest.Child(func() (queue.Queue, error) {
		if q, err := queuetest.SQSChild(); q != nil || err != nil {
			return q, err
		}
		db, err := database.New(database.Config{URL: secret.New(os.Getenv(childURL))}, nil)
		if err != nil {
			return nil, err
		}
		return queue.NewPostgres(db.Pool(), quick)
	})
	os.Exit(m.Run())
}

// open makes a driver on its own pool; the pool is closed when the test ends.
func open(t testing.TB, dsn string, tracer pgx.QueryTracer, opts queue.Options) *queue.Postgres {
	t.Helper()
	db, err := database.New(database.Config{URL: secret.New(dsn)}, tracer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	q, err := queue.NewPostgres(db.Pool(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// sized is the URL with a limit of connections.
func sized(t testing.TB, dsn string, connections int) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("pool_max_conns", strconv.Itoa(connections))
	u.RawQuery = query.Encode()
	return u.String()
}

func TestPostgresConforms(t *testing.T) {
	t.Parallel()
	conforms(t, dbtest.New(t).AppURL)
}

// The same through PgBouncer in transaction mode, with two connections for all:
// what needs a session (LISTEN, prepared statements, advisory locks) fails there.
func TestPostgresConformsThroughPgBouncer(t *testing.T) {
	t.Parallel()
	dsn := dbtest.New(t).AppURL
	bouncer, err := servers.PgBouncer(t.Context(), dsn, map[string]string{"default_pool_size": "2"})
	if errors.Is(err, servers.ErrMissing) {
		testenv.NotRun(t, "no PgBouncer (Debian: pgbouncer): "+err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bouncer.Stop(); err != nil {
			t.Error(err)
		}
	})
	if dsn, err = bouncer.Through(dsn); err != nil {
		t.Fatal(err)
	}
	conforms(t, dsn)
}

func conforms(t *testing.T, dsn string) {
	t.Helper()
	queuetest.Run(t, queuetest.Driver{
		// Two connections are what a small deployment gives a worker.
		Open: func(t testing.TB) queue.Queue {
			return open(t, sized(t, dsn, 2), nil, quick)
		},
		Visibility: quick.Visibility,
		Drain:      quick.Drain,
		// 5 s and a grace of 5 s, up to 30 s until the leader looks (21 s more
		// if the dead consumer led), up to 6 s until the retry is due.
		Found:     90 * time.Second,
		GivesBack: true, // a fetch that is under way when the stop comes
		ChildEnv:  []string{childURL + "=" + dsn},
	})
}
