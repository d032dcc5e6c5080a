// Package pgbouncer tests the vault behind PgBouncer in transaction mode, as
// Debian ships it (1.18): a pooler that gives each transaction another
// connection, and knows no prepared statements.
package pgbouncer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"docuvault/shared/database"
	"docuvault/shared/dbtest"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/id"
	"docuvault/shared/secret"
	"docuvault/shared/testenv"
	"docuvault/shared/vaulttest"
	"docuvault/test/servers"
)

// bouncer starts PgBouncer before a database, with this many connections to it,
// and returns the way through it.
func bouncer(t *testing.T, db *dbtest.Database, connections int) (s *servers.Server, through string) {
	t.Helper()
	s, err := servers.PgBouncer(t.Context(), db.AppURL, map[string]string{"default_pool_size": strconv.Itoa(connections)})
	if errors.Is(err, servers.ErrMissing) {
		testenv.NotRun(t, "no PgBouncer (Debian: pgbouncer): "+err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.Log())
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	if through, err = s.Through(db.AppURL); err != nil {
		t.Fatal(err)
	}
	return s, through
}

// connections counts what PostgreSQL sees of the app role.
func connections(t *testing.T, db *dbtest.Database) int {
	t.Helper()
	return dbtest.Query1[int](t, db, `SELECT count(*) FROM pg_stat_activity WHERE usename = 'docuvault_app' AND datname = current_database()`)
}

// sized is a connection string for a pool of this size.
func sized(t *testing.T, dsn string, size int) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("pool_max_conns", strconv.Itoa(size))
	u.RawQuery = query.Encode()
	return u.String()
}

// The whole way of a document, functions, workers and the queue in PostgreSQL on
// three connections that are given from one to the other.
func TestTheStoryPassesThroughPgBouncer(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	_, through := bouncer(t, db, 3)
	w := vaulttest.On(t, db, map[string]string{"DATABASE_URL": sized(t, through, 20)})
	w.Work(t)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	var grant struct {
		AccessToken string `json:"access_token"`
		User        struct{ ID id.ID }
	}
	hosttest.Call(t, browser, http.MethodPost, w.Server.URL+"/v1/auth/register", map[string]any{
		"email": "anna@example.org", "password": "the pooler in the cellar",
	}).JSON(t, http.StatusCreated, &grant)
	anna := &vaulttest.User{World: w, ID: grant.User.ID, Token: grant.AccessToken}

	content := []byte("Invoice no. 2024-0815\n\nPlease transfer the amount due of 119.00 EUR within 14 days to the account below.\n")
	document := anna.Store(t, "invoice.txt", "text/plain", content)
	testenv.Eventually(t, time.Minute, "the document is ready", func() bool { return w.Status(t, document.ID) == "ready" })
	var found struct {
		Items []struct{ Document vaulttest.Document }
	}
	anna.Call(t, http.MethodPost, "/v1/search", map[string]any{"q": "0815"}).JSON(t, http.StatusOK, &found)
	if len(found.Items) != 1 || found.Items[0].Document.ID != document.ID {
		t.Errorf("the search found %+v", found.Items)
	}

	for range 3 {
		hosttest.Call(t, browser, http.MethodPost, w.Server.URL+"/v1/auth/refresh", nil).JSON(t, http.StatusOK, &grant)
		anna.Token = grant.AccessToken
		anna.Call(t, http.MethodGet, "/v1/me", nil).JSON(t, http.StatusOK, nil)
	}
	if err := w.Schedule(t, "reconcile"); err != nil {
		t.Fatal(err)
	}
	key := w.Key(t, document.ID)
	anna.Call(t, http.MethodDelete, "/v1/documents/"+document.ID.String()+"?permanent=true", nil)
	testenv.Eventually(t, time.Minute, "the document and its object are gone", func() bool {
		return w.Status(t, document.ID) == "" && !w.Has(t, key)
	})
	if n := connections(t, db); n == 0 || n > 3 {
		t.Errorf("%d connections at PostgreSQL, want 1 to 3", n)
	}
}

// 500 connections of functions are 20 of PostgreSQL, and none of them fails.
func TestFiveHundredClientsOnTwentyConnections(t *testing.T) {
	t.Parallel()
	const clients, servers, rounds = 500, 20, 10
	db := dbtest.New(t)
	s, through := bouncer(t, db, servers)
	// A sign-in costs the client 4,096 rounds of SHA-256: at once they take a while.
	many, err := database.New(database.Config{URL: secret.New(sized(t, through, clients) + "&connect_timeout=60")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = many.Close() })
	users := make([]id.ID, clients)
	for i := range users {
		users[i] = id.New()
	}
	names := make([]string, clients)
	for i, user := range users {
		names[i] = user.String()
	}
	db.Exec(t, `INSERT INTO users (id, email) SELECT u::uuid, u || '@example.org' FROM unnest($1::text[]) u`, names)
	db.Exec(t, `INSERT INTO quotas (user_id, limit_bytes) SELECT u::uuid, 1 FROM unnest($1::text[]) u`, names)

	// All connect before the first one asks, so that there are as many.
	var connected, asked sync.WaitGroup
	connected.Add(clients)
	var failed atomic.Int64
	var once sync.Once
	fail := func(err error) {
		failed.Add(1)
		once.Do(func() { t.Errorf("the first failure: %v", err) })
	}
	for _, user := range users {
		asked.Go(func() {
			conn, err := many.Pool().Acquire(t.Context())
			connected.Done()
			if err != nil {
				fail(err)
				return
			}
			connected.Wait()
			conn.Release()
			for range rounds {
				var rows int
				var owner id.ID
				err := many.Do(t.Context(), database.OnBehalfOf(user), func(b *database.Batch) {
					b.One(`SELECT count(*) FROM quotas`, nil, &rows)
					b.One(`SELECT user_id FROM quotas WHERE limit_bytes = @one`, database.Args{"one": 1}, &owner)
				})
				if err == nil && (rows != 1 || owner != user) {
					err = fmt.Errorf("user %s saw %d rows, one of %s", user, rows, owner)
				}
				if err != nil {
					fail(err)
				}
			}
		})
	}
	connected.Wait()
	asking := make(chan struct{})
	go func() {
		asked.Wait()
		close(asking)
	}()
	if n := clientsOf(t, s, db.Name); n < clients {
		t.Errorf("%d clients at PgBouncer, want %d", n, clients)
	}
	most := 0
	for busy := true; busy; {
		most = max(most, connections(t, db))
		select {
		case <-asking:
			busy = false
		default:
		}
	}
	if n := failed.Load(); n != 0 {
		t.Errorf("%d of %d batches failed", n, clients*rounds)
	}
	if most > servers {
		t.Errorf("%d connections at PostgreSQL, want at most %d", most, servers)
	}
	t.Logf("%d clients, at most %d connections at PostgreSQL", clients, most)
}

// clientsOf counts the clients of a database by PgBouncer's own list.
func clientsOf(t *testing.T, s *servers.Server, database string) int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.Console())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	rows, err := conn.Query(t.Context(), "SHOW CLIENTS")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for rows.Next() {
		for i, field := range rows.FieldDescriptions() {
			if field.Name == "database" && string(rows.RawValues()[i]) == database {
				n++
			}
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

// Two users on one connection of PostgreSQL, in turn and at once: in 10,000
// requests neither sees anything of the other, and nobody sees anything in
// between.
func TestUsersThatShareAConnectionSeeOnlyTheirOwn(t *testing.T) {
	t.Parallel()
	const requests, atOnce = 10_000, 8
	db := dbtest.New(t)
	_, through := bouncer(t, db, 1)
	w := vaulttest.On(t, db, map[string]string{"DATABASE_URL": sized(t, through, atOnce)})
	users := []*vaulttest.User{w.User(t), w.User(t)}
	documents := make([]string, len(users))
	for i, user := range users {
		documents[i] = user.Store(t, fmt.Sprintf("paper-of-%d.bin", i), "application/octet-stream", vaulttest.Unique(t, 100+i)).ID.String()
	}
	nobody, err := database.New(database.Config{URL: secret.New(sized(t, through, 1))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nobody.Close() })

	var wait sync.WaitGroup
	var next atomic.Int64
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}}
	for range atOnce {
		wait.Go(func() {
			for n := int(next.Add(1)); n <= requests && !t.Failed(); n = int(next.Add(1)) {
				if err := look(t.Context(), client, users, documents, n); err != nil {
					t.Errorf("request %d: %v", n, err)
				}
				if n%100 != 0 {
					continue
				}
				var rows int
				if err := nobody.Do(t.Context(), database.Actor{}, func(b *database.Batch) { b.One(`SELECT count(*) FROM documents`, nil, &rows) }); err != nil || rows != 0 {
					t.Errorf("after request %d nobody sees %d documents, %v", n, rows, err)
				}
			}
		})
	}
	wait.Wait()
	if n := connections(t, db); n != 1 {
		t.Errorf("%d connections at PostgreSQL: they shared none", n)
	}
}

// look sends request number n as one of the users: the list, the own document,
// or the other's.
func look(ctx context.Context, client *http.Client, users []*vaulttest.User, documents []string, n int) error {
	me := n % len(users)
	own, other := documents[me], documents[1-me]
	path, want := "/v1/documents", http.StatusOK
	switch n / 2 % 3 {
	case 1:
		path += "/" + own
	case 2:
		path, want = path+"/"+other, http.StatusNotFound
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, users[me].World.Server.URL+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+users[me].Token)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	var body strings.Builder
	if _, err := io.Copy(&body, resp.Body); err != nil {
		return err
	}
	shows := func(document string) bool { return strings.Contains(body.String(), document) }
	if resp.StatusCode != want || shows(own) != (want == http.StatusOK) || shows(other) {
		return fmt.Errorf("GET %s as user %d answered %d: %s", path, me, resp.StatusCode, body.String())
	}
	return nil
}

// A connection string that asks pgx to prepare statements is wrong here: that
// PgBouncer refuses it shows that the tests above would see it.
func TestPreparedStatementsFailBehindPgBouncer(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	_, through := bouncer(t, db, 2)
	for mode, fails := range map[string]bool{"exec": false, "cache_statement": true} {
		d, err := database.New(database.Config{URL: secret.New(sized(t, through, 8) + "&default_query_exec_mode=" + mode)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Close() })
		var failed atomic.Int64
		vaulttest.AtOnce(200, func(int) {
			var one int
			if d.Do(t.Context(), database.Actor{}, func(b *database.Batch) { b.One(`SELECT 1 + @n::int`, database.Args{"n": 1}, &one) }) != nil {
				failed.Add(1)
			}
		})
		if failed.Load() > 0 != fails {
			t.Errorf("mode %s: %d of 200 failed", mode, failed.Load())
		}
	}
}
