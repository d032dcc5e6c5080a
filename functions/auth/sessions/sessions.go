// Package sessions is the function auth-sessions: where the caller is signed in.
package sessions

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
)

// Function is GET /v1/auth/sessions: the live ones, newest first, at most 200.
var Function = host.Function{Name: "auth-sessions", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "auth-sessions", Method: http.MethodGet, Path: "/v1/auth/sessions",
	Summary: "List own sessions", Tags: []string{"auth"},
	Errors: []int{401},
}, New, auth.Required)}

// Output is the list.
type Output struct {
	Body struct {
		Items []auth.Session `json:"items"`
	}
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *struct{}) (*Output, error), error) {
	list, err := auth.OpenSessionList(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ *struct{}) (*Output, error) {
		found, err := list.List(ctx, auth.Actor(ctx))
		if err != nil {
			return nil, err
		}
		out := &Output{}
		out.Body.Items = found
		return out, nil
	}, nil
}
