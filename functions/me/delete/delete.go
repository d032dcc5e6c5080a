// Package delete is the function me-delete: the caller's account ends.
package delete

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/account"
	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/job"
	"docuvault/shared/queue"
)

// Function is DELETE /v1/me. It wants the password within the last 10 minutes
// (401 reauth_required), and answers 409 last_admin for the only enabled
// administrator. It cannot be undone: asked again, the session is gone
// (401 session_revoked).
var Function = host.Function{Name: "me-delete", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "me-delete", Method: http.MethodDelete, Path: "/v1/me",
	Summary: "Delete the own account", Tags: []string{"me"},
	Description: "At once: all sessions end, the keys of everything sealed are deleted, the address is free. " +
		"Soon after: documents in every version, and every other row. The audit log keeps its entries without what is personal in them.",
	DefaultStatus: http.StatusNoContent,
	Errors:        []int{401, 409},
}, New, auth.Required)}

// Output clears what the client has.
type Output struct {
	SetCookie     []http.Cookie `header:"Set-Cookie"`
	ClearSiteData string        `header:"Clear-Site-Data"`
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *struct{}) (*Output, error), error) {
	accounts, err := account.Open(env)
	if err != nil {
		return nil, err
	}
	jobs, err := queue.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ *struct{}) (*Output, error) {
		actor := auth.Actor(ctx)
		if err := accounts.Delete(ctx, actor); err != nil {
			return nil, err
		}
		// The erasure is due by itself; the message only makes it sooner.
		if err := jobs.Send(ctx, job.Erase, queue.Message{Body: job.Account{User: actor.User()}.Encode()}); err != nil {
			env.Log.WarnContext(ctx, "an erasure was not queued; the reconciler will do it", "user_id", actor.User(), "error", err)
		}
		return &Output{SetCookie: auth.Cleared(ctx), ClearSiteData: `"cache", "storage"`}, nil
	}, nil
}
