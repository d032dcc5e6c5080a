// Package stats is the function admin-stats: sums over all accounts.
package stats

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/admin"
	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
)

// Function is GET /v1/admin/stats: counts and bytes. 403 for who is no
// administrator.
var Function = host.Function{Name: "admin-stats", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "admin-stats", Method: http.MethodGet, Path: "/v1/admin/stats",
	Summary: "Count", Tags: []string{"admin"},
	Errors: []int{401, 403},
}, New, auth.Required)}

// Input is empty.
type Input struct {
}

// Output is the answer.
type Output struct {
	Body admin.Stats
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	admins, err := admin.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ *Input) (*Output, error) {
		body, err := admins.Stats(ctx, auth.Actor(ctx))
		if err != nil {
			return nil, err
		}
		return &Output{Body: body}, nil
	}, nil
}
