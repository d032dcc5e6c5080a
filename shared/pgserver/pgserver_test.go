//go:build unix

package pgserver

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"docuvault/shared/testenv"

	"github.com/jackc/pgx/v5"
)

// The test binary is also the process that starts a server and is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("PGSERVER_TEST_PARENT"); dir != "" {
		parent(dir)
	}
	os.Exit(m.Run())
}

// folder returns a folder that an unprivileged user can enter, which
// t.TempDir's is not for root.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgserver-test-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "postgres")
}

// quick are settings under which a test does not wait for the disk.
var quick = map[string]string{"fsync": "off"}

func start(t *testing.T, opts Options) *Server {
	t.Helper()
	if _, err := Find(t.Context(), 0); err != nil {
		testenv.NotRun(t, err.Error())
	}
	if opts.Settings == nil {
		opts.Settings = quick
	}
	s, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func query[T any](t *testing.T, s *Server, sql string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.DSN("postgres").Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var value T
	if err := conn.QueryRow(t.Context(), sql).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// wait asks until the answer is yes; a server's end has no other signal across
// processes.
func wait(t *testing.T, what string, yes func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !yes() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited too long: %s", what)
		}
	}
}

func postmaster(t *testing.T, dir string) int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(DataDir(dir), "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestFirstStartThenRestartKeepsData(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	began := time.Now()
	// As in production: synced.
	s := start(t, Options{Dir: dir, Settings: map[string]string{}})
	t.Logf("first start %v", time.Since(began))

	if got := query[string](t, s, "SHOW server_encoding"); got != "UTF8" {
		t.Errorf("encoding %s", got)
	}
	if got := query[string](t, s, "SELECT datcollate FROM pg_database WHERE datname = 'postgres'"); got != "C" && got != "C.UTF-8" {
		t.Errorf("collation %s: an index would depend on the operating system", got)
	}
	if got := query[string](t, s, "SHOW data_checksums"); got != "on" {
		t.Errorf("data_checksums %s", got)
	}
	if n := query[int](t, s, "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256'"); n != 0 {
		t.Errorf("%d rules let someone in without a password", n)
	}
	if got := query[string](t, s, "SELECT set_config('x.y', 'z', false)"); got != "z" {
		t.Error("no answer")
	}
	if err := s.CreateDatabase(t.Context(), `odd "name`); err != nil {
		t.Error(err)
	}
	if err := s.CreateDatabase(t.Context(), `odd "name`); err != nil {
		t.Errorf("again: %v", err)
	}
	query[int](t, s, "WITH x AS (SELECT 1) SELECT * FROM x")
	conn, err := pgx.Connect(t.Context(), s.DSN("postgres").Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT 42 AS n"); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(t.Context())

	info, err := os.Stat(passwordFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("password file has mode %v", info.Mode())
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*initdb*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	stop(t, s)

	began = time.Now()
	s = start(t, Options{Dir: dir, Settings: map[string]string{}})
	took := time.Since(began)
	t.Logf("restart %v", took)
	if took > time.Second && !raceEnabled {
		t.Errorf("restart took %v, want less than a second", took)
	}
	if n := query[int](t, s, "SELECT n FROM kept"); n != 42 {
		t.Errorf("the row reads %d", n)
	}
}

func TestWrongPasswordIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Dir: folder(t)})
	dsn := strings.Replace(s.DSN("postgres").Reveal(), s.password.Reveal(), "wrong", 1)
	_, err := pgx.Connect(t.Context(), dsn)
	if !isCode(err, "28P01") {
		t.Errorf("connecting with a wrong password: %v", err)
	}
}

func TestLogHoldsNoStatements(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var log bytes.Buffer
	s := start(t, Options{Dir: folder(t), Log: writer(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(p)
	})})
	conn, err := pgx.Connect(t.Context(), s.DSN("postgres").Reveal())
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"CREATE TABLE t (k text PRIMARY KEY)", "INSERT INTO t VALUES ('plantedword')",
		"INSERT INTO t VALUES ('plantedword')", "SELECT 'plantedword'::int", "SELECT plantedword",
	} {
		_, _ = conn.Exec(t.Context(), sql)
	}
	_ = conn.Close(t.Context())
	stop(t, s)
	mu.Lock()
	defer mu.Unlock()
	if log.Len() == 0 {
		t.Error("the log is empty: this test looks at nothing")
	}
	if strings.Contains(log.String(), "plantedword") {
		t.Errorf("the log holds what statements held:\n%s", &log)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func TestServerKilledThenStartedAgain(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := start(t, Options{Dir: dir, Settings: map[string]string{}})
	conn, err := pgx.Connect(t.Context(), s.DSN("postgres").Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT 7 AS n"); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(t.Context())
	if err := syscall.Kill(postmaster(t, dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Done():
	case <-t.Context().Done():
	}
	stop(t, s)
	s = start(t, Options{Dir: dir, Settings: map[string]string{}})
	if n := query[int](t, s, "SELECT n FROM kept"); n != 7 {
		t.Errorf("the row reads %d", n)
	}
}

// A number of a dead server that another program of the same user has by now
// would make PostgreSQL refuse for ever.
func TestStalePidFileOfAnotherProgram(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := start(t, Options{Dir: dir})
	path := filepath.Join(DataDir(dir), "postmaster.pid")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	stop(t, s)

	other := exec.Command("/bin/sh", "-c", "read line")
	user, err := serverUser(DataDir(dir))
	if err != nil {
		t.Fatal(err)
	}
	user.apply(other)
	hold, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hold.Close(); _ = other.Wait() })
	_, rest, _ := bytes.Cut(content, []byte("\n"))
	stale := append([]byte(strconv.Itoa(other.Process.Pid)+"\n"), rest...)
	if err := os.WriteFile(path, stale, info.Mode().Perm()); err != nil {
		t.Fatal(err)
	}
	if err := user.own(path); err != nil {
		t.Fatal(err)
	}
	start(t, Options{Dir: dir})
	if err := other.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the other program was harmed: %v", err)
	}
}

func TestSecondStartIsRefused(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := start(t, Options{Dir: dir})
	_, err := Start(t.Context(), Options{Dir: dir})
	if !errors.Is(err, ErrRunning) || !strings.Contains(err.Error(), dir) {
		t.Errorf("second start: %v", err)
	}
	query[int](t, s, "SELECT 1") // the first lives
}

// A server that an operator started with pg_ctl is left alone.
func TestForeignServerIsRefusedAndLives(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := start(t, Options{Dir: dir})
	binaries := s.Binaries()
	stop(t, s)
	user, err := serverUser(DataDir(dir))
	if err != nil {
		t.Fatal(err)
	}
	port, err := freePort("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	foreign := exec.Command(binaries.program("postgres"), "-D", DataDir(dir), "-p", strconv.Itoa(port), "-c", "unix_socket_directories=", "-c", "listen_addresses=127.0.0.1")
	user.apply(foreign)
	if err := foreign.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = foreign.Process.Signal(syscall.SIGINT); _ = foreign.Wait() })
	wait(t, "the foreign server's pid file", func() bool {
		_, err := os.Stat(filepath.Join(DataDir(dir), "postmaster.pid"))
		return err == nil
	})
	if _, err := Start(t.Context(), Options{Dir: dir, patience: 50 * time.Millisecond}); !errors.Is(err, ErrRunning) {
		t.Errorf("start beside a foreign server: %v", err)
	}
	if err := foreign.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the foreign server was harmed: %v", err)
	}
}

func TestConcurrentStarts(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	if _, err := Find(t.Context(), 0); err != nil {
		testenv.NotRun(t, err.Error())
	}
	const n = 6
	servers, errs := make([]*Server, n), make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { servers[i], errs[i] = Start(t.Context(), Options{Dir: dir, Settings: quick}) })
	}
	group.Wait()
	running := 0
	for i := range n {
		switch {
		case errs[i] == nil:
			running++
			query[int](t, servers[i], "SELECT 1")
			defer stop(t, servers[i])
		case !errors.Is(errs[i], ErrRunning):
			t.Errorf("start %d: %v", i, errs[i])
		}
	}
	if running != 1 {
		t.Errorf("%d servers run on one folder, want 1", running)
	}
}

func TestWrongVersionIsRefused(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"14", "19"} {
		dir := folder(t)
		if err := os.MkdirAll(DataDir(dir), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(DataDir(dir), "PG_VERSION"), []byte(version+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Start(t.Context(), Options{Dir: dir})
		if err == nil || !strings.Contains(err.Error(), "needs PostgreSQL "+version) {
			t.Errorf("data of PostgreSQL %s: %v", version, err)
		}
		left, _ := os.ReadDir(DataDir(dir))
		if len(left) != 1 {
			t.Errorf("the data was touched: %v", left)
		}
	}
	// Supported, but not there.
	dir := folder(t)
	missing := MaxMajor
	if b, err := Find(t.Context(), 0, FromSystem); err == nil && b.Major == missing {
		missing = MinMajor
	}
	if err := os.MkdirAll(DataDir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(DataDir(dir), "PG_VERSION"), []byte(strconv.Itoa(missing)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(t.Context(), missing, FromSystem); err != nil {
		_, err := Start(t.Context(), Options{Dir: dir, Sources: []Source{FromSystem}})
		if err == nil || !strings.Contains(err.Error(), "needs PostgreSQL "+strconv.Itoa(missing)) {
			t.Errorf("no programs for the data: %v", err)
		}
	}
}

func TestFolderWithOtherThingsIsRefused(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	if err := os.MkdirAll(DataDir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(DataDir(dir), "thesis.txt")
	if err := os.WriteFile(mine, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("start: %v", err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
}

// A first start that was killed half-way leaves nothing that the next one
// takes for data.
func TestHalfMadeClusterIsMadeAnew(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	if err := os.MkdirAll(filepath.Join(dir, "data.new", "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := start(t, Options{Dir: dir})
	query[int](t, s, "SELECT 1")
}

func TestAsRootInAFolderThatIsClosed(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root starts the server as another user")
	}
	closed := filepath.Join(filepath.Dir(folder(t)), "closed")
	if err := os.MkdirAll(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Options{Dir: filepath.Join(closed, "postgres"), Sources: []Source{FromPGBIN, FromSystem}})
	if err == nil || !strings.Contains(err.Error(), "cannot be entered by the database's user") || !strings.Contains(err.Error(), "closed is closed to it") {
		t.Errorf("start: %v", err)
	}
}

func TestTakenPortIsRefused(t *testing.T) {
	t.Parallel()
	first := start(t, Options{Dir: folder(t)})
	_, err := Start(t.Context(), Options{Dir: folder(t), Port: first.opts.Port, Settings: quick})
	if err == nil {
		t.Error("two servers on one port")
	}
	query[int](t, first, "SELECT 1")
}

func TestStartGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := start(t, Options{Dir: dir})
	stop(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, Options{Dir: dir}); err == nil {
		t.Error("started with a context that had ended")
	}
	start(t, Options{Dir: dir}) // and nothing is left that would be in the way
}

func TestThrowawayLeavesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Throwaway: true})
	if query[string](t, s, "SHOW fsync") != "off" {
		t.Error("a throwaway server syncs")
	}
	stop(t, s)
	if _, err := os.Stat(s.Dir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}
