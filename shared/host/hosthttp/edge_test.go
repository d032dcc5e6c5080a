package hosthttp

import (
	"crypto/tls"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"docuvault/shared/host"
)

func edge(t *testing.T, vars ...string) *Edge {
	t.Helper()
	env, err := host.NewEnv(vars, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	e, err := OpenEdge(env)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestClientAddr(t *testing.T) {
	t.Parallel()
	trusting := edge(t, "TRUSTED_PROXIES=10.0.0.0/8, 2001:db8::/32,127.0.0.1")
	tests := []struct {
		name, remote string
		forwarded    []string
		edge         *Edge
		want         string
	}{
		{"host and port", "192.0.2.7:4711", nil, trusting, "192.0.2.7"},
		{"bare address, as on Lambda", "192.0.2.7", nil, trusting, "192.0.2.7"},
		{"IPv6 with port", "[2001:db9::1]:80", nil, trusting, "2001:db9::1"},
		{"IPv6 bare", "2001:db9::1", nil, trusting, "2001:db9::1"},
		{"IPv4 in IPv6", "[::ffff:192.0.2.7]:80", nil, trusting, "192.0.2.7"},
		{"zone", "[fe80::1%eth0]:80", nil, trusting, "fe80::1"},
		{"client lies, no proxy", "192.0.2.7:1", []string{"9.9.9.9"}, trusting, "192.0.2.7"},
		{"nobody is trusted", "10.0.0.1:1", []string{"9.9.9.9"}, edge(t), "10.0.0.1"},
		{"one proxy", "10.0.0.1:1", []string{"192.0.2.7"}, trusting, "192.0.2.7"},
		{"one proxy, client lies", "10.0.0.1:1", []string{"9.9.9.9, 192.0.2.7"}, trusting, "192.0.2.7"},
		{"client claims to be a proxy", "10.0.0.1:1", []string{"9.9.9.9, 10.1.1.1, 192.0.2.7"}, trusting, "192.0.2.7"},
		{"two proxies", "10.0.0.1:1", []string{"9.9.9.9, 192.0.2.7, 10.0.0.2"}, trusting, "192.0.2.7"},
		{"two lines", "10.0.0.1:1", []string{"9.9.9.9", "192.0.2.7, 2001:db8::5"}, trusting, "192.0.2.7"},
		{"with port", "127.0.0.1:1", []string{"192.0.2.7:99"}, trusting, "192.0.2.7"},
		{"only proxies", "10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, trusting, "10.0.0.3"},
		{"nonsense", "10.0.0.1:1", []string{"9.9.9.9, unknown"}, trusting, "10.0.0.1"},
		{"nothing", "@", nil, trusting, "invalid IP"},
	}
	for _, tt := range tests {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tt.remote
		r.Header["X-Forwarded-For"] = tt.forwarded
		if got := tt.edge.ClientAddr(r).String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestPublicURL(t *testing.T) {
	t.Parallel()
	proxied, plain := edge(t, "TRUSTED_PROXIES=10.0.0.0/8"), edge(t)
	tests := []struct {
		name, remote, proto, host string
		tls                       bool
		edge                      *Edge
		want                      string
	}{
		{"configured", "10.0.0.1:1", "http", "evil.example", false, edge(t, "PUBLIC_URL=https://vault.example/", "TRUSTED_PROXIES=10.0.0.0/8"), "https://vault.example"},
		{"plain", "192.0.2.7:1", "", "", false, plain, "http://example.com"},
		{"TLS", "192.0.2.7:1", "", "", true, plain, "https://example.com"},
		{"client lies", "192.0.2.7:1", "https", "evil.example", false, proxied, "http://example.com"},
		{"proxy", "10.0.0.1:1", "https", "vault.example:8443", false, proxied, "https://vault.example:8443"},
		{"proxy that appends", "10.0.0.1:1", "http, https", "evil.example, vault.example", false, proxied, "https://vault.example"},
		{"proxy, nonsense", "10.0.0.1:1", "gopher", "a/b@c", false, proxied, "http://example.com"},
	}
	for _, tt := range tests {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tt.remote
		r.Header["X-Forwarded-Proto"], r.Header["X-Forwarded-Host"] = []string{tt.proto}, []string{tt.host}
		if tt.tls {
			r.TLS = &tls.ConnectionState{}
		}
		if got := tt.edge.PublicURL(r).String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	e := edge(t, "PUBLIC_URL=https://vault.example", "ALLOWED_ORIGINS=https://app.example, https://other.example:8443")
	for origin, allowed := range map[string]bool{
		"": true, "https://vault.example": true, "https://app.example": true, "https://other.example:8443": true,
		"https://evil.example": false, "http://vault.example": false, "null": false,
	} {
		r := httptest.NewRequest("POST", "http://internal.example/", nil)
		if origin != "" {
			r.Header.Set("Origin", origin)
			r.Header.Set("Sec-Fetch-Site", "cross-site")
		}
		if err := e.Check(r); (err == nil) != allowed {
			t.Errorf("%q: %v", origin, err)
		}
	}
}
