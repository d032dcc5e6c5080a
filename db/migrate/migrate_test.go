package migrate_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"

	"docuvault/db"
	"docuvault/db/migrate"
	"docuvault/shared/dbtest"
	"docuvault/shared/pgserver"
	"docuvault/shared/secret"
	"docuvault/shared/testenv"

	"github.com/jackc/pgx/v5"
)

// server starts a server of this test's own: roles belong to the whole server,
// and the shared one's passwords must stay.
func server(t *testing.T, settings map[string]string, log *syncBuffer) *pgserver.Server {
	t.Helper()
	if _, err := pgserver.Find(t.Context(), 0); err != nil {
		testenv.NotRun(t, err.Error())
	}
	opts := pgserver.Options{Throwaway: true, Settings: settings}
	if log != nil {
		opts.Log = log
	}
	s, err := pgserver.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(context.Background()) })
	return s
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// as is the server's DSN for a role.
func as(t *testing.T, s *pgserver.Server, database, role, password string) secret.Text {
	t.Helper()
	config, err := pgx.ParseConfig(s.DSN(database).Reveal())
	if err != nil {
		t.Fatal(err)
	}
	dsn := s.DSN(database).Reveal()
	dsn = strings.Replace(dsn, config.Password, password, 1)
	return secret.New(strings.Replace(dsn, "//"+config.User+":", "//"+role+":", 1))
}

func connects(t *testing.T, dsn secret.Text) bool {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn.Reveal())
	if err != nil {
		return false
	}
	_ = conn.Close(t.Context())
	return true
}

func TestBootstrapTwiceThenMigrate(t *testing.T) {
	t.Parallel()
	var log syncBuffer
	// A server that logs all it is sent.
	s := server(t, map[string]string{"log_statement": "all", "log_min_error_statement": "error", "log_min_messages": "debug1"}, &log)
	ctx := t.Context()
	if err := s.CreateDatabase(ctx, "vault"); err != nil {
		t.Fatal(err)
	}
	const app1, app2, owner = "planted-app-one'--", "planted-app-two", "planted-owner"
	if err := migrate.Bootstrap(ctx, s.DSN("vault"), secret.New(app1), secret.New(owner)); err != nil {
		t.Fatal(err)
	}
	// A password with a quote in it has to be escaped in an URL, not here.
	if err := migrate.Bootstrap(ctx, s.DSN("vault"), secret.New(app2), secret.New(owner)); err != nil {
		t.Fatalf("again: %v", err)
	}
	if connects(t, as(t, s, "vault", db.AppRole, "planted-app-one%27--")) {
		t.Error("the old password still opens the door")
	}
	if !connects(t, as(t, s, "vault", db.AppRole, app2)) {
		t.Error("the new password does not open the door")
	}

	ownerDSN := as(t, s, "vault", db.MigrateRole, owner)
	var lines bytes.Buffer
	if err := migrate.Up(ctx, ownerDSN, &lines); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(lines.String(), db.Latest()) {
		t.Errorf("the log of the migration does not name %s:\n%s", db.Latest(), &lines)
	}
	lines.Reset()
	if err := migrate.Up(ctx, ownerDSN, &lines); err != nil || lines.Len() > 0 {
		t.Errorf("again: %v, %q", err, &lines)
	}
	if err := migrate.Bootstrap(ctx, s.DSN("vault"), secret.New(app2), secret.New(owner)); err != nil {
		t.Errorf("bootstrap after the migrations: %v", err)
	}
	if err := s.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if text := log.String(); !strings.Contains(text, "ALTER ROLE") {
		t.Error("the server's log does not hold the statements: this test looks at nothing")
	} else if strings.Contains(text, "planted") {
		t.Error("the server's log holds a password")
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	s := server(t, nil, nil)
	ctx := t.Context()
	for _, name := range []string{"one", "two"} {
		if err := s.CreateDatabase(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	password := secret.New("same-for-all")
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			database := []string{"one", "two"}[i%2]
			if err := migrate.Bootstrap(ctx, s.DSN(database), password, password); err != nil {
				t.Errorf("bootstrap %d: %v", i, err)
				return
			}
			if err := migrate.Up(ctx, as(t, s, database, db.MigrateRole, "same-for-all"), nil); err != nil {
				t.Errorf("migrate %d: %v", i, err)
			}
		})
	}
	group.Wait()
	conn, err := pgx.Connect(ctx, s.DSN("two").Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if err := db.Check(ctx, conn); err != nil {
		t.Error(err)
	}
}

func TestBootstrapRefusesBadPasswords(t *testing.T) {
	t.Parallel()
	d := dbtest.NewEmpty(t)
	good := secret.New("good")
	for _, bad := range []string{"", "pässword", "line\nbreak"} {
		err := migrate.Bootstrap(t.Context(), secret.New(d.SuperURL), secret.New(bad), good)
		if err == nil || !strings.Contains(err.Error(), "printable ASCII") || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("password %q: %v", bad, err)
		}
	}
}

func TestErrorsHoldNoPassword(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{
		"postgres://user:planted@127.0.0.1:1/x?sslmode=disable&connect_timeout=1",
		"postgres://user:planted%zz@127.0.0.1:1/x",
		"host=127.0.0.1 port=1 user=u password=planted connect_timeout=1",
	} {
		err := migrate.Up(t.Context(), secret.New(dsn), nil)
		if err == nil || strings.Contains(err.Error(), "planted") {
			t.Errorf("%v", err)
		}
	}
}
