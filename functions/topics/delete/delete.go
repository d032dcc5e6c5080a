// Package delete is the function topics-delete: a topic goes, its documents stay.
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
	"docuvault/shared/topic"
)

// Function is DELETE /v1/topics/{id}.
var Function = host.Function{Name: "topics-delete", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "topics-delete", Method: http.MethodDelete, Path: "/v1/topics/{id}",
	Summary: "Delete a topic", Tags: []string{"topics"},
	Description:   "Its documents have none from then on, until you or a later analysis gives them one. What the analysis learned of it is forgotten. With very many documents it can end with deadline_exceeded: repeat it.",
	DefaultStatus: http.StatusNoContent,
	Errors:        []int{401, 403, 404, 412},
	Security:      auth.Accepts(auth.ScopeWrite),
}, New, idempotency.Rest[Input, struct{}], auth.Required)}

// Input names the topic.
type Input struct {
	ID      id.ID  `path:"id" format:"uuid"`
	IfMatch string `header:"If-Match" doc:"The ETag that the topic had; 412 when it has another."`
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*struct{}, error), error) {
	topics, err := topic.Open(env)
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
		if err := topics.Delete(ctx, actor, in.ID, version); err != nil {
			return nil, err
		}
		send.Send(ctx, actor)
		return nil, nil
	}, nil
}
