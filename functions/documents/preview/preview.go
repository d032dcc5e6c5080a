// Package preview is the function documents-preview: a URL that shows a
// document's first page.
package preview

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

// Function is GET /v1/documents/{id}/preview: a URL of one of two sizes.
var Function = host.Function{Name: "documents-preview", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "documents-preview", Method: http.MethodGet, Path: "/v1/documents/{id}/preview",
	Summary: "Get a preview's URL", Tags: []string{"documents"},
	Description: "A picture of the first page of a PDF or of an image: WebP, its longer side at most 320 or 1280 pixels. With no_preview, reason says why there is none: pending, none, or a code.",
	Errors:      []int{401, 403, 404},
	Security:    auth.Accepts(auth.ScopeRead, auth.ScopeWrite),
}, New, auth.Required)}

// Input names the document and the size.
type Input struct {
	ID   id.ID  `path:"id" format:"uuid"`
	Size string `query:"size" enum:"small,large" default:"small"`
}

// Output is the picture.
type Output struct {
	Body vault.Preview
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	shelf, err := preview.OpenShelf(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		p, err := shelf.Sign(ctx, auth.Actor(ctx), in.ID, preview.Size(in.Size), hosthttp.PublicURL(ctx))
		if err != nil {
			return nil, err
		}
		return &Output{Body: p}, nil
	}, nil
}
