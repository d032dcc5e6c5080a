package auth

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"docuvault/shared/keys"
)

const jwksForm = `want a JWKS document like {"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026-a","x":"…"}]}, ` +
	`as "docuvault serve" answers at /.well-known/jwks.json`

// jwk is one public key of a JWKS document (RFC 7517, RFC 8037 section 2).
type jwk struct {
	KeyType   string `json:"kty"`
	Curve     string `json:"crv"`
	Algorithm string `json:"alg,omitempty"`
	Use       string `json:"use,omitempty"`
	KeyID     string `json:"kid"`
	X         string `json:"x"`
	// Private is only read, to refuse a document that holds a private key.
	Private *json.RawMessage `json:"d,omitempty"`
}

type jwksDocument struct {
	Keys []jwk `json:"keys"`
}

// namedKey is one public key of a parsed document.
type namedKey struct {
	id     string
	public ed25519.PublicKey
}

// JWKS returns the document of the public keys that belong to signing keys:
// the value of JWT_PUBLIC_KEYS.
func JWKS(signing keys.Set) []byte {
	var list []namedKey
	for _, k := range signing.All() {
		list = append(list, namedKey{k.ID(), k.Ed25519().Public().(ed25519.PublicKey)})
	}
	return writeJWKS(list)
}

func writeJWKS(list []namedKey) []byte {
	doc := jwksDocument{Keys: make([]jwk, 0, len(list))}
	for _, k := range list {
		doc.Keys = append(doc.Keys, jwk{
			KeyType: "OKP", Curve: "Ed25519", Algorithm: algorithm, Use: "sig",
			KeyID: k.id, X: base64.RawURLEncoding.EncodeToString(k.public),
		})
	}
	encoded, err := json.Marshal(doc)
	if err != nil {
		panic("auth: " + err.Error()) // strings only: cannot fail
	}
	return encoded
}

// parseJWKS reads JWT_PUBLIC_KEYS. Its errors name the variable and what would
// be right, and hold nothing of the document.
func parseJWKS(text string) ([]namedKey, error) {
	if text == "" {
		return nil, fmt.Errorf("JWT_PUBLIC_KEYS is not set: %s", jwksForm)
	}
	var doc jwksDocument
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	if err := decoder.Decode(&doc); err != nil {
		return nil, fmt.Errorf("JWT_PUBLIC_KEYS is no JSON of that form: %s", jwksForm)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("JWT_PUBLIC_KEYS has something after the document: %s", jwksForm)
	}
	if len(doc.Keys) == 0 {
		return nil, fmt.Errorf("JWT_PUBLIC_KEYS holds no key: %s", jwksForm)
	}
	var list []namedKey
	seen := map[string]bool{}
	for i, k := range doc.Keys {
		public, err := k.parse()
		if err == nil && seen[k.KeyID] {
			err = errors.New("has the id of an earlier one")
		}
		if err != nil {
			return nil, fmt.Errorf("JWT_PUBLIC_KEYS: key %d %w: %s", i+1, err, jwksForm)
		}
		seen[k.KeyID] = true
		list = append(list, namedKey{k.KeyID, public})
	}
	return list, nil
}

func (k jwk) parse() (ed25519.PublicKey, error) {
	switch {
	case k.Private != nil:
		return nil, errors.New("is a private key (member d): replace that key, it must not be where public keys are")
	case k.KeyType != "OKP" || k.Curve != "Ed25519":
		return nil, errors.New("is no Ed25519 key (kty OKP, crv Ed25519)")
	case k.Algorithm != "" && k.Algorithm != algorithm:
		return nil, errors.New("is for another algorithm than " + algorithm)
	case k.Use != "" && k.Use != "sig":
		return nil, errors.New("is not for signatures (use sig)")
	case !keys.ValidID(k.KeyID):
		return nil, errors.New("has no valid kid (1 to 32 characters a-z, 0-9 and -)")
	}
	x, err := base64.RawURLEncoding.Strict().DecodeString(k.X)
	if err != nil || len(x) != ed25519.PublicKeySize {
		return nil, errors.New("has no x of 32 bytes in base64url without padding")
	}
	return ed25519.PublicKey(x), nil
}
