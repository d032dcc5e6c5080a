// Package create is the function folders-create: a new folder.
package create

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/folder"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/id"
	"docuvault/shared/idempotency"
)

// Function is POST /v1/folders. A name that the parent has already is 409 name_taken.
var Function = host.Function{Name: "folders-create", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "folders-create", Method: http.MethodPost, Path: "/v1/folders",
	Summary: "Make a folder", Tags: []string{"folders"},
	Description:   "A name is once in a folder, upper and lower case being the same. Folders nest at most 32 deep.",
	DefaultStatus: http.StatusCreated,
	Errors:        []int{401, 403, 409, 422},
	Security:      auth.Accepts(auth.ScopeWrite),
}, New, idempotency.Read(folder.Open, (*folder.Folders).Get, idempotency.Made[Input], answer), auth.Required)}

// Input is the folder to make.
type Input struct {
	Body struct {
		Name     string `json:"name" doc:"1 to 100 characters."`
		ParentID id.ID  `json:"parent_id,omitempty" format:"uuid" doc:"Absent: at the top."`
	}
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
		f, err := folders.Create(ctx, auth.Actor(ctx), in.Body.ParentID, in.Body.Name)
		if err != nil {
			return nil, err
		}
		return answer(f), nil
	}, nil
}

func answer(now folder.Folder) *Output { return &Output{ETag: hosthttp.ETag(now.Version), Body: now} }
