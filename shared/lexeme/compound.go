package lexeme

import (
	_ "embed"
	"strings"
	"sync"
)

// How German compounds are taken apart without a dictionary: words of papers
// from a list of our own anchor the cuts; what is left between them is a part
// if it could be a word. A long word without an anchor is cut where a syllable
// could begin, which costs some parts that mean nothing and are never asked for.
const (
	minCompound = 8  // letters of a word that is taken apart
	maxCompound = 48 // longer ones are no words
	minUnknown  = 4  // letters of a part that is not in the list
	minGuessed  = 10 // letters of a stretch that is cut at syllables
	maxGuesses  = 6  // cuts of one stretch
	maxSegments = 8
)

//go:embed paperwords.txt
var paperWords string

// segments are the forms that a word of the list has inside a compound: as its
// last part, and as one before that.
type segments struct{ last, inner map[string]bool }

var paperSegments = sync.OnceValue(func() segments {
	s := segments{last: map[string]bool{}, inner: map[string]bool{}}
	for line := range strings.Lines(paperWords) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for _, word := range strings.Fields(line) {
			for _, base := range []string{fold(word), fold(expandUmlauts(word))} {
				for _, ending := range []string{"", "s", "es", "n", "en", "e", "er", "ern", "nen"} {
					s.last[base+ending], s.inner[base+ending] = true, true
				}
				s.inner[base+"ens"] = true
				if short, ok := strings.CutSuffix(base, "e"); ok && len(short) >= 4 {
					s.inner[short] = true // Miete, Mietvertrag
					s.inner[short+"s"] = true
				}
			}
		}
	}
	return s
})

// compoundParts returns the parts of a folded German word, and what runs of
// neighbouring parts make ("haftpflicht" of "haft", "pflicht", "versicherung");
// none for a word that is not compound. guess allows cuts at syllables.
func compoundParts(word string, guess bool) []string {
	if len(word) < minCompound || len(word) > maxCompound || !isASCIILetters(word) {
		return nil
	}
	cuts, known := cutCompound(word)
	var parts []string
	for from := 0; from < len(cuts)-1; from++ {
		for to := from + 1; to < len(cuts); to++ {
			if to-from < len(cuts)-1 {
				parts = append(parts, word[cuts[from]:cuts[to]])
			}
		}
		stretch := word[cuts[from]:cuts[from+1]]
		if guess && !known[from] && len(stretch) >= minGuessed {
			for _, at := range syllables(stretch) {
				// Each side reaches to the end of the whole word, too: what
				// follows a guessed cut may belong to it.
				parts = append(parts, stretch[:at], stretch[at:])
			}
		}
	}
	return parts
}

// cutCompound returns where the parts of a word begin, and its length last, and
// for each part whether it is in the list. It is the cheapest way through: few
// parts, and few letters that are in none of the list.
func cutCompound(word string) (cuts []int, known []bool) {
	list := paperSegments()
	n := len(word)
	const impossible = 1 << 20
	type best struct {
		cost, from int
		known      bool
		segments   int
	}
	ways := make([]best, n+1)
	for end := 1; end <= n; end++ {
		ways[end].cost = impossible
		for from := 0; from < end; from++ {
			if ways[from].cost >= impossible || ways[from].segments >= maxSegments {
				continue
			}
			part := word[from:end]
			in := list.inner
			if end == n {
				in = list.last
			}
			cost, isKnown := ways[from].cost, false
			switch {
			case len(part) >= 3 && in[part]:
				cost, isKnown = cost+10, true
			case from == 0 && end == n, couldBeWord(part, end == n) && (from == 0 || ways[from].known):
				cost += 20 + 3*len(part)
			default:
				continue
			}
			if cost < ways[end].cost {
				ways[end] = best{cost, from, isKnown, ways[from].segments + 1}
			}
		}
	}
	for end := n; end > 0; end = ways[end].from {
		cuts = append(cuts, end)
		known = append(known, ways[end].known)
	}
	cuts = append(cuts, 0)
	reverse(cuts)
	reverse(known)
	return cuts, known
}

func reverse[T any](s []T) {
	for i, j := 0, len(s)-1; i < j; i, j = i+1, j-1 {
		s[i], s[j] = s[j], s[i]
	}
}

// endings make words of words; alone they are none.
var endings = map[string]bool{}

func init() {
	for _, e := range strings.Fields(`lich liche lichen licher liches lichkeit keit keiten heit heiten igkeit igkeiten schaft schaften
		ieren ierung ierungen ungen igung igungen erung erungen elung elungen ation ationen tion tionen sion sionen
		ität itat itaten isch ische ischen ischer isches barkeit baren barer bares haften haftes ende enden ender endes
		igen iger iges eren erer eres innen ling linge ment mente`) {
		endings[e] = true
	}
}

func couldBeWord(part string, last bool) bool {
	return len(part) >= minUnknown && strings.ContainsAny(part, "aeiouy") && !(last && endings[part])
}

// syllables returns where a stretch of letters could be two words.
func syllables(s string) (cuts []int) {
	for at := minUnknown; at <= len(s)-minUnknown && len(cuts) < maxGuesses; at++ {
		left, right := s[:at], s[at:]
		if couldBeWord(left, false) && couldBeWord(right, true) && !endings[strings.TrimSuffix(right, "s")] && endsSyllable(left) && beginsWord(right, isVowel(left[at-1])) {
			cuts = append(cuts, at)
		}
	}
	return cuts
}

func isVowel(c byte) bool { return strings.IndexByte("aeiouy", c) >= 0 }

var (
	codas, onsets = map[string]bool{}, map[string]bool{}
	vowelWords    = strings.Fields("ab ak alt amt an arb arzt auf aus ein elt ener ent erst inn ober uber um unter ur")
)

func init() {
	for _, pair := range strings.Fields(`bs ch ck ds ff fs ft gs gt hl hm hn hr ht hs ks kt lb ld lf lg lk ll lm ln ls lt lz mm mp ms mt
		nd nf ng nk nn ns nt nz pf pp ps pt rb rd rf rg rk rl rm rn rs rt rz ss st ts tt tz xt`) {
		codas[pair] = true
	}
	for _, pair := range strings.Fields("bl br dr fl fr gl gn gr kl kn kr pf ph pl pr qu sc sk sp st th tr zw") {
		onsets[pair] = true
	}
}

func endsSyllable(left string) bool {
	n := len(left)
	if isVowel(left[n-1]) {
		return true
	}
	return isVowel(left[n-2]) && strings.IndexByte("cjqvw", left[n-1]) < 0 || codas[left[n-2:]]
}

func beginsWord(right string, afterVowel bool) bool {
	if isVowel(right[0]) {
		if afterVowel {
			return false
		}
		for _, begin := range vowelWords {
			if strings.HasPrefix(right, begin) {
				return true
			}
		}
		return false
	}
	return isVowel(right[1]) && right[0] != 'x' || onsets[right[:2]]
}

func isASCIILetters(s string) bool {
	for i := range len(s) {
		if s[i] < 'a' || s[i] > 'z' {
			return false
		}
	}
	return true
}

// expandUmlauts spells umlauts as people do whose keyboard has none.
var expandUmlauts = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "Ä", "Ae", "Ö", "Oe", "Ü", "Ue").Replace

// contractUmlauts is the way back, without the points: Mueller is Muller, as
// Müller is when its accents are folded.
var contractUmlauts = strings.NewReplacer("ae", "a", "oe", "o", "ue", "u", "Ae", "A", "Oe", "O", "Ue", "U").Replace
