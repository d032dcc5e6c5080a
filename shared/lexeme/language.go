package lexeme

import (
	_ "embed"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/dutch"
	"github.com/blevesearch/snowballstem/english"
	"github.com/blevesearch/snowballstem/french"
	"github.com/blevesearch/snowballstem/german"
	"github.com/blevesearch/snowballstem/italian"
	"github.com/blevesearch/snowballstem/spanish"
)

// Languages are those with stop words and a stemmer, as ISO 639-1 codes.
var Languages = []string{"de", "en", "es", "fr", "it", "nl"}

// stopWords holds a line a language: its code, then its words, lower case and
// with accents.
//
//go:embed stopwords.txt
var stopWords string

type rules struct {
	stem func(*snowballstem.Env) bool
	stop map[string]bool // as written
	// stopFolded catches text that lost its accents.
	stopFolded map[string]bool
	// seen remembers the words of one text: half of them come again, and
	// stemming is most of the work.
	seen map[string]seenWord
}

type seenWord struct {
	token string
	stop  bool
}

// maxSeen bounds what is remembered of one text.
const maxSeen = 4096

// remembering returns the same rules with a memory of their own.
func (r *rules) remembering() *rules {
	c := *r
	c.seen = make(map[string]seenWord)
	return &c
}

var stemmers = map[string]func(*snowballstem.Env) bool{
	"de": german.Stem, "en": english.Stem, "es": spanish.Stem,
	"fr": french.Stem, "it": italian.Stem, "nl": dutch.Stem,
}

var noRules = &rules{}

// languages is built once, on first use.
var languages = sync.OnceValue(func() map[string]*rules {
	all := map[string]*rules{}
	for line := range strings.Lines(stopWords) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		r := all[fields[0]]
		if r == nil {
			r = &rules{stem: stemmers[fields[0]], stop: map[string]bool{}, stopFolded: map[string]bool{}}
			all[fields[0]] = r
		}
		for _, word := range fields[1:] {
			r.stop[lower(word)] = true
			r.stopFolded[fold(word)] = true
		}
	}
	return all
})

func rulesOf(language string) *rules {
	if r, ok := languages()[language]; ok {
		return r
	}
	return noRules
}

// token returns the token of a word of letters and digits, and whether it is a
// stop word.
func (r *rules) token(word string) (token string, stop bool) {
	if had, ok := r.seen[word]; ok {
		return had.token, had.stop
	}
	token, stop = r.make(word)
	if r.seen != nil && len(r.seen) < maxSeen && len(word) <= maxToken {
		r.seen[word] = seenWord{token: token, stop: stop}
	}
	return token, stop
}

func (r *rules) make(word string) (token string, stop bool) {
	if len(word) > 4*maxToken {
		word = clip(word)
	}
	word = lower(word)
	stop = r.stop[word] || r.stopFolded[fold(word)]
	if r.stem != nil && !stop && !hasDigit(word) && utf8.RuneCountInString(word) <= maxToken {
		env := snowballstem.NewEnv(word)
		r.stem(env)
		word = env.Current()
	}
	return clip(fold(word)), stop
}

func hasDigit(word string) bool { return strings.ContainsAny(word, "0123456789") }

// sampleWords is how many words [Language] looks at.
const sampleWords = 2000

// Language guesses the language of a text by its stop words: one of
// [Languages], or "" when unsure. It wants about two sentences; a list of
// names and numbers has no language.
func Language(text string) string {
	all := languages()
	scores := make(map[string]float64, len(all))
	distinct := make(map[string]map[string]bool, len(all))
	words := 0
	for w := range Words(text, "") {
		if w.Part || hasDigit(w.Token) {
			continue
		}
		if words++; words > sampleWords {
			break
		}
		word := lower(w.Surface)
		// A word of several languages says less about each.
		found := 0
		for _, code := range Languages {
			if all[code].stop[word] {
				found++
			}
		}
		if found == 0 {
			continue
		}
		for _, code := range Languages {
			if all[code].stop[word] {
				scores[code] += 1 / float64(found*found)
				if distinct[code] == nil {
					distinct[code] = map[string]bool{}
				}
				distinct[code][word] = true
			}
		}
	}
	best, first, second := "", 0.0, 0.0
	for _, code := range Languages {
		switch s := scores[code]; {
		case s > first:
			best, first, second = code, s, first
		case s > second:
			second = s
		}
	}
	// Three clear words at least, one in twelve of all, well ahead of the next,
	// and different ones: "et" a hundred times is Latin.
	if first < 3 || len(distinct[best]) < 5 || first < 0.08*float64(min(words, sampleWords)) || first < 1.5*second {
		return ""
	}
	return best
}
