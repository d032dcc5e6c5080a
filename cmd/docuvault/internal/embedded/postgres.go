package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"docuvault/db"
	"docuvault/db/migrate"
	"docuvault/shared/pgserver"
	"docuvault/shared/secret"
)

// Database is the name of the embedded vault's database.
const Database = "docuvault"

// poolSize is the number of connections of the one process that does it all.
const poolSize = "16"

// HasData reports whether the folder holds a database already.
func (f Folder) HasData() bool {
	_, err := os.Stat(filepath.Join(pgserver.DataDir(f.postgres()), "PG_VERSION"))
	return err == nil
}

// StartPostgres starts the embedded PostgreSQL, brings its schema up to date
// in a child process, so that this one never has DATABASE_MIGRATE_URL, and sets
// DATABASE_URL.
func (f Folder) StartPostgres(ctx context.Context, vars Vars, log io.Writer) (*pgserver.Server, error) {
	password, err := f.secret("app-password", random)
	if err != nil {
		return nil, err
	}
	server, err := pgserver.Start(ctx, pgserver.Options{Dir: f.postgres(), Log: log})
	if err != nil {
		return nil, err
	}
	vars.Set("DATABASE_URL", dsn(db.AppRole, password, server.Addr(), "pool_max_conns="+poolSize+"&default_query_exec_mode=cache_statement"))
	if current(ctx, vars["DATABASE_URL"]) {
		return server, nil
	}
	if err := f.migrateInChild(ctx); err != nil {
		return nil, errors.Join(err, server.Stop(ctx))
	}
	return server, nil
}

// current reports whether the schema is this program's already, so that a
// restart needs no child.
func current(ctx context.Context, appDSN string) bool {
	conn, err := pgx.Connect(ctx, strings.Split(appDSN, "?")[0]+"?sslmode=disable")
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close(ctx) }()
	return db.Check(ctx, conn) == nil
}

func (f Folder) migrateInChild(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	child := exec.CommandContext(ctx, self, "migrate", "--data", f.path)
	child.Dir = "/"
	out, err := child.CombinedOutput()
	if err != nil {
		return fmt.Errorf("bring the schema up to date: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// Prepare makes database, roles and tables of the running embedded server: what
// "docuvault migrate --data" does.
func (f Folder) Prepare(ctx context.Context, log io.Writer) error {
	superuser, err := f.superuserDSN("postgres")
	if err != nil {
		return err
	}
	app, err := f.secret("app-password", random)
	if err != nil {
		return err
	}
	owner, err := f.secret("migrate-password", random)
	if err != nil {
		return err
	}
	if err := createDatabase(ctx, superuser); err != nil {
		return err
	}
	if superuser, err = f.superuserDSN(Database); err != nil {
		return err
	}
	if err := migrate.Bootstrap(ctx, superuser, app, owner); err != nil {
		return err
	}
	migrateDSN, err := f.MigrateDSN()
	if err != nil {
		return err
	}
	return migrate.Up(ctx, migrateDSN, log)
}

// MigrateDSN is DATABASE_MIGRATE_URL of the running embedded server, for
// operator commands with --data.
func (f Folder) MigrateDSN() (secret.Text, error) {
	addr, err := f.address()
	if err != nil {
		return secret.Text{}, err
	}
	password, err := f.secret("migrate-password", random)
	if err != nil {
		return secret.Text{}, err
	}
	return secret.New(dsn(db.MigrateRole, password, addr, "")), nil
}

func (f Folder) superuserDSN(database string) (secret.Text, error) {
	addr, err := f.address()
	if err != nil {
		return secret.Text{}, err
	}
	password, err := os.ReadFile(filepath.Join(f.postgres(), "superuser-password"))
	if err != nil {
		return secret.Text{}, fmt.Errorf("read the superuser's password: %w", err)
	}
	u := url.URL{Scheme: "postgres", Host: addr, Path: "/" + database, RawQuery: "sslmode=disable",
		User: url.UserPassword(pgserver.Superuser, strings.TrimSpace(string(password)))}
	return secret.New(u.String()), nil
}

func createDatabase(ctx context.Context, superuser secret.Text) error {
	conn, err := pgx.Connect(ctx, superuser.Reveal())
	if err != nil {
		return fmt.Errorf("connect to the embedded database: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var there bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, Database).Scan(&there); err != nil {
		return fmt.Errorf("look for the database: %w", err)
	}
	if there {
		return nil
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{Database}.Sanitize()); err != nil {
		return fmt.Errorf("make the database: %w", err)
	}
	return nil
}

// address finds the running server by the file in which PostgreSQL notes it:
// line 4 is the port.
func (f Folder) address() (string, error) {
	file, err := os.Open(filepath.Join(pgserver.DataDir(f.postgres()), "postmaster.pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("no vault runs on %s: start it with docuvault serve --data %s, or set DATABASE_MIGRATE_URL", f.path, f.path)
	}
	if err != nil {
		return "", fmt.Errorf("find the running vault: %w", err)
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		if n == 4 {
			return net.JoinHostPort("127.0.0.1", strings.TrimSpace(lines.Text())), nil
		}
	}
	return "", fmt.Errorf("the vault on %s is just starting; try again", f.path)
}

func dsn(user string, password secret.Text, addr, params string) string {
	u := url.URL{Scheme: "postgres", Host: addr, Path: "/" + Database, User: url.UserPassword(user, password.Reveal())}
	u.RawQuery = "sslmode=disable"
	if params != "" {
		u.RawQuery += "&" + params
	}
	return u.String()
}
