// Package list is the function tags-list: all of the caller's tags.
package list

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/tag"
)

// Function is GET /v1/tags: all of them in one answer, at most [tag.Max].
var Function = host.Function{Name: "tags-list", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "tags-list", Method: http.MethodGet, Path: "/v1/tags",
	Summary: "List tags", Tags: []string{"tags"},
	Description: "All of them, in the order in which they were made, with the number of documents.",
	Errors:      []int{401, 403},
	Security:    auth.Accepts(auth.ScopeRead, auth.ScopeWrite),
}, New, auth.Required)}

// Output is the list.
type Output struct {
	Body struct {
		Items []tag.Tag `json:"items"`
	}
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *struct{}) (*Output, error), error) {
	tags, err := tag.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ *struct{}) (*Output, error) {
		var out Output
		var err error
		if out.Body.Items, err = tags.List(ctx, auth.Actor(ctx)); err != nil {
			return nil, err
		}
		return &out, nil
	}, nil
}
