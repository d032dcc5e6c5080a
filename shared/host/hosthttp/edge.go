package hosthttp

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"docuvault/shared/host"
)

// Edge knows what lies between clients and us: which proxies to believe, by
// which address the world knows us, and whose pages may call us. It is one
// resource of the Env ([OpenEdge]), the same for all homes.
type Edge struct {
	public  *url.URL
	trusted []netip.Prefix
	allowed []string // origins besides our own
	cross   *http.CrossOriginProtection
}

type edgeConfig struct {
	PublicURL      string   `env:"PUBLIC_URL"`
	TrustedProxies []string `env:"TRUSTED_PROXIES"`
	AllowedOrigins []string `env:"ALLOWED_ORIGINS"`
}

// OpenEdge reads PUBLIC_URL (scheme and host, no path), TRUSTED_PROXIES
// (networks in CIDR form or single addresses, separated by commas) and
// ALLOWED_ORIGINS (origins whose pages may call us besides our own, with the
// user's cookies: each is trusted like our own page).
func OpenEdge(env *host.Env) (*Edge, error) { return host.Resource(env, openEdge) }

func openEdge(env *host.Env) (*Edge, error) {
	cfg, err := host.Config[edgeConfig](env)
	if err != nil {
		return nil, err
	}
	e := &Edge{cross: http.NewCrossOriginProtection()}
	if cfg.PublicURL != "" {
		u, err := url.Parse(cfg.PublicURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || !validHost(u.Host) ||
			u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return nil, fmt.Errorf("PUBLIC_URL: want scheme and host only, like https://vault.example.org")
		}
		e.public = &url.URL{Scheme: u.Scheme, Host: u.Host}
		if err := e.cross.AddTrustedOrigin(e.public.String()); err != nil {
			return nil, fmt.Errorf("PUBLIC_URL: %w", err)
		}
	}
	for _, raw := range cfg.TrustedProxies {
		prefix, err := parsePrefix(strings.TrimSpace(raw))
		if err != nil {
			return nil, fmt.Errorf("TRUSTED_PROXIES: %q is no network like 10.0.0.0/8 and no address", raw)
		}
		e.trusted = append(e.trusted, prefix)
	}
	for _, raw := range cfg.AllowedOrigins {
		origin := strings.ToLower(strings.TrimSpace(raw)) // as browsers write it
		if u, err := url.Parse(origin); err != nil || !validHost(u.Host) || e.cross.AddTrustedOrigin(origin) != nil {
			return nil, fmt.Errorf("ALLOWED_ORIGINS: %q is no origin like https://app.example.org", raw)
		}
		e.allowed = append(e.allowed, origin)
	}
	return e, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		return p.Masked(), err
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
}

// ClientAddr returns the network address of the client: the peer of the
// connection (on Lambda the gateway's sourceIp), or, while that is a trusted
// proxy, the next address to the left in X-Forwarded-For. What a client writes
// into that header itself is never believed. The zero Addr: unknown.
func (e *Edge) ClientAddr(r *http.Request) netip.Addr {
	addr := parseAddr(r.RemoteAddr)
	hops := list(r.Header, "X-Forwarded-For")
	for i := len(hops) - 1; i >= 0 && e.trusts(addr); i-- {
		hop := parseAddr(hops[i])
		if !hop.IsValid() {
			break
		}
		addr = hop
	}
	return addr
}

// PublicURL returns scheme and host by which the client reaches us: PUBLIC_URL,
// else those of the request; X-Forwarded-Proto and X-Forwarded-Host count only
// from a trusted proxy, and of several values the last one, which that proxy
// wrote.
func (e *Edge) PublicURL(r *http.Request) *url.URL {
	if e.public != nil {
		u := *e.public
		return &u
	}
	u := &url.URL{Scheme: "http", Host: r.Host}
	if r.TLS != nil || r.URL.Scheme == "https" { // Lambda's adapter sets the URL's scheme
		u.Scheme = "https"
	}
	if !e.trusts(parseAddr(r.RemoteAddr)) {
		return u
	}
	if protos := list(r.Header, "X-Forwarded-Proto"); len(protos) > 0 {
		if p := strings.ToLower(protos[len(protos)-1]); p == "http" || p == "https" {
			u.Scheme = p
		}
	}
	if hosts := list(r.Header, "X-Forwarded-Host"); len(hosts) > 0 {
		if h := hosts[len(hosts)-1]; validHost(h) {
			u.Host = h
		}
	}
	return u
}

// Check refuses what a browser sends from another site (see
// [http.CrossOriginProtection]), unless its origin is allowed.
func (e *Edge) Check(r *http.Request) error { return e.cross.Check(r) }

func (e *Edge) trusts(addr netip.Addr) bool {
	for _, p := range e.trusted {
		if addr.IsValid() && p.Contains(addr) {
			return true
		}
	}
	return false
}

// list returns the comma-separated values of all lines of a header.
func list(h http.Header, name string) []string {
	var out []string
	for _, line := range h.Values(name) {
		for v := range strings.SplitSeq(line, ",") {
			if v = strings.TrimSpace(v); v != "" {
				out = append(out, v)
			}
		}
	}
	return out
}

// parseAddr reads an address with or without a port, with or without brackets.
func parseAddr(s string) netip.Addr {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// validHost reports whether s is a host with an optional port and nothing else.
func validHost(s string) bool {
	name := s
	if h, port, err := net.SplitHostPort(s); err == nil {
		if name = h; port == "" {
			return false
		}
		for _, c := range port {
			if c < '0' || c > '9' {
				return false
			}
		}
	}
	if parseAddr(name).IsValid() {
		return true
	}
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return name != ""
}

// ClientAddr returns the client's network address of the request that ctx
// belongs to; the zero Addr if there is none.
func ClientAddr(ctx context.Context) netip.Addr {
	if c := callOf(ctx); c != nil {
		return c.client
	}
	return netip.Addr{}
}

// PublicURL returns scheme and host by which the client reached us: for links,
// presigned URLs of the embedded storage, and whether cookies are Secure.
func PublicURL(ctx context.Context) *url.URL {
	if c := callOf(ctx); c != nil {
		u := *c.public
		return &u
	}
	return &url.URL{Scheme: "http", Host: "localhost"}
}
