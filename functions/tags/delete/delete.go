// Package delete is the function tags-delete: a tag goes, its documents stay.
package delete

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/backlog"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/id"
	"docuvault/shared/idempotency"
	"docuvault/shared/tag"
)

// Function is DELETE /v1/tags/{id}.
var Function = host.Function{Name: "tags-delete", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "tags-delete", Method: http.MethodDelete, Path: "/v1/tags/{id}",
	Summary: "Delete a tag", Tags: []string{"tags"},
	Description:   "It is taken from all documents.",
	DefaultStatus: http.StatusNoContent,
	Errors:        []int{401, 403, 404, 412},
	Security:      auth.Accepts(auth.ScopeWrite),
}, New, idempotency.Rest[Input, struct{}], auth.Required)}

// Input names the tag.
type Input struct {
	ID      id.ID  `path:"id" format:"uuid"`
	IfMatch string `header:"If-Match" doc:"The ETag that the tag had; 412 when it has another."`
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*struct{}, error), error) {
	tags, err := tag.Open(env)
	if err != nil {
		return nil, err
	}
	send, err := backlog.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*struct{}, error) {
		version, err := hosthttp.IfMatch(in.IfMatch)
		if err != nil {
			return nil, err
		}
		actor := auth.Actor(ctx)
		if err := tags.Delete(ctx, actor, in.ID, version); err != nil {
			return nil, err
		}
		send.Send(ctx, actor)
		return nil, nil
	}, nil
}
