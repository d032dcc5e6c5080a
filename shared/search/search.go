// Package search finds documents by their words: the index of keyed tokens, the
// language of queries, pages of results with what matched in them.
//
// It promises that the database sees neither the words of a paper nor those of
// a query, only HMACs under the user's own key; that a search reads only the
// index of the user who asks, outside the trash; and that what is found is what
// package lexeme says, whole document by whole document; and that a page reads a
// bounded number of documents, however many match in however large a vault.
package search

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"

	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/vault"
)

// MaxPage is the largest page of results; DefaultPage the one without a limit.
// Pages are smaller than those of a list, since each result's text is opened.
const (
	MaxPage     = 50
	DefaultPage = 20
)

// Searcher searches.
type Searcher struct {
	vault *vault.Vault
	// Up to how many documents a list asks for by name: with more, it finds a
	// page of them sooner by trying those that come next.
	fewMatches int
	// Up to how many documents the filters are looked at before the words.
	fewPassing int
}

// Open returns the Env's one Searcher.
func Open(env *host.Env) (*Searcher, error) { return host.Resource(env, open) }

func open(env *host.Env) (*Searcher, error) {
	v, err := vault.Open(env)
	if err != nil {
		return nil, err
	}
	return &Searcher{vault: v, fewMatches: 2000, fewPassing: 2000}, nil
}

// Request is what a client searches for.
type Request struct {
	Q      string `json:"q" minLength:"1" maxLength:"500" doc:"Words, all of which have to be there; \"a phrase\"; OR, NOT or a minus sign; parentheses. The last word, and one with an asterisk, also finds names that begin with it. Filters, each with a value right behind its colon: topic:, tag:, folder:, from:, name:, type:, lang:, is:, in:, date:, year:, before:, after:, added:, size:. docs/search.md explains them."`
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"50" default:"20"`
	Cursor string `json:"cursor,omitempty" maxLength:"500" doc:"next_cursor of the page before, with the same q."`
}

// Result is a document that was found.
type Result struct {
	Document   vault.Document `json:"document"`
	Highlights []Highlight    `json:"highlights" doc:"Where the words stand: at most three snippets of the text, and each name that has one."`
	Rank       float64        `json:"rank" doc:"The number of the query's words that a name has, and below the point how well the text fits. Comparable within one query and a hundred documents of like age."`
}

// Page is one page of results. Documents with one of the words in a name come
// before all others. Among either, the newest hundred that match are in front,
// best first, then the hundred before them, and so on: however many match, a
// page ranks a few hundred.
type Page struct {
	Items      []Result `json:"items"`
	NextCursor string   `json:"next_cursor,omitempty" doc:"Absent on the last page. A page may have fewer results than limit, even none, and still another one after it: a phrase of words that are in very many documents is looked for in some thousands at a time."`
}

// cursor is where a page ended, in which window of which tier (as search_page of
// the database has them). Without an ID it stands at the top of a window of
// which no more is known. Its query is a keyed hash: a cursor holds no words.
type cursor struct {
	Query    string `json:"q"`
	Rank     int    `json:"r"`
	ID       id.ID  `json:"i"`
	Tier     int    `json:"t"`
	TopEra   int    `json:"e"`
	Top      id.ID  `json:"u"`
	FloorEra int    `json:"f"`
	Floor    id.ID  `json:"l"`
}

func (c cursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic("search: cursor: " + err.Error()) // strings and numbers always marshal
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// into adds the arguments of [pageSQL] for the page that goes on after c; the
// first one for nil.
func (c *cursor) into(args database.Args, limit int) {
	for _, name := range []string{"tier", "top_era", "top", "floor_era", "floor", "rank", "after"} {
		args[name] = nil
	}
	args["limit"] = limit
	if c != nil {
		args["tier"], args["top_era"], args["top"] = c.Tier, c.TopEra, c.Top
		if !c.ID.IsNil() {
			args["floor_era"], args["floor"], args["rank"], args["after"] = c.FloorEra, c.Floor, c.Rank, c.ID
		}
	}
}

var errCursor = fault.New(fault.CursorInvalid, "This cursor belongs to another search. Start again without one.")

func parseCursor(s, query string) (c cursor, err error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || json.Unmarshal(b, &c) != nil || c.Query != query ||
		c.Rank < 0 || c.Rank > math.MaxInt32 || c.Tier < 1 || c.Tier > 2 || c.FloorEra < -1 || c.FloorEra > c.TopEra || c.TopEra > math.MaxInt32 {
		return c, errCursor
	}
	return c, nil
}

// rankUnit is what the database's rank counts a word in a name as.
const rankUnit = 1000

// Search returns one page of the actor's documents that a query finds. Where it
// has no word that is wanted, they are the newest first: by their day if the
// query asks for one, else by their upload. It returns fault.QueryInvalid, with
// where the query is wrong, fault.ValidationFailed and fault.CursorInvalid.
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
	if err := s.resolve(ctx, actor, u, query, r.Q); err != nil {
		return Page{}, err
	}
	hash := u.SearchToken("cursor " + r.Q)
	if query.words == nil || !query.words.wanted() {
		return s.listed(ctx, actor, u, query, r, hash)
	}
	args := query.args(u)
	var statuses []string
	for _, status := range query.statuses() {
		statuses = append(statuses, string(status))
	}
	args["statuses"] = statuses
	query.filterArgs(args)
	if args["only"], err = s.few(ctx, actor, query); err != nil {
		return Page{}, err
	}
	var at *cursor
	if r.Cursor != "" {
		c, err := parseCursor(r.Cursor, hash)
		if err != nil {
			return Page{}, err
		}
		at = &c
	}
	at.into(args, r.Limit+1)
	var ids []id.ID
	var places []cursor
	page := Page{Items: []Result{}}
	err = s.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		b.Each(pageSQL, args, func(scan func(...any) error) error {
			c := cursor{Query: hash}
			err := scan(&c.ID, &c.Rank, &c.Tier, &c.TopEra, &c.Top, &c.FloorEra, &c.Floor)
			if c.ID.IsNil() {
				page.NextCursor = c.String()
				return err
			}
			ids, places = append(ids, c.ID), append(places, c)
			return err
		})
	})
	if err != nil {
		return Page{}, fmt.Errorf("search: %w", err)
	}
	if len(ids) > r.Limit {
		ids = ids[:r.Limit]
		page.NextCursor = places[r.Limit-1].String()
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
			Document: f.Document, Highlights: query.highlights(f), Rank: float64(places[i].Rank) / rankUnit,
		})
	}
	return page, nil
}

// listed is a page of a query that has nothing to rank by.
func (s *Searcher) listed(ctx context.Context, actor database.Actor, u *keys.User, query *Query, r Request, hash string) (Page, error) {
	f := vault.Filter{Limit: r.Limit, Match: query.match(u)}
	if query.asksFor(query.filter, kindDay) {
		f.Sort = vault.ByDay
	}
	if r.Cursor != "" {
		var c listCursor
		b, err := base64.RawURLEncoding.DecodeString(r.Cursor)
		if err != nil || json.Unmarshal(b, &c) != nil || c.Query != hash || c.List == "" {
			return Page{}, errCursor
		}
		f.Cursor = c.List
	}
	list, err := s.vault.List(ctx, actor, f)
	if err != nil {
		return Page{}, err
	}
	page := Page{Items: make([]Result, len(list.Items))}
	for i, d := range list.Items {
		page.Items[i] = Result{Document: d, Highlights: []Highlight{}}
	}
	if list.NextCursor != "" {
		b, err := json.Marshal(listCursor{hash, list.NextCursor})
		if err != nil {
			return Page{}, fmt.Errorf("search: cursor: %w", err)
		}
		page.NextCursor = base64.RawURLEncoding.EncodeToString(b)
	}
	return page, nil
}

// listCursor is where a page of a list ended.
type listCursor struct {
	Query string `json:"q"`
	List  string `json:"l"`
}

// exact and loose are the arguments by which the database finds documents, of
// [Query.args].
const (
	exact = `@all::tsquery, @leaves::text[]::tsquery[], @shape::tsquery`
	loose = `@loose_all::tsquery, @loose_leaves::text[]::tsquery[], @loose_shape::tsquery`
)

const pageSQL = `SELECT coalesce(document_id, '00000000-0000-0000-0000-000000000000'), coalesce(rank, 0), tier, top_era, top_id,
         coalesce(floor_era, 0), coalesce(floor_id, '00000000-0000-0000-0000-000000000000')
  FROM search_page(` + loose + `, ` + exact + `, @near::tsquery, @names::text[]::tsquery[],
  @tier::integer, @top_era::integer, @top::uuid, @floor_era::integer, @floor::uuid, @rank::integer, @after::uuid, @limit,
  @statuses::text[], @only::uuid[], ` + passing + `)`

// Matching returns the condition that a query finds a document, for a list. It
// returns fault.QueryInvalid, with where the query is wrong; location is where
// the query was in the request.
func (s *Searcher) Matching(ctx context.Context, actor database.Actor, location, q string) (*vault.Match, error) {
	query, err := Parse(location, q)
	if err != nil {
		return nil, err
	}
	u, err := s.vault.Keys(ctx, actor)
	if err != nil {
		return nil, err
	}
	if err := s.resolve(ctx, actor, u, query, q); err != nil {
		return nil, err
	}
	if query.words == nil || !query.words.wanted() {
		return query.match(u), nil
	}
	args := query.args(u)
	args["most"] = s.fewMatches
	var few []id.ID
	err = s.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		b.One(`SELECT search_few(`+loose+`, `+exact+`, @most)`, args, &few)
	})
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	match := query.match(u)
	if few != nil {
		match.IDs, match.Try = few, ""
		query.tryFilter(match)
	}
	return match, nil
}
