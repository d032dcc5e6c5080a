// Package get is the function documents-get: one document, in any state.
package get

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/id"
	"docuvault/shared/preview"
	"docuvault/shared/vault"
)

// Function is GET /v1/documents/{id}. Another user's id is 404.
var Function = host.Function{Name: "documents-get", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "documents-get", Method: http.MethodGet, Path: "/v1/documents/{id}",
	Summary: "Read a document", Tags: []string{"documents"},
	Description: "Metadata, topic, tags and suggestions; text and bytes have routes of their own.",
	Errors:      []int{401, 403, 404},
	Security:    auth.Accepts(auth.ScopeRead, auth.ScopeWrite),
}, New, auth.Required)}

// Input names the document.
type Input struct {
	ID id.ID `path:"id" format:"uuid"`
}

// Output is the document.
type Output struct {
	ETag string `header:"ETag" doc:"The document's version; send it as If-Match."`
	Body vault.Document
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	documents, err := vault.Open(env)
	if err != nil {
		return nil, err
	}
	shelf, err := preview.OpenShelf(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		d, err := documents.Get(ctx, auth.Actor(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		if err := shelf.Add(ctx, hosthttp.PublicURL(ctx), &d); err != nil {
			return nil, err
		}
		return &Output{ETag: hosthttp.ETag(d.Version), Body: d}, nil
	}, nil
}
