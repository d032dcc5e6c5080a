package reauth_test

import (
	"net/http"
	"strings"
	"testing"

	"docuvault/functions/auth/reauth"
	"docuvault/shared/auth"
	"docuvault/shared/auth/authtest"
	"docuvault/shared/database"
	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/secret"
)

func prove(t *testing.T, c *authtest.Client, password string) interface {
	Problem(testing.TB, fault.Code) map[string]any
	JSON(testing.TB, int, any)
} {
	t.Helper()
	return c.Call(t, http.MethodPost, "/v1/auth/reauth", map[string]string{"password": password})
}

// fresh runs a batch that wants a fresh proof, as sensitive routes will.
func fresh(t *testing.T, v *authtest.Vault, c *authtest.Client) error {
	t.Helper()
	verifier, err := auth.OpenVerifier(v.Env)
	if err != nil {
		t.Fatal(err)
	}
	who, err := verifier.Verify(secret.New(c.Token))
	if err != nil {
		t.Fatal(err)
	}
	db, err := database.Open(v.Env)
	if err != nil {
		t.Fatal(err)
	}
	return db.Do(t.Context(), database.SignedIn(who.User, who.Session, who.Generation).Fresh(), func(b *database.Batch) {
		b.Exec(`UPDATE users SET display_name = display_name || '!' WHERE id = app_user()`, nil)
	})
}

func TestReauth(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, reauth.Function)
	c, other := v.SignUp(t, "a@example.org"), v.SignUp(t, "b@example.org")
	if err := fresh(t, v, c); err != nil {
		t.Fatalf("right after signing in: %v", err)
	}
	v.DB.Exec(t, `UPDATE sessions SET reauth_at = now() - interval '10 minutes 1 second'`)
	if err := fresh(t, v, c); fault.CodeOf(err) != fault.ReauthRequired {
		t.Fatalf("10 minutes later: %v", err)
	}
	prove(t, c, "wrong").Problem(t, fault.InvalidCredentials)
	if err := fresh(t, v, c); fault.CodeOf(err) != fault.ReauthRequired {
		t.Fatalf("after a wrong password: %v", err)
	}
	prove(t, c, authtest.Password).JSON(t, http.StatusNoContent, nil)
	if err := fresh(t, v, c); err != nil {
		t.Fatalf("after the right one: %v", err)
	}
	if err := fresh(t, v, other); fault.CodeOf(err) != fault.ReauthRequired {
		t.Fatalf("another session: %v", err)
	}
	if name := dbtest.Query1[string](t, v.DB, `SELECT display_name FROM users WHERE email = 'a@example.org'`); name != "!!" {
		t.Errorf("%d of the batches were committed, want 2", len(name))
	}
	if n := dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM audit_log WHERE action = 'session.reauthenticated'`); n != 1 {
		t.Errorf("%d audit entries, want 1", n)
	}
	if strings.Contains(v.Log.String(), authtest.Password) {
		t.Error("the log holds a password")
	}
}

func TestReauthIsLimited(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, reauth.Function)
	c := v.SignUp(t, "a@example.org")
	for range 10 {
		prove(t, c, "wrong").Problem(t, fault.InvalidCredentials)
	}
	prove(t, c, authtest.Password).Problem(t, fault.RateLimited)
	v.DB.Exec(t, `UPDATE rate_limits SET updated_at = updated_at - interval '1 minute'`)
	prove(t, c, authtest.Password).JSON(t, http.StatusNoContent, nil)
}

func TestReauthOfAnEndedSession(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, reauth.Function)
	c := v.SignUp(t, "a@example.org")
	v.DB.Exec(t, `UPDATE sessions SET revoked_at = now(), revoked_reason = 'revoked'`)
	prove(t, c, authtest.Password).Problem(t, fault.SessionRevoked)
	v.Client().Call(t, http.MethodPost, "/v1/auth/reauth", map[string]string{"password": authtest.Password}).Problem(t, fault.Unauthenticated)
}
