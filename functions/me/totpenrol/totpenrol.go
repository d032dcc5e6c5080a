// Package totpenrol is the function me-totpenrol: a secret for an authenticator app.
package totpenrol

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/idempotency"
)

// Function is POST /v1/me/totp. Answers with a secret, once, which counts when a code confirms it. 401 reauth_required without a fresh proof of the password; 409 wrong_state if there is a second factor already.
var Function = host.Function{Name: "me-totpenrol", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "me-totpenrol", Method: http.MethodPost, Path: "/v1/me/totp",
	Summary: "Begin a second factor", Tags: []string{"me"},
	Description:   "Answers with a secret, once, which counts when a code confirms it. 401 reauth_required without a fresh proof of the password; 409 wrong_state if there is a second factor already.",
	DefaultStatus: http.StatusCreated,
	Errors:        []int{401, 409},
}, New, idempotency.Secret[Input, Output], auth.Required)}

// Input is empty.
type Input struct{}

// Output is the answer.
type Output struct {
	Body auth.Enrolment
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	service, err := auth.OpenFactor(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ *Input) (*Output, error) {
		body, err := service.Enrol(ctx, auth.Actor(ctx))
		if err != nil {
			return nil, err
		}
		return &Output{Body: body}, nil
	}, nil
}
