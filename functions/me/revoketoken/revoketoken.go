// Package revoketoken is the function me-revoketoken: the end of an API token.
package revoketoken

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/idempotency"
)

// Function is DELETE /v1/me/tokens/{id}. It stops at its next request. Another user's id is 404.
var Function = host.Function{Name: "me-revoketoken", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "me-revoketoken", Method: http.MethodDelete, Path: "/v1/me/tokens/{id}",
	Summary: "Revoke an API token", Tags: []string{"me"},
	Description:   "It stops at its next request. Another user's id is 404.",
	DefaultStatus: http.StatusNoContent,
	Errors:        []int{401, 404},
}, New, idempotency.Empty[Input, struct{}], auth.Required)}

// Input is the request.
type Input struct {
	ID id.ID `path:"id" format:"uuid"`
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*struct{}, error), error) {
	service, err := auth.OpenTokenEnder(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*struct{}, error) {
		return nil, service.Revoke(ctx, auth.Actor(ctx), in.ID)
	}, nil
}
