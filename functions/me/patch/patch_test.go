package patch_test

import (
	"net/http"
	"strings"
	"testing"

	"docuvault/functions/me/get"
	"docuvault/functions/me/patch"
	"docuvault/shared/auth/authtest"
	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
)

type me struct {
	DisplayName string         `json:"display_name"`
	Settings    map[string]any `json:"settings"`
}

func TestPatch(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, patch.Function, get.Function)
	c, other := v.SignUp(t, "a@example.org"), v.SignUp(t, "b@example.org")
	var got me
	c.Call(t, http.MethodPatch, "/v1/me", map[string]any{"display_name": " Ada\n\u202eL ", "settings": map[string]any{"locale": "de"}}).JSON(t, http.StatusOK, &got)
	if got.DisplayName != "Ada L" || got.Settings["locale"] != "de" || got.Settings["ai_provider"] != "local" {
		t.Errorf("after the first change: %+v", got)
	}
	c.Call(t, http.MethodPatch, "/v1/me", map[string]any{"settings": map[string]any{"ai_provider": "none", "ai_model": "small\u0000 one"}}).JSON(t, http.StatusOK, &got)
	if got.DisplayName != "Ada L" || got.Settings["locale"] != "de" || got.Settings["ai_provider"] != "none" || got.Settings["ai_model"] != "small one" {
		t.Errorf("after the second change: %+v", got)
	}
	c.Call(t, http.MethodPatch, "/v1/me", map[string]any{"display_name": ""}).JSON(t, http.StatusOK, &got)
	if got.DisplayName != "" {
		t.Error("a name cannot be taken away")
	}
	var untouched me
	other.Call(t, http.MethodGet, "/v1/me", nil).JSON(t, http.StatusOK, &untouched)
	if untouched.DisplayName != "" || untouched.Settings["locale"] != "en" {
		t.Errorf("another user changed: %+v", untouched)
	}
	// Nothing changed: no entry.
	c.Call(t, http.MethodPatch, "/v1/me", map[string]any{"display_name": ""}).JSON(t, http.StatusOK, nil)
	c.Call(t, http.MethodPatch, "/v1/me", map[string]any{}).JSON(t, http.StatusOK, nil)
	if n := dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM audit_log WHERE action = 'account.changed'`); n != 3 {
		t.Errorf("%d audit entries of 3 changes", n)
	}
	if got := dbtest.Query1[string](t, v.DB, `SELECT metadata::text FROM audit_log WHERE action = 'account.changed' ORDER BY id LIMIT 1`); got != `{"fields": ["display_name", "locale"]}` {
		t.Errorf("metadata %s", got)
	}
}

func TestWhatCannotBeChanged(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, patch.Function)
	c := v.SignUp(t, "a@example.org")
	for _, body := range []any{
		map[string]any{"role": "admin"}, map[string]any{"email": "b@example.org"},
		map[string]any{"quota": map[string]any{"limit_bytes": 1 << 40}}, map[string]any{"disabled_at": nil},
		map[string]any{"settings": map[string]any{"ai_provider": "openai"}}, map[string]any{"settings": map[string]any{"locale": "fr"}},
		map[string]any{"display_name": strings.Repeat("x", 101)}, map[string]any{"settings": map[string]any{"ai_model": strings.Repeat("x", 101)}},
	} {
		c.Call(t, http.MethodPatch, "/v1/me", body).Problem(t, fault.ValidationFailed)
	}
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, patch.Function, get.Function)
	c := v.SignUp(t, "a@example.org")
	seen := c.Call(t, http.MethodGet, "/v1/me", nil).Header.Get("ETag")
	changed := c.Call(t, http.MethodPatch, "/v1/me", map[string]any{"display_name": "first"}, "If-Match", seen)
	changed.JSON(t, http.StatusOK, nil)
	c.Call(t, http.MethodPatch, "/v1/me", map[string]any{"display_name": "second"}, "If-Match", seen).Problem(t, fault.PreconditionFailed)
	var got me
	c.Call(t, http.MethodPatch, "/v1/me", map[string]any{"settings": map[string]any{"locale": "de"}}, "If-Match", changed.Header.Get("ETag")).JSON(t, http.StatusOK, &got)
	if got.DisplayName != "first" {
		t.Errorf("name %q: the refused change was made", got.DisplayName)
	}
}
