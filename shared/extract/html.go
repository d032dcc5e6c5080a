package extract

import (
	"context"
	"errors"
	"io"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/text/encoding/htmlindex"
)

// maxMarkup is how many bytes of HTML are read for each byte of text kept:
// most of a page is markup.
const maxMarkup = 8

func extractHTML(ctx context.Context, src *source, limits Limits) (Result, error) {
	raw, more, err := readBounded(src, maxMarkup*limits.Text)
	if err != nil {
		return Result{}, err
	}
	page, err := decodeHTML(raw)
	if err != nil {
		return Result{}, err
	}
	text, cut, err := htmlText(ctx, page, limits.Text)
	if err != nil {
		return Result{}, err
	}
	return Result{Text: clean(text), Truncated: more || cut, Source: SourceHTML}, nil
}

// decodeHTML goes by the charset that the page declares in its first 1024
// bytes (HTML standard, 13.2.3.2), where the bytes are not UTF-8 anyway.
func decodeHTML(raw []byte) (string, error) {
	if !validButForTheEnd(raw) {
		head := strings.ToLower(string(raw[:min(len(raw), 1024)]))
		if _, after, ok := strings.Cut(head, "charset="); ok {
			name := strings.Trim(after[:min(len(after), 40)], "\"' ")
			if end := strings.IndexAny(name, "\"' />;"); end >= 0 {
				name = name[:end]
			}
			if e, err := htmlindex.Get(name); err == nil {
				return decodeWith(e, raw)
			}
		}
	}
	return decode(raw)
}

// htmlText keeps what a reader sees: no script, style or template; a line for
// each block; at most about limit bytes. The tokenizer builds no tree, so
// nesting costs nothing.
func htmlText(ctx context.Context, page string, limit int) (text string, cut bool, err error) {
	z := html.NewTokenizer(strings.NewReader(page))
	var out strings.Builder
	hidden := atom.Atom(0)
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return "", false, ctx.Err()
		}
		if out.Len() > limit {
			return out.String(), true, nil
		}
		switch z.Next() {
		case html.ErrorToken:
			if errors.Is(z.Err(), io.EOF) {
				return out.String(), false, nil
			}
			return "", false, fail(Broken, z.Err())
		case html.TextToken:
			if hidden == 0 {
				writeCollapsed(&out, string(z.Text()))
			}
		case html.StartTagToken:
			name, _ := z.TagName()
			tag := atom.Lookup(name)
			if hidden == 0 && isHidden(tag) {
				hidden = tag
			}
			if hidden == 0 {
				writeBreak(&out, tag)
			}
		case html.SelfClosingTagToken:
			name, _ := z.TagName()
			if hidden == 0 {
				writeBreak(&out, atom.Lookup(name))
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			tag := atom.Lookup(name)
			if tag == hidden {
				hidden = 0
			}
			if hidden == 0 {
				writeBreak(&out, tag)
			}
		}
	}
}

func isHidden(tag atom.Atom) bool {
	switch tag {
	case atom.Script, atom.Style, atom.Template, atom.Noscript, atom.Svg, atom.Iframe, atom.Object:
		return true
	}
	return false
}

// writeBreak ends the line at a block, and the cell in a table's row.
func writeBreak(out *strings.Builder, tag atom.Atom) {
	switch tag {
	case atom.Td, atom.Th:
		writeSpace(out, '\t')
	case atom.Br, atom.P, atom.Div, atom.Tr, atom.Li, atom.Ul, atom.Ol, atom.Table, atom.Title, atom.Head, atom.Body,
		atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Hr, atom.Pre, atom.Blockquote, atom.Section,
		atom.Article, atom.Header, atom.Footer, atom.Address, atom.Dt, atom.Dd, atom.Option, atom.Caption, atom.Form:
		writeSpace(out, '\n')
	}
}

// writeSpace adds a space character unless there is one already.
func writeSpace(out *strings.Builder, c byte) {
	if s := out.String(); s == "" || s[len(s)-1] == '\n' || s[len(s)-1] == c {
		return
	}
	out.WriteByte(c)
}

// isSpace is HTML's white space. A no-break space is not: it may hold a number
// together.
func isSpace(r rune) bool { return strings.ContainsRune(" \t\n\r\f", r) }

// writeCollapsed adds text with each run of white space as one space.
func writeCollapsed(out *strings.Builder, text string) {
	words := strings.FieldsFunc(text, isSpace)
	if len(words) == 0 {
		if text != "" {
			writeInline(out)
		}
		return
	}
	if isSpace(rune(text[0])) {
		writeInline(out)
	}
	for i, word := range words {
		if i > 0 {
			out.WriteByte(' ')
		}
		out.WriteString(word)
	}
	if isSpace(rune(text[len(text)-1])) {
		writeInline(out)
	}
}

func writeInline(out *strings.Builder) {
	if s := out.String(); s == "" || strings.IndexByte(" \t\n", s[len(s)-1]) >= 0 {
		return
	}
	out.WriteByte(' ')
}
