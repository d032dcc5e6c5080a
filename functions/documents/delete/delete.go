// Package delete is the function documents-delete: into the trash, or for good.
package delete

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/idempotency"
	"docuvault/shared/job"
	"docuvault/shared/queue"
	"docuvault/shared/vault"
)

// Function is DELETE /v1/documents/{id}. With permanent=true the document is unreadable at once and its bytes are deleted soon after.
var Function = host.Function{Name: "documents-delete", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "documents-delete", Method: http.MethodDelete, Path: "/v1/documents/{id}",
	Summary: "Delete a document", Tags: []string{"documents"},
	Description:   "Moves it into the trash, where it still counts and can be restored; with permanent=true it is deleted for good.",
	DefaultStatus: http.StatusNoContent,
	Errors:        []int{401, 403, 404, 409},
	Security:      auth.Accepts(auth.ScopeWrite),
}, New, idempotency.Empty[Input, struct{}], auth.Required)}

// Input names the document.
type Input struct {
	ID        id.ID `path:"id" format:"uuid"`
	Permanent bool  `query:"permanent" doc:"Delete for good instead of into the trash."`
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*struct{}, error), error) {
	documents, err := vault.Open(env)
	if err != nil {
		return nil, err
	}
	jobs, err := queue.Open(env)
	if err != nil {
		return nil, err
	}
	cfg, err := host.Config[vault.TrashConfig](env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*struct{}, error) {
		actor := auth.Actor(ctx)
		if !in.Permanent {
			return nil, documents.Trash(ctx, actor, in.ID, cfg.Retention)
		}
		if err := documents.BeginPurge(ctx, actor, in.ID); err != nil {
			return nil, err
		}
		// The row is due by itself; the message only makes it sooner.
		if err := jobs.Send(ctx, job.Purge, queue.Message{Body: job.Document{User: actor.User(), Document: in.ID}.Encode()}); err != nil {
			env.Log.WarnContext(ctx, "a purge was not queued; the reconciler will do it", "document_id", in.ID, "error", err)
		}
		return nil, nil
	}, nil
}
