package search

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"docuvault/shared/fault"
	"docuvault/shared/lexeme"
)

// Limits of a query.
const (
	MaxQuery = 500 // characters
	maxWords = 32
	maxDepth = 8 // parentheses
)

// Query is a query that was understood: a tree over leaves, each a word or a
// stretch of a phrase.
type Query struct {
	root   *node
	leaves []leaf
}

type op byte

const (
	opLeaf op = iota
	opAnd
	opOr
	opNot
)

type node struct {
	op   op
	kids []*node
	leaf int
	stop bool // a word that means nothing
}

// leaf is a word, or words that follow each other.
type leaf struct {
	wants []lexeme.Want
	// prefix says that names which begin with the word will do.
	prefix bool
	// text is how it stands in the query.
	text string
}

// Parse reads a query:
//
//	query  = all { "OR" all }
//	all    = one { [ "AND" ] one }
//	one    = ( "NOT" | "-" ) one | "(" query ")" | phrase | word
//	phrase = '"' words '"'
//
// Operators are in capitals; any of the common quotation marks will do. A word
// that means nothing ("the", "für") is not asked for beside others, except in a
// phrase. Something has to be wanted: "-a" alone, or "a OR -b", is refused. It
// returns fault.ValidationFailed with "position", in characters from 0, and
// the location of the query in "errors".
func Parse(location, q string) (*Query, error) {
	p := &parser{q: q, location: location, query: &Query{}}
	if !utf8.ValidString(q) {
		return nil, p.wrong(0, "The query is not valid UTF-8.")
	}
	if utf8.RuneCountInString(q) > MaxQuery {
		return nil, p.wrong(0, fmt.Sprintf("A query has at most %d characters.", MaxQuery))
	}
	root, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if p.at < len(p.q) {
		return nil, p.wrong(p.at, "This parenthesis closes nothing.")
	}
	if root == nil {
		return nil, p.wrong(0, "There is no word in this query.")
	}
	p.query.root = root.simple()
	if !p.query.root.wanted() {
		return nil, p.wrong(0, "This query says only what is not wanted. Add a word that is, to each side of an OR.")
	}
	if last := p.last; last != nil && last.op == opLeaf {
		p.query.leaves[last.leaf].prefix = true
	}
	return p.query, nil
}

type parser struct {
	q, location string
	at          int
	query       *Query
	words       int
	// last is the node of the last word, if it may be the beginning of a name.
	last *node
}

// wrong says where: byte at of the query.
func (p *parser) wrong(at int, detail string) error {
	position := utf8.RuneCountInString(p.q[:at])
	return fault.New(fault.ValidationFailed, detail).With("position", position).
		With("errors", []map[string]string{{"location": p.location, "message": fmt.Sprintf("At character %d: %s", position, detail)}})
}

func (p *parser) or(depth int) (*node, error) {
	if depth > maxDepth {
		return nil, p.wrong(p.at, fmt.Sprintf("Parentheses go at most %d deep.", maxDepth))
	}
	var kids []*node
	for {
		start := p.at
		kid, err := p.and(depth)
		if err != nil {
			return nil, err
		}
		begun := p.at
		or := p.operator("OR") || p.symbol('|')
		if kid == nil && (or || len(kids) > 0) {
			return nil, p.wrong(min(max(start, begun), len(p.q)), "OR needs a word on both sides.")
		}
		if kid != nil {
			kids = append(kids, kid)
		}
		if !or {
			return join(opOr, kids), nil
		}
	}
}

func (p *parser) and(depth int) (*node, error) {
	var kids []*node
	for {
		p.space()
		begun := p.at
		if p.at == len(p.q) || p.q[p.at] == ')' || p.peek("OR") || p.q[p.at] == '|' {
			return join(opAnd, kids), nil
		}
		if p.operator("AND") {
			p.space()
			if len(kids) == 0 || p.at == len(p.q) || p.q[p.at] == ')' || p.peek("OR") || p.peek("AND") {
				return nil, p.wrong(begun, "AND needs a word on both sides.")
			}
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
			return nil, p.wrong(begun, "NOT needs a word after it.")
		}
		kids, err := p.single(depth)
		if err != nil {
			return nil, err
		}
		p.last = nil
		if kid := join(opAnd, kids); kid != nil {
			return []*node{{op: opNot, kids: []*node{kid}}}, nil
		}
		return nil, nil
	case p.q[p.at] == '(', p.quote():
		return p.single(depth)
	}
	end := p.at
	for end < len(p.q) {
		p.at = end
		p.space()
		if p.at == len(p.q) || strings.IndexByte("()|", p.q[p.at]) >= 0 || p.quote() || p.peek("OR") || p.peek("AND") || p.peek("NOT") || p.peekMinus() {
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
			return nil, p.wrong(begun, "This parenthesis is not closed.")
		}
		p.at++
		p.last = nil
		if inner == nil {
			return nil, p.wrong(begun, "There is no word in these parentheses.")
		}
		return []*node{inner}, nil
	case p.quote():
		return p.phrase()
	case p.peek("NOT"), p.peekMinus():
		return p.one(depth)
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
		n, err := p.leaf(begun+want.Start, leaf{wants: []lexeme.Want{want}, text: text, prefix: begun+want.End < end && p.q[begun+want.End] == '*'})
		if err != nil {
			return nil, err
		}
		n.stop = want.Stop
		kids, p.last = append(kids, n), n
	}
	return kids, nil
}

// phrase makes leaves of words in quotation marks: one, or for a long phrase
// several that overlap, since the rows of the index do.
func (p *parser) phrase() ([]*node, error) {
	begun := p.at
	_, size := utf8.DecodeRuneInString(p.q[p.at:])
	from := p.at + size
	to := strings.IndexFunc(p.q[from:], isQuote)
	if to < 0 {
		return nil, p.wrong(begun, "This quotation mark is not closed.")
	}
	to += from
	_, size = utf8.DecodeRuneInString(p.q[to:])
	p.at, p.last = to+size, nil
	wants := lexeme.Wants(p.q[from:to])
	if len(wants) == 0 {
		return nil, p.wrong(begun, "There is no word between these quotation marks.")
	}
	var kids []*node
	for first := 0; ; {
		last, place := first, 0
		for last+1 < len(wants) && place+wants[last].Width <= Overlap {
			place += wants[last].Width
			last++
		}
		text := p.q[from+wants[first].Start : from+wants[last].End]
		n, err := p.leaf(from+wants[first].Start, leaf{wants: wants[first : last+1], text: text})
		if err != nil {
			return nil, err
		}
		kids = append(kids, n)
		if last == len(wants)-1 {
			return []*node{join(opAnd, kids)}, nil
		}
		first = (first + last + 1) / 2
	}
}

func (p *parser) leaf(at int, l leaf) (*node, error) {
	if p.words += len(l.wants); p.words > maxWords {
		return nil, p.wrong(at, fmt.Sprintf("A query has at most %d words.", maxWords))
	}
	p.query.leaves = append(p.query.leaves, l)
	return &node{op: opLeaf, leaf: len(p.query.leaves) - 1}, nil
}

func (p *parser) space() {
	for p.at < len(p.q) {
		r, size := utf8.DecodeRuneInString(p.q[p.at:])
		if !unicode.IsSpace(r) {
			return
		}
		p.at += size
	}
}

// chunk returns the end of what has no white space, parentheses or quotation
// marks in it.
func (p *parser) chunk() int {
	end := p.at + strings.IndexFunc(p.q[p.at:]+" ", func(r rune) bool {
		return unicode.IsSpace(r) || isQuote(r) || strings.ContainsRune("()|", r)
	})
	return min(end, len(p.q))
}

// peek reports whether an operator in capitals stands here, as a word of its own.
func (p *parser) peek(operator string) bool {
	rest, ok := strings.CutPrefix(p.q[p.at:], operator)
	if !ok {
		return false
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return rest == "" || unicode.IsSpace(r) || isQuote(r) || r == '(' || r == ')'
}

func (p *parser) operator(operator string) bool {
	p.space()
	if !p.peek(operator) {
		return false
	}
	p.at += len(operator)
	return true
}

func (p *parser) symbol(c byte) bool {
	p.space()
	if p.at == len(p.q) || p.q[p.at] != c {
		return false
	}
	p.at++
	return true
}

// peekMinus reports whether a minus sign with something right after it stands
// here; inside a word it is a hyphen, and alone a dash.
func (p *parser) peekMinus() bool {
	if p.q[p.at] != '-' || p.at+1 == len(p.q) {
		return false
	}
	r, _ := utf8.DecodeRuneInString(p.q[p.at+1:])
	return !unicode.IsSpace(r) && r != '-' && r != ')'
}

func (p *parser) minus() bool {
	if !p.peekMinus() {
		return false
	}
	p.at++
	return true
}

func (p *parser) quote() bool {
	r, _ := utf8.DecodeRuneInString(p.q[p.at:])
	return isQuote(r)
}

func isQuote(r rune) bool { return strings.ContainsRune("\"„“”«»", r) }

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
	case opLeaf:
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
