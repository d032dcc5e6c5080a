package search

import (
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

// Names are what a document is called; nil for a name that stays as it is in
// the index.
type Names struct{ Filename, Title, Correspondent *string }

// Each name has its own weight, by which it is replaced alone, and its own
// places behind those of the text, so that no phrase goes from one to another.
var nameKinds = []struct {
	weight string
	place  int
	of     func(Names) *string
}{
	{"a", 8200, func(n Names) *string { return n.Filename }},
	{"b", 9400, func(n Names) *string { return n.Title }},
	{"c", 10600, func(n Names) *string { return n.Correspondent }},
}

// maxNameWords is how many places of a name count.
const maxNameWords = 1000

// IndexNew adds the statement that makes a new document, if it is there, found
// by its names.
func IndexNew(b *database.Batch, u *keys.User, document id.ID, filename, title, correspondent string) {
	row, keep := namesOf(u, Names{&filename, &title, &correspondent})
	b.Exec(upsertNames, database.Args{"id": document, "keep": keep, "names": row})
}

// IndexNames adds the statements that make a document, if it is there, found by
// its new names. The document's row is locked.
func IndexNames(b *database.Batch, u *keys.User, document id.ID, names Names) {
	if names == (Names{}) {
		return
	}
	row, keep := namesOf(u, names)
	args := database.Args{"id": document, "keep": keep, "names": row}
	b.Exec(upsertNames, args)
	b.Exec(`UPDATE tokens SET tsv = `+mergeNames+` WHERE document_id = @id AND user_id = app_user() AND part > 0`, args)
}

// Other than ||, which moves the places of what stands on its right, the text
// form merges two tsvectors as they are.
const (
	mergeNames  = `(ts_filter(tokens.tsv, @keep::text[]::"char"[])::text || ' ' || @names)::tsvector`
	upsertNames = `INSERT INTO tokens (document_id, part, user_id, tsv)
	  SELECT id, 0, user_id, @names::tsvector FROM documents WHERE id = @id AND user_id = app_user()
	  ON CONFLICT (document_id, part) DO UPDATE SET tsv = ` + mergeNames
)

// namesOf is the tsvector of names, and the weights of what stays beside it.
func namesOf(u *keys.User, names Names) (tsv string, keep []string) {
	keep = []string{"d"}
	row := newRow(u)
	for _, kind := range nameKinds {
		name := kind.of(names)
		if name == nil {
			keep = append(keep, kind.weight)
			continue
		}
		for term := range lexeme.Terms(*name, "") {
			if term.Pos < maxNameWords {
				row.add(nameSpace+term.Token, kind.place+term.Pos, kind.weight)
			}
		}
		for term := range lexeme.Prefixes(*name) {
			if term.Pos < maxNameWords {
				row.add(prefixSpace+term.Token, kind.place+term.Pos, kind.weight)
			}
		}
	}
	return row.String(), keep
}

// IndexText adds the statements that make a document, if it is there, found by
// its new text; its names stay. The document's row is locked. Language is an
// ISO 639-1 code, or "" when unsure.
func IndexText(b *database.Batch, u *keys.User, document id.ID, text, language string) {
	part := 0
	for row := range rowsOf(u, text, language) {
		b.Exec(`INSERT INTO tokens (document_id, part, user_id, tsv)
		        SELECT d.id, @part, d.user_id, (coalesce(ts_filter(n.tsv, '{a,b,c}')::text, '') || ' ' || @row)::tsvector
		          FROM documents d LEFT JOIN tokens n ON n.document_id = d.id AND n.part = 0
		         WHERE d.id = @id AND d.user_id = app_user()
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
