package lexeme

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Want is what one word of a query asks for: a place of a text that has one of
// its tokens.
type Want struct {
	// Tokens are the word under the rules of every language, and as people type
	// it whose keyboard has no umlauts: which language a text has is not known
	// here.
	Tokens []string
	// Prefixes find a name that has a word beginning so; none for a word that
	// is too short or too long.
	Prefixes []string
	// Stop says that the word means nothing in some language.
	Stop bool
	// Width is how many places it takes in a text: 3 for a date.
	Width int
	// Start and End are its bytes in the query.
	Start, End int
}

// Wants returns what a query's words ask for, in order. A date or an account
// number is one of them, however it is written.
func Wants(query string) []Want {
	all := []*rules{noRules}
	for _, language := range Languages {
		all = append(all, rulesOf(language))
	}
	var wants []Want
	for at := 0; at < len(query); {
		r, size := utf8.DecodeRuneInString(query[at:])
		if !isWordRune(r) {
			at += size
			continue
		}
		w := wantAt(query, at, scan(query, at), all)
		at = w.End
		if len(w.Tokens) > 0 {
			wants = append(wants, w)
		}
	}
	return wants
}

func wantAt(query string, start, end int, all []*rules) Want {
	w := Want{Width: 1, Start: start, End: end}
	word := unbroken(query[start:end])
	if run, ok := iban(query, start, end); ok {
		w.Tokens, w.Width, w.End = []string{run.number}, run.words, run.end
		return w
	}
	if run, ok := spelledDate(query, start, end); ok {
		w.Width, w.End = run.words, run.end
		if w.Tokens = run.days; len(w.Tokens) == 0 {
			w.Tokens = run.inMonth
		}
		return w
	}
	days, inMonths, isDate := dateTokens(word)
	switch {
	case isDate && !plain(word):
		w.Tokens, w.Width = days, 3
		return w // in any form, so its letters do not matter
	case plain(word):
		for _, spelled := range umlautForms(word) {
			w.Tokens = forms(w.Tokens, spelled, all)
		}
		w.Stop = slices.ContainsFunc(w.Tokens, func(t string) bool { return strings.HasPrefix(t, stopMark) })
		w.Tokens = append(w.Tokens, days...)
	default:
		if amount, ok := Amount(word); ok {
			w.Tokens = []string{amount}
		} else {
			s := &spelling{rules: all}
			for _, spelled := range umlautForms(word) {
				for _, token := range s.whole(spelled) {
					if !slices.Contains(w.Tokens, token) {
						w.Tokens = append(w.Tokens, token)
					}
				}
			}
			w.Width = 0
			for range parts(query, start, end) {
				w.Width++
			}
		}
		if !isDate && len(days) == 0 {
			w.Tokens = append(w.Tokens, inMonths...)
		}
	}
	for _, spelled := range umlautForms(word) {
		prefix := fold(clip(spelled))
		if n := utf8.RuneCountInString(prefix); n >= minPrefix && n <= maxPrefix && !slices.Contains(w.Prefixes, prefix) {
			w.Prefixes = append(w.Prefixes, prefix)
		}
	}
	return w
}

// umlautForms returns a word as it is, and as it is written without umlauts.
func umlautForms(word string) []string {
	spelled := []string{word}
	for _, form := range []string{expandUmlauts(word), contractUmlauts(word)} {
		if !slices.Contains(spelled, form) {
			spelled = append(spelled, form)
		}
	}
	return spelled
}
