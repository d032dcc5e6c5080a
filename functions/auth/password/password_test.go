package password_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"docuvault/functions/auth/login"
	"docuvault/functions/auth/password"
	"docuvault/functions/auth/sessions"
	"docuvault/shared/auth/authtest"
	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/host/hosthttp/hosttest"
)

const ada = "ada@example.org"

func change(t *testing.T, c *authtest.Client, current, next string) hosttest.Answer {
	t.Helper()
	return c.Call(t, http.MethodPost, "/v1/auth/password", map[string]string{"current_password": current, "new_password": next})
}

func TestAChangedPasswordEndsOtherSessions(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, login.Function, password.Function, sessions.Function)
	c, other, stranger := v.SignUp(t, ada), v.Client(), v.SignUp(t, "bob@example.org")
	other.Login(t, ada, authtest.Password).JSON(t, http.StatusOK, nil)
	for _, next := range []string{"short", "Password123", strings.Repeat("x", 129)} {
		change(t, c, authtest.Password, next).Problem(t, fault.ValidationFailed)
	}
	change(t, c, "wrong", "another battery staple").Problem(t, fault.InvalidCredentials)
	other.Call(t, http.MethodGet, "/v1/auth/sessions", nil).JSON(t, http.StatusOK, nil)

	change(t, c, authtest.Password, "another battery staple").JSON(t, http.StatusNoContent, nil)
	other.Call(t, http.MethodGet, "/v1/auth/sessions", nil).Problem(t, fault.SessionRevoked)
	for _, still := range []*authtest.Client{c, stranger} {
		still.Call(t, http.MethodGet, "/v1/auth/sessions", nil).JSON(t, http.StatusOK, nil)
	}
	v.Client().Login(t, ada, authtest.Password).Problem(t, fault.InvalidCredentials)
	v.Client().Login(t, ada, "another battery staple").JSON(t, http.StatusOK, nil)
	for _, sql := range []string{`SELECT count(*) FROM alerts WHERE kind = 'password_changed'`, `SELECT count(*) FROM audit_log WHERE action = 'password.changed'`} {
		if n := dbtest.Query1[int](t, v.DB, sql); n != 1 {
			t.Errorf("%s: %d, want 1", sql, n)
		}
	}
}

// 128 characters count, not bytes; and the last of them matters.
func TestPasswordsAreNotCut(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, login.Function, password.Function)
	c := v.SignUp(t, ada)
	long := strings.Repeat("\u00e4", 127)
	change(t, c, authtest.Password, long+"x").JSON(t, http.StatusNoContent, nil)
	v.Client().Login(t, ada, long+"y").Problem(t, fault.InvalidCredentials)
	v.Client().Login(t, ada, long+"x").JSON(t, http.StatusOK, nil)
}

// A login that has checked the old password while it is changed ends with the
// other sessions if it was first, and is refused if it was not: none is left.
func TestALoginMeetsTheChange(t *testing.T) {
	t.Parallel()
	const next = "another battery staple"
	for name, c := range map[string]struct {
		// hold is a lock that stops the first of them after its write and before
		// its commit.
		hold       string
		loginFirst bool
		login      int
	}{
		// A login reads the quota last, for its answer.
		"the login is first": {`LOCK TABLE quotas IN ACCESS EXCLUSIVE MODE`, true, http.StatusOK},
		// A change ends the other sessions last.
		"the change is first": {`SELECT FROM sessions WHERE id = (SELECT id FROM sessions ORDER BY auth_time DESC LIMIT 1) FOR UPDATE`, false, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := authtest.Open(t, nil, login.Function, password.Function)
			ours := v.SignUp(t, ada)
			v.Client().Login(t, ada, authtest.Password).JSON(t, http.StatusOK, nil)
			hold, watch := v.DB.AsSuper(t), v.DB.AsSuper(t)
			for _, sql := range []string{`BEGIN`, c.hold} {
				if _, err := hold.Exec(t.Context(), sql); err != nil {
					t.Fatal(err)
				}
			}
			changes, logins := make(chan hosttest.Answer, 1), make(chan hosttest.Answer, 1)
			begin := []func(){
				func() { changes <- change(t, ours, authtest.Password, next) },
				func() { logins <- v.Client().Login(t, ada, authtest.Password) },
			}
			second := logins
			if c.loginFirst {
				slices.Reverse(begin)
				second = changes
			}
			go begin[0]()
			blocked(t, watch, 1, nil)
			go begin[1]()
			// Without the guard the second waits for nobody, and is done.
			blocked(t, watch, 2, second)
			if _, err := hold.Exec(t.Context(), `ROLLBACK`); err != nil {
				t.Fatal(err)
			}
			(<-changes).JSON(t, http.StatusNoContent, nil)
			if a := <-logins; a.StatusCode != c.login {
				t.Errorf("the login was answered %d, want %d", a.StatusCode, c.login)
			}
			if n := dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM sessions WHERE revoked_at IS NULL`); n != 1 {
				t.Errorf("%d sessions live, want the one that changed the password", n)
			}
		})
	}
}

// blocked waits until so many statements wait for locks, or there is an answer.
func blocked(t *testing.T, conn *pgx.Conn, statements int, answer chan hosttest.Answer) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline) && len(answer) == 0; {
		var n int
		if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n); err != nil {
			t.Fatalf("look for locks: %v", err)
		}
		if n >= statements {
			return
		}
	}
	if len(answer) == 0 {
		t.Fatalf("there are no %d statements that wait for a lock", statements)
	}
}
