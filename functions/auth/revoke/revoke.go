// Package revoke is the function auth-revoke: one of the caller's sessions ends.
package revoke

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/id"
)

// Function is DELETE /v1/auth/sessions/{id}. Another user's id is 404, and so
// is a session that has ended.
var Function = host.Function{Name: "auth-revoke", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "auth-revoke", Method: http.MethodDelete, Path: "/v1/auth/sessions/{id}",
	Summary: "End one session", Tags: []string{"auth"},
	Description:   "It stops at its next request.",
	DefaultStatus: http.StatusNoContent,
	Errors:        []int{401, 404},
}, New, auth.Required)}

// Input names the session.
type Input struct {
	ID id.ID `path:"id" format:"uuid"`
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*struct{}, error), error) {
	list, err := auth.OpenSessionList(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*struct{}, error) {
		return nil, list.Revoke(ctx, auth.Actor(ctx), in.ID)
	}, nil
}
