package refresh_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"docuvault/functions/auth/login"
	"docuvault/functions/auth/refresh"
	"docuvault/functions/auth/register"
	"docuvault/functions/me/alerts"
	"docuvault/functions/me/get"
	"docuvault/shared/auth/authtest"
	"docuvault/shared/database"
	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/secret"
)

func open(t *testing.T, change map[string]string) *authtest.Vault {
	t.Helper()
	return authtest.Open(t, change, register.Function, login.Function, refresh.Function, get.Function, alerts.Function)
}

// use makes a request with the access token, which is the first use of its
// generation.
func use(t *testing.T, c *authtest.Client) {
	t.Helper()
	c.Call(t, http.MethodGet, "/v1/me", nil).JSON(t, http.StatusOK, nil)
}

func generation(t *testing.T, v *authtest.Vault) int {
	t.Helper()
	return dbtest.Query1[int](t, v.DB, `SELECT generation FROM sessions`)
}

// earlier moves what happened to the session into the past.
func earlier(t *testing.T, v *authtest.Vault, interval string) {
	t.Helper()
	v.DB.Exec(t, `UPDATE sessions SET rotated_at = rotated_at - $1::interval, first_used_at = first_used_at - $1::interval,
		last_used_at = last_used_at - $1::interval, created_at = created_at - $1::interval, expires_at = expires_at - $1::interval`, interval)
}

func TestRefreshRotates(t *testing.T) {
	t.Parallel()
	v := open(t, nil)
	c := v.SignUp(t, "a@example.org")
	first, token := c.RefreshToken(), c.Token
	answer := c.Refresh(t)
	answer.JSON(t, http.StatusOK, nil)
	if c.RefreshToken() == first || c.Token == token {
		t.Error("the tokens are the old ones")
	}
	if c.Grant.User.Email != "a@example.org" || c.Grant.TokenType != "Bearer" || c.Grant.ExpiresIn != 600 {
		t.Errorf("grant %+v", c.Grant)
	}
	lines := answer.Header.Values("Set-Cookie")
	if len(lines) != 1 || !strings.HasSuffix(lines[0], "; Path=/; Max-Age=1209600; HttpOnly; SameSite=Strict") {
		t.Errorf("cookies %q", lines)
	}
	use(t, c)
	if g := generation(t, v); g != 2 {
		t.Errorf("generation %d", g)
	}
	// The cookie of a session near its absolute end lives no longer than it.
	v.DB.Exec(t, `UPDATE sessions SET expires_at = now() + interval '1 hour'`)
	for _, cookie := range c.Refresh(t).Cookies() {
		if cookie.MaxAge > 3600 || cookie.MaxAge < 3500 {
			t.Errorf("Max-Age %d an hour before the end", cookie.MaxAge)
		}
	}
}

// Several tabs wake up with the same cookie: one rotates, all get its successor.
func TestConcurrentRefreshes(t *testing.T) {
	t.Parallel()
	v := open(t, nil)
	c := v.SignUp(t, "a@example.org")
	for round := range 20 {
		var wg sync.WaitGroup
		successors := make([]string, 12)
		start := make(chan struct{})
		for i := range successors {
			tab := c.Copy()
			wg.Go(func() {
				<-start
				if answer := tab.Refresh(t); answer.StatusCode == http.StatusOK {
					successors[i] = tab.RefreshToken()
				} else {
					t.Errorf("round %d: %d %s", round, answer.StatusCode, answer.Bytes)
				}
			})
		}
		close(start)
		wg.Wait()
		for _, s := range successors {
			if s != successors[0] || s == c.RefreshToken() || s == "" {
				t.Fatalf("round %d: successors differ", round)
			}
		}
		if g := generation(t, v); g != round+2 {
			t.Fatalf("round %d: generation %d, want %d", round, g, round+2)
		}
		c.Cookies["docuvault_refresh"] = successors[0]
	}
}

// The answer got lost, perhaps with the laptop's lid: the token that the client
// still has works for a day, and gives the same successor.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	v := open(t, map[string]string{"REFRESH_GRACE": "0s"})
	c := v.SignUp(t, "a@example.org")
	use(t, c) // that the generation before was used does not matter
	lost := c.Copy()
	lost.Refresh(t).JSON(t, http.StatusOK, nil)
	earlier(t, v, "23 hours 59 minutes")
	again := c.Copy()
	again.Refresh(t).JSON(t, http.StatusOK, nil)
	if again.RefreshToken() != lost.RefreshToken() {
		t.Error("another successor")
	}
	if g := generation(t, v); g != 2 {
		t.Errorf("generation %d, want 2", g)
	}
	// Asking again does not make the day longer.
	earlier(t, v, "2 minutes")
	c.Copy().Refresh(t).Problem(t, fault.RefreshReplayed)
	again.Refresh(t).Problem(t, fault.SessionRevoked)
}

// A laptop that slept over night: its access token is too old, and its refresh
// token is as good as in the evening, also when the last answer fell into the
// moment of the lid, and though another tab woke up first.
func TestSuspendedOverNight(t *testing.T) {
	t.Parallel()
	v := open(t, nil)
	tab := v.SignUp(t, "a@example.org")
	use(t, tab)
	asleep := tab.Copy()                              // what the disk has of the cookie jar
	tab.Copy().Refresh(t).JSON(t, http.StatusOK, nil) // whose answer never arrived
	earlier(t, v, "9 hours")
	other := asleep.Copy()
	asleep.Refresh(t).JSON(t, http.StatusOK, nil)
	use(t, asleep)
	other.Refresh(t).JSON(t, http.StatusOK, nil) // within the grace of that use
	if other.RefreshToken() != asleep.RefreshToken() {
		t.Error("two tabs have two tokens")
	}
	use(t, other)
	if n := dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM alerts`); n != 0 {
		t.Errorf("%d alerts about a night's sleep", n)
	}
}

// From the first use of the new generation on, only the grace is left.
func TestGrace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, grace, after string
		ok                 bool
	}{
		{"default, at once", "", "0 seconds", true},
		{"default, later", "", "11 seconds", false},
		{"longer", "60s", "55 seconds", true},
		{"longer, later", "60s", "61 seconds", false},
		{"none", "0s", "0 seconds", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			change := map[string]string{}
			if c.grace != "" {
				change["REFRESH_GRACE"] = c.grace
			}
			v := open(t, change)
			tab := v.SignUp(t, "a@example.org")
			other := tab.Copy()
			tab.Refresh(t).JSON(t, http.StatusOK, nil)
			use(t, tab)
			earlier(t, v, c.after)
			use(t, tab) // a later use starts nothing anew
			answer := other.Refresh(t)
			if !c.ok {
				answer.Problem(t, fault.RefreshReplayed)
				return
			}
			answer.JSON(t, http.StatusOK, nil)
			if other.RefreshToken() != tab.RefreshToken() {
				t.Error("another successor")
			}
		})
	}
}

// An access token of the generation before is no use of the new one.
func TestOldAccessTokenIsNoFirstUse(t *testing.T) {
	t.Parallel()
	v := open(t, map[string]string{"REFRESH_GRACE": "0s"})
	c := v.SignUp(t, "a@example.org")
	lost := c.Copy()
	lost.Refresh(t).JSON(t, http.StatusOK, nil)
	use(t, c)
	c.Refresh(t).JSON(t, http.StatusOK, nil)
}

// Exchanging the new token is a use of it, so the one before the last is old.
func TestRefreshIsFirstUse(t *testing.T) {
	t.Parallel()
	v := open(t, map[string]string{"REFRESH_GRACE": "60s"})
	c := v.SignUp(t, "a@example.org")
	old := c.Copy()
	c.Refresh(t).JSON(t, http.StatusOK, nil)
	c.Refresh(t).JSON(t, http.StatusOK, nil)
	old.Refresh(t).Problem(t, fault.RefreshReplayed)
}

// An old token: the family ends, that is committed, and told once, however many
// come at once.
func TestReplay(t *testing.T) {
	t.Parallel()
	v := open(t, nil)
	c := v.SignUp(t, "a@example.org")
	stolen := c.Copy()
	c.Refresh(t).JSON(t, http.StatusOK, nil)
	c.Refresh(t).JSON(t, http.StatusOK, nil)
	use(t, c)
	other := v.Client()
	other.Login(t, "a@example.org", authtest.Password).JSON(t, http.StatusOK, nil)

	var wg sync.WaitGroup
	var replayed, revoked atomic.Int32
	for range 8 {
		thief := stolen.Copy()
		wg.Go(func() {
			switch answer := thief.Refresh(t); {
			case strings.Contains(string(answer.Bytes), string(fault.RefreshReplayed)):
				replayed.Add(1)
			case strings.Contains(string(answer.Bytes), string(fault.SessionRevoked)):
				revoked.Add(1)
			}
		})
	}
	wg.Wait()
	if replayed.Load() != 1 || revoked.Load() != 7 {
		t.Errorf("%d refresh_replayed and %d session_revoked, want 1 and 7", replayed.Load(), revoked.Load())
	}
	for what, sql := range map[string]string{
		"revoked sessions": `SELECT count(*) FROM sessions WHERE revoked_reason = 'replay' AND revoked_at IS NOT NULL AND generation = 3`,
		"alerts":           `SELECT count(*) FROM alerts a JOIN sessions s ON s.id = a.session_id AND s.user_id = a.user_id WHERE kind = 'refresh_replayed'`,
		"audit entries":    `SELECT count(*) FROM audit_log l JOIN sessions s ON s.id = l.target AND s.user_id = l.user_id WHERE action = 'session.refresh_replayed'`,
	} {
		if n := dbtest.Query1[int](t, v.DB, sql); n != 1 {
			t.Errorf("%d %s, want 1", n, what)
		}
	}
	// The owner of the newest tokens is out as well; the other session is not.
	c.Refresh(t).Problem(t, fault.SessionRevoked)
	c.Call(t, http.MethodGet, "/v1/me", nil).Problem(t, fault.SessionRevoked)
	use(t, other)
	var page struct {
		Items []struct {
			Kind string `json:"kind"`
		} `json:"items"`
	}
	other.Call(t, http.MethodGet, "/v1/me/alerts", nil).JSON(t, http.StatusOK, &page)
	if len(page.Items) != 2 || page.Items[0].Kind != "refresh_replayed" || page.Items[1].Kind != "new_device" { // of the other session
		t.Errorf("alerts %v", page.Items)
	}
}

func TestSessionsExpire(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"idle":     `UPDATE sessions SET last_used_at = now() - interval '14 days 1 second'`,
		"absolute": `UPDATE sessions SET expires_at = now() - interval '1 second'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := open(t, nil)
			c := v.SignUp(t, "a@example.org")
			v.DB.Exec(t, sql)
			c.Call(t, http.MethodGet, "/v1/me", nil).Problem(t, fault.SessionRevoked)
			c.Refresh(t).Problem(t, fault.RefreshInvalid)
			if g := generation(t, v); g != 1 {
				t.Errorf("generation %d", g)
			}
		})
	}
	t.Run("used every 13 days", func(t *testing.T) {
		t.Parallel()
		v := open(t, nil)
		c := v.SignUp(t, "a@example.org")
		for day := 13; day < 90; day += 13 {
			earlier(t, v, "13 days")
			c.Refresh(t).JSON(t, http.StatusOK, nil)
		}
		earlier(t, v, "13 days") // 91
		c.Refresh(t).Problem(t, fault.RefreshInvalid)
	})
}

func TestDisabledUsersStop(t *testing.T) {
	t.Parallel()
	v := open(t, nil)
	c := v.SignUp(t, "a@example.org")
	v.DB.Exec(t, `UPDATE users SET disabled_at = now()`)
	c.Call(t, http.MethodGet, "/v1/me", nil).Problem(t, fault.SessionRevoked)
	c.Refresh(t).Problem(t, fault.RefreshInvalid)
	c.Call(t, http.MethodPost, "/v1/auth/login", map[string]string{"email": "a@example.org", "password": authtest.Password}).Problem(t, fault.InvalidCredentials)
}

func TestNoOrWrongCookie(t *testing.T) {
	t.Parallel()
	v := open(t, nil)
	c := v.SignUp(t, "a@example.org")
	good := c.RefreshToken()
	for name, cookies := range map[string]map[string]string{
		"none":             {},
		"empty":            {"docuvault_refresh": ""},
		"garbage":          {"docuvault_refresh": "AAAA"},
		"long":             {"docuvault_refresh": strings.Repeat("A", 4000)},
		"changed":          {"docuvault_refresh": good[:len(good)-5] + "AAAAA"},
		"of a device":      {"docuvault_refresh": c.Cookies["docuvault_device"]},
		"access token":     {"docuvault_refresh": c.Token},
		"name of https":    {"__Host-docuvault_refresh": good},
		"name of a device": {"docuvault_device": good},
	} {
		stranger := v.Client()
		stranger.Cookies = cookies
		answer := stranger.Refresh(t)
		answer.Problem(t, fault.RefreshInvalid)
		if strings.Contains(string(answer.Bytes), good[:20]) {
			t.Errorf("%s: the answer holds the token", name)
		}
	}
	if strings.Contains(v.Log.String(), good) {
		t.Error("the log holds a token")
	}
	c.Refresh(t).JSON(t, http.StatusOK, nil) // nothing of this harmed the session
}

// Over https a cookie without the prefix does not count: another host of the
// same site could have set it.
func TestCookieNameOverHTTPS(t *testing.T) {
	t.Parallel()
	v := open(t, map[string]string{"PUBLIC_URL": "https://vault.example.org"})
	c := v.Client()
	c.Register(t, "a@example.org").JSON(t, http.StatusCreated, nil)
	plain := v.Client()
	plain.Cookies["docuvault_refresh"] = c.RefreshToken()
	plain.Refresh(t).Problem(t, fault.RefreshInvalid)
	c.Refresh(t).JSON(t, http.StatusOK, nil)
	if c.Cookies["__Host-docuvault_refresh"] == "" {
		t.Error("no cookie with the prefix")
	}
}

// After a restore the database may be behind its clients: that is no theft.
func TestTokenOfAGenerationToCome(t *testing.T) {
	t.Parallel()
	v := open(t, nil)
	c := v.SignUp(t, "a@example.org")
	c.Refresh(t).JSON(t, http.StatusOK, nil)
	v.DB.Exec(t, `UPDATE sessions SET generation = 1, first_used_at = NULL`)
	c.Refresh(t).Problem(t, fault.RefreshInvalid)
	if n := dbtest.Query1[int](t, v.DB, `SELECT (SELECT count(*) FROM alerts) + (SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL OR generation <> 1)`); n != 0 {
		t.Error("the session was changed, or somebody alarmed")
	}
}

// A session of a user who is gone is invalid, not an error of ours.
func TestDeletedUser(t *testing.T) {
	t.Parallel()
	v := open(t, nil)
	c := v.SignUp(t, "a@example.org")
	v.DB.Exec(t, `DELETE FROM users`)
	c.Refresh(t).Problem(t, fault.RefreshInvalid)
}

type batches struct{ sent, queries atomic.Int64 }

func (b *batches) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	b.sent.Add(1)
	return ctx
}
func (b *batches) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (b *batches) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}
func (b *batches) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	b.queries.Add(1)
	return ctx
}
func (b *batches) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func counted(t testing.TB) (*authtest.Client, *batches) {
	t.Helper()
	db := dbtest.New(t)
	vars := authtest.Vars(t, db)
	env, log := hosttest.Env(t, vars)
	counter := &batches{}
	pool, err := database.New(database.Config{URL: secret.New(db.AppURL)}, counter)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	host.Provide(env, pool)
	v := &authtest.Vault{DB: db, Env: env, Log: log, Vars: vars, Server: hosttest.Serve(t, env, refresh.Function)}
	return v.SignUp(t, "a@example.org"), counter
}

func TestRefreshIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	c, counter := counted(t)
	before, queries := counter.sent.Load(), counter.queries.Load()
	for range 5 {
		c.Refresh(t).JSON(t, http.StatusOK, nil)
	}
	if n := counter.sent.Load() - before; n != 5 || counter.queries.Load() != queries {
		t.Errorf("5 refreshes took %d batches and %d queries", n, counter.queries.Load()-queries)
	}
}

func BenchmarkRefresh(b *testing.B) {
	c, _ := counted(b)
	b.Run("one client", func(b *testing.B) {
		for b.Loop() {
			c.Refresh(b).JSON(b, http.StatusOK, nil)
		}
	})
	b.Run("many clients", func(b *testing.B) {
		var n atomic.Int64
		c.Vault.DB.Exec(b, `DELETE FROM rate_limits`) // all sign up from one network
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			mine := c.Vault.SignUp(b, fmt.Sprintf("%d-%d@example.org", b.N, n.Add(1)))
			for pb.Next() {
				mine.Refresh(b).JSON(b, http.StatusOK, nil)
			}
		})
	})
}
