// Package list is the function topics-list: all of the caller's topics.
package list

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/topic"
)

// Function is GET /v1/topics: all of them in one answer, at most [topic.Max].
var Function = host.Function{Name: "topics-list", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "topics-list", Method: http.MethodGet, Path: "/v1/topics",
	Summary: "List topics", Tags: []string{"topics"},
	Description: "All of them, in the order in which they were made, with the number of documents.",
	Errors:      []int{401, 403},
	Security:    auth.Accepts(auth.ScopeRead, auth.ScopeWrite),
}, New, auth.Required)}

// Output is the list.
type Output struct {
	Body struct {
		Items []topic.Topic `json:"items"`
	}
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *struct{}) (*Output, error), error) {
	topics, err := topic.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ *struct{}) (*Output, error) {
		var out Output
		var err error
		if out.Body.Items, err = topics.List(ctx, auth.Actor(ctx)); err != nil {
			return nil, err
		}
		return &out, nil
	}, nil
}
