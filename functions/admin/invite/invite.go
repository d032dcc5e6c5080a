// Package invite is the function admin-invite: one invitation.
package invite

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/admin"
	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/idempotency"
)

// Function is POST /v1/admin/invites: a token for one registration, shown
// once. 403 for who is no administrator.
var Function = host.Function{Name: "admin-invite", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "admin-invite", Method: http.MethodPost, Path: "/v1/admin/invites",
	Summary: "Make an invite", Tags: []string{"admin"},
	DefaultStatus: http.StatusCreated,
	Errors:        []int{401, 403, 422},
}, New, idempotency.Secret[Input, Output], auth.Required)}

// Input is the invite.
type Input struct {
	Body struct {
		Email     string `json:"email,omitempty" format:"email" maxLength:"254" doc:"Only this address may use it."`
		ExpiresIn int    `json:"expires_in,omitempty" minimum:"60" maximum:"7776000" doc:"Seconds; 7 days if absent."`
	}
}

// Output is the answer.
type Output struct {
	Body admin.NewInvite
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	admins, err := admin.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		ttl := admin.InviteTTL
		if in.Body.ExpiresIn > 0 {
			ttl = time.Duration(in.Body.ExpiresIn) * time.Second
		}
		body, err := admins.Invite(ctx, auth.Actor(ctx), in.Body.Email, ttl)
		if err != nil {
			return nil, err
		}
		return &Output{Body: body}, nil
	}, nil
}
