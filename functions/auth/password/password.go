// Package password is the function auth-password: another password.
package password

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/secret"
)

// Function is POST /v1/auth/password. Ends all other sessions. 401 invalid_credentials if current_password is wrong; with a second factor 401 reauth_required without a code within 10 minutes.
var Function = host.Function{Name: "auth-password", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "auth-password", Method: http.MethodPost, Path: "/v1/auth/password",
	Summary: "Change the password", Tags: []string{"auth"},
	Description:   "Ends all other sessions. 401 invalid_credentials if current_password is wrong; with a second factor 401 reauth_required without a code within 10 minutes.",
	DefaultStatus: http.StatusNoContent,
	Errors:        []int{401, 422, 429},
}, New, auth.Required)}

// Input is the request.
type Input struct {
	Body struct {
		Current secret.Text `json:"current_password" format:"password" writeOnly:"true" maxLength:"512"`
		New     secret.Text `json:"new_password" format:"password" writeOnly:"true" maxLength:"512" doc:"8 to 128 characters of any kind, and none that many people have."`
	}
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*struct{}, error), error) {
	service, err := auth.OpenPasswords(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*struct{}, error) {
		return nil, service.Change(ctx, auth.Actor(ctx), in.Body.Current, in.Body.New)
	}, nil
}
