// Package abort is the function uploads-abort: the client gives an upload up.
package abort

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/idempotency"
	"docuvault/shared/settle"
)

// Function is DELETE /v1/uploads/{id}: the reservation is released once,
// however often it is called. A stored document answers 409 wrong_state.
var Function = host.Function{Name: "uploads-abort", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "uploads-abort", Method: http.MethodDelete, Path: "/v1/uploads/{id}",
	Summary: "Abort an upload", Tags: []string{"uploads"},
	Description:   "Releases the reserved room. Bytes that still arrive are deleted.",
	DefaultStatus: http.StatusNoContent,
	Errors:        []int{401, 403, 404, 409},
	Security:      auth.Accepts(auth.ScopeUpload, auth.ScopeWrite),
}, New, idempotency.Empty[Input, struct{}], auth.Required)}

// Input names the document.
type Input struct {
	ID id.ID `path:"id" format:"uuid"`
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*struct{}, error), error) {
	settler, err := settle.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*struct{}, error) {
		return nil, settler.Abort(ctx, auth.Actor(ctx), in.ID)
	}, nil
}
