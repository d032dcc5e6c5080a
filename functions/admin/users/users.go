// Package users is the function admin-users: accounts with their counts and bytes.
package users

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/admin"
	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
)

// Function is GET /v1/admin/users, oldest first: addresses, counts and bytes, and
// nothing that anybody keeps here. 403 for who is no administrator.
var Function = host.Function{Name: "admin-users", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "admin-users", Method: http.MethodGet, Path: "/v1/admin/users",
	Summary: "List accounts", Tags: []string{"admin"},
	Errors: []int{401, 403, 422},
}, New, auth.Required)}

// Input pages.
type Input struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string `query:"cursor" maxLength:"100" doc:"next_cursor of the page before."`
}

// Output is the answer.
type Output struct {
	Body admin.UserPage
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	admins, err := admin.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		body, err := admins.Users(ctx, auth.Actor(ctx), in.Limit, in.Cursor)
		if err != nil {
			return nil, err
		}
		return &Output{Body: body}, nil
	}, nil
}
