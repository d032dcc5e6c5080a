// Package revokeothers is the function auth-revokeothers: all sessions end but the one that asks.
package revokeothers

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
)

// Function is DELETE /v1/auth/sessions.
var Function = host.Function{Name: "auth-revokeothers", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "auth-revokeothers", Method: http.MethodDelete, Path: "/v1/auth/sessions",
	Summary: "End all other sessions", Tags: []string{"auth"},
	Description:   "They stop at their next request; the one that asks goes on.",
	DefaultStatus: http.StatusNoContent,
	Errors:        []int{401},
}, New, auth.Required)}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *struct{}) (*struct{}, error), error) {
	list, err := auth.OpenSessionList(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		return nil, list.RevokeOthers(ctx, auth.Actor(ctx))
	}, nil
}
