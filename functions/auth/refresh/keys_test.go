package refresh_test

import (
	"encoding/base64"
	"maps"
	"net/http"
	"strings"
	"testing"

	"docuvault/functions/auth/login"
	"docuvault/functions/auth/refresh"
	"docuvault/functions/auth/register"
	"docuvault/functions/me/get"
	"docuvault/shared/auth"
	"docuvault/shared/auth/authtest"
	"docuvault/shared/fault"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/keys"
	"docuvault/shared/secret"
)

// restarted is the vault after a start with other keys.
func restarted(t *testing.T, v *authtest.Vault, change map[string]string) *authtest.Vault {
	t.Helper()
	vars := maps.Clone(v.Vars)
	maps.Copy(vars, change)
	signing, err := keys.ParseSet("JWT_SIGNING_KEYS", secret.New(vars["JWT_SIGNING_KEYS"]))
	if err != nil {
		t.Fatal(err)
	}
	vars["JWT_PUBLIC_KEYS"] = string(auth.JWKS(signing))
	env, log := hosttest.Env(t, vars)
	return &authtest.Vault{DB: v.DB, Env: env, Log: log, Vars: vars,
		Server: hosttest.Serve(t, env, register.Function, login.Function, refresh.Function, get.Function)}
}

// at is the same browser at the restarted vault.
func at(c *authtest.Client, v *authtest.Vault) *authtest.Client {
	moved := c.Copy()
	moved.Vault = v
	return moved
}

func signedWith(t *testing.T, c *authtest.Client, keyID string) {
	t.Helper()
	head, _, _ := strings.Cut(c.Token, ".")
	header, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil || !strings.Contains(string(header), `"kid":"`+keyID+`"`) {
		t.Errorf("%v, header %s, want key %s", err, header, keyID)
	}
}

// New keys in front sign nobody out; the old ones can go when what they made
// has been replaced.
func TestSessionKeysRotate(t *testing.T) {
	t.Parallel()
	first := open(t, nil)
	active, asleep := first.Client(), first.Client()
	active.Register(t, "ada@example.org")
	asleep.Login(t, "ada@example.org", authtest.Password)
	signedWith(t, active, "test")

	fresh := map[string]string{}
	for _, name := range []string{"SESSION_KEYS", "JWT_SIGNING_KEYS"} {
		key, err := keys.Generate("fresh")
		if err != nil {
			t.Fatal(err)
		}
		fresh[name] = key.Reveal()
	}
	both := restarted(t, first, map[string]string{
		"SESSION_KEYS":     fresh["SESSION_KEYS"] + "," + first.Vars["SESSION_KEYS"],
		"JWT_SIGNING_KEYS": fresh["JWT_SIGNING_KEYS"] + "," + first.Vars["JWT_SIGNING_KEYS"],
	})
	active = at(active, both)
	use(t, active) // a token of the old key
	before := active.RefreshToken()
	active.Refresh(t).JSON(t, http.StatusOK, nil)
	signedWith(t, active, "fresh")
	use(t, active)
	if active.RefreshToken() == before {
		t.Error("the same refresh token")
	}

	only := restarted(t, first, fresh)
	active = at(active, only)
	use(t, active)
	active.Refresh(t).JSON(t, http.StatusOK, nil)
	use(t, active)
	// Whoever slept through all of it signs in again, and has done nothing wrong.
	asleep = at(asleep, only)
	asleep.Call(t, http.MethodGet, "/v1/me", nil).Problem(t, fault.Unauthenticated)
	asleep.Refresh(t).Problem(t, fault.RefreshInvalid)
	use(t, active)
}
