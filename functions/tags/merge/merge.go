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
}, New, idempotency.Read(tag.Open, (*tag.Tags).Get, named, answer), auth.Required)}

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
		return answer(t), nil
	}, nil
}

// named is the resource that the answer shows.
func named(in *Input, _ *database.Done) id.ID { return in.Body.Into }

func answer(now tag.Tag) *Output { return &Output{ETag: hosthttp.ETag(now.Version), Body: now} }
