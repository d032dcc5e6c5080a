// Package download is the function documents-download: a URL that reads the bytes from storage.
package download

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

// Function is GET /v1/documents/{id}/download answers a URL that is valid for 60 s.
var Function = host.Function{Name: "documents-download", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "documents-download", Method: http.MethodGet, Path: "/v1/documents/{id}/download",
	Summary: "Get a download URL", Tags: []string{"documents"},
	Description: "Served inline only if asked for and only as PDF, PNG, JPEG, WebP or plain text by its bytes; else as an attachment.",
	Errors:      []int{401, 403, 404, 409},
	Security:    auth.Accepts(auth.ScopeRead, auth.ScopeWrite),
}, New, auth.Required)}

// Input names the document.
type Input struct {
	ID          id.ID  `path:"id" format:"uuid"`
	Disposition string `query:"disposition" enum:"attachment,inline" default:"attachment"`
}

// Output is the URL.
type Output struct {
	Body upload.Download
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	downloads, err := upload.OpenDownloads(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		d, err := downloads.Sign(ctx, auth.Actor(ctx), in.ID, in.Disposition == "inline", hosthttp.PublicURL(ctx))
		if err != nil {
			return nil, err
		}
		return &Output{Body: d}, nil
	}, nil
}
