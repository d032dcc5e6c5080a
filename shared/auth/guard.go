package auth

import (
	"context"
	"net/netip"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/secret"
)

type identityKey struct{}

// Required is the guard of every route for signed-in users. It believes the
// access token, and where the operation's Security is from [Accepts], an API
// token of such a scope; whether session or token still live is checked in the
// batch of the route's own statements. It answers fault.Unauthenticated,
// fault.TokenExpired or, to an API token, fault.Forbidden.
func Required(env *host.Env) (hosthttp.Middleware, error) {
	verifier, err := OpenVerifier(env)
	if err != nil {
		return nil, err
	}
	db, err := database.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx huma.Context, next func(huma.Context)) {
		token, ok := bearer(ctx.Header("Authorization"))
		if !ok {
			hosthttp.Refuse(ctx, fault.New(fault.Unauthenticated, "Sign in, and send the access token as Authorization: Bearer."))
			return
		}
		var who Identity
		var err error
		if isAPIToken(token) {
			who, err = identify(ctx.Context(), db, token, accepted(ctx.Operation().Security))
		} else {
			who, err = verifier.Verify(token)
		}
		if err != nil {
			hosthttp.Refuse(ctx, err)
			return
		}
		inner := context.WithValue(ctx.Context(), identityKey{}, who)
		next(huma.WithContext(ctx, audit.WithOrigin(inner, OriginOf(ctx.Context(), ctx.Header("User-Agent")))))
	}, nil
}

// bearer reads the token of RFC 6750 section 2.1; the scheme's case does not
// matter.
func bearer(header string) (secret.Text, bool) {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return secret.Text{}, false
	}
	return secret.New(token), true
}

// From returns who is signed in. A route without [Required] has nobody, which
// is a programmer's error and panics.
func From(ctx context.Context) Identity {
	who, ok := ctx.Value(identityKey{}).(Identity)
	if !ok {
		panic("auth: this route has no auth.Required")
	}
	return who
}

// Actor is the database's view of who is signed in.
func Actor(ctx context.Context) database.Actor {
	return actorOf(From(ctx))
}

// OriginOf is what the audit log and the list of sessions say about where a
// request came from: never a whole address.
func OriginOf(ctx context.Context, userAgent string) audit.Origin {
	return audit.Origin{Network: NetworkOf(hosthttp.ClientAddr(ctx)), Device: DeviceName(userAgent)}
}

// NetworkOf is the prefix of an address that is kept: /24 of IPv4, /48 of IPv6;
// "" if unknown.
func NetworkOf(addr netip.Addr) string {
	bits := 48
	if addr.Is4() {
		bits = 24
	}
	prefix, err := addr.Prefix(bits)
	if err != nil || !prefix.IsValid() { // the prefix of no address is no error
		return ""
	}
	return prefix.String()
}

// DeviceName is a browser and a system in words ("Firefox on Linux"), or the
// program's name. User agents are long, and say more than we want to keep.
func DeviceName(userAgent string) string {
	system := first(userAgent, "Android", "Android", "iPhone", "iPhone", "iPad", "iPad", "Windows", "Windows",
		"Macintosh", "macOS", "CrOS", "ChromeOS", "Linux", "Linux")
	program := first(userAgent, "docuvault/", "docuvault push", "Edg/", "Edge", "OPR/", "Opera", "Firefox/", "Firefox",
		"Chrome/", "Chrome", "Safari/", "Safari", "curl/", "curl", "python", "Python", "Go-http-client", "a Go program")
	switch {
	case program == "" && system == "":
		return "unknown device"
	case program == "":
		return "a program on " + system
	case system == "":
		return program
	default:
		return program + " on " + system
	}
}

// first returns the name behind the first mark that s holds; marks and names
// take turns.
func first(s string, marksAndNames ...string) string {
	for i := 0; i < len(marksAndNames); i += 2 {
		if strings.Contains(s, marksAndNames[i]) {
			return marksAndNames[i+1]
		}
	}
	return ""
}
