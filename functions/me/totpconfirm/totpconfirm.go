// Package totpconfirm is the function me-totpconfirm: the first code switches the second factor on.
package totpconfirm

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/idempotency"
	"docuvault/shared/secret"
)

// Function is POST /v1/me/totp/confirm. Takes a code of the app, and answers with ten recovery codes, once. From then on sign-in and reauth want a code.
var Function = host.Function{Name: "me-totpconfirm", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "me-totpconfirm", Method: http.MethodPost, Path: "/v1/me/totp/confirm",
	Summary: "Switch the second factor on", Tags: []string{"me"},
	Description: "Takes a code of the app, and answers with ten recovery codes, once. From then on sign-in and reauth want a code.",
	Errors:      []int{401, 409, 422, 429},
}, New, idempotency.Secret[Input, Output], auth.Required)}

// Input is the request.
type Input struct {
	Body struct {
		Code secret.Text `json:"code" writeOnly:"true" maxLength:"64" doc:"What the app shows now."`
	}
}

// Output is the answer.
type Output struct {
	Body auth.Recovery
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	service, err := auth.OpenFactor(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		body, err := service.Confirm(ctx, auth.Actor(ctx), in.Body.Code)
		if err != nil {
			return nil, err
		}
		return &Output{Body: body}, nil
	}, nil
}
