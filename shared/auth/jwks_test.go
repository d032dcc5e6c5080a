package auth

import (
	"encoding/base64"
	"io"
	"log/slog"
	"strings"
	"testing"

	"docuvault/shared/host"
)

func TestJWKSDocument(t *testing.T) {
	t.Parallel()
	// RFC 8037 appendix A: seed, and the x that belongs to it.
	seed, err := base64.RawURLEncoding.DecodeString("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
	if err != nil {
		t.Fatal(err)
	}
	set := mustSet(t, "rfc:"+base64.StdEncoding.EncodeToString(seed))
	const want = `{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"rfc","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`
	if got := string(JWKS(set)); got != want {
		t.Errorf("JWKS = %s", got)
	}
	verifier, err := NewVerifier([]byte(want), "", testNow)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(verifier.JWKS()); got != want {
		t.Errorf("the verifier's JWKS = %s", got)
	}
}

func TestJWKSRefuses(t *testing.T) {
	t.Parallel()
	const x = `"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
	const good = `{"kty":"OKP","crv":"Ed25519","kid":"a",` + x + `}`
	for name, c := range map[string]struct{ text, want string }{
		"unset":          {``, "is not set"},
		"no JSON":        {`a:b`, "no JSON"},
		"no keys":        {`{}`, "no key"},
		"empty":          {`{"keys":[]}`, "no key"},
		"trailing":       {`{"keys":[` + good + `]} x`, "after the document"},
		"private":        {`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","d":"planted-private-key",` + x + `}]}`, "private key"},
		"RSA":            {`{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}]}`, "no Ed25519"},
		"symmetric":      {`{"keys":[{"kty":"oct","kid":"a","k":"planted"}]}`, "no Ed25519"},
		"X25519":         {`{"keys":[{"kty":"OKP","crv":"X25519","kid":"a",` + x + `}]}`, "no Ed25519"},
		"alg":            {`{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"HS256","kid":"a",` + x + `}]}`, "another algorithm"},
		"use":            {`{"keys":[{"kty":"OKP","crv":"Ed25519","use":"enc","kid":"a",` + x + `}]}`, "not for signatures"},
		"no kid":         {`{"keys":[{"kty":"OKP","crv":"Ed25519",` + x + `}]}`, "no valid kid"},
		"short x":        {`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"AAAA"}]}`, "no x"},
		"second is bad":  {`{"keys":[` + good + `,{"kty":"OKP"}]}`, "key 2"},
		"same kid twice": {`{"keys":[` + good + `,` + good + `]}`, "key 2 has the id"},
	} {
		_, err := NewVerifier([]byte(c.text), "", testNow)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "JWT_PUBLIC_KEYS") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: the error prints the document: %v", name, err)
		}
	}
}

func testEnv(t testing.TB, environ ...string) *host.Env {
	t.Helper()
	env, err := host.NewEnv(environ, slog.New(slog.NewTextHandler(io.Discard, nil)), testNow)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func TestOpenFromTheEnvironment(t *testing.T) {
	t.Parallel()
	signing := "k1:" + encodedKey(1) + ",k0:" + encodedKey(2)
	env := testEnv(t, "JWT_SIGNING_KEYS="+signing, "JWT_PUBLIC_KEYS="+string(JWKS(mustSet(t, signing))),
		"SESSION_KEYS=s1:"+encodedKey(3), "PUBLIC_URL=https://vault.example.org")
	signer, err := OpenSigner(env)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := OpenVerifier(env)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signer.Sign(testIdentity())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(token); err != nil {
		t.Error(err)
	}
	if again, err := OpenVerifier(env); err != nil || again != verifier {
		t.Errorf("a second verifier: %v", err)
	}
	if _, err := OpenCodec(env); err != nil {
		t.Error(err)
	}
	if h, err := OpenHasher(env); err != nil || cap(h.slots) < 1 {
		t.Error(err)
	}

	planted := encodedKey(77)
	for name, c := range map[string]struct {
		environ []string
		open    func(*host.Env) error
		want    string
	}{
		"no signing keys":  {nil, func(e *host.Env) error { _, err := OpenSigner(e); return err }, "JWT_SIGNING_KEYS is not set"},
		"bad signing keys": {[]string{"JWT_SIGNING_KEYS=" + planted}, func(e *host.Env) error { _, err := OpenSigner(e); return err }, "JWT_SIGNING_KEYS: entry 1"},
		"no public keys":   {nil, func(e *host.Env) error { _, err := OpenVerifier(e); return err }, "JWT_PUBLIC_KEYS is not set"},
		"no session keys":  {nil, func(e *host.Env) error { _, err := OpenCodec(e); return err }, "SESSION_KEYS is not set"},
		"published under another id": {
			[]string{"JWT_SIGNING_KEYS=k9:" + encodedKey(1), "JWT_PUBLIC_KEYS=" + string(JWKS(mustSet(t, signing)))},
			func(e *host.Env) error { _, err := OpenSigner(e); return err }, "not in JWT_PUBLIC_KEYS",
		},
		"unpublished": {
			[]string{"JWT_SIGNING_KEYS=k1:" + planted, "JWT_PUBLIC_KEYS=" + string(JWKS(mustSet(t, signing)))},
			func(e *host.Env) error { _, err := OpenSigner(e); return err }, "not in JWT_PUBLIC_KEYS",
		},
	} {
		err := c.open(testEnv(t, c.environ...))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), planted) {
			t.Errorf("%s: the error prints the key: %v", name, err)
		}
	}
}

func TestIssuer(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "docuvault", "/": "docuvault", "https://a.example/": "https://a.example", "https://a.example": "https://a.example"} {
		if got := issuerOf(in); got != want {
			t.Errorf("issuerOf(%q) = %q", in, got)
		}
	}
}
