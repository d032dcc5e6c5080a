// Package summary is the function documents-summary: how many documents there are of what.
package summary

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/vault"
)

// Function is GET /v1/documents/summary.
var Function = host.Function{Name: "documents-summary", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "documents-summary", Method: http.MethodGet, Path: "/v1/documents/summary",
	Summary: "Count documents", Tags: []string{"documents"},
	Description: "By status, folder, topic, tag and year.",
	Errors:      []int{401, 403},
	Security:    auth.Accepts(auth.ScopeRead, auth.ScopeWrite),
}, New, auth.Required)}

// Output are the counts.
type Output struct{ Body vault.Summary }

// New builds the handler.
func New(env *host.Env) (func(context.Context, *struct{}) (*Output, error), error) {
	documents, err := vault.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ *struct{}) (*Output, error) {
		s, err := documents.Summarize(ctx, auth.Actor(ctx))
		if err != nil {
			return nil, err
		}
		return &Output{Body: s}, nil
	}, nil
}
