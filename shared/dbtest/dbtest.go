// Package dbtest gives each test a real PostgreSQL database of its own, with
// the whole schema and the two roles.
//
// It promises that tests can run in parallel without seeing each other, that
// nothing is left behind, and that a machine without PostgreSQL says NOT RUN.
//
// The server is the one that DOCUVAULT_TEST_POSTGRES names (a superuser's DSN;
// the test runner sets it), else a private one for this test process. Each
// database is a copy of a template that is bootstrapped and migrated once per
// server and schema.
package dbtest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"docuvault/db"
	"docuvault/db/migrate"
	"docuvault/shared/pgserver"
	"docuvault/shared/secret"
	"docuvault/shared/testenv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ServerVariable names a superuser's DSN of the server for tests.
const ServerVariable = "DOCUVAULT_TEST_POSTGRES"

// The roles' passwords on test servers: known, and the same for all databases,
// since roles belong to the whole server.
const (
	appPassword     = "app-password-of-tests"
	migratePassword = "migrate-password-of-tests"
)

// Database is one test's database.
type Database struct {
	// Name is the database's name.
	Name string
	// AppURL is what DATABASE_URL would be: docuvault_app.
	AppURL string
	// MigrateURL is what DATABASE_MIGRATE_URL would be: docuvault_migrate.
	MigrateURL string
	// SuperURL is the superuser's, for arranging and inspecting.
	SuperURL string
}

// New makes a database with the whole schema and no rows. It is dropped, with
// whoever is still connected, when the test ends.
func New(t testing.TB) *Database {
	t.Helper()
	return create(t, true)
}

// NewEmpty makes a database without roles' grants, extensions or tables, for
// tests of bootstrap and migrations themselves.
func NewEmpty(t testing.TB) *Database {
	t.Helper()
	return create(t, false)
}

func create(t testing.TB, schema bool) *Database {
	t.Helper()
	// A little more than the slowest start of a server with its template.
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s, err := theServer()
	if err != nil {
		testenv.NotRun(t, "no PostgreSQL: "+err.Error())
	}
	template := "template0"
	if schema {
		if template, err = s.template(ctx); err != nil {
			t.Fatalf("dbtest: make the template: %v", err)
		}
	}
	name := "test_" + strings.ToLower(rand.Text()[:16])
	// Copying files is faster than logging every page where nothing is synced.
	if err := s.exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template+" STRATEGY file_copy"); err != nil {
		t.Fatalf("dbtest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("dbtest: %v", err)
		}
	})
	if schema {
		// Grants on a database are not copied with it.
		grants := fmt.Sprintf(`REVOKE ALL ON DATABASE %[1]s FROM PUBLIC;
			GRANT CONNECT ON DATABASE %[1]s TO %[2]s;
			GRANT CONNECT, CREATE ON DATABASE %[1]s TO %[3]s`, name, db.AppRole, db.MigrateRole)
		if err := s.exec(ctx, grants); err != nil {
			t.Fatalf("dbtest: %v", err)
		}
	}
	return &Database{
		Name:       name,
		AppURL:     s.url(name, url.UserPassword(db.AppRole, appPassword)),
		MigrateURL: s.url(name, url.UserPassword(db.MigrateRole, migratePassword)),
		SuperURL:   s.url(name, nil),
	}
}

// server is the PostgreSQL server of this test process.
type server struct {
	dsn  *url.URL // superuser
	pool *pgxpool.Pool
	// private is kept for as long as the process lives: collected as garbage, it
	// would close the pipe by which its reaper knows that the process has ended,
	// and the reaper would remove the folder of a running server.
	private *pgserver.Server

	mu        sync.Mutex
	templated string
}

var theServer = sync.OnceValues(func() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	dsn := os.Getenv(ServerVariable)
	if dsn == "" {
		// Nobody stops it: it ends with this process, and its folder goes
		// with it.
		private, err := pgserver.Start(ctx, pgserver.Options{
			Throwaway: true,
			Settings:  map[string]string{"max_connections": "200"},
		})
		if err != nil {
			return nil, err
		}
		s, err := open(ctx, private.DSN("postgres").Reveal())
		if err != nil {
			return nil, err
		}
		s.private = private
		return s, nil
	}
	return open(ctx, dsn)
})

func open(ctx context.Context, dsn string) (*server, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, fmt.Errorf("%s should be of the form postgres://user:password@host:port/database", ServerVariable)
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	config.MaxConns = 4
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil {
		return nil, err
	}
	return &server{dsn: u, pool: pool}, nil
}

func (s *server) exec(ctx context.Context, sql string) error {
	if _, err := s.pool.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}

// url is the server's DSN for another database, and another user unless nil.
func (s *server) url(database string, user *url.Userinfo) string {
	u := *s.dsn
	u.Path = "/" + database
	if user != nil {
		u.User = user
	}
	return u.String()
}

// template returns the name of the database that holds the schema, and makes
// it where this process is the first to need it. The name carries a hash of
// all SQL, so that another state of the code makes another one.
func (s *server) template(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.templated != "" {
		return s.templated, nil
	}
	hash, err := schemaHash()
	if err != nil {
		return "", err
	}
	name := "template_" + hash
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Release()
	// One process at a time; all take the lock in the same database, since
	// advisory locks belong to one.
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(7391)"); err != nil {
		return "", err
	}
	defer func() { _, _ = conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(7391)") }()
	var ready bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND datistemplate)", name).Scan(&ready)
	if err != nil {
		return "", err
	}
	if !ready {
		if err := s.makeTemplate(ctx, name); err != nil {
			return "", err
		}
	}
	s.templated = name
	return name, nil
}

func (s *server) makeTemplate(ctx context.Context, name string) error {
	// Without the mark, a half-made one of a process that was killed.
	if err := s.exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
		return err
	}
	if err := s.exec(ctx, "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		return err
	}
	app, owner := secret.New(appPassword), secret.New(migratePassword)
	if err := migrate.Bootstrap(ctx, secret.New(s.url(name, nil)), app, owner); err != nil {
		return err
	}
	dsn := s.url(name, url.UserPassword(db.MigrateRole, migratePassword))
	if err := migrate.Up(ctx, secret.New(dsn), nil); err != nil {
		return err
	}
	// Nobody connects any more, so that it can be copied at any time.
	return s.exec(ctx, "ALTER DATABASE "+name+" WITH ALLOW_CONNECTIONS false IS_TEMPLATE true")
}

func schemaHash() (string, error) {
	h := sha256.New()
	h.Write([]byte(db.BootstrapSQL))
	err := fs.WalkDir(db.Migrations, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(db.Migrations, path)
		_, _ = fmt.Fprintf(h, "\x00%s\x00%d\x00", path, len(content))
		h.Write(content)
		return err
	})
	return hex.EncodeToString(h.Sum(nil)[:10]), err
}
