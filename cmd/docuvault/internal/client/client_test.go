package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"docuvault/cmd/docuvault/internal/client"
	"docuvault/shared/secret"
)

// vault is the authentication of the contract: access tokens with a number, a
// refresh cookie that rotates, and an end.
type vault struct {
	server *httptest.Server

	mu        sync.Mutex
	token     int
	cookie    int
	logins    int
	refreshes int
	logouts   int
	revoked   bool // the session is gone
	totp      bool
	begin     func(n int, w http.ResponseWriter) bool
	begins    int
}

func newVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{}
	grant := func(w http.ResponseWriter) {
		v.token++
		v.cookie++
		http.SetCookie(w, &http.Cookie{Name: "docuvault_refresh", Value: fmt.Sprint(v.cookie), Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
		send(w, 200, map[string]any{"access_token": fmt.Sprint("t", v.token), "token_type": "Bearer", "expires_in": 600})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/auth/login", func(w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.logins++
		var in map[string]string
		_ = json.NewDecoder(r.Body).Decode(&in)
		switch {
		case in["password"] != "right":
			send(w, 401, map[string]any{"code": "invalid_credentials", "detail": "Wrong email or password."})
		case v.totp && in["totp_code"] != "123456":
			send(w, 401, map[string]any{"code": "totp_required"})
		default:
			v.revoked = false
			grant(w)
		}
	})
	mux.HandleFunc("POST /v1/auth/refresh", func(w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.refreshes++
		c, err := r.Cookie("docuvault_refresh")
		if err != nil || c.Value != fmt.Sprint(v.cookie) || v.revoked {
			send(w, 401, map[string]any{"code": "refresh_invalid"})
			return
		}
		grant(w)
	})
	mux.HandleFunc("POST /v1/auth/logout", func(w http.ResponseWriter, _ *http.Request) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.logouts++
		w.WriteHeader(204)
	})
	mux.HandleFunc("GET /v1/documents/{id}", func(w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.begins++
		switch {
		case v.begin != nil && v.begin(v.begins, w):
		case r.Header.Get("Authorization") != fmt.Sprint("Bearer t", v.token) || v.revoked:
			send(w, 401, map[string]any{"code": "token_expired"})
		default:
			send(w, 200, map[string]any{"id": r.PathValue("id"), "status": "ready"})
		}
	})
	mux.HandleFunc("GET /v1/uploads/{id}/parts", func(w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		defer v.mu.Unlock()
		if r.Header.Get("Authorization") != fmt.Sprint("Bearer t", v.token) {
			send(w, 401, map[string]any{"code": "unauthenticated"})
			return
		}
		send(w, 404, map[string]any{"code": "not_found"})
	})
	v.server = httptest.NewServer(mux)
	t.Cleanup(v.server.Close)
	return v
}

func send(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func open(t *testing.T, v *vault, change func(*client.Credentials, *client.Options)) *client.Client {
	t.Helper()
	cr := client.Credentials{Email: "a@example.org", Password: secret.New("right")}
	o := client.Options{Backoff: time.Millisecond}
	if change != nil {
		change(&cr, &o)
	}
	c, err := client.New(v.server.URL+"/", cr, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func get(t *testing.T, c *client.Client) {
	t.Helper()
	if d, err := c.Document(t.Context(), "x"); err != nil || d.Status != "ready" {
		t.Fatalf("%+v, %v", d, err)
	}
}

func TestSessionIsRenewedBeforeItEnds(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	var seconds atomic.Int64
	start := time.Now()
	c := open(t, v, func(_ *client.Credentials, o *client.Options) {
		o.Now = func() time.Time { return start.Add(time.Duration(seconds.Load()) * time.Second) }
	})
	for _, step := range []struct{ at, logins, refreshes int }{{0, 1, 0}, {500, 1, 0}, {545, 1, 1}, {1000, 1, 1}, {1100, 1, 2}} {
		seconds.Store(int64(step.at))
		get(t, c)
		if v.logins != step.logins || v.refreshes != step.refreshes {
			t.Errorf("after %d s: %d logins, %d refreshes, want %+v", step.at, v.logins, v.refreshes, step)
		}
	}
	// The session is gone: the password opens a new one.
	v.revoked = true
	get(t, c)
	if v.logins != 2 {
		t.Errorf("%d logins", v.logins)
	}
	if err := c.SignOut(t.Context()); err != nil || v.logouts != 1 {
		t.Errorf("sign out: %v, %d", err, v.logouts)
	}
	if err := c.SignOut(t.Context()); err != nil || v.logouts != 1 {
		t.Errorf("sign out again: %v, %d", err, v.logouts)
	}
}

func TestManyAtOnceRenewOnce(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	c := open(t, v, nil)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { get(t, c) })
	}
	all.Wait()
	if v.logins != 1 {
		t.Errorf("%d logins", v.logins)
	}
	v.mu.Lock()
	v.token++ // all tokens out there are refused from now on
	v.mu.Unlock()
	for range 20 {
		all.Go(func() { get(t, c) })
	}
	all.Wait()
	if v.logins != 1 || v.refreshes != 1 {
		t.Errorf("%d logins, %d refreshes", v.logins, v.refreshes)
	}
}

func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	c := open(t, v, func(cr *client.Credentials, _ *client.Options) { cr.Password = secret.New("wrong") })
	err := c.SignIn(t.Context())
	if client.CodeOf(err) != "invalid_credentials" || err.Error() != "sign in: Wrong email or password." || v.logins != 1 {
		t.Errorf("%v after %d logins", err, v.logins)
	}
	c = open(t, v, func(cr *client.Credentials, _ *client.Options) { cr.Token = secret.New("other") })
	if _, err := c.Document(t.Context(), "x"); client.CodeOf(err) != "token_expired" || v.logins != 1 {
		t.Errorf("%v", err)
	}
}

func TestAPIToken(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	v.token = 7
	c := open(t, v, func(cr *client.Credentials, _ *client.Options) { *cr = client.Credentials{Token: secret.New("t7")} })
	if err := c.SignIn(t.Context()); err != nil {
		t.Errorf("sign in: %v", err)
	}
	wrong := open(t, v, func(cr *client.Credentials, _ *client.Options) { *cr = client.Credentials{Token: secret.New("t8")} })
	if err := wrong.SignIn(t.Context()); client.CodeOf(err) != "unauthenticated" {
		t.Errorf("sign in with another token: %v", err)
	}
	get(t, c)
	if err := c.SignOut(t.Context()); err != nil || v.logins+v.refreshes+v.logouts != 0 {
		t.Errorf("%v; a session was opened or closed", err)
	}
}

func TestSecondFactor(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	v.totp = true
	if err := open(t, v, nil).SignIn(t.Context()); client.CodeOf(err) != "totp_required" {
		t.Errorf("%v", err)
	}
	c := open(t, v, func(cr *client.Credentials, _ *client.Options) {
		cr.TOTP = func(context.Context) (secret.Text, error) { return secret.New("123456"), nil }
	})
	if err := c.SignIn(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		begin func(n int, w http.ResponseWriter) bool
		asked int
		code  string
	}{
		"five failures pass": {func(n int, w http.ResponseWriter) bool { return fails(w, n < 6, 503, "unavailable") }, 6, ""},
		"six are enough":     {func(n int, w http.ResponseWriter) bool { return fails(w, true, 500, "internal") }, 6, "internal"},
		"the server's pace":  {func(n int, w http.ResponseWriter) bool { return fails(w, n < 20, 429, "rate_limited") }, 20, ""},
		"not for ever":       {func(n int, w http.ResponseWriter) bool { return fails(w, true, 429, "rate_limited") }, 31, "rate_limited"},
		"a refusal is final": {func(n int, w http.ResponseWriter) bool { return fails(w, true, 404, "not_found") }, 1, "not_found"},
		"redirects are not followed": {func(_ int, w http.ResponseWriter) bool {
			w.Header().Set("Location", "https://elsewhere.example/")
			w.WriteHeader(307)
			return true
		}, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVault(t)
			v.begin = c.begin
			_, err := open(t, v, nil).Document(t.Context(), "x")
			if client.CodeOf(err) != c.code || v.begins != c.asked {
				t.Errorf("%v after %d requests, want %d", err, v.begins, c.asked)
			}
			if strings.HasPrefix(name, "redirects") && (err == nil || !strings.Contains(err.Error(), "https://elsewhere.example/")) {
				t.Errorf("%v", err)
			}
		})
	}
}

func fails(w http.ResponseWriter, now bool, status int, code string) bool {
	if now {
		send(w, status, map[string]any{"code": code, "retry_after": 0.001})
	}
	return now
}

func TestWaitsEndWithTheContext(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	v.begin = func(_ int, w http.ResponseWriter) bool {
		send(w, 429, map[string]any{"code": "rate_limited", "retry_after": 200})
		cancel(stop)
		return true
	}
	if _, err := open(t, v, nil).Document(ctx, "x"); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "localhost:8080", "ftp://x", "http://", "http://u:p@host", "https://host/?q"} {
		if _, err := client.New(bad, client.Credentials{}, client.Options{}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	for address, insecure := range map[string]bool{
		"http://localhost:8080": false, "http://127.0.0.1": false, "http://[::1]:80": false, "https://vault.example.org": false,
		"http://vault.example.org": true, "http://192.168.1.2": true,
	} {
		c, err := client.New(address, client.Credentials{}, client.Options{})
		if err != nil || c.Insecure() != insecure {
			t.Errorf("%s: %v, insecure %v", address, err, c.Insecure())
		}
	}
}
