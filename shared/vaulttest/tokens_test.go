package vaulttest_test

import (
	"bytes"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/vaulttest"
)

// reads, adds and changes are all that API tokens may ever do. It is written
// down here once more, so that a scope that an operation gets by mistake is
// seen.
var (
	reads = []string{"documents-list", "documents-get", "documents-text", "documents-download", "documents-preview", "documents-summary", "search-query", "changes-list",
		"folders-list", "topics-list", "tags-list"}
	adds  = []string{"uploads-begin", "uploads-batch", "uploads-parts", "uploads-listparts", "uploads-complete", "uploads-abort"}
	other = []string{"documents-delete", "documents-patch", "documents-restore", "documents-reprocess", "documents-bulk", "trash-empty",
		"folders-create", "folders-patch", "folders-delete", "topics-create", "topics-patch", "topics-delete", "tags-patch", "tags-merge", "tags-delete"}
	may = map[string][]string{"read": reads, "upload": adds, "write": slices.Concat(reads, adds, other)}
)

// apiToken makes an API token.
func apiToken(t *testing.T, u *vaulttest.User, scopes ...string) (token, id string) {
	t.Helper()
	var made struct {
		ID    string `json:"id"`
		Token string `json:"token"`
	}
	u.Call(t, http.MethodPost, "/v1/me/tokens", map[string]any{"name": "the scanner in the hall", "scopes": scopes}).JSON(t, http.StatusCreated, &made)
	return made.Token, made.ID
}

// by is the user, with an API token in place of the session.
func by(u *vaulttest.User, token string) *vaulttest.User {
	other := *u
	other.Token = token
	return &other
}

type operation struct {
	id, method, path string
	guarded          bool
}

// operations reads openapi.yaml: every route that there is.
func operations(t *testing.T) (all []operation) {
	t.Helper()
	raw, err := os.ReadFile("../../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string                `yaml:"operationId"`
			Security    []map[string][]string `yaml:"security"`
		}
	}
	if err := yaml.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	for path, methods := range document.Paths {
		for method, o := range methods {
			guarded := slices.ContainsFunc(o.Security, func(s map[string][]string) bool { _, ok := s["bearer"]; return ok })
			all = append(all, operation{o.OperationID, strings.ToUpper(method), path, guarded})
		}
	}
	return all
}

// Each scope against each route of openapi.yaml: what a scope is not made for
// answers 403, before the request is looked at.
func TestScopesAgainstEveryRoute(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	tokens := map[string]string{}
	for scope := range may {
		tokens[scope], _ = apiToken(t, u, scope)
	}
	all, tried, open := operations(t), 0, 0
	for _, o := range all {
		if !o.guarded {
			continue
		}
		path := strings.NewReplacer("{id}", "01a20e39-4d7c-75bd-a3f0-27980a1ebbd9").Replace(o.path)
		if strings.Contains(path, "{") {
			t.Errorf("%s: this test does not know the parameters of %s", o.id, o.path)
		}
		for scope, token := range tokens {
			tried++
			answer := by(u, token).Call(t, o.method, path, nil)
			allowed := slices.Contains(may[scope], o.id)
			if allowed {
				open++
			}
			if refused := answer.StatusCode == http.StatusForbidden; refused == allowed || answer.StatusCode == http.StatusUnauthorized {
				t.Errorf("%s with scope %s answers %d, allowed: %v", o.id, scope, answer.StatusCode, allowed)
			}
		}
		// Something that looks like a token is none.
		if answer := by(u, "dvt_"+strings.Repeat("A", 43)).Call(t, o.method, path, nil); answer.StatusCode != http.StatusUnauthorized && answer.StatusCode != http.StatusForbidden {
			t.Errorf("%s answers %d to an unknown token", o.id, answer.StatusCode)
		}
	}
	if want := len(reads) + len(adds) + len(may["write"]); open != want || tried < 90 {
		t.Errorf("%d of %d tries were allowed, want %d", open, tried, want)
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM audit_log WHERE action = 'account.deleted' OR action = 'session.revoked'`); n != 0 {
		t.Errorf("%d effects", n)
	}
}

// A token that may only add learns nothing: of its own bytes at most that they
// are there.
func TestAnUploadTokenReadsNothing(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	token, _ := apiToken(t, u, "upload")
	scanner := by(u, token)
	words := []string{"zanzibarquill", "quixotmarble", "gossamerfig", "brimstonelark"}
	body := func(content string) map[string]any {
		b := vaulttest.Announce("zanzibarquill.txt", "text/plain", []byte(content))
		b["title"], b["tags"], b["correspondent"] = "quixotmarble", []string{"gossamerfig"}, "brimstonelark"
		return b
	}
	blind := func(content string) map[string]any {
		return vaulttest.Announce("scan.txt", "text/plain", []byte(content))
	}
	silent := func(what string, answer hosttest.Answer) {
		t.Helper()
		for _, word := range words {
			if bytes.Contains(answer.Bytes, []byte(word)) {
				t.Errorf("%s: the answer holds %s: %s", what, word, answer.Bytes)
			}
		}
	}
	// The user has begun it: pending, then stored.
	var begun vaulttest.Begun
	u.Call(t, http.MethodPost, "/v1/uploads", body("a paper of mine")).JSON(t, http.StatusCreated, &begun)
	again := scanner.Call(t, http.MethodPost, "/v1/uploads", blind("a paper of mine"))
	again.JSON(t, http.StatusOK, nil)
	silent("begin again", again)
	if status := begun.Put(t, []byte("a paper of mine")); status != http.StatusOK {
		t.Fatalf("storage answers %d", status)
	}
	complete := scanner.Call(t, http.MethodPost, "/v1/uploads/"+begun.Document.ID.String()+"/complete", nil)
	complete.JSON(t, http.StatusOK, nil)
	silent("complete", complete)
	duplicate := scanner.Call(t, http.MethodPost, "/v1/uploads", blind("a paper of mine"))
	if members := duplicate.Problem(t, fault.DuplicateDocument); members["document_id"] != begun.Document.ID.String() || members["filename"] != nil {
		t.Errorf("duplicate: %v", members)
	}
	silent("duplicate", duplicate)
	// The session is told, and so is a token that may read as well.
	if members := u.Call(t, http.MethodPost, "/v1/uploads", blind("a paper of mine")).Problem(t, fault.DuplicateDocument); members["filename"] != "zanzibarquill.txt" {
		t.Errorf("duplicate, with the session: %v", members)
	}
	both, _ := apiToken(t, u, "upload", "read")
	if members := by(u, both).Call(t, http.MethodPost, "/v1/uploads", blind("a paper of mine")).Problem(t, fault.DuplicateDocument); members["filename"] != "zanzibarquill.txt" {
		t.Errorf("duplicate, with a token that reads: %v", members)
	}
	// What it adds is there for the user, and the log says which token it was.
	scanner.Call(t, http.MethodPost, "/v1/uploads", blind("another one")).JSON(t, http.StatusCreated, &begun)
	u.Call(t, http.MethodGet, "/v1/documents/"+begun.Document.ID.String(), nil).JSON(t, http.StatusOK, nil)
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM audit_log l JOIN api_tokens a ON a.id::text = l.metadata->>'token'
		WHERE l.action = 'upload.begun' AND l.actor = 'user' AND a.scopes = '{upload}'`); n != 1 {
		t.Errorf("%d entries of the token's upload, want 1", n)
	}
}

func TestTokensEnd(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u, stranger := w.User(t), w.User(t)
	list := func(token string) hosttest.Answer {
		t.Helper()
		return by(u, token).Call(t, http.MethodGet, "/v1/documents", nil)
	}
	revoked, id := apiToken(t, u, "read")
	list(revoked).JSON(t, http.StatusOK, nil)
	stranger.Call(t, http.MethodDelete, "/v1/me/tokens/"+id, nil).Problem(t, fault.NotFound)
	var listed struct {
		Items []struct {
			ID, Name   string
			Scopes     []string
			ExpiresAt  time.Time  `json:"expires_at"`
			LastUsedAt *time.Time `json:"last_used_at"`
		}
	}
	answer := u.Call(t, http.MethodGet, "/v1/me/tokens", nil)
	answer.JSON(t, http.StatusOK, &listed)
	if len(listed.Items) != 1 || listed.Items[0].Name != "the scanner in the hall" || listed.Items[0].LastUsedAt == nil || listed.Items[0].ExpiresAt.Before(time.Now().Add(364*24*time.Hour)) {
		t.Errorf("listed %+v", listed.Items)
	}
	if bytes.Contains(answer.Bytes, []byte(revoked[4:])) {
		t.Error("the list shows the token")
	}
	u.Call(t, http.MethodDelete, "/v1/me/tokens/"+id, nil).JSON(t, http.StatusNoContent, nil)
	list(revoked).Problem(t, fault.Unauthenticated)
	u.Call(t, http.MethodDelete, "/v1/me/tokens/"+id, nil).Problem(t, fault.NotFound)

	ended, _ := apiToken(t, u, "read")
	w.DB.Exec(t, `UPDATE api_tokens SET expires_at = now()`)
	list(ended).Problem(t, fault.Unauthenticated)

	disabled, _ := apiToken(t, u, "read")
	w.DB.Exec(t, `UPDATE users SET disabled_at = now() WHERE id = $1`, u.ID.String())
	list(disabled).Problem(t, fault.Unauthenticated)

	if dump := w.DB.Dump(t); bytes.Contains(dump, []byte(disabled)) || bytes.Contains(dump, []byte("scanner in the hall")) {
		t.Error("the database holds a token or its name")
	}
	if strings.Contains(w.Log.String(), disabled[4:]) {
		t.Error("the log holds a token")
	}
}

func TestTokensAreMadeWithCare(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	for what, body := range map[string]map[string]any{
		"no scope":       {"name": "x", "scopes": []string{}},
		"no known scope": {"name": "x", "scopes": []string{"admin"}},
		"no name":        {"name": " ", "scopes": []string{"read"}},
		"ended":          {"name": "x", "scopes": []string{"read"}, "expires_at": time.Now().Add(-time.Minute)},
		"for ever":       {"name": "x", "scopes": []string{"read"}, "expires_at": time.Now().Add(6 * 365 * 24 * time.Hour)},
		"another's":      {"name": "x", "scopes": []string{"read"}, "user_id": u.ID.String()},
	} {
		if answer := u.Call(t, http.MethodPost, "/v1/me/tokens", body); answer.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", what, answer.StatusCode)
		}
	}
	token, _ := apiToken(t, u, "write")
	by(u, token).Call(t, http.MethodPost, "/v1/me/tokens", map[string]any{"name": "x", "scopes": []string{"read"}}).Problem(t, fault.Forbidden)
	w.DB.Exec(t, `UPDATE sessions SET reauth_at = now() - interval '11 minutes'`)
	u.Call(t, http.MethodPost, "/v1/me/tokens", map[string]any{"name": "x", "scopes": []string{"read"}}).Problem(t, fault.ReauthRequired)
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM alerts WHERE kind = 'token_created'`); n != 1 {
		t.Errorf("%d alerts, want 1", n)
	}
}
