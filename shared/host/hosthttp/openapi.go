package hosthttp

import (
	"fmt"
	"net/http"

	"docuvault/shared/host"
)

const description = `A document vault for people who do not want their papers read.

Errors are application/problem+json (RFC 9457) with a stable code. Lists are never null. Times are RFC 3339 in UTC, ids are UUIDs. Members and query parameters that an operation does not know are refused. Bytes of documents travel by presigned URLs between the client and storage, never through this API.`

// OpenAPI returns openapi.yaml (OpenAPI 3.1) of the HTTP functions among fns.
// It constructs nothing and reads no configuration, and the same functions give
// the same bytes.
func OpenAPI(fns []host.Function) (out []byte, err error) {
	defer func() {
		// huma panics on a duplicate name; the generator wants the sentence.
		if p := recover(); p != nil {
			err = fmt.Errorf("openapi.yaml: %v", p)
		}
	}()
	api := NewAPI(http.NewServeMux())
	for _, fn := range fns {
		if route, ok := fn.Trigger.(*Route); ok {
			route.Declare(api)
		}
	}
	out, err = api.OpenAPI().YAML()
	if err != nil {
		return nil, fmt.Errorf("write openapi.yaml: %w", err)
	}
	return out, nil
}
