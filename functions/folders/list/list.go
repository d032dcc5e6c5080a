// Package list is the function folders-list: the caller's whole tree.
package list

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/folder"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
)

// Function is GET /v1/folders: all of them in one answer, at most [folder.Max].
var Function = host.Function{Name: "folders-list", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "folders-list", Method: http.MethodGet, Path: "/v1/folders",
	Summary: "List folders", Tags: []string{"folders"},
	Description: "All of them, each after the one that it is in.",
	Errors:      []int{401, 403},
	Security:    auth.Accepts(auth.ScopeRead, auth.ScopeWrite),
}, New, auth.Required)}

// Output is the tree.
type Output struct {
	Body struct {
		Items []folder.Folder `json:"items"`
	}
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *struct{}) (*Output, error), error) {
	folders, err := folder.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ *struct{}) (*Output, error) {
		var out Output
		var err error
		if out.Body.Items, err = folders.List(ctx, auth.Actor(ctx)); err != nil {
			return nil, err
		}
		return &out, nil
	}, nil
}
