package jwks_test

import (
	"net/http"
	"strings"
	"testing"

	"docuvault/functions/wellknown/jwks"
	"docuvault/shared/host/hosthttp/hosttest"
)

func TestJWKS(t *testing.T) {
	t.Parallel()
	const document = `{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},` +
		`{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"b","x":"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"}]}`
	// No database, no signing key: it publishes and nothing else.
	env, _ := hosttest.Env(t, map[string]string{"JWT_PUBLIC_KEYS": document})
	server := hosttest.Serve(t, env, jwks.Function)
	answer := hosttest.Call(t, server.Client(), http.MethodGet, server.URL+"/.well-known/jwks.json", nil)
	answer.JSON(t, http.StatusOK, nil)
	if got := strings.TrimSpace(string(answer.Bytes)); got != document {
		t.Errorf("got  %s\nwant %s", got, document)
	}
	if got := answer.Header.Get("Cache-Control"); got != "public, max-age=3600" {
		t.Errorf("Cache-Control: %q", got)
	}
	if got := answer.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type: %q", got)
	}
}
