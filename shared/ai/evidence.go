package ai

import (
	_ "embed"
	"fmt"
	"math"
	"strings"
	"sync"
	"unicode/utf8"

	"docuvault/shared/lexeme"
)

//go:embed evidence.txt
var evidenceFile string

// common is the section of evidence.txt with words of any letter.
const common = "common"

// hint says that a word or phrase speaks for a topic.
type hint struct {
	topic  string
	weight float64
	rest   []string // the further tokens of a phrase
}

// lexicon is evidence.txt in one language, as tokens.
type lexicon struct {
	first    map[string][]hint // by the (first) token
	endings  map[string][]hint // of compounds
	starts   map[string][]hint
	common   map[string]bool
	language string
}

// weights are what the numbers of the file are worth.
var weights = map[string]float64{"1": 0.5, "2": 1.6, "3": 3.6}

// minPart is the shortest ending or beginning that is looked for, in bytes.
const minPart = 4

// lexicons are built once, on first use. The file is part of the program, so a
// wrong line is a programmer's error.
var lexicons = sync.OnceValue(func() map[string]*lexicon {
	all, err := parseEvidence(evidenceFile)
	if err != nil {
		panic(err)
	}
	return all
})

func parseEvidence(file string) (map[string]*lexicon, error) {
	known := map[string]bool{common: true}
	for _, topic := range StarterTopics {
		known[topic] = true
	}
	all := map[string]*lexicon{}
	number := 0
	for line := range strings.Lines(file) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		title, list, ok := strings.Cut(line, ":")
		fields := strings.Fields(title)
		if !ok || len(fields) != 3 || !known[fields[0]] || weights[fields[2]] == 0 {
			return nil, fmt.Errorf("evidence.txt, line %d: %q is not \"topic language weight\"", number, title)
		}
		l := all[fields[1]]
		if l == nil {
			l = &lexicon{first: map[string][]hint{}, endings: map[string][]hint{}, starts: map[string][]hint{}, common: map[string]bool{}, language: fields[1]}
			all[fields[1]] = l
		}
		for phrase := range strings.SplitSeq(list, ",") {
			if err := l.add(fields[0], weights[fields[2]], strings.TrimSpace(phrase)); err != nil {
				return nil, fmt.Errorf("evidence.txt, line %d: %w", number, err)
			}
		}
	}
	return all, nil
}

func (l *lexicon) add(topic string, weight float64, phrase string) error {
	ending, beginning := strings.HasPrefix(phrase, "*"), strings.HasSuffix(phrase, "*")
	var tokens []string
	stops := 0
	for w := range lexeme.Words(strings.Trim(phrase, "*"), l.language) {
		if w.Part {
			continue
		}
		if w.Stop {
			stops++
		}
		tokens = append(tokens, w.Token)
	}
	if len(tokens) == stops && len(tokens) < 2 {
		return fmt.Errorf("%q is nothing but a stop word", phrase)
	}
	if (ending || beginning) && (len(tokens) != 1 || len(tokens[0]) < minPart) {
		return fmt.Errorf("%q is too short, or a phrase, for a part", phrase)
	}
	h := hint{topic: topic, weight: weight, rest: tokens[1:]}
	switch {
	case topic == common:
		for _, token := range tokens {
			l.common[token] = true
		}
	case ending:
		l.endings[tokens[0]] = append(l.endings[tokens[0]], h)
	case beginning:
		l.starts[tokens[0]] = append(l.starts[tokens[0]], h)
	default:
		l.first[tokens[0]] = append(l.first[tokens[0]], h)
	}
	return nil
}

// found is what a document has for one topic.
type found struct {
	score float64
	words []weighed
}

// earlyBytes is where a document says what it is.
const earlyBytes = 350

// search looks for a lexicon's evidence among the words of a text. It returns
// what was found for each topic, and the tokens that were found.
func (l *lexicon) search(text string, words []lexeme.Word) (map[string]found, map[string]bool) {
	spots := make([]lexeme.Word, 0, len(words))
	for _, w := range words {
		if !w.Part {
			spots = append(spots, w)
		}
	}
	type hit struct {
		hint       *hint
		key        string
		start, end int
		times      int
	}
	// One entry for each piece of evidence, however often it is there.
	hits := map[string]*hit{}
	var order []string
	evidence := map[string]bool{} // tokens that spoke for anything
	note := func(h *hint, key string, start, end int) {
		key = h.topic + "\x00" + key
		if had, ok := hits[key]; ok {
			had.times++
			return
		}
		hits[key] = &hit{hint: h, key: key, start: start, end: end, times: 1}
		order = append(order, key)
	}
	for i, s := range spots {
		var exact map[string]bool
		for n := range l.first[s.Token] {
			h := &l.first[s.Token][n]
			if end, ok := follows(spots[i:], h.rest); ok {
				note(h, s.Token+" "+strings.Join(h.rest, " "), s.Start, end)
				evidence[s.Token] = true
				if exact == nil {
					exact = map[string]bool{}
				}
				exact[h.topic] = true
			}
		}
		for n := minPart; n < len(s.Token); n++ {
			if !utf8.RuneStart(s.Token[n]) {
				continue
			}
			for k := range l.starts[s.Token[:n]] {
				if h := &l.starts[s.Token[:n]][k]; !exact[h.topic] {
					note(h, s.Token[:n]+"*", s.Start, s.End)
					evidence[s.Token] = true
				}
			}
			if len(s.Token)-n < minPart {
				continue
			}
			for k := range l.endings[s.Token[n:]] {
				if h := &l.endings[s.Token[n:]][k]; !exact[h.topic] {
					note(h, "*"+s.Token[n:], s.Start, s.End)
					evidence[s.Token] = true
				}
			}
		}
	}
	all := map[string]found{}
	for _, key := range order {
		h := hits[key]
		score := h.hint.weight * (1 + 0.2*math.Log2(float64(min(h.times, 16))))
		if h.start < earlyBytes {
			score *= 1.5
		}
		f := all[h.hint.topic]
		f.score += score
		f.words = append(f.words, weighed{surface: text[h.start:h.end], score: score})
		all[h.hint.topic] = f
	}
	for topic, f := range all {
		// One word alone is thin: "lease" may stand in a poem.
		f.score *= 1 - math.Pow(0.5, float64(len(f.words)))
		// A long text has a word of everything by chance.
		if n := len(spots); n > 250 {
			f.score *= math.Pow(250/float64(n), 0.25)
		}
		all[topic] = f
	}
	return all, evidence
}

// follows reports whether the words after the first are the given tokens, and
// where the last one ends.
func follows(spots []lexeme.Word, rest []string) (end int, ok bool) {
	if len(spots) <= len(rest) {
		return 0, false
	}
	for i, token := range rest {
		if spots[i+1].Token != token {
			return 0, false
		}
	}
	return spots[len(rest)].End, true
}
