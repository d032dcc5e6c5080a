// Package get is the function me-get: the caller's own account.
package get

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/account"
	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
)

// Function is GET /v1/me.
var Function = host.Function{Name: "me-get", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "me-get", Method: http.MethodGet, Path: "/v1/me",
	Summary: "Read the own account", Tags: []string{"me"},
	Errors: []int{401},
}, New, auth.Required)}

// Output is the account.
type Output struct {
	ETag string `header:"ETag" doc:"The version of profile and settings; send it as If-Match."`
	Body account.Account
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *struct{}) (*Output, error), error) {
	accounts, err := account.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ *struct{}) (*Output, error) {
		a, err := accounts.Get(ctx, auth.Actor(ctx))
		if err != nil {
			return nil, err
		}
		return &Output{ETag: hosthttp.ETag(a.Version), Body: a}, nil
	}, nil
}
