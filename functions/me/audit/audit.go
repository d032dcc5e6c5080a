// Package audit is the function me-audit: what was done in the caller's account.
package audit

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	entries "docuvault/shared/audit"
	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/id"
)

// Function is GET /v1/me/audit, newest first.
var Function = host.Function{Name: "me-audit", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "me-audit", Method: http.MethodGet, Path: "/v1/me/audit",
	Summary: "List own audit entries", Tags: []string{"me"},
	Errors: []int{401, 422},
}, New, auth.Required)}

// Input filters and pages.
type Input struct {
	Target id.ID  `query:"target" format:"uuid" doc:"Only what was done to this: with a document's id its history."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string `query:"cursor" maxLength:"100" doc:"next_cursor of the page before."`
}

// Output is the page.
type Output struct {
	Body entries.Page
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	log, err := entries.OpenLog(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		page, err := log.List(ctx, auth.Actor(ctx), in.Target, in.Limit, in.Cursor)
		if err != nil {
			return nil, err
		}
		return &Output{Body: page}, nil
	}, nil
}
