package search

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

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
