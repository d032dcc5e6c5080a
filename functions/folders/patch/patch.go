// Package patch is the function folders-patch: a folder is renamed or moved.
package patch

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/database"
	"docuvault/shared/folder"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/id"
	"docuvault/shared/idempotency"
)

// Function is PATCH /v1/folders/{id}. With If-Match it changes only the version the client saw, else 412.
var Function = host.Function{Name: "folders-patch", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "folders-patch", Method: http.MethodPatch, Path: "/v1/folders/{id}",
	Summary: "Rename or move a folder", Tags: []string{"folders"},
	Description: "Absent members stay. What is in it moves with it. Into itself it cannot be moved: 422 folder_cycle.",
	Errors:      []int{401, 403, 404, 409, 412, 422},
	Security:    auth.Accepts(auth.ScopeWrite),
}, New, idempotency.Read(folder.Open, (*folder.Folders).Get, named, answer), auth.Required)}

// Input is what changes.
type Input struct {
	ID      id.ID  `path:"id" format:"uuid"`
	IfMatch string `header:"If-Match" doc:"The ETag that the folder had; 412 when it has another."`
	Body    folder.Changes
}

// Output is the folder.
type Output struct {
	ETag string `header:"ETag" doc:"The folder's version; send it as If-Match."`
	Body folder.Folder
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	folders, err := folder.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		version, err := hosthttp.IfMatch(in.IfMatch)
		if err != nil {
			return nil, err
		}
		f, err := folders.Change(ctx, auth.Actor(ctx), in.ID, version, in.Body)
		if err != nil {
			return nil, err
		}
		return answer(f), nil
	}, nil
}

// named is the resource that the answer shows.
func named(in *Input, _ *database.Done) id.ID { return in.ID }

func answer(now folder.Folder) *Output { return &Output{ETag: hosthttp.ETag(now.Version), Body: now} }
