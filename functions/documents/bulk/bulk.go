// Package bulk is the function documents-bulk: one action on many documents.
package bulk

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/backlog"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/id"
	"docuvault/shared/job"
	"docuvault/shared/queue"
	"docuvault/shared/vault"
)

// Function is POST /v1/documents/bulk. What fails for one document keeps no other from being done.
var Function = host.Function{Name: "documents-bulk", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "documents-bulk", Method: http.MethodPost, Path: "/v1/documents/bulk",
	Summary: "Do one thing to many documents", Tags: []string{"documents"},
	Description: "Answers with a result for each document, in the order of ids: another user's is not_found. " +
		"All that can be done is done in one transaction. An id that is there twice counts once.",
	Errors:   []int{401, 403, 422},
	Security: auth.Accepts(auth.ScopeWrite),
}, New, auth.Required)}

// Input is what to do.
type Input struct {
	Body struct {
		IDs      []id.ID  `json:"ids" minItems:"1" maxItems:"500" format:"uuid"`
		Action   string   `json:"action" enum:"move,topic,add_tags,remove_tags,trash,restore,purge,reprocess"`
		FolderID id.ID    `json:"folder_id,omitempty" format:"uuid" doc:"For move; absent: into no folder."`
		Topic    string   `json:"topic,omitempty" maxLength:"100" doc:"For topic: made when there is none of that name; absent: no topic. The analysis learns from it a moment later."`
		Tags     []string `json:"tags,omitempty" maxItems:"50" doc:"For add_tags and remove_tags: one at least."`
	}
}

// Result is what became of one document.
type Result struct {
	ID     id.ID        `json:"id" format:"uuid"`
	OK     bool         `json:"ok" doc:"Done, or so already."`
	Status vault.Status `json:"status,omitempty" doc:"That it has now."`
	Code   fault.Code   `json:"code,omitempty" doc:"Why not: not_found, wrong_state, limit_reached."`
	Detail string       `json:"detail,omitempty"`
}

// Output are the results.
type Output struct {
	Body struct {
		Items []Result `json:"items"`
	}
}

type handler struct {
	env       *host.Env
	documents *vault.Vault
	jobs      queue.Queue
	lagging   *backlog.Sender
	trash     vault.TrashConfig
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
	lagging, err := backlog.Open(env)
	if err != nil {
		return nil, err
	}
	trash, err := host.Config[vault.TrashConfig](env)
	if err != nil {
		return nil, err
	}
	h := &handler{env, documents, jobs, lagging, trash}
	return func(ctx context.Context, in *Input) (*Output, error) {
		outcomes, err := h.do(ctx, auth.Actor(ctx), in)
		if err != nil {
			return nil, err
		}
		out := &Output{}
		for _, o := range outcomes {
			r := Result{ID: o.Document, OK: o.Err == nil, Status: o.Status}
			var f *fault.Error
			if errors.As(o.Err, &f) {
				r.Code, r.Detail = f.Code(), f.Detail()
			}
			if r.Code == fault.NotFound {
				r.Status = "" // also of one that is being purged
			}
			out.Body.Items = append(out.Body.Items, r)
		}
		return out, nil
	}, nil
}

func (h *handler) do(ctx context.Context, actor database.Actor, in *Input) ([]vault.Outcome, error) {
	documents := unique(in.Body.IDs)
	if tagging := in.Body.Action == "add_tags" || in.Body.Action == "remove_tags"; tagging && len(in.Body.Tags) == 0 {
		return nil, fault.New(fault.ValidationFailed, "Name the tags.")
	}
	switch in.Body.Action {
	case "move":
		return h.documents.MoveAll(ctx, actor, documents, in.Body.FolderID)
	case "topic":
		return h.later(ctx, actor)(h.documents.GiveTopic(ctx, actor, documents, in.Body.Topic))
	case "add_tags":
		return h.later(ctx, actor)(h.documents.AddTags(ctx, actor, documents, in.Body.Tags))
	case "remove_tags":
		return h.later(ctx, actor)(h.documents.RemoveTags(ctx, actor, documents, in.Body.Tags))
	case "trash":
		return h.documents.TrashAll(ctx, actor, documents, h.trash.Retention)
	case "restore":
		return h.documents.RestoreAll(ctx, actor, documents)
	case "purge":
		return h.send(ctx, actor, job.Purge)(h.documents.BeginPurgeAll(ctx, actor, documents))
	case "reprocess":
		return h.send(ctx, actor, job.Analyze)(h.documents.ReprocessAll(ctx, actor, documents))
	}
	return nil, fault.New(fault.ValidationFailed, "There is no such action.")
}

// later asks for what lags behind after the change.
func (h *handler) later(ctx context.Context, actor database.Actor) func([]vault.Outcome, error) ([]vault.Outcome, error) {
	return func(outcomes []vault.Outcome, err error) ([]vault.Outcome, error) {
		if err == nil {
			h.lagging.Send(ctx, actor)
		}
		return outcomes, err
	}
}

// send sends a job for each document that changed. The rows are due by
// themselves; the messages only make it sooner.
func (h *handler) send(ctx context.Context, actor database.Actor, to string) func([]vault.Outcome, error) ([]vault.Outcome, error) {
	return func(outcomes []vault.Outcome, err error) ([]vault.Outcome, error) {
		if err != nil {
			return nil, err
		}
		var changed []id.ID
		for _, o := range outcomes {
			if o.Changed {
				changed = append(changed, o.Document)
			}
		}
		if err := h.jobs.Send(ctx, to, queue.Messages(job.Bodies(actor.User(), changed))...); err != nil {
			h.env.Log.WarnContext(ctx, "jobs were not queued; the reconciler will do it", "queue", to, "documents", len(changed), "error", err)
		}
		return outcomes, nil
	}
}

// unique are the ids, each at its first place.
func unique(all []id.ID) []id.ID {
	seen := map[id.ID]bool{}
	var once []id.ID
	for _, document := range all {
		if !seen[document] {
			seen[document] = true
			once = append(once, document)
		}
	}
	return once
}
