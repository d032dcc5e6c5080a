package hosthttp

import (
	"net/http"
	"slices"

	"docuvault/shared/host/hostserver"
)

// hsts is two years, for this host and all below it.
const hsts = "max-age=63072000; includeSubDomains"

// Headers sets what every answer has, whatever it turns out to be: errors,
// panics and answers of other handlers on the same port included. An answer
// may replace a value by its own. It may be called more than once.
//
// Over https that is Strict-Transport-Security as well (RFC 6797 section 7.2:
// not over http; ASVS 5.0 item 3.4.1), and for a page of ALLOWED_ORIGINS, and
// nobody else, what CORS wants (ASVS 5.0 item 3.4.2).
func (e *Edge) Headers(h http.Header, r *http.Request) {
	hostserver.Harden(h)
	if e.PublicURL(r).Scheme == "https" {
		h.Set("Strict-Transport-Security", hsts)
	}
	if len(e.allowed) == 0 {
		return
	}
	h.Set("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if !slices.Contains(e.allowed, origin) {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	// For sign-in: the refresh token is a cookie. It is SameSite=Strict, so only
	// a page of the same site can use it.
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", "ETag, Retry-After, X-Request-Id")
}

// preflight answers what a browser asks before a request from one of
// ALLOWED_ORIGINS, and reports whether it was that.
func (e *Edge) preflight(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" || !slices.Contains(e.allowed, r.Header.Get("Origin")) {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, POST, PATCH, DELETE")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, Idempotency-Key, Traceparent, X-Request-Id")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
