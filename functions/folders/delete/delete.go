// Package delete is the function folders-delete: a folder goes, and what it holds goes into the trash.
package delete

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/folder"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/id"
	"docuvault/shared/idempotency"
	"docuvault/shared/vault"
)

// Function is DELETE /v1/folders/{id}. Restoring one of its documents brings its folder back.
var Function = host.Function{Name: "folders-delete", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "folders-delete", Method: http.MethodDelete, Path: "/v1/folders/{id}",
	Summary: "Delete a folder with all that is in it", Tags: []string{"folders"},
	Description: "Its documents, and those of the folders in it, go into the trash. A document that is restored brings its folder back, " +
		"or goes into the one that has that name and place by then. Of a very large folder some documents may be in the trash when this " +
		"ends with deadline_exceeded: repeat it.",
	Errors:   []int{401, 403, 404, 412},
	Security: auth.Accepts(auth.ScopeWrite),
}, New, idempotency.Rest[Input, Output], auth.Required)}

// Input names the folder.
type Input struct {
	ID      id.ID  `path:"id" format:"uuid"`
	IfMatch string `header:"If-Match" doc:"The ETag that the folder had; 412 when it has another."`
}

// Output says what went.
type Output struct{ Body folder.Deleted }

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	folders, err := folder.Open(env)
	if err != nil {
		return nil, err
	}
	cfg, err := host.Config[vault.TrashConfig](env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		version, err := hosthttp.IfMatch(in.IfMatch)
		if err != nil {
			return nil, err
		}
		deleted, err := folders.Delete(ctx, auth.Actor(ctx), in.ID, version, cfg.Retention)
		if err != nil {
			return nil, err
		}
		return &Output{Body: deleted}, nil
	}, nil
}
