package sessions_test

import (
	"net/http"
	"testing"
	"time"

	"docuvault/functions/auth/login"
	"docuvault/functions/auth/refresh"
	"docuvault/functions/auth/revoke"
	"docuvault/functions/auth/revokeothers"
	"docuvault/functions/auth/sessions"
	"docuvault/functions/documents/list"
	"docuvault/shared/auth"
	"docuvault/shared/auth/authtest"
	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/secret"
)

func open(t *testing.T) *authtest.Vault {
	t.Helper()
	return authtest.Open(t, map[string]string{"TRUSTED_PROXIES": "127.0.0.1"},
		sessions.Function, revoke.Function, revokeothers.Function, list.Function)
}

// again is one more session of an account.
func again(t *testing.T, v *authtest.Vault, email, userAgent string) *authtest.Client {
	t.Helper()
	s, err := auth.OpenLogins(v.Env)
	if err != nil {
		t.Fatal(err)
	}
	origin := auth.OriginOf(t.Context(), userAgent)
	origin.Network = "2001:db8:1::/48"
	signed, err := s.Login(t.Context(), email, secret.New(authtest.Password), secret.Text{}, secret.Text{}, origin)
	if err != nil {
		t.Fatal(err)
	}
	c := v.Client()
	c.Token = signed.Access.Reveal()
	return c
}

type session struct {
	ID         string    `json:"id"`
	Device     string    `json:"device"`
	Network    string    `json:"network"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at"`
	ExpiresAt  time.Time `json:"expires_at"`
	Current    bool      `json:"current"`
}

func listed(t *testing.T, c *authtest.Client) []session {
	t.Helper()
	var body struct{ Items []session }
	c.Call(t, http.MethodGet, "/v1/auth/sessions", nil).JSON(t, http.StatusOK, &body)
	return body.Items
}

// documents is what a signed-in user really wants: it works, or the session has
// ended.
func documents(t *testing.T, c *authtest.Client, works bool) {
	t.Helper()
	answer := c.Call(t, http.MethodGet, "/v1/documents", nil)
	if works {
		answer.JSON(t, http.StatusOK, nil)
		return
	}
	answer.Problem(t, fault.SessionRevoked)
	if got := answer.Header.Get("WWW-Authenticate"); got != `Bearer error="invalid_token"` {
		t.Errorf("WWW-Authenticate: %q", got)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	v := open(t)
	first := v.SignUp(t, "a@example.org")
	second := again(t, v, "a@example.org", "curl/8.5")
	v.SignUp(t, "b@example.org") // not in the list of a
	found := listed(t, second)
	if len(found) != 2 {
		t.Fatalf("%d sessions, want 2", len(found))
	}
	newest, oldest := found[0], found[1]
	if !newest.Current || newest.Device != "curl" || newest.Network != "2001:db8:1::/48" {
		t.Errorf("newest %+v", newest)
	}
	if oldest.Current || oldest.Device != "Firefox on Linux" || !newest.CreatedAt.After(oldest.CreatedAt) {
		t.Errorf("oldest %+v", oldest)
	}
	if left := time.Until(newest.ExpiresAt); left < 13*24*time.Hour || left > 14*24*time.Hour+time.Minute {
		t.Errorf("expires in %v, want the idle limit", left)
	}
	if mine := listed(t, first); len(mine) != 2 || mine[0].Current || !mine[1].Current {
		t.Errorf("the first session sees %+v", mine)
	}
	// What has ended is not listed.
	v.DB.Exec(t, `UPDATE sessions SET last_used_at = now() - interval '15 days' WHERE id = $1`, oldest.ID)
	if found := listed(t, second); len(found) != 1 {
		t.Errorf("%d sessions after one expired", len(found))
	}
}

// Over HTTP, as the list is made: a prefix of the address that the proxy tells,
// and when the session was last continued.
func TestListSaysFromWhereAndWhen(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, map[string]string{"TRUSTED_PROXIES": "127.0.0.1"}, login.Function, refresh.Function, sessions.Function)
	v.SignUp(t, "a@example.org")
	c := v.Client()
	c.Headers = append(c.Headers, "X-Forwarded-For", "203.0.113.77")
	c.Login(t, "a@example.org", authtest.Password).JSON(t, http.StatusOK, nil)
	newest := listed(t, c)[0]
	if newest.Network != "203.0.113.0/24" || newest.Device != "Firefox on Linux" || !newest.Current {
		t.Errorf("%+v", newest)
	}
	v.DB.Exec(t, `UPDATE sessions SET last_used_at = last_used_at - interval '3 days', expires_at = now() + interval '5 days' WHERE id = $1`, newest.ID)
	aged := listed(t, c)[0]
	c.Refresh(t).JSON(t, http.StatusOK, nil)
	used := listed(t, c)[0]
	if used.ID != newest.ID || used.LastUsedAt.Sub(aged.LastUsedAt) < 3*24*time.Hour-time.Minute || time.Since(used.LastUsedAt) > time.Minute {
		t.Errorf("last used %v, before %v", used.LastUsedAt, aged.LastUsedAt)
	}
	if left := time.Until(used.ExpiresAt); left > 5*24*time.Hour {
		t.Errorf("expires in %v, want the absolute limit where that comes first", left)
	}
}

func TestRevokeOne(t *testing.T) {
	t.Parallel()
	v := open(t)
	first := v.SignUp(t, "a@example.org")
	second := again(t, v, "a@example.org", "curl/8.5")
	documents(t, first, true)
	oldest := listed(t, second)[1]
	second.Call(t, http.MethodDelete, "/v1/auth/sessions/"+oldest.ID, nil).JSON(t, http.StatusNoContent, nil)
	documents(t, first, false) // at its next request, though its token is good for minutes
	documents(t, second, true)
	second.Call(t, http.MethodDelete, "/v1/auth/sessions/"+oldest.ID, nil).Problem(t, fault.NotFound)
	if n := dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM audit_log WHERE action = 'session.revoked' AND target = $1`, oldest.ID); n != 1 {
		t.Errorf("%d audit entries of one revocation", n)
	}
	// The own session can be ended too.
	second.Call(t, http.MethodDelete, "/v1/auth/sessions/"+listed(t, second)[0].ID, nil).JSON(t, http.StatusNoContent, nil)
	documents(t, second, false)
}

func TestAnotherUsersSessionIsNotThere(t *testing.T) {
	t.Parallel()
	v := open(t)
	a, b := v.SignUp(t, "a@example.org"), v.SignUp(t, "b@example.org")
	foreign := listed(t, b)[0].ID
	for _, target := range []string{foreign, id.New().String()} {
		a.Call(t, http.MethodDelete, "/v1/auth/sessions/"+target, nil).Problem(t, fault.NotFound)
	}
	a.Call(t, http.MethodDelete, "/v1/auth/sessions/garbage", nil).Problem(t, fault.ValidationFailed)
	documents(t, b, true)
	if n := dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM audit_log WHERE action = 'session.revoked'`); n != 0 {
		t.Errorf("%d audit entries of nothing", n)
	}
}

func TestRevokeOthers(t *testing.T) {
	t.Parallel()
	v := open(t)
	first := v.SignUp(t, "a@example.org")
	second, third := again(t, v, "a@example.org", "curl/8.5"), again(t, v, "a@example.org", "curl/8.5")
	stranger := v.SignUp(t, "b@example.org")
	second.Call(t, http.MethodDelete, "/v1/auth/sessions", nil).JSON(t, http.StatusNoContent, nil)
	documents(t, first, false)
	documents(t, third, false)
	documents(t, second, true)
	documents(t, stranger, true)
	if n := dbtest.Query1[int](t, v.DB, `SELECT count(DISTINCT target) FROM audit_log WHERE action = 'session.revoked'`); n != 2 {
		t.Errorf("audit entries of %d sessions, want one each for 2", n)
	}
	second.Call(t, http.MethodDelete, "/v1/auth/sessions", nil).JSON(t, http.StatusNoContent, nil) // none left: fine
}

func TestDisabledUserStops(t *testing.T) {
	t.Parallel()
	v := open(t)
	c := v.SignUp(t, "a@example.org")
	documents(t, c, true)
	v.DB.Exec(t, `UPDATE users SET disabled_at = now()`)
	documents(t, c, false)
	c.Call(t, http.MethodGet, "/v1/auth/sessions", nil).Problem(t, fault.SessionRevoked)
	c.Call(t, http.MethodDelete, "/v1/auth/sessions", nil).Problem(t, fault.SessionRevoked)
}
