package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"docuvault/db"
	"docuvault/db/migrate"
	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/pgserver"
	"docuvault/shared/secret"
	"docuvault/shared/storage"
	"docuvault/test/servers"
	"docuvault/test/throwaway"
)

// Sizes of what the vault's processes get.
const (
	poolSize   = 8 // connections of a process
	eventToken = "an-event-token-of-32-characters-or-more"
	userQuota  = 1 << 42
)

// bench is one run: a folder, a PostgreSQL server, and what the measures start.
type bench struct {
	quick   bool
	profile string
	log     io.Writer

	dir      string
	postgres *pgserver.Server
	minio    *servers.Server
	ends     []func() error // of the run
	measured []func() error // of the measure that runs
}

// pick is the number for a real run, or for a quick one.
func pick[T any](b *bench, real, quick T) T {
	if b.quick {
		return quick
	}
	return real
}

// open makes the folder and starts PostgreSQL, as it is by default.
func (b *bench) open(ctx context.Context) (err error) {
	if b.dir, err = throwaway.Folder(); err != nil {
		return err
	}
	b.ends = append(b.ends, func() error { return os.RemoveAll(b.dir) })
	settings := map[string]string{"max_connections": "100"}
	if b.quick {
		settings["fsync"] = "off"
	}
	if b.postgres, err = pgserver.Start(ctx, pgserver.Options{Dir: b.dir + "/postgres", Settings: settings}); err != nil {
		return err
	}
	b.ends = append(b.ends, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		return b.postgres.Stop(ctx)
	})
	return b.prepare(ctx, template)
}

// after has end called when the measure is over.
func (b *bench) after(end func() error) { b.measured = append(b.measured, end) }

func (b *bench) closeMeasures() error {
	var errs []error
	for _, end := range slices.Backward(b.measured) {
		errs = append(errs, end())
	}
	b.measured = nil
	return errors.Join(errs...)
}

func (b *bench) close() error {
	err := b.closeMeasures()
	for _, end := range slices.Backward(b.ends) {
		err = errors.Join(err, end())
	}
	b.ends = nil
	return err
}

// template is the database that each vault's is a copy of.
const template = "vault_template"

var rolePassword = secret.New("password-of-the-bench")

// prepare makes the template.
func (b *bench) prepare(ctx context.Context, name string) error {
	if err := b.postgres.CreateDatabase(ctx, name); err != nil {
		return err
	}
	if err := migrate.Bootstrap(ctx, b.postgres.DSN(name), rolePassword, rolePassword); err != nil {
		return err
	}
	return migrate.Up(ctx, secret.New(b.as(db.MigrateRole, name)), nil)
}

func (b *bench) as(role, database string) string {
	u, err := url.Parse(b.postgres.DSN(database).Reveal())
	if err != nil {
		panic(err) // we made it
	}
	u.User = url.UserPassword(role, rolePassword.Reveal())
	return u.String()
}

// store is MinIO, started once for the run.
func (b *bench) store(ctx context.Context) (*servers.Server, error) {
	if b.minio != nil {
		return b.minio, nil
	}
	s, err := servers.MinIO(ctx, "")
	if errors.Is(err, servers.ErrMissing) {
		return nil, &notRun{fmt.Errorf("MinIO is %w", err)}
	}
	if err != nil {
		return nil, err
	}
	b.minio = s
	b.ends = append(b.ends, s.Stop)
	return s, nil
}

// vault is one vault: a database of its own and the variables of its
// processes.
type vault struct {
	b     *bench
	name  string
	vars  map[string]string
	super *pgx.Conn
	env   *host.Env // for seeding, in this process
	api   *child
}

// vault makes a vault for the measure. Storage is on store, or nowhere if nil.
// What the measure before had is ended first.
func (b *bench) vault(ctx context.Context, name string, store *servers.Server, more map[string]string) (*vault, error) {
	if err := b.closeMeasures(); err != nil {
		return nil, err
	}
	v := &vault{b: b, name: name, vars: map[string]string{
		"DATABASE_URL": fmt.Sprintf("%s&pool_max_conns=%d&default_query_exec_mode=cache_statement", b.as(db.AppRole, "vault_"+name), poolSize),
		"REGISTRATION": "open", "STORAGE_EVENT_TOKEN": eventToken,
		// Nothing listens there; signing needs no answer.
		"S3_ENDPOINT": "http://127.0.0.1:9", "S3_REGION": "us-east-1", "S3_ACCESS_KEY": "bench", "S3_SECRET_KEY": "bench-secret",
		"S3_BUCKET": name + "-documents", "S3_DERIVED_BUCKET": name + "-derived",
	}}
	if u, err := url.Parse(v.vars["DATABASE_URL"]); err == nil && u.RawQuery == "" {
		return nil, errors.New("the DSN has no parameters to add to")
	}
	if store != nil {
		v.vars["S3_ENDPOINT"], v.vars["S3_ACCESS_KEY"], v.vars["S3_SECRET_KEY"] = store.URL, store.AccessKey, store.SecretKey
	}
	for _, variable := range []string{"MASTER_KEYS", "SESSION_KEYS", "JWT_SIGNING_KEYS"} {
		set, err := keys.Generate("bench")
		if err != nil {
			return nil, err
		}
		v.vars[variable] = set.Reveal()
	}
	signing, err := keys.ParseSet("JWT_SIGNING_KEYS", secret.New(v.vars["JWT_SIGNING_KEYS"]))
	if err != nil {
		return nil, err
	}
	v.vars["JWT_PUBLIC_KEYS"] = string(auth.JWKS(signing))
	for key, value := range more {
		v.vars[key] = value
	}
	if err := v.database(ctx); err != nil {
		return nil, err
	}
	environ := make([]string, 0, len(v.vars))
	for key, value := range v.vars {
		environ = append(environ, key+"="+value)
	}
	if v.env, err = host.NewEnv(environ, slog.New(slog.DiscardHandler), time.Now); err != nil {
		return nil, err
	}
	b.after(v.env.Close)
	if store != nil {
		opened, err := storage.Open(v.env)
		if err != nil {
			return nil, err
		}
		if err := opened.EnsureBuckets(ctx); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (v *vault) database(ctx context.Context) error {
	name := "vault_" + v.name
	admin, err := pgx.Connect(ctx, v.b.postgres.DSN("postgres").Reveal())
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close(ctx) }()
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		return err
	}
	// Grants on a database are not copied with it.
	if err := migrate.Bootstrap(ctx, v.b.postgres.DSN(name), rolePassword, rolePassword); err != nil {
		return err
	}
	if v.super, err = pgx.Connect(ctx, v.b.postgres.DSN(name).Reveal()); err != nil {
		return err
	}
	v.b.after(func() error { return v.super.Close(context.Background()) })
	return nil
}

// serve starts the API.
func (v *vault) serve() (err error) {
	v.api, err = v.b.start("api", v.name, v.vars)
	return err
}

// work starts the workers.
func (v *vault) work() (*child, error) { return v.b.start("workers", v.name, v.vars) }

// user is someone who is signed in.
type user struct {
	v           *vault
	id, session id.ID
	token       string
}

// users makes users with a session each.
func (v *vault) users(ctx context.Context, n int) ([]*user, error) {
	users := make([]*user, n)
	var batch pgx.Batch
	for i := range users {
		u := &user{v: v, id: id.New(), session: id.New()}
		batch.Queue(`INSERT INTO users (id, email) VALUES ($1, $2)`, u.id.String(), u.id.String()+"@example.org")
		batch.Queue(`INSERT INTO quotas (user_id, limit_bytes) VALUES ($1, $2)`, u.id.String(), int64(userQuota))
		batch.Queue(`INSERT INTO sessions (id, user_id, expires_at, idle_timeout) VALUES ($1, $2, now() + interval '1 day', interval '1 day')`,
			u.session.String(), u.id.String())
		if err := u.signIn(); err != nil {
			return nil, err
		}
		users[i] = u
	}
	if err := v.super.SendBatch(ctx, &batch).Close(); err != nil {
		return nil, fmt.Errorf("make users: %w", err)
	}
	return users, nil
}

// signIn gives a user a token for the next ten minutes.
func (u *user) signIn() error {
	signer, err := auth.OpenSigner(u.v.env)
	if err != nil {
		return err
	}
	token, err := signer.Sign(auth.Identity{User: u.id, Session: u.session, Generation: 1, AuthTime: time.Now()})
	u.token = token.Reveal()
	return err
}

// settle lets PostgreSQL write down what seeding left, so that no measure pays
// for it.
func (v *vault) settle(ctx context.Context) error {
	for _, sql := range []string{"VACUUM ANALYZE", "CHECKPOINT"} {
		if _, err := v.super.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// sender is the transport of all clients: connections are kept.
var sender = &http.Client{Transport: &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 256, DisableCompression: true}}
