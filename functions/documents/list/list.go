// Package list is the function documents-list: one page of the caller's documents.
package list

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/id"
	"docuvault/shared/preview"
	"docuvault/shared/search"
	"docuvault/shared/vault"
)

// Function is GET /v1/documents: keyset pages, newest first unless sorted otherwise.
var Function = host.Function{Name: "documents-list", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "documents-list", Method: http.MethodGet, Path: "/v1/documents",
	Summary: "List documents", Tags: []string{"documents"},
	Description: "Without status: all but the trash and uploads that are not complete.",
	Errors:      []int{401, 403, 422},
	Security:    auth.Accepts(auth.ScopeRead, auth.ScopeWrite),
}, New, auth.Required)}

// Input filters, sorts and pages.
type Input struct {
	Limit    int      `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor   string   `query:"cursor" maxLength:"300" doc:"next_cursor of the page before."`
	Status   []string `query:"status" enum:"pending,stored,processing,ready,failed,rejected,expired,trashed,purging" doc:"One or more, separated by commas."`
	Topic    string   `query:"topic" maxLength:"100"`
	Tag      string   `query:"tag" maxLength:"100"`
	FolderID id.ID    `query:"folder_id" format:"uuid"`
	Unfiled  bool     `query:"unfiled" doc:"Only documents that are in no folder."`
	Year     int      `query:"year" minimum:"1" maximum:"9999" doc:"That of the date on the paper, or of its upload where there is none: the year under which the summary counts it."`
	ID       []string `query:"id" maxItems:"100" format:"uuid" doc:"Only these, of any status if none is asked for: to read many at once. Not together with q."`
	Q        string   `query:"q" maxLength:"500" doc:"A query in the language of POST /v1/search, beside the other filters; what it says of the trash holds where status is absent. It becomes part of the URL, so where people type it, use that."`
	Sort     string   `query:"sort" enum:"created_at,-created_at,updated_at,-updated_at,size,-size,document_date,-document_date,trashed_at,-trashed_at,name,-name" default:"-created_at" doc:"By name: the title, or the file name without one; up to 5,000 documents, so within a folder."`
}

// Output is the page.
type Output struct {
	Body vault.Page
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	documents, err := vault.Open(env)
	if err != nil {
		return nil, err
	}
	searcher, err := search.Open(env)
	if err != nil {
		return nil, err
	}
	shelf, err := preview.OpenShelf(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		f := vault.Filter{Topic: in.Topic, Tag: in.Tag, Folder: in.FolderID, Unfiled: in.Unfiled, Year: in.Year, Sort: in.Sort, Limit: in.Limit, Cursor: in.Cursor}
		for _, s := range in.Status {
			f.Statuses = append(f.Statuses, vault.Status(s))
		}
		switch {
		case len(in.ID) > 0 && in.Q != "":
			return nil, fault.New(fault.ValidationFailed, "Ask for documents by id, or for those that a query finds, not both.")
		case len(in.ID) > 0:
			named, err := idsOf(in.ID)
			if err != nil {
				return nil, err
			}
			f.Match = &vault.Match{IDs: named}
			if len(f.Statuses) == 0 {
				f.Statuses = vault.AnyStatus()
			}
		case in.Q != "":
			var err error
			if f.Match, err = searcher.Matching(ctx, auth.Actor(ctx), "query.q", in.Q); err != nil {
				return nil, err
			}
		}
		page, err := documents.List(ctx, auth.Actor(ctx), f)
		if err != nil {
			return nil, err
		}
		shown := make([]*vault.Document, len(page.Items))
		for i := range page.Items {
			shown[i] = &page.Items[i]
		}
		if err := shelf.Add(ctx, hosthttp.PublicURL(ctx), shown...); err != nil {
			return nil, err
		}
		return &Output{Body: page}, nil
	}, nil
}

func idsOf(texts []string) ([]id.ID, error) {
	all := make([]id.ID, len(texts))
	for i, text := range texts {
		var err error
		if all[i], err = id.Parse(text); err != nil {
			return nil, fault.New(fault.ValidationFailed, "query.id: these are UUIDs, separated by commas.")
		}
	}
	return all, nil
}
