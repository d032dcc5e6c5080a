// Package recoverycodes is the function me-recoverycodes: new recovery codes.
package recoverycodes

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/idempotency"
)

// Function is POST /v1/me/totp/recovery-codes. Answers with ten, once; those before no longer count. 401 reauth_required without a fresh proof, which holds a code.
var Function = host.Function{Name: "me-recoverycodes", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "me-recoverycodes", Method: http.MethodPost, Path: "/v1/me/totp/recovery-codes",
	Summary: "Make new recovery codes", Tags: []string{"me"},
	Description:   "Answers with ten, once; those before no longer count. 401 reauth_required without a fresh proof, which holds a code.",
	DefaultStatus: http.StatusCreated,
	Errors:        []int{401, 404},
}, New, idempotency.Secret[Input, Output], auth.Required)}

// Input is empty.
type Input struct{}

// Output is the answer.
type Output struct {
	Body auth.Recovery
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	service, err := auth.OpenSecondFactor(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ *Input) (*Output, error) {
		body, err := service.NewRecoveryCodes(ctx, auth.Actor(ctx))
		if err != nil {
			return nil, err
		}
		return &Output{Body: body}, nil
	}, nil
}
