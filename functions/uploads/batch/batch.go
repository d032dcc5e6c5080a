// Package batch is the function uploads-batch: many uploads begin in one request.
package batch

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/upload"
	"docuvault/shared/upload/uploadindex"
	"docuvault/shared/vault"
)

// Function is POST /v1/uploads/batch. Each upload is begun as POST /v1/uploads
// does, in a transaction of its own and in order: one that is refused keeps no
// other from beginning, and of two with the same bytes the second is the first
// one again.
var Function = host.Function{Name: "uploads-batch", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "uploads-batch", Method: http.MethodPost, Path: "/v1/uploads/batch",
	Summary: "Begin many uploads", Tags: []string{"uploads"},
	Description: "For big folders. Answers with the result of each in order: the status that POST /v1/uploads would have answered, " +
		"with document and upload, or with the problem. After an outage the rest is not tried: begin it again. The quota is exact: what has no room is refused, what comes after it and has room is not.",
	Errors:   []int{401, 403, 422},
	Security: auth.Accepts(auth.ScopeUpload, auth.ScopeWrite),
}, New, auth.Required)}

// Input are the announced documents.
type Input struct {
	Body struct {
		Uploads []upload.Request `json:"uploads" minItems:"1" maxItems:"100"`
	}
}

// Result is the answer to one of them.
type Result struct {
	Status   int                  `json:"status" doc:"201, 200 for bytes that are pending already, or that of the problem."`
	Document *vault.Document      `json:"document,omitempty"`
	Upload   *upload.Instructions `json:"upload,omitempty"`
	Problem  *hosthttp.Problem    `json:"problem,omitempty"`
}

// Output are the answers.
type Output struct {
	Body struct {
		Items []Result `json:"items"`
	}
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	uploads, err := upload.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		out := &Output{}
		var ended error // what ends the work on all that follows
		for n, request := range in.Body.Uploads {
			begun, err := upload.Begun{}, ended
			if ended == nil {
				request.Blind = auth.Blind(ctx)
				begun, err = uploads.Begin(ctx, auth.Actor(ctx), request, hosthttp.PublicURL(ctx), uploadindex.Add)
			}
			if err != nil && !ofOne(err) {
				if ended = err; n == 0 {
					return nil, err
				}
			}
			out.Body.Items = append(out.Body.Items, result(ctx, begun, err))
		}
		return out, nil
	}, nil
}

func result(ctx context.Context, begun upload.Begun, err error) Result {
	switch {
	case err != nil:
		problem := hosthttp.ProblemOf(ctx, err)
		return Result{Status: problem.Status, Problem: problem}
	case begun.Again:
		return Result{Status: http.StatusOK, Document: &begun.Document, Upload: &begun.Upload}
	default:
		return Result{Status: http.StatusCreated, Document: &begun.Document, Upload: &begun.Upload}
	}
}

// ofOne reports whether a fault is about one upload, not about the caller or
// the system, with whom the next one would fare no better.
func ofOne(err error) bool {
	switch fault.CodeOf(err) {
	case fault.Internal, fault.Unavailable, fault.DeadlineExceeded, fault.Unauthenticated, fault.SessionRevoked, fault.Forbidden:
		return false
	}
	return true
}
