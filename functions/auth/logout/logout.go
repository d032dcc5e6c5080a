// Package logout is the function auth-logout: the session that asks ends.
package logout

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
)

// Function is POST /v1/auth/logout. A session that has ended already is 204
// too: the client wants to be rid of it.
var Function = host.Function{Name: "auth-logout", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "auth-logout", Method: http.MethodPost, Path: "/v1/auth/logout",
	Summary: "Sign out", Tags: []string{"auth"},
	Description:   "Ends the session, clears the refresh cookie, and makes the browser forget what it kept of this site.",
	DefaultStatus: http.StatusNoContent,
	Errors:        []int{401},
}, New, auth.Required)}

// Output clears what the client has.
type Output struct {
	SetCookie     []http.Cookie `header:"Set-Cookie"`
	ClearSiteData string        `header:"Clear-Site-Data"`
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *struct{}) (*Output, error), error) {
	sessions, err := auth.OpenSessionList(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ *struct{}) (*Output, error) {
		if err := sessions.Logout(ctx, auth.Actor(ctx)); err != nil && fault.CodeOf(err) != fault.SessionRevoked {
			return nil, err
		}
		// Not "cookies": the known device stays known.
		return &Output{SetCookie: auth.Cleared(ctx), ClearSiteData: `"cache", "storage"`}, nil
	}, nil
}
