// Package empty is the function trash-empty: all of the trash is deleted for good.
package empty

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/database"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/idempotency"
	"docuvault/shared/job"
	"docuvault/shared/queue"
	"docuvault/shared/vault"
)

// Function is DELETE /v1/trash. What is in the trash when it begins is unreadable at once, and its bytes are deleted soon after.
var Function = host.Function{Name: "trash-empty", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "trash-empty", Method: http.MethodDelete, Path: "/v1/trash",
	Summary: "Empty the trash", Tags: []string{"documents"},
	Description: "Deletes for good what is in the trash when it begins; a document that comes meanwhile stays. " +
		"A very large trash takes more than one call: repeat it until remaining is 0.",
	Errors:   []int{401, 403},
	Security: auth.Accepts(auth.ScopeWrite),
}, New, again, auth.Required)}

// Output says how far it came.
type Output struct {
	Body struct {
		Purging   int `json:"purging" doc:"Documents that are being deleted now."`
		Remaining int `json:"remaining" doc:"Documents for which there was no time. Call again."`
	}
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *struct{}) (*Output, error), error) {
	documents, err := vault.Open(env)
	if err != nil {
		return nil, err
	}
	jobs, err := queue.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ *struct{}) (*Output, error) {
		actor := auth.Actor(ctx)
		var out Output
		var err error
		out.Body.Purging, out.Body.Remaining, err = documents.EmptyTrash(ctx, actor, func(purging []id.ID) {
			// The rows are due by themselves; the messages only make it sooner.
			if err := jobs.Send(ctx, job.Purge, queue.Messages(job.Bodies(actor.User(), purging))...); err != nil {
				env.Log.WarnContext(ctx, "purges were not queued; the reconciler will do them", "documents", len(purging), "error", err)
			}
		})
		if err != nil {
			return nil, err
		}
		return &out, nil
	}, nil
}

// again answers with what is left of what was in the trash then: a call that
// died may have come half way.
func again(env *host.Env, _ idempotency.Handler[struct{}, Output]) (func(context.Context, *struct{}, *database.Done) (*Output, error), error) {
	documents, err := vault.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ *struct{}, done *database.Done) (*Output, error) {
		var out Output
		var err error
		out.Body.Purging, out.Body.Remaining, err = documents.TrashLeft(ctx, auth.Actor(ctx), done.At)
		return &out, err
	}, nil
}
