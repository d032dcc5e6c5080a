// Package reset is the function auth-reset: a new password without the old one.
package reset

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/secret"
)

// Function is POST /v1/auth/password/reset. It signs nobody in: the next login
// wants the second factor, where there is one.
var Function = host.Function{Name: "auth-reset", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "auth-reset", Method: http.MethodPost, Path: "/v1/auth/password/reset",
	Summary: "Choose a new password", Tags: []string{"auth"},
	Description: "With the token of a link, or, for accounts that have switched reset by mail off, with email and a recovery code. " +
		"Ends all sessions, and leaves the second factor as it is. " +
		"403 link_invalid for a token that was used, is too old or was never ours; 401 invalid_credentials for an address or a recovery code that is wrong.",
	DefaultStatus: http.StatusNoContent,
	Errors:        []int{401, 403, 422, 429},
}, New)}

// Input is the proof, of one of two kinds, and the new password.
type Input struct {
	auth.AgentInput
	Body struct {
		Token        secret.Text `json:"token,omitempty" writeOnly:"true" maxLength:"200" doc:"What stands behind #token= in the link."`
		Email        string      `json:"email,omitempty" maxLength:"254" doc:"With recovery_code, in place of token."`
		RecoveryCode secret.Text `json:"recovery_code,omitempty" writeOnly:"true" maxLength:"64"`
		Password     secret.Text `json:"password" format:"password" writeOnly:"true" minLength:"8" maxLength:"128" doc:"The new one. Any characters; length is what counts."`
	}
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*struct{}, error), error) {
	resets, err := auth.OpenResets(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*struct{}, error) {
		origin, b := auth.OriginOf(ctx, in.UserAgent), &in.Body
		switch {
		case !b.Token.IsZero() && b.Email == "" && b.RecoveryCode.IsZero():
			return nil, resets.ByLink(ctx, b.Token, b.Password, origin)
		case b.Token.IsZero() && b.Email != "" && !b.RecoveryCode.IsZero():
			return nil, resets.ByCode(ctx, b.Email, b.RecoveryCode, b.Password, origin)
		default:
			return nil, fault.New(fault.ValidationFailed, "Send either token, or email and recovery_code.")
		}
	}, nil
}
