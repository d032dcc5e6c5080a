// Package patch is the function tags-patch: a tag is renamed.
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
	"docuvault/shared/tag"
)

// Function is PATCH /v1/tags/{id}. With If-Match it changes only the version the client saw, else 412.
var Function = host.Function{Name: "tags-patch", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "tags-patch", Method: http.MethodPatch, Path: "/v1/tags/{id}",
	Summary: "Rename a tag", Tags: []string{"tags"},
	Description: "Its documents keep it. A name that another tag has is 409 name_taken: merge the two.",
	Errors:      []int{401, 403, 404, 409, 412, 422},
	Security:    auth.Accepts(auth.ScopeWrite),
}, New, idempotency.Read(tag.Open, (*tag.Tags).Get, named, answer), auth.Required)}

// Input is what changes.
type Input struct {
	ID      id.ID  `path:"id" format:"uuid"`
	IfMatch string `header:"If-Match" doc:"The ETag that the tag had; 412 when it has another."`
	Body    struct {
		Name string `json:"name" doc:"1 to 100 characters."`
	}
}

// Output is the tag.
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
		version, err := hosthttp.IfMatch(in.IfMatch)
		if err != nil {
			return nil, err
		}
		actor := auth.Actor(ctx)
		changed, err := tags.Rename(ctx, actor, in.ID, version, in.Body.Name)
		if err != nil {
			return nil, err
		}
		send.Send(ctx, actor)
		return answer(changed), nil
	}, nil
}

// named is the resource that the answer shows.
func named(in *Input, _ *database.Done) id.ID { return in.ID }

func answer(now tag.Tag) *Output { return &Output{ETag: hosthttp.ETag(now.Version), Body: now} }
