// Package totpremove is the function me-totpremove: the second factor goes.
package totpremove

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/idempotency"
)

// Function is DELETE /v1/me/totp. 401 reauth_required without a fresh proof, which holds a code;
// 409 wrong_state where only a recovery code resets the password.
var Function = host.Function{Name: "me-totpremove", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "me-totpremove", Method: http.MethodDelete, Path: "/v1/me/totp",
	Summary: "Remove the second factor", Tags: []string{"me"},
	Description:   "401 reauth_required without a fresh proof, which holds a code; 409 wrong_state where only a recovery code resets the password.",
	DefaultStatus: http.StatusNoContent,
	Errors:        []int{401, 404, 409},
}, New, idempotency.Empty[Input, struct{}], auth.Required)}

// Input is empty.
type Input struct{}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*struct{}, error), error) {
	service, err := auth.OpenSecondFactor(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ *Input) (*struct{}, error) {
		return nil, service.Remove(ctx, auth.Actor(ctx))
	}, nil
}
