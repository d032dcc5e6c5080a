package search

import (
	"fmt"
	"slices"
	"strings"

	"docuvault/shared/database"
	"docuvault/shared/keys"
	"docuvault/shared/lexeme"
)

// Tokens of names and of the beginnings of names live apart from those of
// texts; no token has a space in it.
const (
	nameSpace   = "name "
	prefixSpace = "prefix "
	// longMark is in each row of a document that has several.
	longMark = "long document"
)

// space is in front of the tokens of a field that is searched alone.
func (f field) space() string { return "in " + string(f) + " " }

// args are the arguments of the database's search functions for the words of a
// query, of which something is wanted.
func (q *Query) args(u *keys.User) database.Args {
	// Words of a long document can be in several of its rows.
	long := quoted(u.SearchToken(longMark))
	forms := func(loose bool) (all string, leaves []string, shape string) {
		leaves = make([]string, len(q.leaves))
		in := make([]string, len(q.leaves))
		for n, l := range q.leaves {
			leaves[n] = l.tsquery(u, true, true, loose)
			in[n] = long + " & " + leaves[n]
		}
		all, _ = q.tsquery(q.words, true, loose, func(n int) string { return leaves[n] })
		shape, _ = q.tsquery(q.words, true, loose, func(n int) string { return fmt.Sprintf("'l%d'", n+1) })
		return "(" + all + ") & !" + long, in, shape
	}
	// Everything that is found has what is looked for in one field: it says
	// nothing beside a word that may be anywhere.
	var names, fields []string
	for _, n := range q.used(q.words, true) {
		name := q.leaves[n].tsquery(u, false, true, false)
		if q.leaves[n].in == everywhere {
			names = append(names, name)
		} else {
			fields = append(fields, name)
		}
	}
	if names == nil {
		names = fields
	}
	args := database.Args{
		"near":  q.positive(q.words, func(n int) string { return q.leaves[n].tsquery(u, true, true, false) }),
		"names": names,
	}
	args["all"], args["leaves"], args["shape"] = forms(false)
	args["loose_all"], args["loose_leaves"], args["loose_shape"] = forms(true)
	return args
}

// tsquery writes the tree in PostgreSQL's language. The loose form finds all
// that the exact one does without looking at places: a phrase that is not
// wanted is left out of it. False is returned for a tree of which nothing is
// left; that never is the whole query, of which something is wanted.
func (q *Query) tsquery(n *node, wanted, loose bool, leaf func(int) string) (string, bool) {
	switch n.op {
	case opLeaf, opFilter:
		return leaf(n.leaf), wanted || !loose || len(q.leaves[n.leaf].wants) == 1
	case opNot:
		kid, ok := q.tsquery(n.kids[0], !wanted, loose, leaf)
		return "!(" + kid + ")", ok
	}
	// Of what is wanted, AND may lack a part, and OR may not; of what is not, the
	// other way around.
	sign, may := " & ", wanted
	if n.op == opOr {
		sign, may = " | ", !wanted
	}
	var parts []string
	for _, kid := range n.kids {
		part, ok := q.tsquery(kid, wanted, loose, leaf)
		if ok {
			parts = append(parts, part)
		} else if !may {
			return "", false
		}
	}
	return "(" + strings.Join(parts, sign) + ")", len(parts) > 0
}

// positive is tsquery without what is not wanted.
func (q *Query) positive(n *node, leaf func(int) string) string {
	if n.op == opLeaf || n.op == opNot {
		all, _ := q.tsquery(n, true, false, leaf)
		return all
	}
	kept := *n
	kept.kids = slices.DeleteFunc(slices.Clone(n.kids), func(kid *node) bool { return kid.op == opNot })
	sign := " & "
	if n.op == opOr {
		sign = " | "
	}
	parts := make([]string, len(kept.kids))
	for i, kid := range kept.kids {
		parts[i] = q.positive(kid, leaf)
	}
	return "(" + strings.Join(parts, sign) + ")"
}

// used are the leaves below a node, in order; wanted leaves out what is negated.
func (q *Query) used(n *node, wanted bool) []int {
	switch {
	case n == nil:
		return nil
	case n.op == opLeaf:
		return []int{n.leaf}
	case n.op == opNot && wanted:
		return nil
	}
	var all []int
	for _, kid := range n.kids {
		all = append(all, q.used(kid, wanted)...)
	}
	return all
}

// tsquery is a leaf in PostgreSQL's language: in texts, in names, or both. The
// words of a phrase are wherever they like in the loose form.
func (l leaf) tsquery(u *keys.User, texts, names, loose bool) string {
	if l.in != everywhere {
		ways := []string{l.phrase(u, l.in.space(), loose)}
		if l.prefix {
			for _, prefix := range l.wants[0].Prefixes {
				ways = append(ways, quoted(u.SearchToken(l.in.space()+prefixSpace+prefix)))
			}
		}
		return "(" + strings.Join(ways, " | ") + ")"
	}
	var ways []string
	if texts {
		ways = append(ways, l.phrase(u, "", loose))
	}
	if names {
		ways = append(ways, l.phrase(u, nameSpace, loose))
		if l.prefix {
			for _, prefix := range l.wants[0].Prefixes {
				ways = append(ways, quoted(u.SearchToken(prefixSpace+prefix)))
			}
		}
	}
	return "(" + strings.Join(ways, " | ") + ")"
}

func (l leaf) phrase(u *keys.User, space string, loose bool) string {
	var out strings.Builder
	for i, want := range l.wants {
		switch {
		case i > 0 && loose:
			out.WriteString(" & ")
		case i > 0:
			_, _ = fmt.Fprintf(&out, " <%d> ", l.wants[i-1].Width)
		}
		out.WriteString(anyOf(u, space, want))
	}
	return "(" + out.String() + ")"
}

func anyOf(u *keys.User, space string, want lexeme.Want) string {
	tokens := make([]string, len(want.Tokens))
	for i, token := range want.Tokens {
		tokens[i] = quoted(u.SearchToken(space + token))
	}
	return "(" + strings.Join(tokens, " | ") + ")"
}

// quoted is a keyed token as a lexeme: it has letters, digits, - and _ only.
func quoted(token string) string { return "'" + token + "'" }
