// Package patch is the function topics-patch: a topic is changed.
package patch

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/backlog"
	"docuvault/shared/database"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/id"
	"docuvault/shared/idempotency"
	"docuvault/shared/topic"
)

// Function is PATCH /v1/topics/{id}. With If-Match it changes only the version the client saw, else 412.
var Function = host.Function{Name: "topics-patch", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "topics-patch", Method: http.MethodPatch, Path: "/v1/topics/{id}",
	Summary: "Change a topic", Tags: []string{"topics"},
	Description: "Absent members stay, null clears. Its documents keep it.",
	Errors:      []int{401, 403, 404, 409, 412, 422},
	Security:    auth.Accepts(auth.ScopeWrite),
}, New, idempotency.Read(topic.Open, (*topic.Topics).Get, named, answer), auth.Required)}

// Input is what changes.
type Input struct {
	ID      id.ID  `path:"id" format:"uuid"`
	IfMatch string `header:"If-Match" doc:"The ETag that the topic had; 412 when it has another."`
	Body    topic.Changes
}

// Output is the topic.
type Output struct {
	ETag string `header:"ETag" doc:"The topic's version; send it as If-Match."`
	Body topic.Topic
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	topics, err := topic.Open(env)
	if err != nil {
		return nil, err
	}
	send, err := backlog.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		version, err := hosthttp.IfMatch(in.IfMatch)
		if err != nil {
			return nil, err
		}
		actor := auth.Actor(ctx)
		changed, err := topics.Change(ctx, actor, in.ID, version, in.Body)
		if err != nil {
			return nil, err
		}
		send.Send(ctx, actor)
		return answer(changed), nil
	}, nil
}

// named is the resource that the answer shows.
func named(in *Input, _ *database.Done) id.ID { return in.ID }

func answer(now topic.Topic) *Output { return &Output{ETag: hosthttp.ETag(now.Version), Body: now} }
