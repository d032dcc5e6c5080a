// Package merge is the function tags-merge: two tags become one.
package merge

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
	"docuvault/shared/tag"
)

// Function is POST /v1/tags/{id}/merge. Documents that had both have the other one once.
var Function = host.Function{Name: "tags-merge", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "tags-merge", Method: http.MethodPost, Path: "/v1/tags/{id}/merge",
	Summary: "Merge a tag into another", Tags: []string{"tags"},
	Description: "Its documents get the other one instead, and it is deleted.",
	Errors:      []int{401, 403, 404, 422},
	Security:    auth.Accepts(auth.ScopeWrite),
}, New, again, auth.Required)}

// Input names the two.
type Input struct {
	ID   id.ID `path:"id" format:"uuid"`
	Body struct {
		Into id.ID `json:"into" format:"uuid" doc:"The tag that stays."`
	}
}

// Output is the tag that stays.
type Output struct {
	ETag string `header:"ETag" doc:"The tag's version; send it as If-Match."`
	Body tag.Tag
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	tags, err := tag.Open(env)
	if err != nil {
		return nil, err
	}
	send, err := backlog.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		actor := auth.Actor(ctx)
		t, err := tags.Merge(ctx, actor, in.ID, in.Body.Into)
		if err != nil {
			return nil, err
		}
		send.Send(ctx, actor)
		return &Output{ETag: hosthttp.ETag(t.Version), Body: t}, nil
	}, nil
}

// again answers with the tag that stays as it is now.
func again(env *host.Env, _ idempotency.Handler[Input, Output]) (func(context.Context, *Input, *database.Done) (*Output, error), error) {
	tags, err := tag.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input, _ *database.Done) (*Output, error) {
		now, err := tags.Get(ctx, auth.Actor(ctx), in.Body.Into)
		if err != nil {
			return nil, err
		}
		return &Output{ETag: hosthttp.ETag(now.Version), Body: now}, nil
	}, nil
}
