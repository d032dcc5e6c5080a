package auth

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/secret"
)

var testTime = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func testNow() time.Time { return testTime }

// encodedKey is 32 bytes that count up from start.
func encodedKey(start byte) string {
	raw := make([]byte, keys.KeySize)
	for i := range raw {
		raw[i] = start + byte(i)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func mustSet(t testing.TB, text string) keys.Set {
	t.Helper()
	set, err := keys.ParseSet("TEST_KEYS", secret.New(text))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func testIdentity() Identity {
	return Identity{User: id.New(), Session: id.New(), Generation: 3, AuthTime: testTime.Add(-time.Hour)}
}

// issuing is a signing set with what believes it.
type issuing struct {
	set      keys.Set
	signer   *Signer
	verifier *Verifier
}

func newIssuing(t testing.TB, now func() time.Time) issuing {
	t.Helper()
	set := mustSet(t, "k1:"+encodedKey(1)+",k0:"+encodedKey(2))
	verifier, err := NewVerifier(JWKS(set), "https://vault.example.org/", now)
	if err != nil {
		t.Fatal(err)
	}
	return issuing{set, NewSigner(set, "https://vault.example.org", now), verifier}
}

// forge builds a token by hand: header and claims as given, signed as given.
func forge(t testing.TB, header, claims map[string]any, sign func(message []byte) []byte) string {
	t.Helper()
	part := func(v any) string {
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(encoded)
	}
	message := part(header) + "." + part(claims)
	return message + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(message)))
}

func goodHeader() map[string]any {
	return map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": "k1"}
}

func goodClaims() map[string]any {
	return map[string]any{
		"iss": "https://vault.example.org", "aud": "docuvault", "sub": id.New().String(), "sid": id.New().String(),
		"gen": 1, "auth_time": testTime.Unix(), "iat": testTime.Unix(), "exp": testTime.Add(10 * time.Minute).Unix(),
	}
}

func edit(m map[string]any, name string, value any) map[string]any {
	c := maps.Clone(m)
	if value == nil {
		delete(c, name)
	} else {
		c[name] = value
	}
	return c
}

func TestTokenRoundTrip(t *testing.T) {
	t.Parallel()
	i, who := newIssuing(t, testNow), testIdentity()
	token, err := i.signer.Sign(who)
	if err != nil {
		t.Fatal(err)
	}
	got, err := i.verifier.Verify(token)
	if err != nil || got != who {
		t.Errorf("Verify = %+v, %v, want %+v", got, err, who)
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token.Reveal(), ".")[0])
	if err != nil {
		t.Fatal(err)
	}
	var header map[string]any
	if err := json.Unmarshal(raw, &header); err != nil || !maps.Equal(header, goodHeader()) {
		t.Errorf("header = %s, %v", raw, err)
	}
	// The second key of the set is believed too: after a change of keys the
	// tokens of before are good until they expire.
	old := NewSigner(mustSet(t, "k0:"+encodedKey(2)), "https://vault.example.org", testNow)
	if token, err = old.Sign(who); err != nil {
		t.Fatal(err)
	}
	if _, err := i.verifier.Verify(token); err != nil {
		t.Errorf("a token of the second key: %v", err)
	}
}

func TestTokenExpiry(t *testing.T) {
	t.Parallel()
	now := testTime
	i := newIssuing(t, func() time.Time { return now })
	token, err := i.signer.Sign(testIdentity())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		after time.Duration
		want  fault.Code
	}{
		{-30 * time.Second, ""},
		{-31 * time.Second, fault.Unauthenticated}, // from the future
		{AccessTokenTTL - time.Second, ""},
		{AccessTokenTTL, fault.TokenExpired}, // no leeway here
		{24 * time.Hour, fault.TokenExpired},
	} {
		now = testTime.Add(c.after)
		if _, err := i.verifier.Verify(token); fault.CodeOf(err) != c.want {
			t.Errorf("after %v: %v, want %q", c.after, err, c.want)
		}
	}
}

func TestHostileTokens(t *testing.T) {
	t.Parallel()
	i := newIssuing(t, testNow)
	private := i.set.Primary().Ed25519()
	public := private.Public().(ed25519.PublicKey)
	eddsa := func(m []byte) []byte { return ed25519.Sign(private, m) }
	hs256 := func(key []byte) func([]byte) []byte {
		return func(m []byte) []byte {
			h := hmac.New(sha256.New, key)
			h.Write(m)
			return h.Sum(nil)
		}
	}
	nothing := func([]byte) []byte { return nil }
	header, claims := goodHeader(), goodClaims()
	good := forge(t, header, claims, eddsa)
	if _, err := i.verifier.Verify(secret.New(good)); err != nil {
		t.Fatalf("the forged good token is refused, so the rest would prove nothing: %v", err)
	}
	parts := strings.Split(good, ".")
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	stranger := ed25519.NewKeyFromSeed(make([]byte, 32))
	second := mustSet(t, "k0:"+encodedKey(2)).Primary().Ed25519()

	h := func(name string, value any) string { return forge(t, edit(header, name, value), claims, eddsa) }
	c := func(name string, value any) string { return forge(t, header, edit(claims, name, value), eddsa) }
	for name, test := range map[string]struct {
		token string
		cause error
	}{
		"empty":                {"", errTokenSize},
		"too long":             {c("pad", strings.Repeat("x", maxTokenSize)), errTokenSize},
		"one segment":          {"abc", errTokenSignature},
		"four segments":        {good + ".x", errTokenSignature},
		"line break":           {parts[0] + "." + parts[1] + ".\n" + parts[2], errTokenAlphabet},
		"padding":              {good + "==", errTokenAlphabet},
		"space":                {" " + good, errTokenAlphabet},
		"not base64":           {"a." + parts[1] + "." + parts[2], errTokenSignature},
		"alg none":             {forge(t, edit(header, "alg", "none"), claims, nothing), errTokenSignature},
		"alg none, signature":  {forge(t, edit(header, "alg", "none"), claims, eddsa), errTokenSignature},
		"alg NONE":             {forge(t, edit(header, "alg", "NONE"), claims, nothing), errTokenSignature},
		"HS256 by public key":  {forge(t, edit(header, "alg", "HS256"), claims, hs256(public)), errTokenSignature},
		"HS256 by x":           {forge(t, edit(header, "alg", "HS256"), claims, hs256([]byte(base64.RawURLEncoding.EncodeToString(public)))), errTokenSignature},
		"HS256 by document":    {forge(t, edit(header, "alg", "HS256"), claims, hs256(i.verifier.JWKS())), errTokenSignature},
		"EdDSA signed HS256":   {forge(t, header, claims, hs256(public)), errTokenSignature},
		"RS256":                {h("alg", "RS256"), errTokenSignature},
		"alg missing":          {h("alg", nil), errTokenSignature},
		"alg no string":        {h("alg", []string{"EdDSA"}), errTokenSignature},
		"no signature":         {parts[0] + "." + parts[1] + ".", errTokenSignature},
		"stranger's key":       {forge(t, header, claims, func(m []byte) []byte { return ed25519.Sign(stranger, m) }), errTokenSignature},
		"key of another kid":   {forge(t, header, claims, func(m []byte) []byte { return ed25519.Sign(second, m) }), errTokenSignature},
		"short signature":      {parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(signature[:63]), errTokenSignature},
		"typ JWT":              {h("typ", "JWT"), errTokenHeader},
		"typ missing":          {h("typ", nil), errTokenHeader},
		"typ long form":        {h("typ", "application/at+jwt"), errTokenHeader},
		"typ of another case":  {h("typ", "AT+JWT"), errTokenHeader},
		"kid missing":          {h("kid", nil), errTokenHeader},
		"kid a number":         {h("kid", 1), errTokenHeader},
		"kid unknown":          {h("kid", "k9"), errTokenKey},
		"kid a path":           {h("kid", "../../dev/null"), errTokenKey},
		"crit":                 {h("crit", []string{"exp"}), errTokenHeader},
		"crit empty":           {h("crit", []string{}), errTokenHeader},
		"b64":                  {h("b64", false), errTokenHeader},
		"jwk":                  {h("jwk", map[string]any{"kty": "OKP"}), errTokenHeader},
		"jku":                  {h("jku", "https://evil.example/keys"), errTokenHeader},
		"another issuer":       {c("iss", "https://other.example.org"), errTokenIssuer},
		"issuer with slash":    {c("iss", "https://vault.example.org/"), errTokenIssuer},
		"issuer missing":       {c("iss", nil), errTokenIssuer},
		"another audience":     {c("aud", "other"), errTokenAudience},
		"two audiences":        {c("aud", []string{"docuvault", "other"}), errTokenAudience},
		"no audience":          {c("aud", []string{}), errTokenAudience},
		"audience missing":     {c("aud", nil), errTokenAudience},
		"sub missing":          {c("sub", nil), errTokenClaims},
		"sub no id":            {c("sub", "admin"), errTokenClaims},
		"sub nil id":           {c("sub", id.Nil.String()), errTokenClaims},
		"sub in braces":        {c("sub", "{"+id.New().String()+"}"), errTokenClaims},
		"sub a number":         {c("sub", 1), errTokenSignature},
		"sid missing":          {c("sid", nil), errTokenClaims},
		"gen missing":          {c("gen", nil), errTokenClaims},
		"gen negative":         {c("gen", -1), errTokenClaims},
		"gen a fraction":       {c("gen", 1.5), errTokenSignature},
		"auth_time missing":    {c("auth_time", nil), errTokenClaims},
		"iat missing":          {c("iat", nil), errTokenClaims},
		"exp missing":          {c("exp", nil), errTokenClaims},
		"exp a string":         {c("exp", "never"), errTokenSignature},
		"exp far":              {c("exp", testTime.Add(24*time.Hour).Unix()), errTokenLifetime},
		"iat in the future":    {c("iat", testTime.Add(31*time.Second).Unix()), errTokenFuture},
		"nbf in the future":    {c("nbf", testTime.Add(31*time.Second).Unix()), errTokenFuture},
		"claims no object":     {parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte("[]")) + "." + parts[2], errTokenSignature},
		"header no object":     {base64.RawURLEncoding.EncodeToString([]byte("1")) + "." + parts[1] + "." + parts[2], errTokenSignature},
		"expired, bad issuer":  {forge(t, header, edit(edit(claims, "iss", "x"), "exp", 1), eddsa), errTokenIssuer},
		"expired, bad key":     {forge(t, header, edit(claims, "exp", 1), func(m []byte) []byte { return ed25519.Sign(stranger, m) }), errTokenSignature},
		"refresh token":        {mustMint(t), errTokenSignature},
		"claims of a stranger": {parts[0] + "." + strings.Split(c("sub", id.New().String()), ".")[1] + "." + parts[2], errTokenSignature},
	} {
		who, err := i.verifier.Verify(secret.New(test.token))
		if fault.CodeOf(err) != fault.Unauthenticated || who != (Identity{}) {
			t.Errorf("%s: %+v, %v", name, who, err)
			continue
		}
		if !errors.Is(err, test.cause) {
			t.Errorf("%s: cause %v, want %v", name, errors.Unwrap(err), test.cause)
		}
		if test.token != "" && strings.Contains(err.Error(), test.token) {
			t.Errorf("%s: the error holds the token", name)
		}
	}
}

func mustMint(t testing.TB) string {
	t.Helper()
	token, err := testCodec(t).Mint(Refresh{id.New(), id.New(), 1})
	if err != nil {
		t.Fatal(err)
	}
	return token.Reveal()
}

// A change of any character makes another token, and none is believed: not
// even one that decodes to the same bytes.
func TestEveryChangedCharacterIsRefused(t *testing.T) {
	t.Parallel()
	i := newIssuing(t, testNow)
	signed, err := i.signer.Sign(testIdentity())
	if err != nil {
		t.Fatal(err)
	}
	token := signed.Reveal()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for at := range token {
		if token[at] == '.' {
			continue
		}
		n := strings.IndexByte(alphabet, token[at])
		for bit := range 6 {
			changed := token[:at] + string(alphabet[n^1<<bit]) + token[at+1:]
			if _, err := i.verifier.Verify(secret.New(changed)); fault.CodeOf(err) != fault.Unauthenticated {
				t.Fatalf("character %d, bit %d: %v", at, bit, err)
			}
		}
	}
}

func TestSignRefusesAnIncompleteIdentity(t *testing.T) {
	t.Parallel()
	i := newIssuing(t, testNow)
	for name, change := range map[string]func(*Identity){
		"user":       func(w *Identity) { w.User = id.Nil },
		"session":    func(w *Identity) { w.Session = id.Nil },
		"generation": func(w *Identity) { w.Generation = 0 },
		"auth time":  func(w *Identity) { w.AuthTime = time.Time{} },
	} {
		who := testIdentity()
		change(&who)
		if _, err := i.signer.Sign(who); err == nil {
			t.Errorf("signed without %s", name)
		}
	}
}

func FuzzVerify(f *testing.F) {
	i := newIssuing(f, testNow)
	// Fixed, because every fuzzing process makes its own genuine token.
	token, err := i.signer.Sign(Identity{User: id.ID{1}, Session: id.ID{2}, Generation: 1, AuthTime: testTime})
	if err != nil {
		f.Fatal(err)
	}
	genuine := token.Reveal()
	f.Add(genuine)
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("..")
	f.Add(forge(f, goodHeader(), goodClaims(), func([]byte) []byte { return make([]byte, 64) }))
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := i.verifier.Verify(secret.New(token)); (err == nil) != (token == genuine) {
			t.Errorf("%q: %v", token, err)
		}
	})
}

// FuzzClaims: genuine signatures over any claims end in an identity that is
// complete, or in a fault.
func FuzzClaims(f *testing.F) {
	i := newIssuing(f, testNow)
	private := i.set.Primary().Ed25519()
	encoded, err := json.Marshal(goodClaims())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(encoded))
	f.Add(`{"exp":1e400}`)
	f.Add(`{"iss":"https://vault.example.org","aud":"docuvault","exp":-9e18,"iat":9e18}`)
	f.Fuzz(func(t *testing.T, claims string) {
		header, err := json.Marshal(goodHeader())
		if err != nil {
			t.Fatal(err)
		}
		message := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
		token := message + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(private, []byte(message)))
		who, err := i.verifier.Verify(secret.New(token))
		if err == nil && who.check() != nil {
			t.Errorf("%s gives %+v", claims, who)
		}
		if err != nil && fault.CodeOf(err).Status() != 401 {
			t.Errorf("%s: %v", claims, err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	i := newIssuing(b, testNow)
	token, err := i.signer.Sign(testIdentity())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := i.verifier.Verify(token); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	i, who := newIssuing(b, testNow), testIdentity()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := i.signer.Sign(who); err != nil {
			b.Fatal(err)
		}
	}
}
