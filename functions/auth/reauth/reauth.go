// Package reauth is the function auth-reauth: the password once more, before something sensitive.
package reauth

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/secret"
)

// Function is POST /v1/auth/reauth. For 10 minutes the session may do what
// else answers 401 reauth_required.
var Function = host.Function{Name: "auth-reauth", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "auth-reauth", Method: http.MethodPost, Path: "/v1/auth/reauth",
	Summary: "Confirm the password", Tags: []string{"auth"},
	Description:   "Proves the password for this session, for 10 minutes. 401 invalid_credentials if it is wrong, 401 totp_required if the account has a second factor and totp_code is missing.",
	DefaultStatus: http.StatusNoContent,
	Errors:        []int{401, 422, 429},
}, New, auth.Required)}

// Input is the proof.
type Input struct {
	Body struct {
		Password secret.Text `json:"password" format:"password" writeOnly:"true" maxLength:"512"`
		TOTPCode secret.Text `json:"totp_code,omitempty" writeOnly:"true" maxLength:"64" doc:"For accounts with a second factor: the app's code, or a recovery code."`
	}
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*struct{}, error), error) {
	prover, err := auth.OpenProver(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*struct{}, error) {
		return nil, prover.Reauthenticate(ctx, auth.Actor(ctx), in.Body.Password, in.Body.TOTPCode)
	}, nil
}
