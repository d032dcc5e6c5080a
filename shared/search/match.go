package search

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"docuvault/shared/database"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/vault"
)

// passing are the arguments by which the database tries filters on documents,
// of [Query.filterArgs].
const passing = `@kinds::text[], @lows::bigint[], @highs::bigint[], @members::text[], @pass::tsquery`

// filterArgs adds the arguments of [passing].
func (q *Query) filterArgs(args database.Args) {
	kinds, members := []string{}, []string{}
	lows, highs := []*int64{}, []*int64{}
	for _, f := range q.filters {
		all := f.members
		for _, one := range f.ids {
			all = append(all, one.String())
		}
		kinds, members = append(kinds, f.kind), append(members, "{"+strings.Join(all, ",")+"}") // no member has a comma, a brace or a quotation mark
		lows, highs = append(lows, f.low), append(highs, f.high)
	}
	args["kinds"], args["lows"], args["highs"], args["members"] = kinds, lows, highs, members
	args["pass"] = nil
	if q.filter != nil {
		args["pass"], _ = q.tsquery(q.filter, true, false, func(n int) string { return fmt.Sprintf("'f%d'", n+1) })
	}
}

// statuses are those of the documents that a query may find: the trash only if
// it asks for it.
func (q *Query) statuses() []vault.Status {
	shown := []vault.Status{vault.Stored, vault.Processing, vault.Ready, vault.Failed}
	if q.asksFor(q.filter, kindStatus, string(vault.Trashed)) {
		shown = append(shown, vault.Trashed)
	}
	return shown
}

// asksFor reports whether a filter of a kind, with one of these members if
// there are any, is wanted somewhere below a node.
func (q *Query) asksFor(n *node, kind string, members ...string) bool {
	switch {
	case n == nil || n.op == opNot:
		return false
	case n.op == opFilter:
		f := q.filters[n.leaf]
		return f.kind == kind && (len(members) == 0 || slices.ContainsFunc(f.members, func(m string) bool { return slices.Contains(members, m) }))
	}
	return slices.ContainsFunc(n.kids, func(kid *node) bool { return q.asksFor(kid, kind, members...) })
}

// match is the condition that the filters of a query let a document pass, and
// that its words find it.
func (q *Query) match(u *keys.User) *vault.Match {
	m := &vault.Match{Args: database.Args{}, Statuses: q.statuses()}
	if q.words != nil {
		m.Args = q.args(u)
		m.Try = `SELECT document_id FROM search_among(@ids, ` + exact + `)`
	}
	return q.tryFilter(m)
}

// tryFilter adds the filters to a match: as conditions where those say all of
// it, and else to what is tried.
func (q *Query) tryFilter(m *vault.Match) *vault.Match {
	where, rest := q.where(m.Args)
	m.Where = where
	if rest {
		q.filterArgs(m.Args)
		passed := `SELECT document_id FROM search_passing(@ids, ` + passing + `)`
		if m.Try != "" {
			passed = strings.ReplaceAll(m.Try, "@ids", "ARRAY("+passed+")")
		}
		m.Try = passed
	}
	return m
}

// where are the conditions on documents d that an index may answer, and whether
// there is more to the filters than these.
func (q *Query) where(args database.Args) (all []string, rest bool) {
	for _, n := range q.conjuncts() {
		if sql, ok := q.condition(n, true, args); ok {
			all = append(all, sql)
		} else {
			rest = true
		}
	}
	return all, rest
}

// conjuncts are the nodes of which a document has to fulfil each.
func (q *Query) conjuncts() []*node {
	switch {
	case q.filter == nil:
		return nil
	case q.filter.op == opAnd:
		return q.filter.kids
	}
	return []*node{q.filter}
}

// condition is a filter, or an OR of some, as SQL that an index can answer: for
// all that fulfil it, or along a list.
func (q *Query) condition(n *node, along bool, args database.Args) (string, bool) {
	if n.op == opOr {
		var parts []string
		for _, kid := range n.kids {
			part, ok := q.condition(kid, along, args)
			if !ok {
				return "", false
			}
			parts = append(parts, part)
		}
		return "(" + strings.Join(parts, " OR ") + ")", true
	}
	if n.op != opFilter {
		return "", false
	}
	f := q.filters[n.leaf]
	arg := func(part string, value any) string {
		name := fmt.Sprintf("f%d%s", n.leaf+1, part)
		args[name] = value
		return "@" + name
	}
	between := func(column, cast string, value func(int64) any) string {
		parts := []string{"true"}
		if f.low != nil {
			parts = append(parts, column+" >= "+arg("low", value(*f.low))+cast)
		}
		if f.high != nil {
			parts = append(parts, column+" < "+arg("high", value(*f.high))+cast)
		}
		return "(" + strings.Join(parts, " AND ") + ")"
	}
	switch f.kind {
	case kindTopic:
		if len(f.ids) == 1 {
			return "d.topic_id = " + arg("id", f.ids[0]), true
		}
		return "d.topic_id = ANY (" + arg("ids", f.ids) + "::uuid[])", true
	case kindTag:
		of := "x.tag_id = ANY (" + arg("ids", f.ids) + "::uuid[])"
		if along {
			return vault.Tagged(of), true
		}
		return "d.id IN (SELECT x.document_id FROM document_tags x WHERE " + of + " AND x.user_id = app_user())", true
	case kindFolder:
		return "d.folder_id = ANY (" + arg("ids", f.ids) + "::uuid[])", true
	case kindStatus:
		return "d.status = ANY (" + arg("statuses", f.members) + "::text[])", true
	case kindSize:
		return between("d.size", "::bigint", func(n int64) any { return n }), true
	case kindDay:
		return between("d.day", "::date", func(n int64) any { return time.Unix(n*86400, 0).UTC() }), true
	case kindAdded:
		return between("d.created_at", "::timestamptz", func(n int64) any { return time.Unix(n, 0).UTC() }), true
	}
	return "", false
}

// few returns all documents that can pass the filters, if one of these lets few
// pass; nil if each has many, or there is none that an index answers.
func (s *Searcher) few(ctx context.Context, actor database.Actor, q *Query) (fewest []id.ID, err error) {
	var statements []string
	args := database.Args{"most": s.fewPassing}
	for _, n := range q.conjuncts() {
		if sql, ok := q.condition(n, false, args); ok {
			statements = append(statements, `SELECT array_agg(x.id) FROM (SELECT d.id FROM documents d WHERE d.user_id = app_user() AND `+sql+` LIMIT @most::integer + 1) x`)
		}
	}
	if len(statements) == 0 {
		return nil, nil
	}
	err = s.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		fewest = nil
		for _, sql := range statements {
			b.Each(`SELECT CASE WHEN cardinality(c.ids) <= @most::integer THEN c.ids END FROM (SELECT coalesce((`+sql+`), '{}') AS ids) c`, args, func(scan func(...any) error) error {
				var ids []id.ID
				err := scan(&ids)
				if ids != nil && (fewest == nil || len(ids) < len(fewest)) {
					fewest = ids
				}
				return err
			})
		}
	})
	if err != nil {
		return nil, fmt.Errorf("search: filters: %w", err)
	}
	return fewest, nil
}
