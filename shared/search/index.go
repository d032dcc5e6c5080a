package search

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"docuvault/shared/database"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/lexeme"
)

// How the words of a document lie in rows of table tokens. A tsvector holds
// positions up to 16,383, 255 of one token, and 1 MB.
const (
	// MaxText is how much of a text is indexed, in bytes.
	MaxText = 4 << 20
	// rowWords is how many places of a text a row has at most.
	rowWords = 8000
	// Overlap is how many places two rows share, so that what follows each
	// other within them is together in one.
	Overlap = 8
	// A row also ends, from minRowWords on, when a token has maxSame places in
	// it, and at any place before it has maxRowBytes.
	minRowWords = 2000
	maxSame     = 255
	maxRowBytes = 800_000
)

// Names are what people wrote about a document; nil for what stays as it is in
// the index.
type Names struct {
	Filename, Title, Correspondent, Reference, Notes, Topic *string
	Tags                                                    *[]string
}

// nameKinds are the elements of column names, in order, each with places of its
// own behind those of the text, so that no phrase goes from one to another.
// Notes are searched as the text is, the others as names.
var nameKinds = []struct {
	place, words int
	notes        bool
	in           field                // that it is searched alone by
	of           func(Names) []string // nil: stays
}{
	{place: 8200, words: 1000, in: title, of: func(n Names) []string { return one(n.Filename) }},
	{place: 9300, words: 600, in: title, of: func(n Names) []string { return one(n.Title) }},
	{place: 10000, words: 300, in: correspondent, of: func(n Names) []string { return one(n.Correspondent) }},
	{place: 10400, words: 300, of: func(n Names) []string { return one(n.Reference) }},
	{place: 10800, words: 2000, notes: true, of: func(n Names) []string { return one(n.Notes) }},
	{place: 12900, words: 200, of: func(n Names) []string { return one(n.Topic) }},
	{place: 13200, words: 3000, of: func(n Names) []string {
		if n.Tags == nil {
			return nil
		}
		return append([]string{}, *n.Tags...)
	}},
}

// topicKind is the element of the topic.
const topicKind = 5

func one(name *string) []string {
	if name == nil {
		return nil
	}
	return []string{*name}
}

// IndexNew adds the statement that makes a new document, if it is there, found
// by its names.
func IndexNew(b *database.Batch, u *keys.User, document id.ID, names Names) {
	args := database.Args{"id": document, "version": lexeme.TermsVersion}
	elements := make([]string, len(nameKinds))
	for i, tsv := range namesOf(u, names) {
		elements[i] = "NULL"
		if tsv != nil {
			name := "n" + strconv.Itoa(i+1)
			elements[i], args[name] = "@"+name+"::tsvector", *tsv
		}
	}
	b.Exec(`INSERT INTO tokens (document_id, part, user_id, era, version, names, tsv)
	        SELECT n.id, 0, n.user_id, n.era, @version::integer, n.names, compose_tokens('', n.names, n.user_id, n.era)
	          FROM (SELECT id, user_id, next_era() AS era, ARRAY[`+strings.Join(elements, ", ")+`]::tsvector[] AS names
	                  FROM documents WHERE id = @id AND user_id = app_user() OFFSET 0) n
	        ON CONFLICT (document_id, part) DO NOTHING`, args)
}

// IndexNames adds the statements that make a document, if it is there, found by
// its new names. The document's row is locked.
func IndexNames(b *database.Batch, u *keys.User, document id.ID, names Names) {
	if names == (Names{}) {
		return
	}
	ensure(b, document)
	args := database.Args{"id": document}
	var set []string
	for i, tsv := range namesOf(u, names) {
		if tsv != nil {
			set = append(set, fmt.Sprintf("names[%d] = @n%d::tsvector", i+1, i+1))
			args[fmt.Sprintf("n%d", i+1)] = *tsv
		}
	}
	b.Exec(`UPDATE tokens SET `+strings.Join(set, ", ")+` WHERE document_id = @id AND user_id = app_user() AND part = 0`, args)
	b.Exec(recompose, args)
}

// recompose puts the names of part 0 into every row of a document.
const recompose = `UPDATE tokens t SET tsv = compose_tokens(t.tsv, n.names, t.user_id, t.era)
	  FROM tokens n WHERE t.document_id = @id AND t.user_id = app_user() AND n.document_id = t.document_id AND n.part = 0`

// IndexTopic adds the statements that make a document found by the topic that
// the analysis set, unless a person has set one.
func IndexTopic(b *database.Batch, u *keys.User, document id.ID, topic string) {
	ensure(b, document)
	args := database.Args{"id": document, "topic": *namesOf(u, Names{Topic: &topic})[topicKind]}
	b.Exec(`UPDATE tokens t SET names[`+strconv.Itoa(topicKind+1)+`] = @topic::tsvector FROM documents d
	         WHERE t.document_id = @id AND t.user_id = app_user() AND t.part = 0 AND d.id = t.document_id AND d.topic_source IS DISTINCT FROM 'user'`, args)
	b.Exec(recompose, args)
}

// ensure adds the statement that gives a document its first row of tokens, if
// it has none.
func ensure(b *database.Batch, document id.ID) {
	b.Exec(`INSERT INTO tokens (document_id, part, user_id, era, version, tsv)
	        SELECT n.id, 0, n.user_id, n.era, @version::integer, compose_tokens('', '{}', n.user_id, n.era)
	          FROM (SELECT id, user_id, next_era() AS era FROM documents
	                 WHERE id = @id AND user_id = app_user() AND NOT EXISTS (SELECT FROM tokens WHERE document_id = @id AND part = 0) OFFSET 0) n
	        ON CONFLICT (document_id, part) DO NOTHING`, database.Args{"id": document, "version": lexeme.TermsVersion})
}

// namesOf are the tsvectors of names; nil for one that stays.
func namesOf(u *keys.User, names Names) []*string {
	all := make([]*string, len(nameKinds))
	for i, kind := range nameKinds {
		values := kind.of(names)
		if values == nil {
			continue
		}
		space := nameSpace
		if kind.notes {
			space = ""
		}
		row, begin, end := newRow(u), 0, 0
		add := func(token string, pos int) {
			end = max(end, begin+pos+1)
			row.add(token, kind.place+min(begin+pos, kind.words), "a")
		}
		for _, value := range values {
			for term := range lexeme.Terms(value, "") {
				add(space+term.Token, term.Pos)
				if kind.in != everywhere {
					add(kind.in.space()+term.Token, term.Pos)
				}
			}
			if !kind.notes {
				for term := range lexeme.Prefixes(value) {
					add(prefixSpace+term.Token, term.Pos)
					if kind.in != everywhere {
						add(kind.in.space()+prefixSpace+term.Token, term.Pos)
					}
				}
			}
			begin = end + Overlap // no phrase goes from one tag to the next
		}
		all[i] = new(row.String())
	}
	return all
}

// IndexText adds the statements that make a document, if it is there, found by
// its new text; its names stay. The document's row is locked. Language is an
// ISO 639-1 code, or "" when unsure.
func IndexText(b *database.Batch, u *keys.User, document id.ID, text, language string) {
	ensure(b, document)
	part := 0
	for row := range rowsOf(u, text, language) {
		b.Exec(`INSERT INTO tokens (document_id, part, user_id, era, version, tsv)
		        SELECT n.document_id, @part, n.user_id, n.era, n.version, compose_tokens(@row::tsvector, n.names, n.user_id, n.era)
		          FROM tokens n WHERE n.document_id = @id AND n.user_id = app_user() AND n.part = 0
		        ON CONFLICT (document_id, part) DO UPDATE SET tsv = EXCLUDED.tsv`,
			database.Args{"id": document, "part": part, "row": row})
		part++
	}
	b.Exec(`DELETE FROM tokens WHERE document_id = @id AND user_id = app_user() AND part >= @parts`,
		database.Args{"id": document, "parts": part})
}

// rowsOf yields the rows of a text as tsvectors; one at least.
func rowsOf(u *keys.User, text, language string) iter.Seq[string] {
	return func(yield func(string) bool) {
		row := newRow(u)
		first := 0 // the place with which the row begins
		long := false
		var tail []lexeme.Term // of the last places
		place := -1
		for term := range lexeme.Terms(clip(text), language) {
			if term.Pos != place {
				place = term.Pos
				tail = slices.DeleteFunc(tail, func(t lexeme.Term) bool { return t.Pos < place-Overlap })
				if words := place - first; words >= rowWords || row.bytes >= maxRowBytes && words > Overlap || row.full && words >= minRowWords {
					long = true
					row.add(longMark, 1, "")
					if !yield(row.String()) {
						return
					}
					row, first = newRow(u), max(place-Overlap, 0)
					for _, t := range tail {
						row.add(t.Token, t.Pos-first+1, "")
					}
				}
			}
			tail = append(tail, term)
			row.add(term.Token, term.Pos-first+1, "")
		}
		if long {
			row.add(longMark, 1, "")
		}
		yield(row.String())
	}
}

// clip cuts a text at MaxText, between characters.
func clip(text string) string {
	if len(text) <= MaxText {
		return text
	}
	end := MaxText
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// row collects one tsvector.
type row struct {
	u      *keys.User
	tokens map[string]*places
	bytes  int  // about what the tsvector needs
	full   bool // a token has all the places it can have
}

type places struct {
	n, last int
	text    strings.Builder
}

func newRow(u *keys.User) *row { return &row{u: u, tokens: map[string]*places{}} }

// add puts a token at a place, once. Places of a token come in order.
func (r *row) add(token string, place int, weight string) {
	p := r.tokens[token]
	if p == nil {
		p = &places{}
		r.tokens[token] = p
		r.bytes += keys.TokenSize + 8
	}
	if p.n == maxSame || p.n > 0 && p.last == place {
		return
	}
	if p.n > 0 {
		p.text.WriteByte(',')
	}
	p.text.WriteString(strconv.Itoa(place))
	p.text.WriteString(strings.ToUpper(weight))
	p.last = place
	p.n++
	r.bytes += 2
	r.full = r.full || p.n == maxSame
}

// String is the tsvector as text, keyed.
func (r *row) String() string {
	var out strings.Builder
	out.Grow(len(r.tokens) * (keys.TokenSize + 12))
	for token, p := range r.tokens {
		out.WriteString(quoted(r.u.SearchToken(token)))
		out.WriteByte(':')
		out.WriteString(p.text.String())
		out.WriteByte(' ')
	}
	return out.String()
}
