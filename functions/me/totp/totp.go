// Package totp is the function me-totp: whether there is a second factor.
package totp

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
)

// Function is GET /v1/me/totp. Whether it is on, and how many recovery codes are left.
var Function = host.Function{Name: "me-totp", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "me-totp", Method: http.MethodGet, Path: "/v1/me/totp",
	Summary: "See the second factor", Tags: []string{"me"},
	Description: "Whether it is on, and how many recovery codes are left.",
	Errors:      []int{401},
}, New, auth.Required)}

// Input is empty.
type Input struct{}

// Output is the answer.
type Output struct {
	Body auth.FactorStatus
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	service, err := auth.OpenSecondFactor(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ *Input) (*Output, error) {
		body, err := service.Status(ctx, auth.Actor(ctx))
		if err != nil {
			return nil, err
		}
		return &Output{Body: body}, nil
	}, nil
}
