// Package parts is the function uploads-parts: it hands out presigned requests
// with which the client sends the parts of a large document to storage itself.
package parts

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/id"
	"docuvault/shared/idempotency"
	"docuvault/shared/upload"
)

// Function is POST /v1/uploads/{id}/parts. A document that is sent in one
// request, or is stored, answers 409 wrong_state.
var Function = host.Function{Name: "uploads-parts", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "uploads-parts", Method: http.MethodPost, Path: "/v1/uploads/{id}/parts",
	Summary: "Sign parts of an upload", Tags: []string{"uploads"},
	Description: "Answers with a request for each part that the client sends straight to storage, in any order and several at a time. " +
		"Storage itself refuses another size and another hash; a part that is sent again replaces the earlier one. Moves the upload's deadline.",
	Errors:   []int{401, 403, 404, 409, 422},
	Security: auth.Accepts(auth.ScopeUpload, auth.ScopeWrite),
}, New, idempotency.Harmless[Input, Output], auth.Required)}

// Input names the document and its parts.
type Input struct {
	ID   id.ID `path:"id" format:"uuid"`
	Body struct {
		Parts []upload.Part `json:"parts" minItems:"1" maxItems:"100"`
	}
}

// Output is what to send to storage.
type Output struct {
	Body struct {
		Parts []upload.SignedPart `json:"parts"`
	}
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	uploads, err := upload.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		signed, err := uploads.SignParts(ctx, auth.Actor(ctx), in.ID, in.Body.Parts, hosthttp.PublicURL(ctx))
		if err != nil {
			return nil, err
		}
		out := &Output{}
		out.Body.Parts = signed
		return out, nil
	}, nil
}
