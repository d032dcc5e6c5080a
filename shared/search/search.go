// Package search finds documents by their words: the index of keyed tokens, the
// language of queries, pages of results with what matched in them.
//
// It promises that the database sees neither the words of a paper nor those of
// a query, only HMACs under the user's own key; that a search reads only the
// index of the user who asks, outside the trash; and that what is found is what
// package lexeme says, whole document by whole document.
package search

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/vault"
)

// MaxPage is the largest page of results; DefaultPage the one without a limit.
// Pages are smaller than those of a list, since each result's text is opened.
const (
	MaxPage     = 50
	DefaultPage = 20
)

// Searcher searches.
type Searcher struct{ vault *vault.Vault }

// Open returns the Env's one Searcher.
func Open(env *host.Env) (*Searcher, error) { return host.Resource(env, open) }

func open(env *host.Env) (*Searcher, error) {
	v, err := vault.Open(env)
	if err != nil {
		return nil, err
	}
	return &Searcher{vault: v}, nil
}

// Request is what a client searches for.
type Request struct {
	Q      string `json:"q" minLength:"1" maxLength:"500" doc:"Words, all of which have to be there; \"a phrase\"; OR, NOT or a minus sign; parentheses. The last word, and one with an asterisk, also finds names that begin with it."`
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"50" default:"20"`
	Cursor string `json:"cursor,omitempty" maxLength:"300" doc:"next_cursor of the page before, with the same q."`
}

// Result is a document that was found.
type Result struct {
	Document   vault.Document `json:"document"`
	Highlights []Highlight    `json:"highlights" doc:"Where the words stand: at most three snippets of the text, and each name that has one."`
	Rank       float64        `json:"rank" doc:"The number of the query's words that a name has, and below the point how well the text fits. Comparable within one query."`
}

// Page is one page of results, best first.
type Page struct {
	Items      []Result `json:"items"`
	NextCursor string   `json:"next_cursor,omitempty" doc:"Absent on the last page."`
}

// cursor is where a page ended. Its query is a keyed hash: a cursor holds no
// words.
type cursor struct {
	Query string `json:"q"`
	Rank  int    `json:"r"`
	ID    id.ID  `json:"i"`
}

func (c cursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic("search: cursor: " + err.Error()) // strings and numbers always marshal
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

var errCursor = fault.New(fault.CursorInvalid, "This cursor belongs to another search. Start again without one.")

func parseCursor(s, query string) (c cursor, err error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || json.Unmarshal(b, &c) != nil || c.Query != query || c.ID.IsNil() || c.Rank < 0 || c.Rank > 1<<30 {
		return c, errCursor
	}
	return c, nil
}

// rankUnit is what the database's rank counts a word in a name as.
const rankUnit = 1000

// Search returns one page of the actor's documents that a query finds. It
// returns fault.ValidationFailed, with where the query is wrong, and
// fault.CursorInvalid.
func (s *Searcher) Search(ctx context.Context, actor database.Actor, r Request) (Page, error) {
	query, err := Parse("body.q", r.Q)
	if err != nil {
		return Page{}, err
	}
	if r.Limit == 0 {
		r.Limit = DefaultPage
	}
	if r.Limit < 1 || r.Limit > MaxPage {
		return Page{}, fault.Newf(fault.ValidationFailed, "Ask for 1 to %d results.", MaxPage)
	}
	u, err := s.vault.Keys(ctx, actor)
	if err != nil {
		return Page{}, err
	}
	hash := u.SearchToken("cursor " + r.Q)
	args := query.args(u)
	args["limit"], args["rank"], args["after"] = r.Limit+1, nil, nil
	if r.Cursor != "" {
		at, err := parseCursor(r.Cursor, hash)
		if err != nil {
			return Page{}, err
		}
		args["rank"], args["after"] = at.Rank, at.ID
	}
	var ids []id.ID
	var ranks []int
	err = s.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		b.Each(pageSQL, args, func(scan func(...any) error) error {
			var document id.ID
			var rank int
			err := scan(&document, &rank)
			ids, ranks = append(ids, document), append(ranks, rank)
			return err
		})
	})
	if err != nil {
		return Page{}, fmt.Errorf("search: %w", err)
	}
	page := Page{Items: []Result{}}
	if len(ids) > r.Limit {
		ids = ids[:r.Limit]
		page.NextCursor = cursor{Query: hash, Rank: ranks[r.Limit-1], ID: ids[r.Limit-1]}.String()
	}
	if len(ids) == 0 {
		return page, nil
	}
	found, err := s.vault.Found(ctx, actor, ids, maxOpened)
	if err != nil {
		return Page{}, err
	}
	for i, document := range ids {
		f, ok := found[document]
		if !ok {
			continue // deleted between the two statements
		}
		page.Items = append(page.Items, Result{
			Document: f.Document, Highlights: query.highlights(f), Rank: float64(ranks[i]) / rankUnit,
		})
	}
	return page, nil
}

// matching are the arguments by which the database finds documents, of
// [Query.args].
const matching = `@all::tsquery, @any::tsquery, @leaves::text[]::tsquery[], @shape::tsquery`

const pageSQL = `SELECT document_id, rank FROM search_page(` + matching + `, @near::tsquery, @names::text[]::tsquery[],
  @rank::integer, @after::uuid, @limit)`

// Matching returns the condition, on documents d, that a query finds a
// document, with its arguments: for a list that is filtered by it. It returns
// fault.ValidationFailed, with where the query is wrong; location is where the
// query was in the request.
func (s *Searcher) Matching(ctx context.Context, actor database.Actor, location, q string) (string, database.Args, error) {
	query, err := Parse(location, q)
	if err != nil {
		return "", nil, err
	}
	u, err := s.vault.Keys(ctx, actor)
	if err != nil {
		return "", nil, err
	}
	return `d.id IN (SELECT document_id FROM search_matches(` + matching + `))`, query.args(u), nil
}
