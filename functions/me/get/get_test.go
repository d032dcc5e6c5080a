package get_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"docuvault/functions/me/get"
	"docuvault/shared/auth"
	"docuvault/shared/auth/authtest"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/secret"
)

func TestGet(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, map[string]string{"DEFAULT_QUOTA_BYTES": "1000"}, get.Function)
	c := v.SignUp(t, "a@example.org")
	v.SignUp(t, "b@example.org")
	v.DB.Exec(t, `UPDATE quotas SET used_bytes = 5, reserved_bytes = 7 WHERE user_id = $1`, c.Grant.User.ID)
	answer := c.Call(t, http.MethodGet, "/v1/me", nil)
	var body map[string]any
	answer.JSON(t, http.StatusOK, &body)
	want := map[string]any{
		"id": c.Grant.User.ID, "email": "a@example.org", "email_verified": false, "display_name": "", "role": "user",
		"quota":    map[string]any{"limit_bytes": 1000.0, "used_bytes": 5.0, "reserved_bytes": 7.0},
		"settings": map[string]any{"ai_provider": "local", "ai_model": "", "locale": "en", "password_reset_by_mail": true},
	}
	if _, err := time.Parse(time.RFC3339, body["created_at"].(string)); err != nil {
		t.Error(err)
	}
	delete(body, "created_at")
	got, _ := json.Marshal(body)
	if expected, _ := json.Marshal(want); string(got) != string(expected) {
		t.Errorf("got %s, want %s", got, expected)
	}
	if answer.Header.Get("ETag") == "" || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", answer.Header)
	}
}

// The same key behind another issuer: a vault that shares a key by mistake.
func signedBy(t *testing.T, signing, publicURL string, now func() time.Time, who auth.Identity) string {
	t.Helper()
	set, err := keys.ParseSet("JWT_SIGNING_KEYS", secret.New(signing))
	if err != nil {
		t.Fatal(err)
	}
	token, err := auth.NewSigner(set, publicURL, now).Sign(who)
	if err != nil {
		t.Fatal(err)
	}
	return token.Reveal()
}

func b64(v any) string {
	raw, ok := v.([]byte)
	if !ok {
		raw, _ = json.Marshal(v)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

func TestHostileTokens(t *testing.T) {
	t.Parallel()
	v := authtest.Open(t, nil, get.Function)
	c := v.SignUp(t, "a@example.org")
	verifier, err := auth.OpenVerifier(v.Env)
	if err != nil {
		t.Fatal(err)
	}
	who, err := verifier.Verify(secret.New(c.Token))
	if err != nil {
		t.Fatal(err)
	}
	signing := v.Vars["JWT_SIGNING_KEYS"]
	set, err := keys.ParseSet("JWT_SIGNING_KEYS", secret.New(signing))
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := keys.Generate("test") // the same key id
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := keys.Generate("other")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(c.Token, ".")
	public := set.Primary().Ed25519().Public().(ed25519.PublicKey)
	hs := func(alg string, key []byte) string {
		unsigned := b64(map[string]any{"alg": alg, "typ": "at+jwt", "kid": "test"}) + "." + parts[1]
		mac := hmac.New(sha256.New, key)
		if alg == "HS512" {
			mac = hmac.New(sha512.New, key)
		}
		mac.Write([]byte(unsigned))
		return unsigned + "." + b64(mac.Sum(nil))
	}
	ed := func(change map[string]any) string {
		header := map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": "test"}
		maps.Copy(header, change)
		unsigned := b64(header) + "." + parts[1]
		return unsigned + "." + b64(ed25519.Sign(set.Primary().Ed25519(), []byte(unsigned)))
	}
	someone := who
	someone.User = id.New()
	flipped := []byte(c.Token)
	flipped[len(flipped)-10] ^= 1
	for _, tt := range []struct {
		name, header string
		code         fault.Code
	}{
		{"none", "", fault.Unauthenticated},
		{"scheme alone", "Bearer", fault.Unauthenticated},
		{"empty", "Bearer ", fault.Unauthenticated},
		{"wrong scheme", "Basic " + c.Token, fault.Unauthenticated},
		{"no scheme", c.Token, fault.Unauthenticated},
		{"garbage", "Bearer abc.def.ghi", fault.Unauthenticated},
		{"long", "Bearer " + strings.Repeat("A", 8000), fault.Unauthenticated},
		{"refresh token", "Bearer " + c.RefreshToken(), fault.Unauthenticated},
		{"expired", "Bearer " + signedBy(t, signing, "", func() time.Time { return time.Now().Add(-11 * time.Minute) }, who), fault.TokenExpired},
		{"from the future", "Bearer " + signedBy(t, signing, "", func() time.Time { return time.Now().Add(5 * time.Minute) }, who), fault.Unauthenticated},
		{"another issuer", "Bearer " + signedBy(t, signing, "https://evil.example", time.Now, who), fault.Unauthenticated},
		{"another key, same id", "Bearer " + signedBy(t, foreign.Reveal(), "", time.Now, who), fault.Unauthenticated},
		{"another key id", "Bearer " + signedBy(t, unknown.Reveal(), "", time.Now, who), fault.Unauthenticated},
		{"alg none", "Bearer " + b64(map[string]any{"alg": "none", "typ": "at+jwt", "kid": "test"}) + "." + parts[1] + ".", fault.Unauthenticated},
		{"alg None", "Bearer " + b64(map[string]any{"alg": "None", "typ": "at+jwt", "kid": "test"}) + "." + parts[1] + ".", fault.Unauthenticated},
		{"HS256 with the public key", "Bearer " + hs("HS256", public), fault.Unauthenticated},
		{"HS512 with the JWKS", "Bearer " + hs("HS512", []byte(v.Vars["JWT_PUBLIC_KEYS"])), fault.Unauthenticated},
		{"typ JWT", "Bearer " + ed(map[string]any{"typ": "JWT"}), fault.Unauthenticated},
		{"jku", "Bearer " + ed(map[string]any{"jku": "https://evil.example/jwks"}), fault.Unauthenticated},
		{"crit", "Bearer " + ed(map[string]any{"crit": []string{"exp"}}), fault.Unauthenticated},
		{"one bit", "Bearer " + string(flipped), fault.Unauthenticated},
		{"a user without this session", "Bearer " + signedBy(t, signing, "", time.Now, someone), fault.SessionRevoked},
	} {
		c := v.Client()
		var headers []string
		if tt.header != "" {
			headers = []string{"Authorization", tt.header}
		}
		answer := c.Call(t, http.MethodGet, "/v1/me", nil, headers...)
		if answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: status %d: %s", tt.name, answer.StatusCode, answer.Bytes)
			continue
		}
		answer.Problem(t, tt.code)
		want := "Bearer"
		if tt.code != fault.Unauthenticated {
			want = `Bearer error="invalid_token"`
		}
		if got := answer.Header.Get("WWW-Authenticate"); got != want {
			t.Errorf("%s: WWW-Authenticate %q, want %q", tt.name, got, want)
		}
	}
	// The scheme's case does not matter.
	v.Client().Call(t, http.MethodGet, "/v1/me", nil, "Authorization", "bearer "+c.Token).JSON(t, http.StatusOK, nil)
	for _, part := range append(parts, c.RefreshToken()) {
		if len(part) > 60 && strings.Contains(v.Log.String(), part) {
			t.Errorf("the log holds a part of a token:\n%s", v.Log)
		}
	}
}
