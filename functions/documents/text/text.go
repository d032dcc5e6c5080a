// Package text is the function documents-text: the text that the analysis read.
package text

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/id"
	"docuvault/shared/vault"
)

// Function is GET /v1/documents/{id}/text. Source "none": there is no text (yet).
var Function = host.Function{Name: "documents-text", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "documents-text", Method: http.MethodGet, Path: "/v1/documents/{id}/text",
	Summary: "Read the text of a document", Tags: []string{"documents"},
	Description: "At most 4 MiB; truncated says whether there was more, and note why a paper of pictures has none.",
	Errors:      []int{401, 403, 404},
	Security:    auth.Accepts(auth.ScopeRead, auth.ScopeWrite),
}, New, auth.Required)}

// Input names the document.
type Input struct {
	ID id.ID `path:"id" format:"uuid"`
}

// Output is the text.
type Output struct {
	Body vault.Text
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	documents, err := vault.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		text, err := documents.Text(ctx, auth.Actor(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		return &Output{Body: text}, nil
	}, nil
}
