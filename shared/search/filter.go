package search

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"docuvault/shared/id"
)

// A kind of filter is what it looks at; search_passing of the database has the
// same names.
const (
	kindTopic    = "topic"
	kindTag      = "tag"
	kindFolder   = "folder"
	kindSize     = "size"     // bytes
	kindDay      = "day"      // of the paper, or else of the upload
	kindAdded    = "added"    // when it was uploaded
	kindType     = "type"     // of the file
	kindStatus   = "status"   // ready, in the trash, …
	kindLanguage = "language" // of the text
)

// filter is a condition on the row of a document: one of members, or from low
// up to below high.
type filter struct {
	name      string // as it is written: "before"
	kind      string
	values    []value
	low, high *int64   // bytes, days, or seconds since 1970
	members   []string // types as patterns of LIKE, statuses, languages
	ids       []id.ID  // of topics, tags, folders, once they are known
	location  string   // of the query, for what turns out later
}

// value is one value of a filter as it was written.
type value struct {
	text    string
	prefix  bool // the name begins so
	at, end int  // its bytes in the query
}

// filterForm says what a filter is.
type filterForm struct {
	kind string
	in   field
	// read makes the filter out of a value; nil for names of the user's own.
	read func(v string, f *filter) *mistake
	// list says that values are members of one set.
	list bool
	// either says that several beside each other are alternatives.
	either string
}

// mistake is what is wrong with a value.
type mistake struct{ reason, detail string }

// filterForms are the filters by their names.
var filterForms = map[string]filterForm{
	"topic":  {kind: kindTopic, list: true, either: kindTopic},
	"tag":    {kind: kindTag, list: true},
	"folder": {kind: kindFolder, list: true, either: kindFolder},
	"from":   {in: correspondent, either: "from"},
	"name":   {in: title},
	"type":   {kind: kindType, list: true, either: kindType, read: readType},
	"lang":   {kind: kindLanguage, list: true, either: kindLanguage, read: readLanguage},
	"is":     {kind: kindStatus, list: true, either: kindStatus, read: readStatus},
	"in":     {kind: kindStatus, list: true, either: kindStatus, read: readPlace},
	"date":   {kind: kindDay, either: kindDay, read: readDate},
	"year":   {kind: kindDay, either: kindDay, read: readYear},
	"before": {kind: kindDay, read: readBefore},
	"after":  {kind: kindDay, read: readAfter},
	"added":  {kind: kindAdded, either: kindAdded, read: readAdded},
	"size":   {kind: kindSize, either: kindSize, read: readSize},
}

// FilterNames are the names of all filters, sorted.
func FilterNames() []string {
	var names []string
	for name := range filterForms {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// otherNames are what people write who know other programs, with our name for it.
var otherNames = map[string]string{
	"topics": "topic", "category": "topic", "tags": "tag", "label": "tag", "labels": "tag", "folders": "folder", "path": "folder",
	"sender": "from", "correspondent": "from", "author": "from", "title": "name", "filename": "name", "subject": "name",
	"filetype": "type", "ext": "type", "kind": "type", "language": "lang", "status": "is", "state": "is",
	"since": "after", "until": "before", "newer": "after", "older": "before", "larger": "size", "smaller": "size", "created": "added", "uploaded": "added",
	"years": "year", "dated": "date",
}

// peekFilter reports whether a filter begins here, or what was meant as one.
func (p *parser) peekFilter() bool {
	name, _ := p.filterName()
	return name != ""
}

// filterName returns the letters in front of a colon if they are the name of a
// filter, or what it should have been.
func (p *parser) filterName() (name, meant string) {
	rest := p.q[p.at:]
	end := strings.IndexByte(rest, ':')
	if end < 1 || end > 20 || strings.HasPrefix(rest[end:], "://") {
		return "", ""
	}
	name = strings.ToLower(rest[:end])
	if strings.ContainsFunc(name, func(r rune) bool { return r < 'a' || r > 'z' }) {
		return "", ""
	}
	if _, ok := filterForms[name]; ok {
		return name, name
	}
	if meant := otherNames[name]; meant != "" {
		return name, meant
	}
	for _, known := range FilterNames() {
		if len(known) >= 5 && oneApart(name, known) {
			return name, known
		}
	}
	return "", ""
}

// oneApart reports whether a letter was left out, added, or is another one.
func oneApart(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	return len(b)-len(a) < 2 && (a[i:] == b[min(i+1, len(b)):] || len(a) == len(b) && i < len(a) && a[i+1:] == b[i+1:])
}

// filter reads a filter: a node over leaves for words in a field, else one of
// [Query.filters].
func (p *parser) filter() (*node, error) {
	begun := p.at
	name, meant := p.filterName()
	p.last = nil
	p.at += len(name) + 1
	if name != meant {
		return nil, p.wrong(begun, p.at, "filter_unknown", fmt.Sprintf("There is no filter of this name; %s: is the one that comes close. In quotation marks it is a word.", meant))
	}
	values, err := p.values()
	if err != nil {
		return nil, err
	}
	if len(values) == 0 {
		return nil, p.wrong(begun, p.at, "value_missing", "This filter needs a value right behind its colon.")
	}
	form := filterForms[name]
	var kids []*node
	if form.in != everywhere {
		for _, v := range values {
			kid, err := p.within(v, form.in)
			if err != nil {
				return nil, err
			}
			kids = append(kids, kid)
		}
	} else if kids, err = p.conditions(name, form, values); err != nil {
		return nil, err
	}
	n := spanned(join(opOr, kids), begun, p.at)
	n.at, n.end, n.either = begun, p.at, form.either
	if n.op == opFilter && !form.list && (n.comparison(p.query) || len(kids) > 1) {
		n.either = ""
	}
	return n, nil
}

// comparison reports whether a filter has no end on one side: several of them
// are bounds, and all have to hold.
func (n *node) comparison(q *Query) bool {
	f := q.filters[n.leaf]
	return (f.low == nil) != (f.high == nil) && !strings.Contains(f.values[0].text, "..")
}

// values reads what stands behind the colon.
func (p *parser) values() (values []value, err error) {
	for {
		v := value{at: p.at}
		if p.at < len(p.q) && p.quote() {
			if v.at, v.end, err = p.quoted(); err != nil {
				return nil, err
			}
			v.text = p.q[v.at:v.end]
		} else {
			v.end = min(p.chunk(), p.at+strings.IndexByte(p.q[p.at:]+",", ','))
			v.text, p.at = p.q[v.at:v.end], v.end
			if text, ok := strings.CutSuffix(v.text, "*"); ok {
				v.text, v.prefix = text, true
			}
		}
		if strings.TrimSpace(v.text) != "" {
			values = append(values, v)
		}
		if p.at == len(p.q) || p.q[p.at] != ',' {
			return values, nil
		}
		p.at++
	}
}

// within makes leaves of words that are looked for in one field. One without
// quotation marks may be the beginning of one there.
func (p *parser) within(v value, in field) (*node, error) {
	quoted := v.at > 0 && isQuote(lastRune(p.q[:v.at]))
	n, err := p.sequence(v.at, v.end, in)
	switch {
	case err != nil:
		return nil, err
	case n == nil:
		return nil, p.wrong(v.at, v.end, "no_word", "There is no word in this value.")
	case n.op == opLeaf && !quoted && len(p.query.leaves[n.leaf].wants) == 1:
		p.query.leaves[n.leaf].prefix = true
	}
	return n, nil
}

func lastRune(s string) rune {
	r, _ := utf8.DecodeLastRuneInString(s)
	return r
}

// conditions makes filters of values.
func (p *parser) conditions(name string, form filterForm, values []value) (kids []*node, err error) {
	var f *filter
	for _, v := range values {
		if f == nil || !form.list {
			f = &filter{name: name, kind: form.kind, location: p.location}
		}
		f.values = append(f.values, v)
		if form.read != nil {
			if v.prefix {
				return nil, p.wrong(v.at, v.end, "value_star", "An asterisk is for names.")
			}
			if m := form.read(strings.ToLower(strings.TrimSpace(v.text)), f); m != nil {
				return nil, p.wrong(v.at, v.end, m.reason, m.detail)
			}
		}
		if len(kids) > 0 && form.list {
			p.query.filters[kids[0].leaf] = *f
			continue
		}
		if p.query.filters = append(p.query.filters, *f); len(p.query.filters) > maxFilters && p.limited {
			return nil, p.wrong(v.at, v.end, "too_many_filters", fmt.Sprintf("A query has at most %d filters.", maxFilters))
		}
		kids = append(kids, &node{op: opFilter, leaf: len(p.query.filters) - 1, at: v.at, end: v.end})
	}
	return kids, nil
}

// alternatives puts those that stand beside each other without an AND, and of
// which a paper has only one, into an OR.
func (p *parser) alternatives(kids []*node) []*node {
	var all []*node
	first := map[string]int{} // by what they are alternatives for, in all
	for _, kid := range kids {
		at, again := first[kid.either]
		switch {
		case kid.either == "":
			all = append(all, kid)
		case !again:
			first[kid.either] = len(all)
			all = append(all, kid)
		case kid.op == opFilter && all[at].op == opFilter && p.merge(all[at], kid):
			all[at] = spanning(*all[at], kid)
		default:
			n := node{op: opOr, kids: []*node{all[at], kid}, at: all[at].at, end: kid.end}
			if all[at].op == opOr && all[at].either == kid.either {
				n.kids = append(slices.Clone(all[at].kids), kid)
			}
			n.either = kid.either
			all[at] = &n
		}
	}
	return all
}

func spanning(n node, kid *node) *node {
	n.end = kid.end
	return &n
}

// merge makes one filter of two that say the same with other values.
func (p *parser) merge(into, from *node) bool {
	a, b := &p.query.filters[into.leaf], p.query.filters[from.leaf]
	if !filterForms[a.name].list || a.name != b.name {
		return false
	}
	a.values = append(slices.Clone(a.values), b.values...)
	a.members = append(slices.Clone(a.members), b.members...)
	return true
}

// String writes the query so that [Parse] reads the same out of it.
func (q *Query) String() string { return q.print(q.root) }

func (q *Query) print(n *node) string {
	switch n.op {
	case opLeaf:
		l := q.leaves[n.leaf]
		switch {
		case l.in == everywhere && l.prefix:
			return l.text + "*"
		case l.in == everywhere:
			return `"` + l.text + `"`
		case l.prefix:
			return string(l.in) + ":" + l.text
		}
		return string(l.in) + `:"` + l.text + `"`
	case opFilter:
		f := q.filters[n.leaf]
		values := make([]string, len(f.values))
		for i, v := range f.values {
			values[i] = `"` + v.text + `"`
			if v.prefix {
				values[i] = v.text + "*"
			}
		}
		return f.name + ":" + strings.Join(values, ",")
	case opNot:
		return "NOT " + q.grouped(n.kids[0])
	}
	sign := " AND "
	if n.op == opOr {
		sign = " OR "
	}
	parts := make([]string, len(n.kids))
	for i, kid := range n.kids {
		parts[i] = q.grouped(kid)
	}
	return strings.Join(parts, sign)
}

func (q *Query) grouped(n *node) string {
	if n.op == opAnd || n.op == opOr {
		return "(" + q.print(n) + ")"
	}
	return q.print(n)
}

// isPlain reports whether s has letters, digits and these only.
func isPlain(s, these string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(these, r)
	})
}
