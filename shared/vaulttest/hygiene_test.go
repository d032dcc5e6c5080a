package vaulttest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/functions"
	"docuvault/shared/dbtest"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/host/hostserver"
	"docuvault/shared/vaulttest"
)

// hardened are the headers of every answer.
var hardened = map[string]string{
	"Cache-Control":                "no-store",
	"Content-Security-Policy":      "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
}

// panics is a function that does.
var panics = host.Function{Name: "test-panics", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "test-panics", Method: http.MethodGet, Path: "/v1/panics", Summary: "Panic",
}, func(*host.Env) (func(context.Context, *struct{}) (*struct{}, error), error) {
	return func(context.Context, *struct{}) (*struct{}, error) { panic("on purpose") }, nil
})}

// hardenedServer serves all functions, one that panics and the health checks
// with the headers that each home gives them.
func hardenedServer(t *testing.T, w *vaulttest.World) *httptest.Server {
	t.Helper()
	api, err := hosthttp.Handler(w.Env, append(functions.HTTP(), panics)...)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	hostserver.Health(mux, w.Env, func() bool { return false })
	mux.Handle("/", api)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// Every route, with and without a token, well-formed or not; addresses that are
// none, methods that no route takes, bodies that are too large or no JSON, and
// a panic: all answers have the headers for safety.
func TestHeadersOnEveryRoute(t *testing.T) {
	t.Parallel()
	for _, public := range []string{"https://vault.example.org", "http://vault.example.org", ""} {
		w := vaulttest.New(t, map[string]string{"PUBLIC_URL": public})
		w.Allow("panic")
		server := hardenedServer(t, w)
		u := w.User(t)
		checked := 0
		check := func(want int, method, path string, body any, headers ...string) {
			t.Helper()
			checked++
			answer := hosttest.Call(t, server.Client(), method, server.URL+path, body, headers...)
			what := method + " " + path
			if want != 0 && answer.StatusCode != want {
				t.Errorf("%s: %d, want %d", what, answer.StatusCode, want)
			}
			for name, value := range hardened {
				got := answer.Header.Values(name)
				if path == "/.well-known/jwks.json" && name == "Cache-Control" && answer.StatusCode == http.StatusOK {
					value = "public, max-age=3600" // public keys
				}
				if len(got) != 1 || got[0] != value {
					t.Errorf("%s (%d): %s is %q, want %q", what, answer.StatusCode, name, got, value)
				}
			}
			if hsts := answer.Header.Get("Strict-Transport-Security"); (hsts == "max-age=63072000; includeSubDomains") != strings.HasPrefix(public, "https:") {
				t.Errorf("%s at %q: Strict-Transport-Security is %q", what, public, hsts)
			}
			for name := range answer.Header {
				if strings.HasPrefix(name, "Access-Control-") || name == "Server" || name == "X-Powered-By" {
					t.Errorf("%s: has %s", what, name)
				}
			}
			if len(answer.Bytes) > 0 && answer.Header.Get("Content-Type") == "" {
				t.Errorf("%s: a body without a type", what)
			}
		}
		for _, fn := range functions.HTTP() {
			route := fn.Trigger.(*hosthttp.Route)
			path := parameter.ReplaceAllString(route.Path(), u.ID.String())
			check(0, route.Method(), path, nil)
			check(0, route.Method(), path, "no JSON", "Authorization", "Bearer "+u.Token)
			check(http.StatusMethodNotAllowed, http.MethodTrace, path, nil)
			check(0, route.Method(), path+"?"+strings.Repeat("x", 100), nil, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
		}
		check(http.StatusOK, http.MethodGet, "/v1/me", nil, "Authorization", "Bearer "+w.User(t).Token)
		check(http.StatusNotFound, http.MethodGet, "/nothing", nil)
		check(http.StatusNotFound, http.MethodGet, "/v1/../etc/passwd%00", nil)
		check(http.StatusMethodNotAllowed, http.MethodPut, "/v1/me", nil)
		check(http.StatusRequestEntityTooLarge, http.MethodPost, "/v1/auth/login", `{"email":"`+strings.Repeat("a", 2<<20)+`"}`)
		check(http.StatusUnsupportedMediaType, http.MethodPost, "/v1/auth/login", "a", "Content-Type", "text/xml")
		check(http.StatusForbidden, http.MethodPost, "/v1/auth/login", "{}", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
		check(http.StatusOK, http.MethodGet, "/openapi.yaml", nil)
		check(http.StatusInternalServerError, http.MethodGet, "/v1/panics", nil)
		if checked < 180 {
			t.Errorf("only %d answers", checked)
		}
	}
}

// Who may call from a browser: the vault's own page, and those of
// ALLOWED_ORIGINS; no other origin is told anything that a browser would let
// it read, on any route, and nothing is reflected.
func TestCORSIsAFixedList(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, map[string]string{"PUBLIC_URL": "https://vault.example.org", "ALLOWED_ORIGINS": "https://app.example.org,https://Other.example.org:8443"})
	u := w.User(t)
	allowed := []string{"https://app.example.org", "https://other.example.org:8443"}
	refused := []string{"https://evil.example", "http://app.example.org", "https://app.example.org.evil.example", "https://app.example.org:8443",
		"https://x.app.example.org", "https://APP.example.org", "null", "*", "https://vault.example.org"}
	for _, fn := range functions.HTTP() {
		route := fn.Trigger.(*hosthttp.Route)
		path := parameter.ReplaceAllString(route.Path(), u.ID.String())
		for i, origin := range append(allowed, refused...) {
			preflight := u.Call(t, http.MethodOptions, path, nil, "Origin", origin, "Access-Control-Request-Method", route.Method(), "Access-Control-Request-Headers", "authorization")
			request := (&vaulttest.User{World: w}).Call(t, route.Method(), path, nil, "Origin", origin)
			for name, answer := range map[string]hosttest.Answer{"preflight": preflight, "request": request} {
				if answer.Header.Get("Vary") != "Origin" {
					t.Errorf("%s, %s from %s: Vary is %q", fn.Name, name, origin, answer.Header.Get("Vary"))
				}
				want := ""
				if i < len(allowed) {
					want = origin
				}
				if got := answer.Header.Get("Access-Control-Allow-Origin"); got != want {
					t.Errorf("%s, %s from %s: Access-Control-Allow-Origin is %q", fn.Name, name, origin, got)
				}
				if got := answer.Header.Get("Access-Control-Allow-Credentials"); got == "true" != (want != "") {
					t.Errorf("%s, %s from %s: Access-Control-Allow-Credentials is %q", fn.Name, name, origin, got)
				}
			}
			methods := preflight.Header.Get("Access-Control-Allow-Methods")
			if i < len(allowed) && (preflight.StatusCode != http.StatusNoContent || !strings.Contains(methods, route.Method()) ||
				!strings.Contains(preflight.Header.Get("Access-Control-Allow-Headers"), "Authorization")) || i >= len(allowed) && (methods != "" || preflight.StatusCode < 400) {
				t.Errorf("%s: preflight from %s: %d, methods %q", fn.Name, origin, preflight.StatusCode, methods)
			}
		}
	}
}

// CSRF: no route that changes anything takes a request that a browser sent from
// another site, whatever cookie and token come along, and nothing happens.
func TestNoRouteTakesAnothersSitesRequest(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, map[string]string{"PUBLIC_URL": "https://vault.example.org", "ALLOWED_ORIGINS": "https://app.example.org"})
	u := w.User(t)
	document := u.Store(t, "a.txt", "text/plain", vaulttest.Unique(t, 10))
	before := w.DB.Dump(t)
	refused := 0
	for _, fn := range functions.HTTP() {
		route := fn.Trigger.(*hosthttp.Route)
		if route.Method() == http.MethodGet {
			continue
		}
		path := parameter.ReplaceAllString(route.Path(), document.ID.String())
		for _, headers := range [][]string{
			{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"},
			{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site", "Host", "evil.example"},
		} {
			refused++
			for _, kind := range []string{"application/json", "text/plain", "application/x-www-form-urlencoded"} {
				answer := u.Call(t, route.Method(), path, "{}", append(headers, "Content-Type", kind)...)
				if answer.StatusCode != http.StatusForbidden || !strings.Contains(string(answer.Bytes), `"cross_origin"`) {
					t.Errorf("%s with %v: %d %s", fn.Name, headers, answer.StatusCode, answer.Bytes)
				}
			}
		}
	}
	if string(w.DB.Dump(t)) != string(before) {
		t.Error("the database changed")
	}
	if refused < 100 {
		t.Errorf("only %d requests", refused)
	}
}

// The client's address counts for limits, the list of sessions and the audit
// log. What a client writes into X-Forwarded-For itself is believed nowhere;
// behind trusted proxies, the hop that the nearest of them saw.
func TestTheClientsAddressIsNotWhatItSays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ trusted, forwarded, want string }{
		"no proxy":                 {"", "203.0.113.9", "127.0.0.0/24"},
		"a proxy":                  {"127.0.0.0/8", "203.0.113.9", "203.0.113.0/24"},
		"a client that lies":       {"127.0.0.0/8", "198.51.100.1, 203.0.113.9", "203.0.113.0/24"},
		"two proxies, and lies":    {"127.0.0.0/8,10.0.0.0/8", "198.51.100.1, 203.0.113.9, 10.0.0.7", "203.0.113.0/24"},
		"a lie that names a proxy": {"127.0.0.0/8,10.0.0.0/8", "10.0.0.9, 203.0.113.9", "203.0.113.0/24"},
		"another's proxies":        {"10.0.0.0/8", "203.0.113.9", "127.0.0.0/24"},
	} {
		w := vaulttest.New(t, map[string]string{"TRUSTED_PROXIES": c.trusted})
		stranger := &vaulttest.User{World: w}
		stranger.Call(t, http.MethodPost, "/v1/auth/register", map[string]any{"email": "a@example.org", "password": "correct horse battery staple"},
			"X-Forwarded-For", c.forwarded, "X-Real-Ip", "198.51.100.2", "Forwarded", "for=198.51.100.3", "X-Client-Ip", "198.51.100.4").JSON(t, http.StatusCreated, nil)
		if got := dbtest.Query1[string](t, w.DB, `SELECT network FROM sessions`); got != c.want {
			t.Errorf("%s: the session is from %q, want %q", name, got, c.want)
		}
	}
}
