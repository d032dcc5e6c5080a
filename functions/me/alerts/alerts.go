// Package alerts is the function me-alerts: what the caller should know of.
package alerts

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/account"
	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
)

// Function is GET /v1/me/alerts, newest first.
var Function = host.Function{Name: "me-alerts", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "me-alerts", Method: http.MethodGet, Path: "/v1/me/alerts",
	Summary: "List own alerts", Tags: []string{"me"},
	Errors: []int{401, 422},
}, New, auth.Required)}

// Input pages.
type Input struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string `query:"cursor" maxLength:"100" doc:"next_cursor of the page before."`
}

// Output is the page.
type Output struct {
	Body account.AlertPage
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	accounts, err := account.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		page, err := accounts.Alerts(ctx, auth.Actor(ctx), in.Limit, in.Cursor)
		if err != nil {
			return nil, err
		}
		return &Output{Body: page}, nil
	}, nil
}
