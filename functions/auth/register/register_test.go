package register_test

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"docuvault/functions/auth/login"
	"docuvault/functions/auth/refresh"
	"docuvault/functions/auth/register"
	"docuvault/functions/me/get"
	"docuvault/shared/auth"
	"docuvault/shared/auth/authtest"
	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/host/hosthttp/hosttest"
)

const path = "/v1/auth/register"

func TestRegisterSignsIn(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, map[string]string{"DEFAULT_QUOTA_BYTES": "12345"}, register.Function, get.Function)
	c := v.Client()
	answer := c.Call(t, http.MethodPost, path, map[string]any{
		"email": "  Ada.Lovelace@Example.ORG ", "password": authtest.Password, "display_name": " Ada\u202e \t Lovelace ",
	})
	var grant authtest.Grant
	answer.JSON(t, http.StatusCreated, &grant)
	u := grant.User
	if u.Email != "ada.lovelace@example.org" || u.DisplayName != "Ada Lovelace" || u.Role != "user" ||
		u.Quota.LimitBytes != 12345 || u.Quota.UsedBytes != 0 || u.Quota.ReservedBytes != 0 {
		t.Errorf("user %+v", u)
	}
	if grant.TokenType != "Bearer" || grant.ExpiresIn != 600 {
		t.Errorf("token_type %q, expires_in %v", grant.TokenType, grant.ExpiresIn)
	}
	lines := answer.Header.Values("Set-Cookie")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "docuvault_refresh=") || !strings.HasPrefix(lines[1], "docuvault_device=") {
		t.Fatalf("cookies %q", lines)
	}
	for _, line := range lines {
		if _, attributes, _ := strings.Cut(line, ";"); attributes != " Path=/; Max-Age=1209600; HttpOnly; SameSite=Strict" &&
			attributes != " Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict" {
			t.Errorf("attributes %q", attributes)
		}
	}
	c.Token = grant.AccessToken
	c.Call(t, http.MethodGet, "/v1/me", nil).JSON(t, http.StatusOK, nil)
	if n := dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM audit_log l JOIN audit_personal p ON p.audit_id = l.id
		WHERE l.user_id = $1 AND actor = 'user' AND action IN ('account.registered', 'session.created')
		  AND p.personal = '{"network":"127.0.0.0/24","device":"Firefox on Linux"}'`, u.ID); n != 2 {
		t.Errorf("%d audit entries of a registration, want 2", n)
	}
}

func TestCookiesOverHTTPS(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, map[string]string{"PUBLIC_URL": "https://vault.example.org"}, register.Function)
	answer := v.Client().Register(t, "a@example.org")
	lines := answer.Header.Values("Set-Cookie")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "__Host-docuvault_refresh=") || !strings.HasPrefix(lines[1], "__Host-docuvault_device=") {
		t.Fatalf("cookies %q", lines)
	}
	for _, line := range lines {
		if !strings.HasSuffix(line, "; HttpOnly; Secure; SameSite=Strict") || !strings.Contains(line, "; Path=/;") || strings.Contains(line, "Domain") {
			t.Errorf("cookie %q", line)
		}
	}
}

func TestNobodyGetsARole(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, register.Function)
	for _, extra := range []string{"role", "user_id", "quota", "disabled_at", "email_verified_at"} {
		members := v.Client().Call(t, http.MethodPost, path,
			map[string]any{"email": "a@example.org", "password": authtest.Password, extra: "admin"}).Problem(t, fault.ValidationFailed)
		if first := members["errors"].([]any)[0].(map[string]any); first["location"] != "body."+extra {
			t.Errorf("%s: %v", extra, members)
		}
	}
	if n := dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM users`); n != 0 {
		t.Errorf("%d accounts were made", n)
	}
}

func TestTakenAddress(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, register.Function)
	v.Client().Register(t, "a@example.org").JSON(t, http.StatusCreated, nil)
	before := counts(t, v.DB)
	// Other forms of the same address; Å is one character or two.
	v.Client().Register(t, "A@EXAMPLE.org").Problem(t, fault.EmailTaken)
	v.Client().Register(t, "\u00e5@example.org").JSON(t, http.StatusCreated, nil)
	v.Client().Register(t, "A\u030a@example.org").Problem(t, fault.EmailTaken)
	after := counts(t, v.DB)
	for table, n := range before {
		if after[table] != 2*n {
			t.Errorf("table %s: %d rows after one account, %d after two and two refusals", table, n, after[table])
		}
	}
}

func counts(t *testing.T, db *dbtest.Database) map[string]int {
	t.Helper()
	all := map[string]int{}
	for _, table := range []string{"users", "quotas", "credentials", "sessions", "audit_log", "audit_personal"} {
		all[table] = dbtest.Query1[int](t, db, `SELECT count(*) FROM `+table)
	}
	return all
}

func TestRegistrationPolicy(t *testing.T) {
	t.Parallel()
	for policy, code := range map[string]fault.Code{"closed": fault.RegistrationClosed, "invite": fault.InviteInvalid} {
		v := authtest.Open(t, map[string]string{"REGISTRATION": policy}, register.Function)
		v.Client().Register(t, "a@example.org").Problem(t, code)
		v.Client().Call(t, http.MethodPost, path, map[string]any{"email": "a@example.org", "password": authtest.Password, "invite": "made-up"}).Problem(t, code)
		if n := dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM users`); n != 0 {
			t.Errorf("%s: %d accounts", policy, n)
		}
	}
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	vars := authtest.Vars(t, &dbtest.Database{AppURL: "postgres://docuvault_app:p@localhost:1/x"})
	for _, c := range []struct{ name, value, says string }{
		{"EMAIL_VERIFICATION", "required", "EMAIL_VERIFICATION: required needs mail"},
		{"EMAIL_VERIFICATION", "sometimes", "EMAIL_VERIFICATION: required, off, or unset"},
		{"MAIL", "perhaps", "MAIL: on"},
		{"REGISTRATION", "everybody", "REGISTRATION: one of open, invite, closed"},
		{"REFRESH_GRACE", "-1s", "REFRESH_GRACE: from 0s to 1m"},
		{"REFRESH_GRACE", "2m", "REFRESH_GRACE: from 0s to 1m"},
		{"DEFAULT_QUOTA_BYTES", "-1", "DEFAULT_QUOTA_BYTES"},
		{"SESSION_KEYS", "", "SESSION_KEYS"},
		{"JWT_SIGNING_KEYS", "", "JWT_SIGNING_KEYS"},
		{"DATABASE_URL", "", "DATABASE_URL is not set"},
	} {
		changed := maps.Clone(vars)
		changed[c.name] = c.value
		env, _ := hosttest.Env(t, changed)
		if _, err := auth.OpenSessions(env); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s=%s: %v, want %q", c.name, c.value, err, c.says)
		}
	}
}

func TestBadRegistrationsAreNotEchoed(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, register.Function, login.Function)
	const planted = "hunter2"
	for _, body := range []any{
		map[string]any{"email": "a@example.org", "password": planted},                          // too short
		map[string]any{"email": "a@example.org", "password": strings.Repeat(planted, 30)},      // too long
		map[string]any{"email": "a@example.org", "password": []string{planted}},                // no string
		map[string]any{"email": "a@example.org", "password": map[string]any{planted: planted}}, // no string
		map[string]any{"email": "a@example.org", "password": planted + planted, "x": planted},  // unknown member
		map[string]any{"email": planted, "password": planted + planted},                        // no address
		map[string]any{"email": "Ada <a@example.org>", "password": planted + planted},          // not the address alone
		map[string]any{"email": "a\u0000b@example.org", "password": planted + planted},
		map[string]any{"password": planted + planted},
		`{"email":"a@example.org","password":"` + planted + planted + `"`, // not JSON
		planted,
	} {
		for _, path := range []string{"/v1/auth/register", "/v1/auth/login"} {
			answer := v.Client().Call(t, http.MethodPost, path, body)
			if path == "/v1/auth/register" {
				answer.Problem(t, fault.ValidationFailed)
			}
			if strings.Contains(string(answer.Bytes), planted) {
				t.Errorf("%s echoes the password: %s", path, answer.Bytes)
			}
		}
	}
	if strings.Contains(v.Log.String(), planted) {
		t.Errorf("the log holds a password:\n%s", v.Log)
	}
	if n := dbtest.Query1[int](t, v.DB, `SELECT count(*) FROM users`); n != 0 {
		t.Errorf("%d accounts were made", n)
	}
}

func TestRegistrationsOfOneNetworkAreLimited(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, map[string]string{"TRUSTED_PROXIES": "127.0.0.1"}, register.Function)
	v.Client().Register(t, "a@example.org").JSON(t, http.StatusCreated, nil)
	if n := v.DB.Exec(t, `UPDATE rate_limits SET spent = 20`); n != 1 {
		t.Fatalf("%d buckets, want 1", n)
	}
	members := v.Client().Register(t, "b@example.org").Problem(t, fault.RateLimited)
	if after, ok := members["retry_after"].(float64); !ok || after < 1 || after > 181 {
		t.Errorf("retry_after %v", members["retry_after"])
	}
	other := v.Client()
	other.Headers = append(other.Headers, "X-Forwarded-For", "198.51.100.7")
	other.Register(t, "b@example.org").JSON(t, http.StatusCreated, nil)
}

// Everything that a thief of the database finds after people signed in.
func TestDatabaseHoldsNoPasswordAndNoToken(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, register.Function, login.Function, refresh.Function)
	a, b := v.Client(), v.Client()
	a.Register(t, "a@example.org").JSON(t, http.StatusCreated, nil)
	secrets := []string{authtest.Password, a.Token, a.RefreshToken(), a.Cookies["docuvault_device"]}
	b.Login(t, "a@example.org", authtest.Password).JSON(t, http.StatusOK, nil)
	secrets = append(secrets, b.Token, b.RefreshToken(), b.Cookies["docuvault_device"])
	b.Refresh(t).JSON(t, http.StatusOK, nil)
	secrets = append(secrets, b.Token, b.RefreshToken())
	dump := v.DB.Dump(t)
	if !bytes.Contains(dump, []byte("a@example.org")) {
		t.Fatal("the dump is not one of this database")
	}
	for i, planted := range secrets {
		if planted == "" {
			t.Fatalf("secret %d is empty", i)
		}
		last := planted[strings.LastIndex(planted, ".")+1:] // of a JWT, its signature
		for _, part := range []string{planted, last} {
			if bytes.Contains(dump, []byte(part)) {
				t.Errorf("secret %d is in the database", i)
			}
			if strings.Contains(v.Log.String(), part) {
				t.Errorf("secret %d is in the log", i)
			}
		}
	}
}

func TestOpenAPIDescribesPasswords(t *testing.T) {
	t.Parallel()
	out, err := hosthttp.OpenAPI([]host.Function{register.Function})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(out), "\n")
	at := slices.IndexFunc(lines, func(l string) bool { return strings.TrimSpace(l) == "password:" })
	if at < 0 {
		t.Fatalf("no password in\n%s", out)
	}
	schema := strings.Join(lines[at:at+8], "\n")
	for _, want := range []string{"type: string", "format: password", "writeOnly: true", "minLength: 8", "maxLength: 128"} {
		if !strings.Contains(schema, want) {
			t.Errorf("%q is missing in\n%s", want, schema)
		}
	}
}
