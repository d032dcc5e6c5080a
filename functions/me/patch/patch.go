// Package patch is the function me-patch: the caller changes name and settings.
package patch

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/account"
	"docuvault/shared/auth"
	"docuvault/shared/database"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/idempotency"
)

// Function is PATCH /v1/me. Role, quota and address are not among what can be
// changed: naming them is 422.
var Function = host.Function{Name: "me-patch", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "me-patch", Method: http.MethodPatch, Path: "/v1/me",
	Summary: "Change the own account", Tags: []string{"me"},
	Description: "Absent members stay.",
	Errors:      []int{401, 409, 412, 422},
}, New, again, auth.Required)}

// Input is what changes.
type Input struct {
	IfMatch string `header:"If-Match" doc:"The ETag that the account had; 412 when it has another."`
	Body    account.Changes
}

// Output is the account.
type Output struct {
	ETag string `header:"ETag" doc:"The version of profile and settings; send it as If-Match."`
	Body account.Account
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	accounts, err := account.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		seen, err := hosthttp.IfMatch(in.IfMatch)
		if err != nil {
			return nil, err
		}
		a, err := accounts.Change(ctx, auth.Actor(ctx), seen, in.Body)
		if err != nil {
			return nil, err
		}
		return &Output{ETag: hosthttp.ETag(a.Version), Body: a}, nil
	}, nil
}

// again answers with the account as it is now.
func again(env *host.Env, _ idempotency.Handler[Input, Output]) (func(context.Context, *Input, *database.Done) (*Output, error), error) {
	accounts, err := account.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ *Input, _ *database.Done) (*Output, error) {
		a, err := accounts.Get(ctx, auth.Actor(ctx))
		if err != nil {
			return nil, err
		}
		return &Output{ETag: hosthttp.ETag(a.Version), Body: a}, nil
	}, nil
}
