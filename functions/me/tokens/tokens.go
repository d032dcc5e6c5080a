// Package tokens is the function me-tokens: the API tokens.
package tokens

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
)

// Function is GET /v1/me/tokens. Newest first, at most 50, without their secrets.
var Function = host.Function{Name: "me-tokens", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "me-tokens", Method: http.MethodGet, Path: "/v1/me/tokens",
	Summary: "List own API tokens", Tags: []string{"me"},
	Description: "Newest first, at most 50, without their secrets.",
	Errors:      []int{401},
}, New, auth.Required)}

// Input is empty.
type Input struct{}

// Output is the answer.
type Output struct {
	Body struct {
		Items []auth.Token `json:"items"`
	}
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	service, err := auth.OpenTokenList(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ *Input) (*Output, error) {
		items, err := service.List(ctx, auth.Actor(ctx))
		if err != nil {
			return nil, err
		}
		out := &Output{}
		out.Body.Items = items
		return out, nil
	}, nil
}
