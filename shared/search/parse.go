package search

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"docuvault/shared/fault"
	"docuvault/shared/lexeme"
)

// Limits of a query.
const (
	MaxQuery   = 500 // characters
	maxWords   = 32
	maxFilters = 20
	maxDepth   = 8 // parentheses
)

// Query is a query that was understood: a tree over words and filters.
type Query struct {
	root    *node
	leaves  []leaf
	filters []filter
	// words and filter are the root taken apart; a document that is found
	// fulfils both. Either may be nil.
	words, filter *node
}

type op byte

const (
	opLeaf op = iota
	opAnd
	opOr
	opNot
	opFilter
)

type node struct {
	op   op
	kids []*node
	leaf int  // of leaves, or of filters
	stop bool // a word that means nothing
	// either says which others beside it are alternatives: of a paper's only
	// topic, sender or year, several would be none.
	either string
	// at and end are its bytes in the query.
	at, end int
}

// leaf is a word, or words that follow each other.
type leaf struct {
	wants []lexeme.Want
	// prefix says that names which begin with the word will do.
	prefix bool
	// in is the field that it is looked for in; "" is everywhere.
	in field
	// text is how it stands in the query.
	text string
}

// field is one that can be searched alone, by the name of its filter.
type field string

const (
	everywhere    field = ""
	correspondent field = "from"
	title         field = "name" // and the file's name
)

// Parse reads a query:
//
//	query  = all { "OR" all }
//	all    = one { [ "AND" ] one }
//	one    = ( "NOT" | "-" ) one | "(" query ")" | phrase | filter | word
//	phrase = '"' words '"'
//	filter = name ":" value { "," value }
//
// Operators are in capitals; any of the common quotation marks will do. A word
// that means nothing ("the", "für") is not asked for beside others, except in a
// phrase. Filters are those of [filterForms]: a word with a colon that is none
// of them is a word. Something has to be wanted: "-a" alone, or "a OR -b", is
// refused, and so is an OR or NOT over words and filters together. It returns
// fault.QueryInvalid with "reason", and with "position" and "length" of what is
// wrong, in characters from 0, and the location of the query in "errors".
func Parse(location, q string) (*Query, error) {
	if !utf8.ValidString(q) {
		return nil, (&parser{location: location}).wrong(0, 0, "not_text", "The query is not valid UTF-8.")
	}
	p := &parser{q: q, location: location, query: &Query{}, limited: true}
	if utf8.RuneCountInString(q) > MaxQuery {
		return nil, p.wrong(0, len(q), "too_long", fmt.Sprintf("A query has at most %d characters.", MaxQuery))
	}
	return p.parse()
}

func (p *parser) parse() (*Query, error) {
	root, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if p.at < len(p.q) {
		return nil, p.wrong(p.at, p.at+1, "paren_close", "This parenthesis closes nothing.")
	}
	if root == nil {
		return nil, p.wrong(0, len(p.q), "empty", "There is no word in this query.")
	}
	p.query.root = root.simple()
	if !p.query.root.wanted() {
		return nil, p.wrong(0, len(p.q), "only_not", "This query says only what is not wanted. Add a word that is, to each side of an OR.")
	}
	if last := p.last; last != nil && last.op == opLeaf {
		p.query.leaves[last.leaf].prefix = true
	}
	var words, filters []*node
	if err := p.split(p.query.root, &words, &filters); err != nil {
		return nil, err
	}
	p.query.words, p.query.filter = join(opAnd, words), join(opAnd, filters)
	return p.query, nil
}

// split takes a tree apart into what the index of words answers and what the
// rows of documents do.
func (p *parser) split(n *node, words, filters *[]*node) error {
	switch hasWords, hasFilters := n.has(opLeaf), n.has(opFilter); {
	case !hasFilters:
		*words = append(*words, n)
	case !hasWords:
		*filters = append(*filters, n)
	case n.op == opAnd:
		for _, kid := range n.kids {
			if err := p.split(kid, words, filters); err != nil {
				return err
			}
		}
	default:
		return p.wrong(n.at, n.end, "mixed", "OR and NOT go over words or over filters, not over both at once.")
	}
	return nil
}

// has reports whether something of this kind is below a node.
func (n *node) has(kind op) bool {
	return n.op == kind || slices.ContainsFunc(n.kids, func(kid *node) bool { return kid.has(kind) })
}

type parser struct {
	q, location string
	at          int
	query       *Query
	words       int
	limited     bool // false for what is our own
	// last is the node of the last word, if it may be the beginning of a name.
	last *node
}

// wrong says where: bytes at to end of the query.
func (p *parser) wrong(at, end int, reason, detail string) error {
	return wrong(p.location, p.q, at, end, reason, detail)
}

// Reasons are the values of "reason", which are part of the contract: what is
// wrong, for a page that has its own words for it.
func Reasons() []string {
	return []string{"not_text", "too_long", "empty", "only_not", "too_many_words", "too_many_filters", "too_deep", "quote_open", "quote_empty",
		"paren_open", "paren_close", "paren_empty", "or_side", "and_side", "not_side", "mixed", "filter_unknown", "value_missing", "value_star", "no_word",
		"date", "year", "range", "size", "type", "language", "is", "in", "topic_unknown", "tag_unknown", "folder_unknown"}
}

func wrong(location, q string, at, end int, reason, detail string) error {
	position := utf8.RuneCountInString(q[:at])
	// Programs count from 0; the sentence is for people.
	return fault.New(fault.QueryInvalid, detail).With("reason", reason).
		With("position", position).With("length", utf8.RuneCountInString(q[at:max(at, end)])).
		With("errors", []map[string]string{{"location": location, "message": fmt.Sprintf("At character %d: %s", position+1, detail)}})
}

func (p *parser) or(depth int) (*node, error) {
	if depth > maxDepth && p.limited {
		return nil, p.wrong(p.at-1, p.at, "too_deep", fmt.Sprintf("Parentheses go at most %d deep.", maxDepth))
	}
	first := p.at
	sign, end := 0, 0 // of the last OR
	var kids []*node
	for {
		kid, err := p.and(depth)
		if err != nil {
			return nil, err
		}
		begun := p.at
		or := p.operator("OR") || p.symbol('|')
		if or {
			sign, end = begun, p.at
		}
		if kid == nil && (or || len(kids) > 0) {
			return nil, p.wrong(sign, end, "or_side", "OR needs a word on both sides.")
		}
		if kid != nil {
			kids = append(kids, kid)
		}
		if !or {
			return spanned(join(opOr, kids), first, begun), nil
		}
	}
}

func (p *parser) and(depth int) (*node, error) {
	first := p.at
	var before, kids []*node // in front of the last AND, and since
	for {
		p.space()
		begun := p.at
		if p.at == len(p.q) || p.q[p.at] == ')' || p.peek("OR") || p.q[p.at] == '|' {
			return spanned(join(opAnd, append(before, p.alternatives(kids)...)), first, begun), nil
		}
		if p.operator("AND") {
			p.space()
			if len(before)+len(kids) == 0 || p.at == len(p.q) || p.q[p.at] == ')' || p.peek("OR") || p.peek("AND") {
				return nil, p.wrong(begun, begun+3, "and_side", "AND needs a word on both sides.")
			}
			before, kids = append(before, p.alternatives(kids)...), nil
			continue
		}
		more, err := p.one(depth)
		if err != nil {
			return nil, err
		}
		kids = append(kids, more...)
	}
}

// one reads what stands for itself; words without an operator between them are
// read together, since a date may be several of them.
func (p *parser) one(depth int) ([]*node, error) {
	begun := p.at
	switch {
	case p.operator("NOT"), p.minus():
		p.space()
		if p.at == len(p.q) || p.q[p.at] == ')' || p.peek("OR") || p.peek("AND") {
			return nil, p.wrong(begun, p.at, "not_side", "NOT needs a word after it.")
		}
		kids, err := p.single(depth)
		if err != nil {
			return nil, err
		}
		p.last = nil
		if kid := join(opAnd, kids); kid != nil {
			return []*node{{op: opNot, kids: []*node{kid}, at: begun, end: p.at}}, nil
		}
		return nil, nil
	case p.q[p.at] == '(', p.quote(), p.peekFilter():
		return p.single(depth)
	}
	end := p.at
	for end < len(p.q) {
		p.at = end
		p.space()
		if p.at == len(p.q) || strings.IndexByte("()|", p.q[p.at]) >= 0 || p.quote() || p.peek("OR") || p.peek("AND") || p.peek("NOT") || p.peekMinus() || p.peekFilter() {
			break
		}
		end = p.chunk()
	}
	p.at = end
	return p.bare(begun, end)
}

// single reads one word, phrase, group or negation.
func (p *parser) single(depth int) ([]*node, error) {
	switch {
	case p.q[p.at] == '(':
		begun := p.at
		p.at++
		inner, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if p.at == len(p.q) {
			return nil, p.wrong(begun, begun+1, "paren_open", "This parenthesis is not closed.")
		}
		p.at++
		p.last = nil
		if inner == nil {
			return nil, p.wrong(begun, p.at, "paren_empty", "There is no word in these parentheses.")
		}
		inner.either = ""
		return []*node{inner}, nil
	case p.quote():
		return p.phrase()
	case p.peek("NOT"), p.peekMinus():
		return p.one(depth)
	case p.peekFilter():
		n, err := p.filter()
		if err != nil || n == nil {
			return nil, err
		}
		return []*node{n}, nil
	}
	begun := p.at
	p.at = p.chunk()
	return p.bare(begun, p.at)
}

// bare makes leaves of words without quotation marks.
func (p *parser) bare(begun, end int) ([]*node, error) {
	var kids []*node
	for _, want := range lexeme.Wants(p.q[begun:end]) {
		text := p.q[begun+want.Start : begun+want.End]
		l := leaf{wants: []lexeme.Want{want}, text: text, prefix: begun+want.End < end && p.q[begun+want.End] == '*'}
		n, err := p.leaf(begun+want.Start, begun+want.End, l)
		if err != nil {
			return nil, err
		}
		n.stop = want.Stop && !l.prefix
		kids, p.last = append(kids, n), n
	}
	return kids, nil
}

// phrase makes leaves of words in quotation marks.
func (p *parser) phrase() ([]*node, error) {
	begun := p.at
	from, to, err := p.quoted()
	if err != nil {
		return nil, err
	}
	p.last = nil
	n, err := p.sequence(from, to, everywhere)
	if n == nil && err == nil {
		err = p.wrong(begun, p.at, "quote_empty", "There is no word between these quotation marks.")
	}
	return []*node{n}, err
}

// quoted reads up to the closing quotation mark and returns what is between.
func (p *parser) quoted() (from, to int, err error) {
	begun := p.at
	_, size := utf8.DecodeRuneInString(p.q[p.at:])
	from = p.at + size
	to = strings.IndexFunc(p.q[from:], isQuote)
	if to < 0 {
		return 0, 0, p.wrong(begun, from, "quote_open", "This quotation mark is not closed.")
	}
	to += from
	_, size = utf8.DecodeRuneInString(p.q[to:])
	p.at = to + size
	return from, to, nil
}

// sequence makes leaves of words that follow each other: one, or for many of
// them several that overlap, since the rows of the index do; nil for no words.
func (p *parser) sequence(from, to int, in field) (*node, error) {
	wants := lexeme.Wants(p.q[from:to])
	if len(wants) == 0 {
		return nil, nil
	}
	var kids []*node
	for first := 0; ; {
		last, place := first, 0
		for last+1 < len(wants) && place+wants[last].Width <= Overlap {
			place += wants[last].Width
			last++
		}
		text := p.q[from+wants[first].Start : from+wants[last].End]
		n, err := p.leaf(from+wants[first].Start, from+wants[last].End, leaf{wants: wants[first : last+1], text: text, in: in})
		if err != nil {
			return nil, err
		}
		kids = append(kids, n)
		if last == len(wants)-1 {
			return spanned(join(opAnd, kids), from, to), nil
		}
		first = (first + last + 1) / 2
	}
}

func (p *parser) leaf(at, end int, l leaf) (*node, error) {
	if p.words += len(l.wants); p.words > maxWords && p.limited {
		return nil, p.wrong(at, end, "too_many_words", fmt.Sprintf("A query has at most %d words.", maxWords))
	}
	p.query.leaves = append(p.query.leaves, l)
	return &node{op: opLeaf, leaf: len(p.query.leaves) - 1, at: at, end: end}, nil
}

// join makes one node of several; nil of none.
func join(by op, kids []*node) *node {
	switch len(kids) {
	case 0:
		return nil
	case 1:
		return kids[0]
	}
	return &node{op: by, kids: kids}
}

// spanned says where a node that was made of several stands.
func spanned(n *node, at, end int) *node {
	if n != nil && n.end == 0 {
		n.at, n.end = at, end
	}
	return n
}

// simple leaves out, beside words that mean something, those that do not.
func (n *node) simple() *node {
	kids := n.kids[:0:0]
	telling := 0
	for _, kid := range n.kids {
		kid = kid.simple()
		kids = append(kids, kid)
		if !kid.stop && kid.op != opNot {
			telling++
		}
	}
	if n.op == opAnd && telling > 0 {
		kids = kids[:0]
		for _, kid := range n.kids {
			if kid = kid.simple(); !kid.stop {
				kids = append(kids, kid)
			}
		}
		if len(kids) == 1 {
			return kids[0]
		}
	}
	c := *n
	c.kids = kids
	return &c
}

// wanted reports whether a document without any of the query's words is never
// found.
func (n *node) wanted() bool {
	switch n.op {
	case opLeaf, opFilter:
		return true
	case opNot:
		return false
	}
	for _, kid := range n.kids {
		if kid.wanted() != (n.op == opOr) {
			return n.op != opOr
		}
	}
	return n.op == opOr
}
