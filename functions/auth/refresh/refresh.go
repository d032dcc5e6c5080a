// Package refresh is the function auth-refresh: a session goes on.
package refresh

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
)

// Function is POST /v1/auth/refresh (RFC 9700 section 4.14.2).
var Function = host.Function{Name: "auth-refresh", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "auth-refresh", Method: http.MethodPost, Path: "/v1/auth/refresh",
	Summary: "Continue a session", Tags: []string{"auth"},
	Description: "Exchanges the refresh cookie for a new one and a new access token. A lost answer and a second tab may repeat the last exchange; " +
		"an older token ends the session: 401 refresh_replayed. 401 refresh_invalid and session_revoked: sign in again.",
	Errors: []int{401},
}, New)}

// Input is the refresh cookie.
type Input struct {
	auth.AgentInput
	auth.RefreshInput
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*auth.Answer, error), error) {
	sessions, err := auth.OpenSessions(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*auth.Answer, error) {
		signed, err := sessions.Refresh(ctx, in.Token(ctx), auth.OriginOf(ctx, in.UserAgent))
		if err != nil {
			return nil, err
		}
		return signed.Answer(ctx), nil
	}, nil
}
