package logout_test

import (
	"net/http"
	"testing"

	"docuvault/functions/auth/logout"
	"docuvault/functions/auth/refresh"
	"docuvault/functions/documents/list"
	"docuvault/shared/auth/authtest"
	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
)

func TestLogout(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, logout.Function, refresh.Function, list.Function)
	c := v.SignUp(t, "a@example.org")
	thief := c.Copy()
	answer := c.Call(t, http.MethodPost, "/v1/auth/logout", nil)
	answer.JSON(t, http.StatusNoContent, nil)
	if got := answer.Header.Values("Set-Cookie"); len(got) != 1 || got[0] != "docuvault_refresh=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict" {
		t.Errorf("Set-Cookie: %q", got)
	}
	if got := answer.Header.Get("Clear-Site-Data"); got != `"cache", "storage"` {
		t.Errorf("Clear-Site-Data: %s", got)
	}
	if c.RefreshToken() != "" || c.Cookies["docuvault_device"] == "" {
		t.Error("the browser keeps the refresh token, or forgets that the device is known")
	}
	thief.Call(t, http.MethodGet, "/v1/documents", nil).Problem(t, fault.SessionRevoked)
	thief.Refresh(t).Problem(t, fault.SessionRevoked)
	c.Call(t, http.MethodPost, "/v1/auth/logout", nil).JSON(t, http.StatusNoContent, nil) // twice is fine
	if n := dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM audit_log WHERE action = 'session.logged_out' AND actor = 'user'`); n != 1 {
		t.Errorf("%d audit entries, want 1", n)
	}
	if n := dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM alerts`); n != 0 {
		t.Errorf("%d alerts: a refresh after a logout is no replay", n)
	}
}

func TestLogoutNeedsAToken(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, map[string]string{"PUBLIC_URL": "https://vault.example.org"}, logout.Function)
	v.Client().Call(t, http.MethodPost, "/v1/auth/logout", nil).Problem(t, fault.Unauthenticated)
	c := v.SignUp(t, "a@example.org")
	answer := c.Call(t, http.MethodPost, "/v1/auth/logout", nil)
	if got := answer.Header.Get("Set-Cookie"); got != "__Host-docuvault_refresh=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict" {
		t.Errorf("Set-Cookie: %q", got)
	}
	// Another site's page cannot sign anybody out.
	c.Call(t, http.MethodPost, "/v1/auth/logout", nil, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example").Problem(t, fault.CrossOrigin)
}
