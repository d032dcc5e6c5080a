// Package jwks is the function wellknown-jwks: the public keys of access tokens.
package jwks

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
)

// Function is GET /.well-known/jwks.json (RFC 7517 section 5). A new key is
// published at least the hour that caches keep this before it signs.
var Function = host.Function{Name: "wellknown-jwks", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "wellknown-jwks", Method: http.MethodGet, Path: "/.well-known/jwks.json",
	Summary: "Public keys of access tokens", Tags: []string{"auth"},
}, New)}

// Output is the document.
type Output struct {
	CacheControl string `header:"Cache-Control"`
	Body         Set
}

// Set is a JSON Web Key Set.
type Set struct {
	Keys []Key `json:"keys"`
}

// Key is an Ed25519 public key (RFC 8037 section 2).
type Key struct {
	KeyType   string `json:"kty" enum:"OKP"`
	Curve     string `json:"crv" enum:"Ed25519"`
	Algorithm string `json:"alg" enum:"EdDSA"`
	Use       string `json:"use" enum:"sig"`
	KeyID     string `json:"kid"`
	X         string `json:"x" doc:"The key, base64url."`
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *struct{}) (*Output, error), error) {
	verifier, err := auth.OpenVerifier(env)
	if err != nil {
		return nil, err
	}
	out := &Output{CacheControl: "public, max-age=3600"}
	if err := json.Unmarshal(verifier.JWKS(), &out.Body); err != nil {
		return nil, fmt.Errorf("read our own key set: %w", err)
	}
	return func(context.Context, *struct{}) (*Output, error) { return out, nil }, nil
}
