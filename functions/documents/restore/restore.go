// Package restore is the function documents-restore: out of the trash.
package restore

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/database"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/id"
	"docuvault/shared/idempotency"
	"docuvault/shared/vault"
)

// Function is POST /v1/documents/{id}/restore: into the state it had, also over quota.
var Function = host.Function{Name: "documents-restore", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "documents-restore", Method: http.MethodPost, Path: "/v1/documents/{id}/restore",
	Summary: "Restore a document from the trash", Tags: []string{"documents"},
	Description: "It was counted all along, so this works over quota too.",
	Errors:      []int{401, 403, 404, 409},
	Security:    auth.Accepts(auth.ScopeWrite),
}, New, idempotency.Read(vault.Open, (*vault.Vault).Get, named, answer), auth.Required)}

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
	return func(ctx context.Context, in *Input) (*Output, error) {
		d, err := documents.Restore(ctx, auth.Actor(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		return answer(d), nil
	}, nil
}

// named is the resource that the answer shows.
func named(in *Input, _ *database.Done) id.ID { return in.ID }

func answer(now vault.Document) *Output { return &Output{ETag: hosthttp.ETag(now.Version), Body: now} }
