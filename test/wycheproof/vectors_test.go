//go:build wycheproof

// Package wycheproof runs the Wycheproof test vectors of the primitives that the
// vault stands on, through the vault's own functions: the AEAD of package seal,
// the HKDF of package keys, the signatures and tokens of package auth.
package wycheproof

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"docuvault/shared/auth"
	"docuvault/shared/fault"
	"docuvault/shared/keys"
	"docuvault/shared/seal"
	"docuvault/shared/secret"
)

// hexBytes are bytes that JSON holds in hexadecimal.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

const (
	valid   = "valid"
	invalid = "invalid"
)

// read decodes a file of vectors, and checks that it holds as many as it says.
func read[G any](t *testing.T, name string, count func(G) int) []G {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		NumberOfTests int
		TestGroups    []G
	}
	if err := json.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range file.TestGroups {
		n += count(g)
	}
	if n == 0 || n != file.NumberOfTests {
		t.Fatalf("%s holds %d vectors and says %d", name, n, file.NumberOfTests)
	}
	return file.TestGroups
}

// ran fails a test whose vectors were passed over.
func ran(t *testing.T, what string, n, want int) {
	t.Helper()
	if n != want {
		t.Errorf("%d %s, want %d: look what became of the others", n, what, want)
	}
}

func TestAESGCM(t *testing.T) {
	t.Parallel()
	type group struct {
		KeySize, IVSize, TagSize int
		Tests                    []struct {
			TCID                       int
			Key, IV, AAD, Msg, CT, Tag hexBytes
			Result                     string
		}
	}
	opened, refused, otherSizes := 0, 0, 0
	for _, g := range read(t, "aes_gcm_test.json", func(g group) int { return len(g.Tests) }) {
		for _, v := range g.Tests {
			key, err := seal.NewKey(1, v.Key)
			if g.KeySize != 8*seal.KeySize {
				if otherSizes++; err == nil {
					t.Errorf("%d: a key of %d bits was taken", v.TCID, g.KeySize)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := seal.OpenVector(key, v.IV, v.AAD, append(bytes.Clone(v.CT), v.Tag...))
			if g.IVSize != 96 { // nonces are always 12 bytes with us
				if otherSizes++; !errors.Is(err, seal.ErrSealed) || got != nil {
					t.Errorf("%d: a nonce of %d bits was taken: %v", v.TCID, g.IVSize, err)
				}
				continue
			}
			switch v.Result {
			case valid:
				if opened++; err != nil || !bytes.Equal(got, v.Msg) {
					t.Errorf("%d: opened to %x, %v", v.TCID, got, err)
				}
				if sealed := seal.SealVector(key, v.IV, v.AAD, v.Msg); !bytes.Equal(sealed, append(bytes.Clone(v.CT), v.Tag...)) {
					t.Errorf("%d: sealed to %x", v.TCID, sealed)
				}
			case invalid:
				if refused++; !errors.Is(err, seal.ErrSealedForged) || got != nil {
					t.Errorf("%d: opened to %x, %v", v.TCID, got, err)
				}
			default:
				t.Errorf("%d: result %q", v.TCID, v.Result)
			}
		}
	}
	ran(t, "opened", opened, 39)
	ran(t, "refused", refused, 27)
	ran(t, "of other sizes", otherSizes, 250)
}

func TestHKDF(t *testing.T) {
	t.Parallel()
	type group struct {
		Tests []struct {
			TCID            int
			IKM, Salt, Info hexBytes
			Size            int
			OKM             hexBytes
			Result          string
		}
	}
	derived, refused := 0, 0
	for _, g := range read(t, "hkdf_sha256_test.json", func(g group) int { return len(g.Tests) }) {
		for _, v := range g.Tests {
			okm, err := keys.HKDFVector(v.IKM, v.Salt, v.Info, v.Size)
			if v.Result == invalid {
				if refused++; err == nil {
					t.Errorf("%d: %d bytes were derived", v.TCID, v.Size)
				}
				continue
			}
			if derived++; err != nil || !bytes.Equal(okm, v.OKM) {
				t.Errorf("%d: %x, %v", v.TCID, okm, err)
			}
		}
	}
	ran(t, "derived", derived, 83)
	ran(t, "refused", refused, 3)
}

// Signatures, by the method that access tokens are verified with; and every key
// as a document of JWT_PUBLIC_KEYS.
func TestEd25519(t *testing.T) {
	t.Parallel()
	type group struct {
		PublicKey struct{ PK hexBytes }
		JWK       json.RawMessage `json:"publicKeyJwk"`
		Tests     []struct {
			TCID     int
			Msg, Sig hexBytes
			Result   string
		}
	}
	verified, refused := 0, 0
	for _, g := range read(t, "ed25519_test.json", func(g group) int { return len(g.Tests) }) {
		verifier, err := auth.NewVerifier([]byte(`{"keys":[`+string(g.JWK)+`]}`), "", time.Now)
		if err != nil {
			t.Fatalf("the key %s: %v", g.JWK, err)
		}
		if x := base64.RawURLEncoding.EncodeToString(g.PublicKey.PK); !strings.Contains(string(verifier.JWKS()), `"x":"`+x+`"`) {
			t.Errorf("the key %s became %s", g.JWK, verifier.JWKS())
		}
		for _, v := range g.Tests {
			err := jwt.SigningMethodEdDSA.Verify(string(v.Msg), v.Sig, ed25519.PublicKey(g.PublicKey.PK))
			if (v.Result == valid) != (err == nil) {
				t.Errorf("%d (%s): %v", v.TCID, v.Result, err)
			}
			if v.Result == valid {
				verified++
			} else {
				refused++
			}
			// With our header a vector is no token of ours either.
			header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","kid":"none","typ":"at+jwt"}`))
			token := header + "." + base64.RawURLEncoding.EncodeToString(v.Msg) + "." + base64.RawURLEncoding.EncodeToString(v.Sig)
			if who, err := verifier.Verify(secret.New(token)); fault.CodeOf(err) != fault.Unauthenticated || who != (auth.Identity{}) {
				t.Errorf("%d: as a token: %+v, %v", v.TCID, who, err)
			}
		}
	}
	ran(t, "verified", verified, 88)
	ran(t, "refused", refused, 63)
}

// web is a group of the files about JSON Web Signatures and Keys.
type web struct {
	Comment         string
	Public, Private json.RawMessage
	Tests           []struct {
		TCID   int
		JWS    any // a string, or an object for the JSON serialization
		Result string
	}
}

func webTests(g web) int { return len(g.Tests) }

// None of these is signed with EdDSA, so none is believed: not the forged ones,
// and not those that are valid for their own key, whose id is that of ours. That
// is what "another algorithm than the key's" looks like from our side.
func TestJSONWebSignatures(t *testing.T) {
	t.Parallel()
	tried, named := 0, 0
	for _, g := range read(t, "json_web_signature_test.json", webTests) {
		var owner struct{ KID string }
		for _, key := range []json.RawMessage{g.Private, g.Public} {
			if key != nil {
				if err := json.Unmarshal(key, &owner); err != nil {
					t.Fatal(err)
				}
			}
		}
		kid := "k1"
		if keys.ValidID(owner.KID) {
			kid = owner.KID
			named++
		}
		set, err := keys.ParseSet("JWT_SIGNING_KEYS", secret.New(kid+":"+base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))))
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := auth.NewVerifier(auth.JWKS(set), "", time.Now)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range g.Tests {
			token, ok := v.JWS.(string)
			if !ok {
				encoded, err := json.Marshal(v.JWS)
				if err != nil {
					t.Fatal(err)
				}
				token = string(encoded)
			}
			tried++
			forms := []string{token}
			// The same payload and signature under the one header that we take.
			if parts := strings.Split(token, "."); len(parts) == 3 {
				header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","kid":"` + kid + `","typ":"at+jwt"}`))
				forms = append(forms, header+"."+parts[1]+"."+parts[2], header+"."+parts[1]+".")
			}
			for _, form := range forms {
				if who, err := verifier.Verify(secret.New(form)); fault.CodeOf(err) != fault.Unauthenticated || who != (auth.Identity{}) {
					t.Errorf("%s %d: %+v, %v", g.Comment, v.TCID, who, err)
				} else if strings.Contains(errors.Unwrap(err).Error(), "unknown kid") {
					t.Errorf("%s %d: refused for its key's id, which is ours", g.Comment, v.TCID)
				}
			}
		}
	}
	ran(t, "vectors", tried, 401)
	if named == 0 {
		t.Error("no key had an id that ours can have")
	}
}

// Keys of other kinds, private keys, and documents that are not sound are no
// JWT_PUBLIC_KEYS.
func TestJSONWebKeys(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, name := range []string{"json_web_key_test.json", "json_web_crypto_test.json"} {
		for _, g := range read(t, name, webTests) {
			for _, document := range []json.RawMessage{g.Public, g.Private} {
				if document == nil {
					continue
				}
				for _, form := range []string{string(document), `{"keys":[` + string(document) + `]}`} {
					tried++
					if _, err := auth.NewVerifier([]byte(form), "", time.Now); err == nil || !strings.Contains(err.Error(), "JWT_PUBLIC_KEYS") {
						t.Errorf("%s %s: %v", name, g.Comment, err)
					}
				}
			}
		}
	}
	if tried < 50 {
		t.Errorf("only %d documents", tried)
	}
}
