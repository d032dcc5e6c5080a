package lexeme

import (
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"docuvault/shared/lexeme/edition"
)

// TermsVersion is the number of the rules of [Terms], [Prefixes] and [Wants]:
// an index made by others has to be made again.
const TermsVersion = edition.Terms

// Term is a token by which a place of a text is found.
type Term struct {
	Token string
	// Pos counts words from 0. Tokens of one word share it.
	Pos int
	// Start and End are the bytes of the word in the text.
	Start, End int
}

// stopMark is in front of words that are too common to mean anything: stemmers
// leave those alone, so that "seit" must not be the stem of "Seite".
const stopMark = "."

// Terms yields the tokens by which a text is found, in order of Pos. Beside
// those of [Words] they are
//
//   - without a language, the words as folded and as German and English stem
//     them;
//   - parts of German compounds at the place of the whole;
//   - of numbers, also the form without separators and the whole part of an
//     amount;
//   - dates in one form, and their months; account numbers (IBAN) in one form,
//     and their last four characters.
//
// The parts of a number or hyphenated word have places of their own, so that
// "E-Mail" is the phrase "E Mail" as well.
func Terms(text, language string) iter.Seq[Term] {
	return func(yield func(Term) bool) {
		s := spellingOf(language)
		pos := 0
		for at := 0; at < len(text); {
			r, size := utf8.DecodeRuneInString(text[at:])
			if !isWordRune(r) {
				at += size
				continue
			}
			end := scan(text, at)
			width, ok := s.terms(text, at, end, pos, yield)
			if !ok {
				return
			}
			pos, at = pos+width, end
		}
	}
}

// spelling makes tokens of words by the rules of one or several languages.
type spelling struct {
	rules     []*rules
	compounds bool // take German words apart
	guess     bool // also where no word of the list helps
	seen      map[string][]string
}

func spellingOf(language string) *spelling {
	s := &spelling{seen: map[string][]string{}}
	switch known := rulesOf(language); {
	case known == noRules:
		s.rules = []*rules{noRules, rulesOf("de"), rulesOf("en")}
		s.compounds = true
	default:
		s.rules = []*rules{known}
		s.compounds = language == "de"
		s.guess = s.compounds
	}
	return s
}

// word returns the tokens of a word of letters and digits.
func (s *spelling) word(word string) []string {
	if had, ok := s.seen[word]; ok {
		return had
	}
	tokens := forms(nil, word, s.rules)
	if s.compounds && !hasDigit(word) && len(word) <= 2*maxCompound && (len(tokens) == 0 || !strings.HasPrefix(tokens[0], stopMark)) {
		german := rulesOf("de")
		for _, part := range compoundParts(fold(word), s.guess) {
			token, stop := german.token(part)
			if !stop && !slices.Contains(tokens, token) {
				tokens = append(tokens, token)
			}
		}
	}
	if len(s.seen) < maxSeen && len(word) <= maxToken {
		s.seen[word] = tokens
	}
	return tokens
}

// forms appends the token of a word under each of the rules, once.
func forms(tokens []string, word string, by []*rules) []string {
	for _, r := range by {
		token, stop := r.token(word)
		if token == "" {
			continue
		}
		if stop {
			token = stopMark + token
		}
		if !slices.Contains(tokens, token) {
			tokens = append(tokens, token)
		}
	}
	return tokens
}

// terms yields the terms of the word text[start:end], and returns how many
// places it takes.
func (s *spelling) terms(text string, start, end, pos int, yield func(Term) bool) (width int, ok bool) {
	at := func(pos, start, end int, tokens ...string) bool {
		for _, token := range tokens {
			if token != "" && !yield(Term{Token: token, Pos: pos, Start: start, End: end}) {
				return false
			}
		}
		return true
	}
	surface := text[start:end]
	word := unbroken(surface)
	if plain(word) {
		return 1, at(pos, start, end, s.word(word)...) && s.runs(text, start, end, pos, at)
	}
	if amount, isAmount := Amount(word); isAmount {
		whole, _, _ := strings.Cut(amount, ".")
		_, inMonths, _ := dateTokens(word)
		if whole == amount {
			whole = ""
		}
		return 1, at(pos, start, end, amount, whole) && at(pos, start, end, inMonths...) && s.runs(text, start, end, pos, at)
	}
	if !at(pos, start, end, s.whole(word)...) {
		return 0, false
	}
	if hasDigit(word) {
		days, inMonths, _ := dateTokens(word)
		if !at(pos, start, end, days...) || !at(pos, start, end, inMonths...) {
			return 0, false
		}
	}
	for from, to := range parts(text, start, end) {
		if !at(pos+width, from, to, s.word(unbroken(text[from:to]))...) {
			return 0, false
		}
		width++
	}
	return max(width, 1), true
}

// whole returns the tokens of a word with separators, without those of its
// parts.
func (s *spelling) whole(word string) []string {
	bare := strings.Map(func(r rune) rune {
		if isWordRune(r) {
			return r
		}
		return -1
	}, clip(word))
	if !hasDigit(word) {
		return forms(nil, bare, unstopped(s.rules))
	}
	tokens := []string{clip(fold(clip(word)))}
	// Six characters: shorter ones would meet other numbers too often.
	if utf8.RuneCountInString(bare) >= 6 {
		tokens = append(tokens, clip(fold(bare)))
	}
	return tokens
}

// unstopped are the rules without stop words: no hyphenated word is one.
func unstopped(by []*rules) []*rules {
	bare := make([]*rules, len(by))
	for i, r := range by {
		bare[i] = &rules{stem: r.stem}
	}
	return bare
}

// runs yields what begins with a plain word and goes on in the next ones.
func (s *spelling) runs(text string, start, end, pos int, at func(pos, start, end int, tokens ...string) bool) bool {
	if run, ok := iban(text, start, end); ok {
		if run.words == 1 {
			return at(pos, start, end, run.number[len(run.number)-4:])
		}
		return at(pos, start, run.end, run.number, run.number[len(run.number)-4:])
	}
	if word := text[start:end]; len(word) == 8 && digitsOnly(word) {
		days, inMonths, _ := dateTokens(word)
		return at(pos, start, end, days...) && at(pos, start, end, inMonths...)
	}
	if run, ok := spelledDate(text, start, end); ok {
		return at(pos, start, run.end, run.days...) && at(pos, start, run.end, run.inMonth...)
	}
	return true
}

// Shortest and longest prefix of a name by which it is found, in characters.
const (
	minPrefix = 2
	maxPrefix = 20
)

// Prefixes yields the beginnings of the words of a name, folded, from 2 to 20
// characters, and of the parts of those with separators.
func Prefixes(name string) iter.Seq[Term] {
	return func(yield func(Term) bool) {
		pos := 0
		for at := 0; at < len(name); {
			r, size := utf8.DecodeRuneInString(name[at:])
			if !isWordRune(r) {
				at += size
				continue
			}
			end := scan(name, at)
			if !plain(name[at:end]) && !prefixes(name, at, end, pos, yield) {
				return
			}
			width := 0
			for from, to := range parts(name, at, end) {
				if !prefixes(name, from, to, pos+width, yield) {
					return
				}
				width++
			}
			at, pos = end, pos+max(width, 1)
		}
	}
}

func prefixes(name string, start, end, pos int, yield func(Term) bool) bool {
	word := fold(clip(unbroken(name[start:end])))
	n := 0
	for i := range word {
		if n >= minPrefix && !yield(Term{Token: word[:i], Pos: pos, Start: start, End: end}) {
			return false
		}
		if n++; n > maxPrefix {
			return true
		}
	}
	return n < minPrefix || n > maxPrefix || yield(Term{Token: word, Pos: pos, Start: start, End: end})
}
