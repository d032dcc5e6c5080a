// Package change is the function admin-change: a limit, or closing an account.
package change

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/admin"
	"docuvault/shared/auth"
	"docuvault/shared/database"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/idempotency"
)

// Function is PATCH /v1/admin/users/{id}: limit and access of an account.
// Closing one ends its sessions. 409 last_admin; 401 reauth_required without a
// proof of the password within 10 minutes; 403 for who is no administrator.
var Function = host.Function{Name: "admin-change", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "admin-change", Method: http.MethodPatch, Path: "/v1/admin/users/{id}",
	Summary: "Change limit or access of an account", Tags: []string{"admin"},
	Errors: []int{401, 403, 404, 409, 422},
}, New, again, auth.Required)}

// Input is the account and what changes; absent members stay.
type Input struct {
	ID   id.ID `path:"id" format:"uuid"`
	Body admin.Changes
}

// Output is the answer.
type Output struct {
	Body admin.User
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	admins, err := admin.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		body, err := admins.Change(ctx, auth.Actor(ctx), in.ID, in.Body)
		if err != nil {
			return nil, err
		}
		return &Output{Body: body}, nil
	}, nil
}

// again answers with the account as it is now: a change of nothing.
func again(env *host.Env, _ idempotency.Handler[Input, Output]) (func(context.Context, *Input, *database.Done) (*Output, error), error) {
	admins, err := admin.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input, _ *database.Done) (*Output, error) {
		body, err := admins.Change(ctx, auth.Actor(ctx), in.ID, admin.Changes{})
		if err != nil {
			return nil, err
		}
		return &Output{Body: body}, nil
	}, nil
}
