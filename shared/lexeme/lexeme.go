// Package lexeme turns text into the tokens that search and classification
// compare: the same word in another case, accent, inflection or line break is
// the same token.
//
// It is deterministic: the same text and language give the same tokens, on
// every machine. Stored keyed tokens depend on that, so a change of its rules
// needs every text to be indexed again; [Version] says which rules made them.
package lexeme

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Version is the number of these rules.
const Version = 1

// maxToken is how many characters of a word count. Nothing longer is a word of
// a language that has spaces.
const maxToken = 64

// Word is one token of a text.
type Word struct {
	Token   string // normalised, stemmed
	Surface string // as it stands in the text, line breaks included
	// Start and End are the bytes of Surface in the text.
	Start, End int
	// Stop says that the word is too common in the language to mean anything.
	Stop bool
	// Part says that the token is a part of the whole number or hyphenated
	// word before it ("0815" of "2024-0815").
	Part bool
}

// Words yields the tokens of a text in order. Language is one of [Languages];
// with any other, and "", words are folded but not stemmed, and none is a stop
// word.
//
//   - Case, accents and compatibility forms are folded, and ß is ss.
//   - A word hyphenated at a line's end is one word, soft hyphens are nothing.
//   - Numbers with separators are one token: an amount normalised ("1.234,56",
//     "1,234.56" and "1 234,56" as "1234.56", the last only with a no-break or
//     thin space), anything else as it is ("2024-0815", "12.03.2024"), followed
//     by its parts.
//   - Hyphenated words are one token without hyphens, followed by their parts.
func Words(text, language string) iter.Seq[Word] {
	return func(yield func(Word) bool) {
		rules := rulesOf(language).remembering()
		for pos := 0; pos < len(text); {
			r, size := utf8.DecodeRuneInString(text[pos:])
			if !isWordRune(r) {
				pos += size
				continue
			}
			end := scan(text, pos)
			if !emit(text, pos, end, rules, yield) {
				return
			}
			pos = end
		}
	}
}

// Token returns the token of a single word, as [Words] makes it.
func Token(word, language string) string {
	for w := range Words(word, language) {
		return w.Token
	}
	return ""
}

func isWordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// scan returns the end of the word that begins at pos.
func scan(text string, pos int) int {
	previous := rune(0)
	for pos < len(text) {
		r, size := utf8.DecodeRuneInString(text[pos:])
		if isWordRune(r) {
			previous = r
			pos += size
			continue
		}
		next := joiner(text, pos, r, size, previous)
		if next == 0 {
			return pos
		}
		previous, _ = utf8.DecodeRuneInString(text[next:])
		pos = next
	}
	return pos
}

// joiner returns where a word goes on after the character r at pos that is
// none of a word's; 0 if it does not.
func joiner(text string, pos int, r rune, size int, previous rune) int {
	after := pos + size
	next, _ := utf8.DecodeRuneInString(text[after:])
	switch r {
	case '\u00AD': // soft hyphen
		if isWordRune(next) {
			return after
		}
		return lineJoin(text, after, previous)
	case '-', '\u2010', '\u2011':
		if isWordRune(next) {
			return after
		}
		return lineJoin(text, after, previous)
	case '.', ',', '/', ':':
		if unicode.IsDigit(previous) && unicode.IsDigit(next) {
			return after
		}
	case '\u00A0', '\u202F', '\u2009': // as a thousands separator
		if unicode.IsDigit(previous) && digits(text[after:]) == 3 {
			return after
		}
	case '\'', '\u2019':
		if unicode.IsDigit(previous) && digits(text[after:]) == 3 {
			return after // 1'234.56, as the Swiss write it
		}
	}
	return 0
}

func digits(text string) (n int) {
	for n < len(text) && n < 5 && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	return n
}

// lineJoin returns where a word broken by a hyphen goes on in the next line: at
// a small letter, unless the hyphen stands for an omitted part ("Ein-\nund
// Ausgang").
func lineJoin(text string, pos int, previous rune) int {
	if !unicode.IsLetter(previous) {
		return 0
	}
	newline := false
	for n := 0; pos < len(text) && n < 40; n++ {
		switch text[pos] {
		case '\n':
			if newline {
				return 0 // an empty line ends the paragraph
			}
			newline = true
			pos++
			continue
		case ' ', '\t', '\r':
			pos++
			continue
		}
		break
	}
	next, _ := utf8.DecodeRuneInString(text[pos:])
	if !newline || !unicode.IsLower(next) {
		return 0
	}
	end := pos
	for end < len(text) && end < pos+6 && text[end] >= 'a' && text[end] <= 'z' {
		end++
	}
	switch text[pos:end] {
	case "und", "oder", "bzw", "and", "or", "et", "ou", "y", "e", "o", "en", "of":
		return 0
	}
	return pos
}

// emit yields the word text[start:end], and its parts where it has some.
func emit(text string, start, end int, rules *rules, yield func(Word) bool) bool {
	surface := text[start:end]
	if plain(surface) {
		token, stop := rules.token(surface)
		return token == "" || yield(Word{Token: token, Surface: surface, Start: start, End: end, Stop: stop})
	}
	joined := unbroken(surface)
	token, stop, split := compound(joined, rules)
	if token != "" && !yield(Word{Token: token, Surface: surface, Start: start, End: end, Stop: stop}) {
		return false
	}
	if !split {
		return true
	}
	for from, to := range parts(text, start, end) {
		token, stop := rules.token(unbroken(text[from:to]))
		if token != "" && !yield(Word{Token: token, Surface: text[from:to], Start: from, End: to, Stop: stop, Part: true}) {
			return false
		}
	}
	return true
}

// parts yields where the parts of a word with separators begin and end.
func parts(text string, start, end int) iter.Seq2[int, int] {
	return func(yield func(from, to int) bool) {
		for from := start; from < end; {
			r, size := utf8.DecodeRuneInString(text[from:])
			if !isWordRune(r) {
				from += size
				continue
			}
			to := from
			for to < end {
				r, size := utf8.DecodeRuneInString(text[to:])
				if r == '\u00AD' {
					if next := lineJoin(text, to+size, 'a'); next != 0 && next <= end {
						to = next
						continue
					}
				} else if !isWordRune(r) {
					next := 0
					if r == '-' {
						next = lineJoin(text, to+size, 'a')
					}
					if next == 0 || next > end {
						break
					}
					to = next
					continue
				}
				to += size
			}
			if !yield(from, to) {
				return
			}
			from = to
		}
	}
}

// plain reports whether a surface has nothing but letters and digits.
func plain(surface string) bool {
	for _, r := range surface {
		if !isWordRune(r) {
			return false
		}
	}
	return true
}

// unbroken takes line breaks (with their hyphen) and soft hyphens out.
func unbroken(surface string) string {
	if !strings.ContainsAny(surface, "\n\u00AD") {
		return surface
	}
	var out strings.Builder
	for i := 0; i < len(surface); {
		r, size := utf8.DecodeRuneInString(surface[i:])
		if r == '\u00AD' || r == '-' || r == '\u2010' || r == '\u2011' {
			if next := lineJoin(surface, i+size, 'a'); next != 0 {
				i = next
				continue
			}
			if r == '\u00AD' {
				i += size
				continue
			}
		}
		out.WriteString(surface[i : i+size])
		i += size
	}
	return out.String()
}

// compound returns the token of a word with separators, and whether its parts
// are worth tokens of their own.
func compound(word string, rules *rules) (token string, stop, split bool) {
	if plain(word) {
		token, stop = rules.token(word)
		return token, stop, false
	}
	if amount, ok := Amount(word); ok {
		return amount, false, false
	}
	for _, r := range word {
		if unicode.IsDigit(r) {
			return clip(fold(word)), false, true
		}
	}
	token, _ = rules.token(strings.Map(func(r rune) rune {
		if isWordRune(r) {
			return r
		}
		return -1
	}, word))
	return token, false, true
}

// Amount returns a number with a decimal or thousands separator in its one
// form: digits, a point, and as many decimals as were written. "1.234" and
// "1,234" are ambiguous; three digits after a single separator are thousands.
// What is no such number ("12.03.2024", "2024-0815") is not ok.
func Amount(word string) (normalised string, ok bool) {
	separators, last := 0, -1
	var mark byte
	mixed := false
	clean := strings.NewReplacer("\u00A0", "'", "\u202F", "'", "\u2009", "'", "\u2019", "'").Replace(word)
	for i := 0; i < len(clean); i++ {
		switch c := clean[i]; {
		case c >= '0' && c <= '9':
		case c == '.' || c == ',' || c == '\'':
			if separators > 0 && c != mark {
				mixed = true
			}
			separators++
			mark, last = c, i
		default:
			return "", false
		}
	}
	if separators == 0 {
		return "", false
	}
	decimals := len(clean) - last - 1
	whole, fraction := clean[:last], clean[last+1:]
	switch {
	case mark == '\'' || separators > 1 && !mixed || separators == 1 && decimals == 3:
		whole, fraction = clean, "" // all are thousands
	case mixed && strings.ContainsRune(whole, rune(mark)):
		return "", false
	}
	// Thousands come in threes.
	groups := strings.FieldsFunc(whole, func(r rune) bool { return r < '0' || r > '9' })
	for i, group := range groups {
		if i > 0 && len(group) != 3 || i == 0 && len(group) > 3 && len(groups) > 1 {
			return "", false
		}
	}
	whole = strings.Join(groups, "")
	if whole == "" || len(whole) > maxToken {
		return "", false
	}
	if fraction == "" {
		return whole, true
	}
	return whole + "." + fraction, true
}

// fold is a word without case, accents and compatibility forms.
func fold(word string) string {
	ascii := true
	for i := 0; i < len(word); i++ {
		if word[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		return strings.ToLower(word)
	}
	return stripMarks(lower(word))
}

// lower is NFKC and small letters; accents stay, since stemmers know them.
func lower(word string) string {
	if len(word) > 4*maxToken {
		word = clip(word)
	}
	word = strings.ToLower(norm.NFKC.String(word))
	return strings.ReplaceAll(word, "ß", "ss")
}

func stripMarks(word string) string {
	decomposed := norm.NFD.String(word)
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r):
			return -1
		case r == 'ø':
			return 'o'
		case r == 'ł':
			return 'l'
		case r == 'đ':
			return 'd'
		}
		return r
	}, decomposed)
}

// clip cuts a token at maxToken characters.
func clip(token string) string {
	n := 0
	for i := range token {
		if n == maxToken {
			return token[:i]
		}
		n++
	}
	return token
}
