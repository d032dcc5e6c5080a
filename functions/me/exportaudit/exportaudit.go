// Package exportaudit is the function me-exportaudit: the caller's audit
// entries with what it takes to check them against a head.
package exportaudit

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/audit"
	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
)

// Function is GET /v1/me/audit/export, oldest first.
var Function = host.Function{Name: "me-exportaudit", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "me-exportaudit", Method: http.MethodGet, Path: "/v1/me/audit/export",
	Summary: "Export own audit entries with proofs", Tags: []string{"me"},
	Description: "Each entry comes with all that was hashed, its place in a seal's tree and the path to the seal's root; the seals lead from the head to it. " +
		"docs/audit.md has the byte form: nothing of the vault is needed to check a page.",
	Errors: []int{401, 422},
}, New, auth.Required)}

// Input pages.
type Input struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"200"`
	Cursor string `query:"cursor" maxLength:"100" doc:"next_cursor of the page before."`
}

// Output is the page.
type Output struct {
	Body audit.Export
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	log, err := audit.OpenLog(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		page, err := log.Export(ctx, auth.Actor(ctx), in.Limit, in.Cursor)
		if err != nil {
			return nil, err
		}
		return &Output{Body: page}, nil
	}, nil
}
