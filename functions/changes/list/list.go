// Package list is the function changes-list: what changed for the caller since a cursor.
package list

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/feed"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
)

// Function is GET /v1/changes. A cursor that is too old, or from before a restore, is 409 cursor_expired.
var Function = host.Function{Name: "changes-list", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "changes-list", Method: http.MethodGet, Path: "/v1/changes",
	Summary: "What changed since a cursor", Tags: []string{"changes"},
	Description: "Instead of asking for each document. Ask without since first, then read everything, then follow next_cursor: nothing is missed. " +
		"Ask every 2 seconds while moving is true, else every 30. After 409 cursor_expired begin again. " +
		"What is used of the quota changes with documents alone; a quota is told when its limit changes.",
	Errors:   []int{401, 403, 409, 422},
	Security: auth.Accepts(auth.ScopeRead, auth.ScopeWrite),
}, New, auth.Required)}

// Input is where to go on.
type Input struct {
	Since string `query:"since" maxLength:"300" doc:"next_cursor of the answer before; absent: only a cursor to begin with."`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"500" doc:"Of changes that are looked at; several of one thing are told as one."`
}

// Output is what changed.
type Output struct{ Body feed.Page }

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	changes, err := feed.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		page, err := changes.Read(ctx, auth.Actor(ctx), in.Since, in.Limit)
		if err != nil {
			return nil, err
		}
		return &Output{Body: page}, nil
	}, nil
}
