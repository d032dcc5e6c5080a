// Package uninvite is the function admin-uninvite: an invitation is taken back.
package uninvite

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/admin"
	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/idempotency"
)

// Function is DELETE /v1/admin/invites/{id}: an invite that was not used
// ends. 403 for who is no administrator, 404 for one that is used.
var Function = host.Function{Name: "admin-uninvite", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "admin-uninvite", Method: http.MethodDelete, Path: "/v1/admin/invites/{id}",
	Summary: "Revoke an invite", Tags: []string{"admin"},
	DefaultStatus: http.StatusNoContent,
	Errors:        []int{401, 403, 404, 422},
}, New, idempotency.Empty[Input, Output], auth.Required)}

// Input is the invite.
type Input struct {
	ID id.ID `path:"id" format:"uuid"`
}

// Output is empty: 204.
type Output struct{}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	admins, err := admin.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		if err := admins.Revoke(ctx, auth.Actor(ctx), in.ID); err != nil {
			return nil, err
		}
		return &Output{}, nil
	}, nil
}
