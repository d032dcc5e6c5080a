// Package patch is the function documents-patch: a person changes what is written about a document.
package patch

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
	"docuvault/shared/learning"
	"docuvault/shared/search"
	"docuvault/shared/vault"
)

// Function is PATCH /v1/documents/{id}. With If-Match it changes only the version the client saw, else 412.
var Function = host.Function{Name: "documents-patch", Trigger: idempotency.Operation(huma.Operation{
	OperationID: "documents-patch", Method: http.MethodPatch, Path: "/v1/documents/{id}",
	Summary: "Change a document", Tags: []string{"documents"},
	Description: "Absent members stay, null clears. Setting the topic teaches the analysis at once.",
	Errors:      []int{401, 403, 404, 412, 422},
	Security:    auth.Accepts(auth.ScopeWrite),
}, New, idempotency.Read(vault.Open, (*vault.Vault).Get, named, answer), auth.Required)}

// Input is what changes.
type Input struct {
	ID      id.ID  `path:"id" format:"uuid"`
	IfMatch string `header:"If-Match" doc:"The ETag that the document had; 412 when it has another."`
	Body    vault.Changes
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
	learner, err := learning.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		version, err := hosthttp.IfMatch(in.IfMatch)
		if err != nil {
			return nil, err
		}
		actor := auth.Actor(ctx)
		u, err := documents.Keys(ctx, actor)
		if err != nil {
			return nil, err
		}
		index := func(b *database.Batch) { search.IndexNames(b, u, in.ID, names(in.Body)) }
		var d vault.Document
		if in.Body.Topic.Present {
			d, err = learner.Change(ctx, actor, in.ID, version, in.Body, index)
		} else {
			d, err = documents.Change(ctx, actor, in.ID, version, in.Body, index)
		}
		if err != nil {
			return nil, err
		}
		return answer(d), nil
	}, nil
}

// names are those that change, as the index has them.
func names(c vault.Changes) (n search.Names) {
	if c.Filename.Present {
		n.Filename = new(vault.CleanFilename(c.Filename.Value))
	}
	for _, f := range []struct {
		from vault.Field[string]
		to   **string
	}{{c.Title, &n.Title}, {c.Correspondent, &n.Correspondent}, {c.Reference, &n.Reference}, {c.Notes, &n.Notes}, {c.Topic, &n.Topic}} {
		if f.from.Present {
			*f.to = &f.from.Value
		}
	}
	if c.Tags.Present {
		n.Tags = &c.Tags.Value
	}
	return n
}

// named is the resource that the answer shows.
func named(in *Input, _ *database.Done) id.ID { return in.ID }

func answer(now vault.Document) *Output { return &Output{ETag: hosthttp.ETag(now.Version), Body: now} }
