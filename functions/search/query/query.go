// Package query is the function search-query: documents by their words.
package query

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/auth"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/preview"
	"docuvault/shared/search"
	"docuvault/shared/vault"
)

// Function is POST /v1/search: in a body, so that no log of URLs holds what
// people look for.
var Function = host.Function{Name: "search-query", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "search-query", Method: http.MethodPost, Path: "/v1/search",
	Summary: "Search documents", Tags: []string{"search"},
	Description: "Best first, outside the trash unless q asks for it; the newest first where q has no word that is wanted. " +
		"With query_invalid, position (counted from 0) and length are the characters of q that are wrong; the sentence in errors counts from 1, as people do; reason is one of " + strings.Join(search.Reasons(), ", ") + ".",
	Errors:   []int{401, 403, 422},
	Security: auth.Accepts(auth.ScopeRead, auth.ScopeWrite),
}, New, auth.Required)}

// Input is the query.
type Input struct {
	Body search.Request
}

// Output is the page.
type Output struct {
	Body search.Page
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*Output, error), error) {
	searcher, err := search.Open(env)
	if err != nil {
		return nil, err
	}
	shelf, err := preview.OpenShelf(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*Output, error) {
		page, err := searcher.Search(ctx, auth.Actor(ctx), in.Body)
		if err != nil {
			return nil, err
		}
		found := make([]*vault.Document, len(page.Items))
		for i := range page.Items {
			found[i] = &page.Items[i].Document
		}
		if err := shelf.Add(ctx, hosthttp.PublicURL(ctx), found...); err != nil {
			return nil, err
		}
		return &Output{Body: page}, nil
	}, nil
}
