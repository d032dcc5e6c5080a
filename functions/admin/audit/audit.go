// Package audit is the function admin-audit: the security events of the instance.
package audit

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/admin"
	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
)

// Function is GET /v1/admin/audit, newest first: actions and ids, without the
// personal part. 403 for who is no administrator.
var Function = host.Function{Name: "admin-audit", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "admin-audit", Method: http.MethodGet, Path: "/v1/admin/audit",
	Summary: "List security events", Tags: []string{"admin"},
	Errors: []int{401, 403, 422},
}, New, auth.Required)}

// Input pages.
type Input struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string `query:"cursor" maxLength:"100" doc:"next_cursor of the page before."`
}

// Output is the answer.
type Output struct {
	Body admin.EventPage
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	admins, err := admin.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		body, err := admins.Events(ctx, auth.Actor(ctx), in.Limit, in.Cursor)
		if err != nil {
			return nil, err
		}
		return &Output{Body: body}, nil
	}, nil
}
