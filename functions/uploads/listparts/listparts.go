// Package listparts is the function uploads-listparts: what storage has of a
// large document, so that a client that was interrupted sends only the rest.
package listparts

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/id"
	"docuvault/shared/upload"
)

// Function is GET /v1/uploads/{id}/parts. A document that is sent in one
// request, or is stored, answers 409 wrong_state.
var Function = host.Function{Name: "uploads-listparts", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "uploads-listparts", Method: http.MethodGet, Path: "/v1/uploads/{id}/parts",
	Summary: "List the parts that have arrived", Tags: []string{"uploads"},
	Description: "Lists what storage itself says it has.",
	Errors:      []int{401, 403, 404, 409},
	Security:    auth.Accepts(auth.ScopeUpload, auth.ScopeWrite),
}, New, auth.Required)}

// Input names the document.
type Input struct {
	ID id.ID `path:"id" format:"uuid"`
}

// Output is what storage has, by number.
type Output struct {
	Body struct {
		Parts []upload.StoredPart `json:"parts"`
	}
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	uploads, err := upload.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		parts, err := uploads.ListParts(ctx, auth.Actor(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		out := &Output{}
		out.Body.Parts = parts
		return out, nil
	}, nil
}
