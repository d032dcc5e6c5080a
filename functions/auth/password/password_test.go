package password_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

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

// A login that has checked the old password while it is changed either ends
// with the other sessions or is refused: none is left.
func TestALoginMeetsTheChange(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, login.Function, password.Function)
	c := v.SignUp(t, ada)
	var logins sync.WaitGroup
	for range 8 {
		logins.Go(func() {
			if status := v.Client().Login(t, ada, authtest.Password).StatusCode; status != http.StatusOK && status != http.StatusUnauthorized {
				t.Errorf("status %d", status)
			}
		})
	}
	change(t, c, authtest.Password, "another battery staple").JSON(t, http.StatusNoContent, nil)
	logins.Wait()
	if n := dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM sessions WHERE revoked_at IS NULL`); n != 1 {
		t.Errorf("%d sessions live, want the one that changed the password", n)
	}
}
