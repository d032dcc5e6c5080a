package hosttest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"docuvault/shared/canary"
	"docuvault/shared/fault"
)

// What this test process has sent and got so far that may be in no log and no
// problem; sealed is what may not be in the database either.
var said, sealed canary.Set

// secretMembers of requests and answers are credentials; wordMembers of
// requests are what people write and look for.
var (
	secretMembers = []string{"password", "current_password", "new_password", "totp_code", "code", "token", "invite", "access_token", "secret", "recovery_codes"}
	wordMembers   = []string{"q", "filename", "title", "notes", "correspondent", "reference", "topic", "tags", "path", "name"}
	secretNames   = []string{"MASTER_KEYS", "SESSION_KEYS", "JWT_SIGNING_KEYS", "STORAGE_EVENT_TOKEN", "S3_SECRET_KEY", "METRICS_TOKEN"}
)

// plantVars plants the secrets of an environment.
func plantVars(vars map[string]string) {
	for _, name := range secretNames {
		for value := range strings.SplitSeq(vars[name], ",") {
			if _, key, ok := strings.Cut(value, ":"); ok {
				value = key
			}
			if len(value) < 16 {
				continue
			}
			said.Plant(name, value)
			sealed.Plant(name, value)
			if raw, err := base64.StdEncoding.DecodeString(value); err == nil {
				sealed.Plant(name+", its bytes", string(raw))
			}
		}
	}
	for _, name := range []string{"DATABASE_URL", "DATABASE_MIGRATE_URL", "SMTP_URL"} {
		if u, err := url.Parse(vars[name]); err == nil && u.User != nil {
			if password, ok := u.User.Password(); ok && len(password) >= 8 {
				said.Plant("the password of "+name, password)
			}
		}
	}
}

// plantJSON plants the members of a body.
func plantJSON(body []byte, words bool) {
	var value any
	if json.Unmarshal(body, &value) != nil {
		return
	}
	var walk func(member string, value any)
	walk = func(member string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for name, inner := range v {
				walk(name, inner)
			}
		case []any:
			for _, inner := range v {
				walk(member, inner)
			}
		case string:
			switch {
			case slices.Contains(fault.Codes(), fault.Code(v)): // what became of one of many is no second factor
			case slices.Contains(secretMembers, member) && len(v) >= 8:
				said.Plant(member, v)
				sealed.Plant(member, v)
			case words && slices.Contains(wordMembers, member) && unmistakable(v):
				said.Plant(member, v)
				sealed.Plant(member, v)
			}
		}
	}
	walk("", value)
}

// unmistakable reports whether a text cannot stand in a log for another reason:
// it is long, and no identifier, type or address.
func unmistakable(s string) bool {
	return len(s) >= 10 && len(s) < 1000 && strings.ContainsFunc(s, func(r rune) bool { return r == ' ' || r > '~' }) && !strings.Contains(s, "/")
}

// plantCall plants what a request and its answer hold.
func plantCall(req *http.Request, sent []byte, a Answer) {
	if _, token, ok := strings.Cut(req.Header.Get("Authorization"), " "); ok && len(token) >= 16 {
		said.Plant("a token", token)
		sealed.Plant("a token", token)
	}
	for _, cookie := range append(req.Cookies(), a.Cookies()...) {
		if len(cookie.Value) >= 40 { // longer than an id
			said.Plant("a cookie", cookie.Value)
			sealed.Plant("a cookie", cookie.Value)
		}
	}
	plantJSON(sent, true)
	if a.StatusCode < 400 {
		plantJSON(a.Bytes, false)
	}
}

// Leaks are the secrets of this test process that a log, a problem or a message
// holds: planted by calls and environments, or known by their shape.
func Leaks(haystack []byte) []string {
	return append(said.Find(haystack), canary.Shapes(haystack)...)
}

// LeaksOfDump is Leaks for a dump of the database.
func LeaksOfDump(dump []byte) []string {
	return append(sealed.Find(dump), canary.Shapes(dump)...)
}

// checkLog fails the test if its log holds any.
func checkLog(t testing.TB, log *Log) {
	for _, leak := range Leaks([]byte(log.String())) {
		t.Errorf("the log holds %s", leak)
	}
}

// checkProblem fails the test if a problem does. duplicate_document names the
// file to its owner, who has sent the same bytes.
func checkProblem(t testing.TB, what string, a Answer) {
	t.Helper()
	if a.StatusCode < 400 || strings.Contains(string(a.Bytes), `"duplicate_document"`) || a.Header.Get("Content-Type") != "application/problem+json" {
		return
	}
	for _, leak := range Leaks(a.Bytes) {
		t.Errorf("%s: the problem holds %s", what, leak)
	}
}
