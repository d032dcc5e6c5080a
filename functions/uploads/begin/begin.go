// Package begin is the function uploads-begin: it reserves quota and hands out
// a presigned request with which the client sends the bytes to storage itself.
package begin

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/database"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/idempotency"
	"docuvault/shared/upload"
	"docuvault/shared/upload/uploadindex"
)

// Function is POST /v1/uploads. The same bytes while they are pending answer
// 200 with the same document and a fresh URL; bytes that are stored answer 409
// duplicate_document; too little room answers 413 quota_exceeded.
var Function = host.Function{Name: "uploads-begin", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "uploads-begin", Method: http.MethodPost, Path: "/v1/uploads",
	Summary: "Begin an upload", Tags: []string{"uploads"},
	Description: "Reserves room and answers with a request that the client sends straight to storage. " +
		"Storage itself refuses another size, another hash, and a second write; a 412 from storage means that the bytes are there: call complete.",
	DefaultStatus: http.StatusCreated,
	Errors:        []int{401, 403, 409, 413, 422},
	Security:      auth.Accepts(auth.ScopeUpload, auth.ScopeWrite),
}, New, again, auth.Required)}

// Input is the announced document.
type Input struct {
	Body upload.Request
}

// Output is the document and what to send to storage.
type Output struct {
	Status int
	Body   upload.Begun
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	uploads, err := upload.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		in.Body.Blind = auth.Blind(ctx)
		begun, err := uploads.Begin(ctx, auth.Actor(ctx), in.Body, hosthttp.PublicURL(ctx), uploadindex.Add)
		if err != nil {
			return nil, err
		}
		out := &Output{Status: http.StatusCreated, Body: begun}
		if begun.Again {
			out.Status = http.StatusOK
		}
		return out, nil
	}, nil
}

// again answers with the document that was made, and a fresh URL while its bytes
// have not come.
func again(env *host.Env, _ idempotency.Handler[Input, Output]) (func(context.Context, *Input, *database.Done) (*Output, error), error) {
	uploads, err := upload.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ *Input, done *database.Done) (*Output, error) {
		begun, err := uploads.Begun(ctx, auth.Actor(ctx), done.Resource, hosthttp.PublicURL(ctx), auth.Blind(ctx))
		if err != nil {
			return nil, err
		}
		return &Output{Status: http.StatusCreated, Body: begun}, nil
	}, nil
}
