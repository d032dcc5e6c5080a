// Package login is the function auth-login: a session for a password.
package login

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/secret"
)

// Function is POST /v1/auth/login. Whether an account exists shows neither in
// the answer nor in the time it takes.
var Function = host.Function{Name: "auth-login", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "auth-login", Method: http.MethodPost, Path: "/v1/auth/login",
	Summary: "Sign in", Tags: []string{"auth"},
	Description: "401 invalid_credentials for an unknown address, a wrong password and a disabled account alike; 403 email_unverified once the password is right and the address has to be proven first; 401 totp_required once the password is right and the account has a second factor; 429 rate_limited with retry_after in seconds.",
	Errors:      []int{401, 403, 422, 429},
}, New)}

// Input is what proves who it is. The limits only bound the work: what no
// account can have is wrong like everything else.
type Input struct {
	auth.AgentInput
	auth.DeviceInput
	Body struct {
		Email    string      `json:"email" maxLength:"320"`
		Password secret.Text `json:"password" format:"password" writeOnly:"true" maxLength:"512"`
		TOTPCode secret.Text `json:"totp_code,omitempty" writeOnly:"true" maxLength:"64" doc:"For accounts with a second factor: the app's code, or a recovery code."`
	}
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*auth.Answer, error), error) {
	sessions, err := auth.OpenLogins(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*auth.Answer, error) {
		signed, err := sessions.Login(ctx, in.Body.Email, in.Body.Password, in.Body.TOTPCode, in.Device(ctx), auth.OriginOf(ctx, in.UserAgent))
		if err != nil {
			return nil, err
		}
		return signed.Answer(ctx), nil
	}, nil
}
