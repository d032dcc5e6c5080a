package search

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"docuvault/shared/lexeme"
	"docuvault/shared/vault"
)

// Bounds of what is shown of a result.
const (
	// maxOpened is how many bytes of sealed text are opened for one page.
	maxOpened = MaxText + 1<<16
	// maxHits is how many places of a text are looked at, for each leaf.
	maxHits = 200
	// maxSnippets is how many stretches of a text are shown.
	maxSnippets = 3
	// before and length are the bytes of a snippet in front of its first word,
	// and of all of it, before it is widened to whole words.
	before, length = 60, 200
	// widen is how many bytes a snippet may grow to end between words.
	widen = 24
)

// Highlight is a stretch of a document in which words of the query stand.
type Highlight struct {
	Field    string    `json:"field" enum:"text,filename,title,correspondent,reference,topic,tag,notes"`
	Offset   int       `json:"offset" doc:"Where the stretch begins in the field, in Unicode characters."`
	Segments []Segment `json:"segments" doc:"The stretch in pieces; together they are its text."`
}

// Segment is a piece of a highlight.
type Segment struct {
	Text  string   `json:"text"`
	Words []string `json:"words,omitempty" doc:"The words or phrases of the query that this piece matches; absent for a piece that matches none."`
}

// hit is a place of a text where a leaf is.
type hit struct{ start, end, leaf int }

// highlights shows where the query's words stand in a document.
func (q *Query) highlights(f vault.Found) []Highlight {
	all := []Highlight{}
	type named struct {
		name, value string
		in          field
	}
	names := []named{{"title", f.Title, title}, {"filename", f.Filename, title}, {"correspondent", f.Correspondent, correspondent},
		{"reference", f.Reference, everywhere}, {"topic", f.Topic, everywhere}}
	for _, tag := range f.Tags {
		names = append(names, named{"tag", tag, everywhere})
	}
	for _, field := range names {
		if hits := q.hits(field.value, "", true, field.in); len(hits) > 0 {
			all = append(all, q.snippet(field.name, field.value, 0, len(field.value), hits))
		}
	}
	for _, field := range []struct{ name, value, language string }{{"notes", f.Notes, ""}, {"text", f.Text, f.Language}} {
		hits := q.hits(field.value, field.language, false, everywhere)
		for _, s := range stretches(field.value, hits) {
			all = append(all, q.snippet(field.name, field.value, s.start, s.end, hits))
		}
	}
	return all
}

// wantAt is one word of a leaf.
type wantAt struct{ leaf, want int }

// hits returns where the query's words stand, in order and without overlap of
// one leaf with itself.
func (q *Query) hits(text, language string, name bool, in field) []hit {
	by, prefixes := map[string][]wantAt{}, map[string][]wantAt{}
	for _, n := range q.used(q.words, true) {
		if q.leaves[n].in != everywhere && q.leaves[n].in != in {
			continue
		}
		for i, want := range q.leaves[n].wants {
			for _, token := range want.Tokens {
				by[token] = append(by[token], wantAt{n, i})
			}
			if name && q.leaves[n].prefix {
				for _, prefix := range want.Prefixes {
					prefixes[prefix] = append(prefixes[prefix], wantAt{n, i})
				}
			}
		}
	}
	var hits []hit
	count := make([]int, len(q.leaves))
	// Of a phrase: for each place where it may have begun, how far it got.
	begun := map[[2]int]hit{}
	see := func(term lexeme.Term, at wantAt) {
		l := q.leaves[at.leaf]
		place := term.Pos
		for _, want := range l.wants[:at.want] {
			place -= want.Width
		}
		key := [2]int{at.leaf, place}
		h := hit{term.Start, term.End, at.leaf}
		if at.want > 0 {
			first, ok := begun[key]
			if !ok || first.leaf != at.want {
				return
			}
			h.start = first.start
		}
		if at.want < len(l.wants)-1 {
			begun[key] = hit{h.start, h.end, at.want + 1} // leaf: the word that is next
			return
		}
		delete(begun, key)
		if count[at.leaf] < maxHits && (len(hits) == 0 || !slices.Contains(hits[max(0, len(hits)-2*len(q.leaves)):], h)) {
			hits = append(hits, h)
			count[at.leaf]++
		}
	}
	for term := range lexeme.Terms(text, language) {
		for _, at := range by[term.Token] {
			see(term, at)
		}
		if len(begun) > 1000 {
			for key := range begun {
				if key[1] < term.Pos-2*Overlap {
					delete(begun, key)
				}
			}
		}
	}
	if len(prefixes) > 0 {
		for term := range lexeme.Prefixes(text) {
			for _, at := range prefixes[term.Token] {
				see(term, at)
			}
		}
	}
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end), cmp.Compare(a.leaf, b.leaf))
	})
	return hits
}

type stretch struct{ start, end int }

// stretches picks the parts of a text that are worth showing: those with the
// most different words of the query, first ones first.
func stretches(text string, hits []hit) []stretch {
	type candidate struct {
		stretch
		leaves, hits int
	}
	var candidates []candidate
	for i, h := range hits {
		c := candidate{stretch: stretch{max(0, h.start-before), h.start - before + length}}
		c.end = max(min(len(text), c.end), min(h.end, h.start+2*length))
		leaves := map[int]bool{}
		for _, other := range hits[i:] {
			if other.end > c.end {
				break
			}
			leaves[other.leaf] = true
			c.hits++
		}
		c.leaves = len(leaves)
		candidates = append(candidates, c)
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.leaves, a.leaves), cmp.Compare(min(b.hits, 3), min(a.hits, 3)))
	})
	var picked []stretch
	for _, c := range candidates {
		if len(picked) == maxSnippets {
			break
		}
		if !slices.ContainsFunc(picked, func(p stretch) bool { return c.start < p.end && p.start < c.end }) {
			picked = append(picked, c.stretch)
		}
	}
	slices.SortFunc(picked, func(a, b stretch) int { return cmp.Compare(a.start, b.start) })
	for i := range picked {
		picked[i] = whole(text, picked[i])
	}
	return picked
}

// whole moves the ends of a stretch outwards to white space, or at least to
// the border of a character.
func whole(text string, s stretch) stretch {
	for n := 0; s.start > 0 && (n < widen && !isSpace(text[s.start-1]) || !utf8.RuneStart(text[s.start])); n++ {
		s.start--
	}
	for n := 0; s.end < len(text) && (n < widen && !isSpace(text[s.end]) || !utf8.RuneStart(text[s.end])); n++ {
		s.end++
	}
	return s
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// snippet cuts text[start:end] into segments.
func (q *Query) snippet(field, text string, start, end int, hits []hit) Highlight {
	h := Highlight{Field: field, Offset: utf8.RuneCountInString(text[:start]), Segments: []Segment{}}
	at := start
	for i := 0; i < len(hits); {
		from, to := hits[i].start, hits[i].end
		var words []string
		j := i
		for ; j < len(hits) && hits[j].start < to; j++ { // all that overlap are one
			to = max(to, hits[j].end)
			if word := q.leaves[hits[j].leaf].text; !slices.Contains(words, word) {
				words = append(words, word)
			}
		}
		i = j
		if from < at || to > end {
			continue
		}
		if from > at {
			h.Segments = append(h.Segments, Segment{Text: text[at:from]})
		}
		h.Segments = append(h.Segments, Segment{Text: text[from:to], Words: words})
		at = to
	}
	if at < end {
		h.Segments = append(h.Segments, Segment{Text: text[at:end]})
	}
	return h
}
