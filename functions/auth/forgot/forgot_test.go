package forgot_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"docuvault/functions/auth/forgot"
	"docuvault/functions/auth/login"
	"docuvault/functions/auth/reset"
	"docuvault/shared/auth"
	"docuvault/shared/auth/authtest"
	"docuvault/shared/database"
	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/secret"
)

const path = "/v1/auth/password/forgot"

// statements counts what is sent to the database.
type statements struct{ batches, queries atomic.Int64 }

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	s.queries.Add(1)
	return ctx
}
func (*statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (s *statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	s.batches.Add(1)
	s.queries.Add(int64(data.Batch.Len()))
	return ctx
}
func (*statements) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (*statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// counted is a vault whose statements are counted.
func counted(t *testing.T) (*authtest.Vault, *statements) {
	t.Helper()
	db, s := dbtest.New(t), &statements{}
	vars := authtest.Vars(t, db)
	vars["MAIL"], vars["EMAIL_VERIFICATION"], vars["TRUSTED_PROXIES"] = "on", "off", "127.0.0.1"
	env, log := hosttest.Env(t, vars)
	opened, err := database.New(database.Config{URL: secret.New(db.AppURL)}, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	host.Provide(env, opened)
	return &authtest.Vault{DB: db, Env: env, Log: log, Vars: vars, Server: hosttest.Serve(t, env, forgot.Function, login.Function, reset.Function)}, s
}

// from is a client in a network of its own.
func from(v *authtest.Vault, address string) *authtest.Client {
	c := v.Client()
	c.Headers = append(c.Headers, "X-Forwarded-For", address)
	return c
}

func ask(t *testing.T, c *authtest.Client, email string) hosttest.Answer {
	t.Helper()
	return c.Call(t, http.MethodPost, path, map[string]string{"email": email})
}

// work is what a request cost.
type work struct{ batches, queries, hashes int64 }

func TestUnknownAndKnownAccountsLookTheSame(t *testing.T) {
	t.Parallel()
	v, s := counted(t)
	for _, name := range []string{"known", "disabled", "off"} {
		v.SignUp(t, name+"@example.org")
	}
	v.DB.Exec(t, `UPDATE users SET disabled_at = now() WHERE email = 'disabled@example.org'`)
	v.DB.Exec(t, `UPDATE users SET password_reset_by_mail = false WHERE email = 'off@example.org'`)
	hasher, err := auth.OpenHasher(v.Env)
	if err != nil {
		t.Fatal(err)
	}
	measure := func(do func() hosttest.Answer) (work, string) {
		was := work{s.batches.Load(), s.queries.Load(), hasher.Calls()}
		answer := do()
		header := answer.Header.Clone()
		for _, own := range []string{"X-Request-Id", "Date"} {
			header.Del(own)
		}
		var lines strings.Builder
		_ = header.Write(&lines)
		said := answer.Status + "\n" + lines.String() + strings.ReplaceAll(string(answer.Bytes), answer.Header.Get("X-Request-Id"), "")
		return work{s.batches.Load() - was.batches, s.queries.Load() - was.queries, hasher.Calls() - was.hashes}, said
	}
	addresses := []string{"known@example.org", "known@example.org", "unknown@example.org", "disabled@example.org", "off@example.org"}
	for name, do := range map[string]func(c *authtest.Client, email string) hosttest.Answer{
		"forgot": func(c *authtest.Client, email string) hosttest.Answer { return ask(t, c, email) },
		"recovery code": func(c *authtest.Client, email string) hosttest.Answer {
			return c.Call(t, http.MethodPost, "/v1/auth/password/reset",
				map[string]string{"email": email, "recovery_code": "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF", "password": "another battery staple"})
		},
	} {
		do(v.Client(), "first@example.org") // connects
		var first work
		var said string
		for n, email := range addresses {
			cost, answer := measure(func() hosttest.Answer { return do(v.Client(), email) })
			if n == 0 {
				first, said = cost, answer
			}
			if cost != first || answer != said {
				t.Errorf("%s of %s: %+v, %s; others %+v, %s", name, email, cost, answer, first, said)
			}
		}
		if want := map[string]int64{"forgot": 0, "recovery code": 1}[name]; first.hashes != want || first.batches == 0 {
			t.Errorf("%s: %+v, want %d hashes", name, first, want)
		}
	}
	// Each had one message, and two addresses had a mail.
	if n := dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM river.river_job WHERE queue = 'mail'`); n != len(addresses)+1 {
		t.Errorf("%d messages", n)
	}
	if got := dbtest.Query1[string](t, v.DB, `SELECT string_agg(u.email || ' ' || m.kind, ', ' ORDER BY m.kind) FROM mails m JOIN users u ON u.id = m.user_id`); got != "known@example.org reset, off@example.org reset_off" {
		t.Errorf("mails: %s", got)
	}
	if strings.Contains(v.Log.String(), "@example.org") {
		t.Error("the log holds an address")
	}
}

// Whoever asks, from wherever, at most one link in five minutes is sent; and
// none of this keeps the owner from asking.
func TestAskingIsLimitedAndLocksNobodyOut(t *testing.T) {
	t.Parallel()
	v, _ := counted(t)
	v.SignUp(t, "ada@example.org")
	for _, email := range []string{"ada@example.org", "nobody@example.org"} {
		thief := from(v, "198.51.100.7")
		for range 3 {
			ask(t, thief, email).JSON(t, http.StatusAccepted, nil)
		}
		members := ask(t, thief, email).Problem(t, fault.RateLimited)
		if after, _ := members["retry_after"].(float64); after < 1 || after > 601 {
			t.Errorf("retry_after %v", members["retry_after"])
		}
		ask(t, from(v, "203.0.113.9"), email).JSON(t, http.StatusAccepted, nil)
	}
	mails := func() int { return dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM mails`) }
	if n := mails(); n != 1 {
		t.Errorf("%d mails, want 1", n)
	}
	v.DB.Exec(t, `UPDATE mails SET created_at = created_at - interval '5 minutes'`)
	ask(t, from(v, "198.51.100.7"), "ada@example.org").Problem(t, fault.RateLimited)
	if n := mails(); n != 1 {
		t.Errorf("%d mails: a refused one was sent", n)
	}
	ask(t, from(v, "203.0.113.9"), "ada@example.org").JSON(t, http.StatusAccepted, nil)
	if n := mails(); n != 2 {
		t.Errorf("%d mails, want 2", n)
	}
	if n := dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM audit_log WHERE action = 'password.reset_requested'`); n != 2 {
		t.Errorf("%d audit entries, want one for each mail", n)
	}
}

// A vault without mail says so, to everybody.
func TestWithoutMail(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, forgot.Function)
	v.SignUp(t, "ada@example.org")
	for _, email := range []string{"ada@example.org", "nobody@example.org"} {
		ask(t, v.Client(), email).Problem(t, fault.MailUnavailable)
	}
	if n := dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM mails`); n != 0 {
		t.Errorf("%d mails", n)
	}
}
