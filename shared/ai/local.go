package ai

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"docuvault/shared/host"
	"docuvault/shared/lexeme"
)

// local decides by words: a list that comes with the program, and what the
// user's corrections taught. It needs no network.
type local struct{ now func() time.Time }

func openLocal(env *host.Env) (Provider, error) { return NewLocal(env.Now), nil }

// NewLocal returns the provider "local". The clock keeps dates of the far
// future from being suggested.
func NewLocal(now func() time.Time) Provider { return &local{now: now} }

func (*local) Name() string { return "local" }

// How scores become confidence. Fitted on one half of the test documents,
// checked on the other: see TestConfidenceIsCalibrated.
const (
	scoreScale   = 5.0  // a starter score at which half of its effect is reached
	scoreEffect  = 11.0 // the whole effect, in log odds
	nothing      = 3.5  // the log odds of "other"
	learnedScale = 7.0  // log odds for each unit of a learned match
	learnedFits  = 0.35 // a mean match from which the learned topic takes over from the starter's word list
	knownScale   = 7.0  // log odds of a document all of whose words the learned topics have seen
	nameScore    = 1.5  // a topic's own name in the text
)

const (
	maxTopics   = 3    // that are suggested
	maxEvidence = 6    // words for each suggestion
	minTopic    = 0.15 // confidence below which a second topic is not worth showing

	maxConfidence = 0.99
	maxOther      = 0.5 // that nothing was found says little
)

// candidate is a topic with what speaks for it.
type candidate struct {
	topic      Topic
	odds       float64
	words      []weighed
	confidence float64
}

func (p *local) Suggest(ctx context.Context, request Request) ([]Suggestion, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	text := head(request.Text)
	return append(topics(text, request), p.details(text)...), nil
}

// topics suggests at most maxTopics topics. A document without evidence is
// "other" with a low confidence, where the user has that topic.
func topics(text string, request Request) []Suggestion {
	if len(request.Topics) == 0 {
		return []Suggestion{}
	}
	r := read(text, request.Language)
	matches := r.matches(request)

	takeover, fits := 0.0, math.Inf(-1)
	for _, m := range matches {
		fits = max(fits, m.mean)
	}
	for id, m := range matches {
		if m.mean > takeover && slices.ContainsFunc(request.Topics, func(t Topic) bool { return t.ID == id }) {
			takeover = m.mean
		}
	}
	folder := request.Learned.inFolder()
	candidates := make([]candidate, 0, len(request.Topics))
	for _, topic := range request.Topics {
		c := candidate{topic: topic, odds: folder[topic.ID]}
		if topic.Starter == Other {
			c.odds += nothing
		}
		f := r.known[topic.Starter]
		if topic.Name != "" && topic.Starter == "" {
			f = r.name(topic.Name)
		}
		starter := scoreEffect * f.score / (f.score + scoreScale)
		m, learned := matches[topic.ID]
		if takeover > learnedFits && !learned {
			// The user said of documents like this one what they are.
			starter *= learnedFits / takeover
		}
		c.odds += starter
		c.words = f.words
		if learned {
			c.odds += max(learnedScale*min(fits, 1.5), knownScale*m.known) + m.apart
			c.words = append(slices.Clone(c.words), m.words...)
		}
		candidates = append(candidates, c)
	}
	weigh(candidates)
	return suggest(candidates)
}

// reading is a text with its words and what they speak for.
type reading struct {
	language string // of the request; the tokens are made by it
	words    []lexeme.Word
	known    map[string]found // by starter topic
	evidence map[string]bool  // tokens that speak for any
	lexicon  *lexicon
}

// read looks with the lexicon of the text's language; with each of them when it
// is another or unknown, and keeps the one that finds most.
func read(text, language string) *reading {
	r := &reading{language: language, words: slices.Collect(lexeme.Words(text, language))}
	if l, ok := lexicons()[language]; ok {
		r.lexicon = l
		r.known, r.evidence = l.search(text, r.words)
		return r
	}
	most := -1.0
	for _, code := range []string{"de", "en"} {
		l := lexicons()[code]
		known, tokens := l.search(text, slices.Collect(lexeme.Words(text, code)))
		top := 0.0
		for _, f := range known {
			top = max(top, f.score)
		}
		if top > most {
			r.known, r.evidence, r.lexicon, most = known, tokens, l, top
		}
	}
	return r
}

func (r *reading) matches(request Request) map[string]match {
	if request.Keyer == nil || len(request.Learned.Topics) == 0 {
		return nil
	}
	features := featuresOf(slices.Values(r.words))
	keyed := make([]string, len(features))
	for i, f := range features {
		keyed[i] = request.Keyer(f.token)
	}
	return matchLearned(request.Learned, features, keyed, func(token string) float64 {
		switch {
		case r.lexicon.common[token]:
			return commonToken
		case r.evidence[token]:
			return evidenceToken
		}
		return rareToken
	})
}

// name counts a user's own topic name where the text has it.
func (r *reading) name(name string) (f found) {
	wanted := map[string]bool{}
	for w := range lexeme.Words(name, r.language) {
		if !w.Stop && len(w.Token) >= minPart {
			wanted[w.Token] = true
		}
	}
	if len(wanted) == 0 {
		return f
	}
	for _, w := range r.words {
		if wanted[w.Token] {
			delete(wanted, w.Token)
			f.score += nameScore
			f.words = append(f.words, weighed{surface: w.Surface, score: nameScore})
		}
	}
	return f
}

// weigh makes confidences of log odds: what all topics share sums up to 1, with
// "none of these" always among them.
func weigh(candidates []candidate) {
	top := nothing
	for _, c := range candidates {
		top = max(top, c.odds)
	}
	sum := 0.0
	hasOther := false
	for i := range candidates {
		candidates[i].confidence = math.Exp(candidates[i].odds - top)
		sum += candidates[i].confidence
		hasOther = hasOther || candidates[i].topic.Starter == Other
	}
	if !hasOther {
		sum += math.Exp(nothing - top)
	}
	for i := range candidates {
		candidates[i].confidence /= sum
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.confidence, a.confidence), strings.Compare(a.topic.ID, b.topic.ID))
	})
}

func suggest(candidates []candidate) []Suggestion {
	suggestions := []Suggestion{}
	for i, c := range candidates {
		if i == maxTopics || i > 0 && c.confidence < minTopic {
			break
		}
		// Nothing fits, and "other" is not there to say so.
		if i == 0 && c.odds < nothing {
			break
		}
		if c.topic.Starter == Other && i > 0 {
			continue
		}
		confidence := min(c.confidence, maxConfidence)
		if c.topic.Starter == Other && len(c.words) == 0 {
			confidence = min(confidence, maxOther)
		}
		suggestions = append(suggestions, Suggestion{
			Kind: KindTopic, Value: c.topic.ID, Confidence: round(confidence), Source: "local", Evidence: pick(c.words),
		})
	}
	return suggestions
}

// pick returns the strongest words, each once, with their share.
func pick(words []weighed) []Evidence {
	words = slices.Clone(words)
	slices.SortStableFunc(words, func(a, b weighed) int { return cmp.Compare(b.score, a.score) })
	sum := 0.0
	for _, w := range words {
		sum += w.score
	}
	picked := []Evidence{}
	seen := map[string]bool{}
	for _, w := range words {
		if len(picked) == maxEvidence {
			break
		}
		if seen[w.surface] {
			continue
		}
		seen[w.surface] = true
		picked = append(picked, Evidence{Word: w.surface, Weight: round(w.score / sum), Learned: w.learned})
	}
	return picked
}

func round(x float64) float64 { return math.Round(x*1000) / 1000 }
