// Package pgserver finds PostgreSQL's programs and runs a private server of
// its own: for "docuvault serve" without DATABASE_URL, and for tests.
//
// It promises:
//   - The data folder's PG_VERSION picks the programs. Where no fitting ones
//     are found it says which major is needed, and starts nothing else.
//   - A server ends with the process that started it, also when that process
//     is killed; and no server is ever stopped that was not started here.
//   - The superuser's password is random and lies in a file of mode 0600 beside
//     the data; nothing connects without a password (SCRAM).
//   - The server's log holds no statement, parameter or row.
//
// PostgreSQL refuses to run as root. When this process is root, the server runs
// as the user who owns the data, else as "postgres", else as "nobody".
package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"docuvault/shared/secret"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Superuser is the name of the server's superuser.
const Superuser = "postgres"

// ErrRunning is part of the error when a server already runs on the folder.
var ErrRunning = errors.New("a PostgreSQL server already runs on this folder")

// ErrUnsupported is the error on a platform without embedded PostgreSQL.
var ErrUnsupported = errors.New("embedded PostgreSQL is not available on this platform: set DATABASE_URL to a PostgreSQL server")

// Options say which server to start.
type Options struct {
	// Dir is the server's folder. It is made if missing and gets "data" (the
	// PostgreSQL data folder), "superuser-password" and "lock". Required,
	// except with Throwaway, which makes its own.
	Dir string
	// Port is the TCP port; 0 takes a free one.
	Port int
	// Listen is the TCP address to listen on; empty means 127.0.0.1.
	Listen string
	// SocketDir, if set, also gets a Unix socket. The server's user must be
	// able to write there.
	SocketDir string
	// Log receives the server's log lines; nil drops them.
	Log io.Writer
	// Settings are server settings (postgresql.conf names). They win over
	// the package's own.
	Settings map[string]string
	// Sources are where to look for the programs; nil means all (see Find).
	Sources []Source
	// Throwaway is for tests and demonstrations: the server does not sync to
	// disk, and its folder, made below the temporary folder, is removed when
	// it stops or when this process ends, however it ends.
	Throwaway bool

	// patience is how long a server whose starter died may take to go.
	patience time.Duration
}

// Server is a running server.
type Server struct {
	opts     Options
	binaries Binaries
	password secret.Text
	child    *child
	lock     *folderLock
	reaper   io.Closer
	log      *logTail
	stopOnce sync.Once
	stopErr  error
}

// DataDir returns the PostgreSQL data folder inside a server's folder.
func DataDir(dir string) string { return filepath.Join(dir, "data") }

// Start starts a server and returns when it answers. The first start on a
// folder makes the database cluster (UTF-8, sorted by code point, checksums).
// ctx bounds the start only.
func Start(ctx context.Context, opts Options) (_ *Server, err error) {
	if !supported {
		return nil, ErrUnsupported
	}
	if opts.Listen == "" {
		opts.Listen = "127.0.0.1"
	}
	if opts.patience == 0 {
		opts.patience = 10 * time.Second
	}
	if opts.Throwaway {
		if opts.Dir != "" {
			return nil, errors.New("start PostgreSQL: a throwaway server makes its own folder, and would remove yours")
		}
		sweep()
		if opts.Dir, err = os.MkdirTemp("", throwawayPrefix); err != nil {
			return nil, fmt.Errorf("make a folder for PostgreSQL: %w", err)
		}
	}
	if opts.Dir == "" {
		return nil, errors.New("start PostgreSQL: no folder given")
	}
	if opts.Dir, err = filepath.Abs(opts.Dir); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}

	s := &Server{opts: opts, log: &logTail{next: opts.Log}}
	defer func() {
		if err != nil {
			s.release()
		}
	}()
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make PostgreSQL's folder: %w", err)
	}
	if s.lock, err = lockFolder(opts.Dir); err != nil {
		return nil, err
	}
	user, err := serverUser(DataDir(opts.Dir))
	if err != nil {
		return nil, err
	}
	major, err := dataMajor(opts.Dir)
	if err != nil {
		return nil, err
	}
	if s.binaries, err = Find(ctx, major, opts.Sources...); err != nil {
		if major != 0 {
			return nil, fmt.Errorf("the data in %s needs PostgreSQL %d, and no other will do: %w", DataDir(opts.Dir), major, err)
		}
		return nil, err
	}
	if err := user.admit(ctx, opts.Dir, s.binaries); err != nil {
		return nil, err
	}
	if opts.Throwaway {
		if s.reaper, err = reap(opts.Dir); err != nil {
			return nil, fmt.Errorf("watch over %s: %w", opts.Dir, err)
		}
	}
	if major == 0 {
		if err := s.initialise(ctx, user); err != nil {
			return nil, err
		}
	}
	if s.password, err = readPassword(opts.Dir); err != nil {
		return nil, err
	}
	if err := settlePidFile(ctx, DataDir(opts.Dir), opts.patience, s.log); err != nil {
		return nil, err
	}
	if err := s.launch(ctx, user); err != nil {
		return nil, err
	}
	return s, nil
}

// launch starts the server; with a free port to be chosen it tries again when
// another program took the port in between.
func (s *Server) launch(ctx context.Context, user *osUser) error {
	for attempt := 1; ; attempt++ {
		port := s.opts.Port
		if port == 0 {
			free, err := freePort(s.opts.Listen)
			if err != nil {
				return fmt.Errorf("find a free port for PostgreSQL: %w", err)
			}
			port = free
		}
		chosen := s.opts.Port
		s.opts.Port = port
		err := s.run(ctx, user)
		if err == nil {
			return nil
		}
		s.opts.Port = chosen
		if chosen != 0 || attempt == 5 || !s.log.contains("Address already in use") {
			return err
		}
		s.log.reset()
	}
}

// run starts the child and waits until it answers.
func (s *Server) run(ctx context.Context, user *osUser) error {
	settings := map[string]string{
		"listen_addresses":        s.opts.Listen,
		"port":                    strconv.Itoa(s.opts.Port),
		"unix_socket_directories": s.opts.SocketDir,
		"password_encryption":     "scram-sha-256",
		"logging_collector":       "off",
		"log_destination":         "stderr",
		"log_timezone":            "UTC",
		"timezone":                "UTC",
		// Errors of statements can quote what was sent; they go to the
		// client, which knows it anyway, and not to the log.
		"log_min_messages":                  "log",
		"log_min_error_statement":           "panic",
		"log_error_verbosity":               "terse",
		"log_statement":                     "none",
		"log_checkpoints":                   "off",
		"log_parameter_max_length":          "0",
		"log_parameter_max_length_on_error": "0",
	}
	if s.opts.Throwaway {
		for name, value := range map[string]string{
			"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
			// Autovacuum would hold up CREATE DATABASE … TEMPLATE.
			"autovacuum": "off", "checkpoint_timeout": "1h", "max_wal_size": "4GB",
		} {
			settings[name] = value
		}
	}
	for name, value := range s.opts.Settings {
		settings[name] = value
	}
	args := []string{"-D", DataDir(s.opts.Dir)}
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	child, err := startChild(s.binaries.program("postgres"), args, user, s.log)
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	s.child = child
	if err := s.waitReady(ctx); err != nil {
		// The child is ours: whatever it waits for, it goes.
		_ = child.kill()
		<-child.done
		s.child = nil
		return err
	}
	return nil
}

// waitReady returns when the server answers as the one that was just started.
func (s *Server) waitReady(ctx context.Context) error {
	config, err := pgx.ParseConfig(s.DSN("postgres").Reveal())
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	config.ConnectTimeout = 5 * time.Second
	pause := time.NewTimer(0)
	defer pause.Stop()
	for wait := 4 * time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		select {
		case <-s.child.done:
			return fmt.Errorf("PostgreSQL ended while it started (%s): %s", s.child.state(), s.log)
		case <-ctx.Done():
			return fmt.Errorf("wait for PostgreSQL to start: %w: %s", ctx.Err(), s.log)
		case <-pause.C:
		}
		answer, err := ask(ctx, config)
		switch {
		case err == nil && answer == DataDir(s.opts.Dir):
			return nil
		case err == nil:
			return fmt.Errorf("port %d is used by another PostgreSQL server, on %s", s.opts.Port, answer)
		case isCode(err, "28P01"): // invalid_password
			// Either another server has the port, and then ours is about
			// to end, or the password file is not this cluster's.
			select {
			case <-s.child.done:
				continue
			case <-time.After(time.Second):
				return fmt.Errorf("PostgreSQL on port %d refuses the password in %s: %w", s.opts.Port, passwordFile(s.opts.Dir), err)
			}
		}
		pause.Reset(wait)
	}
}

// ask returns the data folder of the server that answers.
func ask(ctx context.Context, config *pgx.ConnConfig) (string, error) {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	var dir string
	err = conn.QueryRow(ctx, "SHOW data_directory").Scan(&dir)
	return dir, err
}

// DSN returns the superuser's connection string for a database.
func (s *Server) DSN(database string) secret.Text {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(Superuser, s.password.Reveal()),
		Host:     s.Addr(),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return secret.New(u.String())
}

// Addr returns host:port of the server.
func (s *Server) Addr() string {
	host := s.opts.Listen
	if host == "*" || host == "0.0.0.0" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, strconv.Itoa(s.opts.Port))
}

// Dir returns the server's folder.
func (s *Server) Dir() string { return s.opts.Dir }

// Binaries returns what the server runs on.
func (s *Server) Binaries() Binaries { return s.binaries }

// Done is closed when the server's process has ended, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.child.done }

// CreateDatabase makes a database, unless it exists.
func (s *Server) CreateDatabase(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, s.DSN("postgres").Reveal())
	if err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	if err != nil && !isCode(err, "42P04") { // duplicate_database
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

// Stop ends the server: a fast shutdown (open transactions are rolled back,
// everything committed is written), and when ctx ends first an immediate one,
// from which the next start recovers. It may be called more than once.
func (s *Server) Stop(ctx context.Context) error {
	s.stopOnce.Do(func() {
		s.stopErr = s.child.stop(ctx)
		s.release()
	})
	return s.stopErr
}

// release gives back what Start took, in an order that lets the next start of
// the folder in only when nothing of this one is left.
func (s *Server) release() {
	if s.reaper != nil {
		_ = os.RemoveAll(s.opts.Dir)
		_ = s.reaper.Close()
	} else if s.opts.Throwaway && s.lock != nil {
		_ = os.RemoveAll(s.opts.Dir)
	}
	if s.lock != nil {
		s.lock.unlock()
	}
}

// dataMajor reads PG_VERSION; 0 means that there is no cluster yet.
func dataMajor(dir string) (int, error) {
	file := filepath.Join(DataDir(dir), "PG_VERSION")
	content, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		entries, err := os.ReadDir(DataDir(dir))
		if err == nil && len(entries) > 0 {
			return 0, fmt.Errorf("%s is not empty and holds no PostgreSQL data (PG_VERSION is missing)", DataDir(dir))
		}
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the version of PostgreSQL's data: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0, fmt.Errorf("%s holds %q, which is no PostgreSQL version", file, strings.TrimSpace(string(content)))
	}
	return major, nil
}

func freePort(host string) (int, error) {
	if host == "*" {
		host = ""
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func isCode(err error, code string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == code
}
