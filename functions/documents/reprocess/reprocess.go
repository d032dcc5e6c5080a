// Package reprocess is the function documents-reprocess: a new analysis.
package reprocess

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/database"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/id"
	"docuvault/shared/idempotency"
	"docuvault/shared/job"
	"docuvault/shared/queue"
	"docuvault/shared/vault"
)

// Function is POST /v1/documents/{id}/reprocess answers 202; the document becomes ready again later.
var Function = host.Function{Name: "documents-reprocess", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "documents-reprocess", Method: http.MethodPost, Path: "/v1/documents/{id}/reprocess",
	Summary: "Analyze a document again", Tags: []string{"documents"},
	Description:   "What a person set stays.",
	DefaultStatus: http.StatusAccepted,
	Errors:        []int{401, 403, 404, 409},
	Security:      auth.Accepts(auth.ScopeWrite),
}, New, idempotency.Read(vault.Open, (*vault.Vault).Get, named, answer), auth.Required)}

// Input names the document.
type Input struct {
	ID id.ID `path:"id" format:"uuid"`
}

// Output is the document.
type Output struct {
	ETag string `header:"ETag" doc:"The document's version; send it as If-Match."`
	Body vault.Document
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	documents, err := vault.Open(env)
	if err != nil {
		return nil, err
	}
	jobs, err := queue.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		actor := auth.Actor(ctx)
		d, err := documents.Reprocess(ctx, actor, in.ID)
		if err != nil {
			return nil, err
		}
		// The row is due by itself; the message only makes it sooner.
		if err := jobs.Send(ctx, job.Analyze, queue.Message{Body: job.Document{User: actor.User(), Document: in.ID}.Encode()}); err != nil {
			env.Log.WarnContext(ctx, "an analysis was not queued; the reconciler will do it", "document_id", in.ID, "error", err)
		}
		return answer(d), nil
	}, nil
}

// named is the resource that the answer shows.
func named(in *Input, _ *database.Done) id.ID { return in.ID }

func answer(now vault.Document) *Output { return &Output{ETag: hosthttp.ETag(now.Version), Body: now} }
