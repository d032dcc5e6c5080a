// Package complete is the function uploads-complete: the client says that the
// bytes are there.
package complete

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/idempotency"
	"docuvault/shared/settle"
	"docuvault/shared/vault"
)

// Function is POST /v1/uploads/{id}/complete: a hint that may be sent any
// number of times. Without bytes it answers 409 upload_incomplete; when they
// were not the announced ones, 409 upload_rejected. It puts the parts of a large
// document together, and answers pending until a worker has read it.
var Function = host.Function{Name: "uploads-complete", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "uploads-complete", Method: http.MethodPost, Path: "/v1/uploads/{id}/complete",
	Summary: "Complete an upload", Tags: []string{"uploads"},
	Description: "Asks storage whether the bytes are there, and moves the document on. " +
		"Parts are put together as storage lists them; the document is then pending until a worker has read the whole and compared its hash. " +
		"The bucket's notification does the same; whichever comes first wins, and repeating it changes nothing.",
	Errors:   []int{401, 403, 404, 409},
	Security: auth.Accepts(auth.ScopeUpload, auth.ScopeWrite),
}, New, idempotency.Harmless[Input, Output], auth.Required)}

// Input names the document.
type Input struct {
	ID id.ID `path:"id" format:"uuid"`
}

// Output is the document as it is now.
type Output struct {
	Body struct {
		Document vault.Document `json:"document"`
	}
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	settler, err := settle.Open(env)
	if err != nil {
		return nil, err
	}
	documents, err := vault.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		actor := auth.Actor(ctx)
		status, err := settler.Settle(ctx, actor, in.ID)
		switch {
		case err != nil:
			return nil, err
		case status == vault.Rejected:
			return nil, fault.New(fault.UploadRejected, "The bytes in storage were not the announced ones and have been deleted. Hash the file again and begin anew.")
		case status == vault.Expired:
			return nil, fault.New(fault.UploadExpired, "This upload was aborted or has expired. Begin again.")
		}
		out := &Output{}
		out.Body.Document, err = documents.Get(ctx, actor, in.ID)
		if auth.Blind(ctx) {
			out.Body.Document = out.Body.Document.Blind()
		}
		return out, err
	}, nil
}
