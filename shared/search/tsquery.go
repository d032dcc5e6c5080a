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

// args are the arguments of the database's search functions.
func (q *Query) args(u *keys.User) database.Args {
	leaves := make([]string, len(q.leaves))
	for n, l := range q.leaves {
		leaves[n] = l.tsquery(u, true, true)
	}
	leaf := func(n int) string { return leaves[n] }
	var names, any []string
	for _, n := range q.used(q.root, true) {
		names = append(names, q.leaves[n].tsquery(u, false, true))
	}
	for _, n := range q.used(q.root, false) {
		any = append(any, leaves[n])
	}
	// Words of a long document can be in several of its rows.
	long := quoted(u.SearchToken(longMark))
	return database.Args{
		"all":    "(" + q.tsquery(q.root, leaf) + ") & !" + long,
		"any":    long + " & (" + strings.Join(any, " | ") + ")",
		"leaves": leaves,
		"shape":  q.tsquery(q.root, func(n int) string { return fmt.Sprintf("'l%d'", n+1) }),
		"near":   q.positive(q.root, leaf),
		"names":  names,
	}
}

// tsquery writes the tree in PostgreSQL's language.
func (q *Query) tsquery(n *node, leaf func(int) string) string {
	switch n.op {
	case opLeaf:
		return leaf(n.leaf)
	case opNot:
		return "!(" + q.tsquery(n.kids[0], leaf) + ")"
	}
	sign := " & "
	if n.op == opOr {
		sign = " | "
	}
	parts := make([]string, len(n.kids))
	for i, kid := range n.kids {
		parts[i] = q.tsquery(kid, leaf)
	}
	return "(" + strings.Join(parts, sign) + ")"
}

// positive is tsquery without what is not wanted.
func (q *Query) positive(n *node, leaf func(int) string) string {
	if n.op == opLeaf || n.op == opNot {
		return q.tsquery(n, leaf)
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

// tsquery is a leaf in PostgreSQL's language: in texts, in names, or both.
func (l leaf) tsquery(u *keys.User, texts, names bool) string {
	var ways []string
	if texts {
		ways = append(ways, l.phrase(u, ""))
	}
	if names {
		ways = append(ways, l.phrase(u, nameSpace))
		if l.prefix {
			for _, prefix := range l.wants[0].Prefixes {
				ways = append(ways, quoted(u.SearchToken(prefixSpace+prefix)))
			}
		}
	}
	return "(" + strings.Join(ways, " | ") + ")"
}

func (l leaf) phrase(u *keys.User, space string) string {
	var out strings.Builder
	for i, want := range l.wants {
		if i > 0 {
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
