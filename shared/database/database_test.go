package database_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"docuvault/db"
	"docuvault/shared/database"
	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/id"
	"docuvault/shared/secret"
)

func open(t *testing.T, d *dbtest.Database, params string) *database.DB {
	t.Helper()
	separator := "?"
	if strings.Contains(d.AppURL, "?") {
		separator = "&"
	}
	opened, err := database.New(database.Config{URL: secret.New(d.AppURL + separator + params)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	return opened
}

// inEachMode runs a test with statements sent anew each time, as behind a
// pooler, and with prepared ones.
func inEachMode(t *testing.T, test func(t *testing.T, mode string)) {
	t.Parallel()
	for _, mode := range []string{"exec", "cache_statement"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			test(t, "default_query_exec_mode="+mode)
		})
	}
}

// user makes a user with a quota, and a live session.
func user(t *testing.T, d *dbtest.Database) (user, session id.ID) {
	t.Helper()
	user, session = id.New(), id.New()
	d.Exec(t, `INSERT INTO users (id, email) VALUES ($1, $2)`, user.String(), user.String()+"@example.org")
	d.Exec(t, `INSERT INTO quotas (user_id, limit_bytes) VALUES ($1, 1000)`, user.String())
	d.Exec(t, `INSERT INTO sessions (id, user_id, expires_at, idle_timeout) VALUES ($1, $2, now() + interval '1 day', '1 day')`, session.String(), user.String())
	return user, session
}

// tag adds a statement that inserts a row for the acting user.
func tag(b *database.Batch, name string) {
	b.Exec(`INSERT INTO tags (id, user_id, name_key, name_sealed) VALUES (@id, app_user(), @name, '')`, database.Args{"id": id.New(), "name": []byte(name)})
}

func tags(t *testing.T, d *dbtest.Database) int {
	t.Helper()
	return dbtest.Query1[int](t, d, `SELECT count(*) FROM tags`)
}

func TestSessionCheckAbortsTheBatch(t *testing.T) {
	inEachMode(t, func(t *testing.T, mode string) {
		d := dbtest.New(t)
		opened := open(t, d, mode)
		me, session := user(t, d)
		other, otherSession := user(t, d)
		for name, c := range map[string]struct {
			actor database.Actor
			code  fault.Code
		}{
			"no such session":        {database.SignedIn(me, id.New(), 1), fault.SessionRevoked},
			"another user's session": {database.SignedIn(me, otherSession, 1), fault.SessionRevoked},
			"another user":           {database.SignedIn(other, session, 1), fault.SessionRevoked},
			"nobody":                 {database.SignedIn(id.New(), session, 1), fault.SessionRevoked},
			"live":                   {database.SignedIn(me, session, 1), ""},
		} {
			before := tags(t, d)
			err := opened.Do(t.Context(), c.actor, func(b *database.Batch) {
				tag(b, name)
				tag(b, name+" later")
			})
			if fault.CodeOf(err) != c.code {
				t.Errorf("%s: %v, want %q", name, err, c.code)
			}
			if n := tags(t, d) - before; c.code != "" && n != 0 || c.code == "" && n != 2 {
				t.Errorf("%s: %d rows", name, n)
			}
		}
		d.Exec(t, `UPDATE sessions SET reauth_at = now() - interval '1 hour'`)
		before := tags(t, d)
		err := opened.Do(t.Context(), database.SignedIn(me, session, 1).Fresh(), func(b *database.Batch) { tag(b, "fresh") })
		if fault.CodeOf(err) != fault.ReauthRequired || tags(t, d) != before {
			t.Errorf("without a fresh proof: %v", err)
		}
	})
}

// What one of our functions raises aborts what stands before it and after it.
func TestRaisedErrorAbortsAll(t *testing.T) {
	inEachMode(t, func(t *testing.T, mode string) {
		d := dbtest.New(t)
		opened := open(t, d, mode)
		me, _ := user(t, d)
		err := opened.Do(t.Context(), database.OnBehalfOf(me), func(b *database.Batch) {
			tag(b, "before")
			b.Exec(`SELECT lock_document(@id, NULL)`, database.Args{"id": id.New()})
			tag(b, "after")
		})
		if fault.CodeOf(err) != fault.NotFound || tags(t, d) != 0 {
			t.Errorf("%v, %d rows; want not_found and none", err, tags(t, d))
		}
	})
}

func TestNoRowsIsNoFailure(t *testing.T) {
	inEachMode(t, func(t *testing.T, mode string) {
		d := dbtest.New(t)
		opened := open(t, d, mode)
		me, _ := user(t, d)
		nothing := func(b *database.Batch) {
			var x id.ID
			b.One(`SELECT id FROM folders WHERE user_id = app_user()`, nil, &x)
		}
		var after int
		err := opened.Do(t.Context(), database.OnBehalfOf(me), func(b *database.Batch) {
			tag(b, "one")
			nothing(b)
			b.One(`SELECT count(*)::integer FROM tags`, nil, &after)
		})
		if !errors.Is(err, database.ErrNoRows) || tags(t, d) != 1 || after != 1 {
			t.Errorf("%v, %d rows committed, a later statement read %d; want ErrNoRows, 1, 1", err, tags(t, d), after)
		}
		// But a failure after it is one, and nothing is committed.
		err = opened.Do(t.Context(), database.OnBehalfOf(me), func(b *database.Batch) {
			tag(b, "two")
			nothing(b)
			tag(b, "one")
		})
		if !database.IsConflict(err, "tags_user_id_name_key_key") || tags(t, d) != 1 {
			t.Errorf("%v, %d rows; want the conflict and 1", err, tags(t, d))
		}
		found := true
		err = opened.Do(t.Context(), database.OnBehalfOf(me), func(b *database.Batch) {
			var x id.ID
			b.Maybe(&found, `SELECT id FROM folders`, nil, &x)
		})
		if err != nil || found {
			t.Errorf("Maybe: %v, found %v", err, found)
		}
	})
}

func TestErrorsHoldNoValues(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	opened := open(t, d, "")
	me, _ := user(t, d)
	const planted = "zebra@example.org"
	for name, c := range map[string]struct {
		queue func(b *database.Batch)
		check func(err error) bool
	}{
		"unique": {func(b *database.Batch) {
			for range 2 {
				tag(b, planted)
			}
		}, func(err error) bool { return database.IsConflict(err, "tags_user_id_name_key_key") }},
		"check": {func(b *database.Batch) {
			b.Exec(`UPDATE users SET locale = @v WHERE id = app_user()`, database.Args{"v": planted})
		}, func(err error) bool { return strings.Contains(err.Error(), "users_locale_check") }},
		"data": {func(b *database.Batch) { b.Exec(`SELECT @v::text::uuid`, database.Args{"v": planted}) },
			func(err error) bool { return strings.Contains(err.Error(), "22P02") }},
		"foreign key": {func(b *database.Batch) {
			b.Exec(`INSERT INTO document_tags VALUES (@id, @id, app_user())`, database.Args{"id": me})
		}, func(err error) bool { return strings.Contains(err.Error(), "23503") }},
	} {
		err := opened.Do(t.Context(), database.OnBehalfOf(me), c.queue)
		if err == nil || !c.check(err) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if text := fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(text, "zebra") || strings.Contains(text, fmt.Sprintf("%x", "zebra")) {
				t.Errorf("%s: the error holds a value: %s", name, text)
			}
			if strings.Contains(fmt.Sprintf("%T", e), "pgconn") || strings.Contains(fmt.Sprintf("%T", e), "pgx") {
				t.Errorf("%s: a %T leaves the package", name, e)
			}
		}
	}
	if n := tags(t, d); n != 0 {
		t.Errorf("%d rows of failed batches", n)
	}
}

// The commit can fail after every row was read.
func TestErrorOfTheCommit(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	d.Exec(t, `CREATE TABLE late (n integer CONSTRAINT late_once UNIQUE DEFERRABLE INITIALLY DEFERRED)`)
	d.Exec(t, `GRANT SELECT, INSERT ON late TO docuvault_app`)
	opened := open(t, d, "")
	for name, extra := range map[string]func(b *database.Batch){
		"alone": func(*database.Batch) {},
		"with a statement that matches nothing": func(b *database.Batch) {
			var n int
			b.One(`SELECT n FROM late WHERE n = 9`, nil, &n)
		},
	} {
		var read int
		err := opened.Do(t.Context(), database.Actor{}, func(b *database.Batch) {
			b.Exec(`INSERT INTO late VALUES (1), (1)`, nil)
			b.One(`SELECT count(*)::integer FROM late`, nil, &read)
			extra(b)
		})
		if read != 2 || !database.IsConflict(err, "late_once") {
			t.Errorf("%s: read %d, error %v; want 2 rows that were never committed, and the conflict", name, read, err)
		}
	}
	if n := dbtest.Query1[int](t, d, `SELECT count(*) FROM late`); n != 0 {
		t.Errorf("%d rows", n)
	}
}

// One connection, so that the next batch gets the one that was used.
func TestNothingStaysSetOnTheConnection(t *testing.T) {
	inEachMode(t, func(t *testing.T, mode string) {
		d := dbtest.New(t)
		opened := open(t, d, mode+"&pool_max_conns=1")
		me, session := user(t, d)
		setting := func(after string) {
			t.Helper()
			var nobody bool
			var rows int
			err := opened.Do(t.Context(), database.Actor{}, func(b *database.Batch) {
				b.One(`SELECT app_user() IS NULL AND coalesce(current_setting('app.user_id', true), '') = '', (SELECT count(*)::integer FROM users)`, nil, &nobody, &rows)
			})
			if err != nil || !nobody || rows != 0 {
				t.Errorf("after %s: %v, nobody %v, %d rows", after, err, nobody, rows)
			}
		}
		setting("nothing")
		for _, c := range []struct {
			name  string
			actor database.Actor
			queue func(b *database.Batch)
			fails bool
		}{
			{"a batch", database.SignedIn(me, session, 1), func(b *database.Batch) { tag(b, "a") }, false},
			{"an empty batch", database.OnBehalfOf(me), func(*database.Batch) {}, false},
			{"a raised error", database.SignedIn(me, id.New(), 1), func(b *database.Batch) { tag(b, "b") }, true},
			{"a syntax error", database.OnBehalfOf(me), func(b *database.Batch) { b.Exec(`SELEC`, nil) }, true},
			{"a conflict", database.OnBehalfOf(me), func(b *database.Batch) { tag(b, "a") }, true},
		} {
			if err := opened.Do(t.Context(), c.actor, c.queue); (err != nil) != c.fails {
				t.Errorf("%s: %v", c.name, err)
			}
			setting(c.name)
		}
	})
}

func TestContexts(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	opened := open(t, d, "pool_max_conns=1")
	me, _ := user(t, d)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := opened.Do(ended, database.OnBehalfOf(me), func(b *database.Batch) { tag(b, "a") }); !errors.Is(err, context.Canceled) || fault.CodeOf(err) != fault.Internal {
		t.Errorf("cancelled before: %v", err)
	}
	running, cancel := context.WithCancel(t.Context())
	go func() {
		// Ends the request as soon as the server runs its statement.
		conn := d.AsSuper(t)
		for n := 0; n == 0; {
			if conn.QueryRow(running, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'`).Scan(&n) != nil {
				break
			}
		}
		cancel()
	}()
	err := opened.Do(running, database.OnBehalfOf(me), func(b *database.Batch) {
		tag(b, "b")
		b.Exec(`SELECT pg_sleep(60)`, nil)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled while it runs: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := opened.Do(short, database.OnBehalfOf(me), func(b *database.Batch) { b.Exec(`SELECT pg_sleep(60)`, nil) }); fault.CodeOf(err) != fault.DeadlineExceeded {
		t.Errorf("deadline: %v", err)
	}
	if err := opened.Do(t.Context(), database.OnBehalfOf(me), func(b *database.Batch) { tag(b, "c") }); err != nil || tags(t, d) != 1 {
		t.Errorf("afterwards: %v, %d rows, want 1", err, tags(t, d))
	}
}

// closedPort is an address where nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func TestNoServer(t *testing.T) {
	t.Parallel()
	opened, err := database.New(database.Config{URL: secret.New("postgres://docuvault_app:zebra-password@" + closedPort(t) + "/x")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = opened.Close() }()
	err = opened.Do(t.Context(), database.Actor{}, func(b *database.Batch) { b.Exec(`SELECT 1`, nil) })
	if fault.CodeOf(err) != fault.Unavailable || strings.Contains(fault.From(err).Detail(), "127.0.0.1") {
		t.Errorf("connection refused: %v", err)
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if text := fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(text, "zebra") {
			t.Errorf("the error holds the password: %s", text)
		}
	}
}

func TestServerEndsTheConnection(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	opened := open(t, d, "pool_max_conns=1")
	ping := func() error {
		return opened.Do(t.Context(), database.Actor{}, func(b *database.Batch) { b.Exec(`SELECT 1`, nil) })
	}
	if err := ping(); err != nil {
		t.Fatal(err)
	}
	d.Exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'docuvault_app'`)
	if err := ping(); err != nil && fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("a connection that the server ended: %v, want unavailable", err)
	}
	if err := ping(); err != nil {
		t.Errorf("the one after: %v", err)
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	env, _ := hosttest.Env(t, map[string]string{"DATABASE_URL": d.AppURL})
	if _, err := database.Open(env); err != nil {
		t.Fatal(err)
	}
	if names, causes := env.Unready(t.Context()); len(names) != 0 {
		t.Errorf("a current schema: %v %v", names, causes)
	}
	d.Exec(t, `INSERT INTO schema_migrations VALUES ('99991231000000')`)
	if names, causes := env.Unready(t.Context()); len(names) != 0 {
		t.Errorf("a newer schema: %v %v", names, causes)
	}
	d.Exec(t, `DELETE FROM schema_migrations WHERE version >= $1`, db.Latest())
	names, causes := env.Unready(t.Context())
	if len(names) != 1 || names[0] != "database" || !errors.Is(errors.Join(causes...), db.ErrSchemaOld) {
		t.Errorf("an older schema: %v %v", names, causes)
	}

	gone, _ := hosttest.Env(t, map[string]string{"DATABASE_URL": "postgres://docuvault_app:p@" + closedPort(t) + "/x"})
	if _, err := database.Open(gone); err != nil {
		t.Fatalf("opening does not connect: %v", err)
	}
	if names, _ := gone.Unready(t.Context()); len(names) != 1 {
		t.Errorf("no server: %v", names)
	}
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	for url, says := range map[string]string{
		"":                               "DATABASE_URL is not set",
		"postgres://app:zebra@host:x/db": "DATABASE_URL is not a PostgreSQL connection string",
		"postgres://app:zebra@host/d?sslmode=zebra": "DATABASE_URL is not a PostgreSQL connection string",
	} {
		env, _ := hosttest.Env(t, map[string]string{"DATABASE_URL": url})
		if _, err := database.Open(env); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "zebra") {
			t.Errorf("%q: %v", url, err)
		}
	}
	env, _ := hosttest.Env(t, map[string]string{"DATABASE_URL": "postgres://app:p@host/d", "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1"})
	opened, err := database.Open(env)
	if err != nil {
		t.Fatal(err)
	}
	if n := opened.Pool().Config().MaxConns; n != 1 {
		t.Errorf("%d connections on Lambda, want 1", n)
	}
}
