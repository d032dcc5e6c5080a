// Package createtoken is the function me-createtoken: an API token.
package createtoken

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/idempotency"
)

// Function is POST /v1/me/tokens. For scanners and scripts. The token is in this answer and never again. 401 reauth_required without a fresh proof of the password; 409 wrong_state when there are 50.
var Function = host.Function{Name: "me-createtoken", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "me-createtoken", Method: http.MethodPost, Path: "/v1/me/tokens",
	Summary: "Make an API token", Tags: []string{"me"},
	Description:   "For scanners and scripts. The token is in this answer and never again. 401 reauth_required without a fresh proof of the password; 409 wrong_state when there are 50.",
	DefaultStatus: http.StatusCreated,
	Errors:        []int{401, 409, 422},
}, New, idempotency.Secret[Input, Output], auth.Required)}

// Input is the request.
type Input struct {
	Body auth.TokenRequest
}

// Output is the answer.
type Output struct {
	Body auth.NewToken
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	service, err := auth.OpenTokenList(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		body, err := service.Create(ctx, auth.Actor(ctx), in.Body)
		if err != nil {
			return nil, err
		}
		return &Output{Body: body}, nil
	}, nil
}
