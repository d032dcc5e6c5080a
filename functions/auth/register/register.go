// Package register is the function auth-register: a new account and its first session.
package register

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/secret"
)

// Function is POST /v1/auth/register. Nobody can ask for a role: there is no
// member for it.
var Function = host.Function{Name: "auth-register", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "auth-register", Method: http.MethodPost, Path: "/v1/auth/register",
	Summary: "Register", Tags: []string{"auth"},
	Description: "Makes an account and signs in. The refresh token comes as a cookie that no script can read. " +
		"403 registration_closed or invite_invalid where REGISTRATION is not open; 409 email_taken.",
	DefaultStatus: http.StatusCreated,
	Errors:        []int{403, 409, 422, 429},
}, New)}

// Input is the new account.
type Input struct {
	auth.AgentInput
	Body struct {
		Email       string      `json:"email" format:"email" maxLength:"254"`
		Password    secret.Text `json:"password" format:"password" writeOnly:"true" minLength:"8" maxLength:"128" doc:"Any characters; length is what counts."`
		DisplayName string      `json:"display_name,omitempty" maxLength:"100"`
		Invite      secret.Text `json:"invite,omitempty" writeOnly:"true" maxLength:"200"`
	}
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*auth.Answer, error), error) {
	sessions, err := auth.OpenSessions(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*auth.Answer, error) {
		signed, err := sessions.Register(ctx, auth.Registration{
			Email: in.Body.Email, DisplayName: in.Body.DisplayName, Password: in.Body.Password, Invite: in.Body.Invite,
		}, auth.OriginOf(ctx, in.UserAgent))
		if err != nil {
			return nil, err
		}
		return signed.Answer(ctx), nil
	}, nil
}
