// Package verify is the function auth-verify: an address is proven.
package verify

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/secret"
)

// Function is POST /v1/auth/verify. It signs nobody in.
var Function = host.Function{Name: "auth-verify", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "auth-verify", Method: http.MethodPost, Path: "/v1/auth/verify",
	Summary: "Prove an address", Tags: []string{"auth"},
	Description:   "With the token of the link that was sent there. 403 link_invalid for a token that was used, is older than 24 hours or was never ours.",
	DefaultStatus: http.StatusNoContent,
	Errors:        []int{403, 422, 429},
}, New)}

// Input is the proof.
type Input struct {
	auth.AgentInput
	Body struct {
		Token secret.Text `json:"token" writeOnly:"true" minLength:"1" maxLength:"200" doc:"What stands behind #token= in the link."`
	}
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*struct{}, error), error) {
	addresses, err := auth.OpenAddresses(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*struct{}, error) {
		return nil, addresses.Prove(ctx, in.Body.Token, auth.OriginOf(ctx, in.UserAgent))
	}, nil
}
