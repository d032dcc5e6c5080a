package ai

import (
	"iter"
	"maps"
	"math"
	"slices"
	"unicode/utf8"

	"docuvault/shared/lexeme"
)

// Keyer turns a token into the opaque form under which it is counted: a keyed
// hash under the user's own key. It must be deterministic.
type Keyer func(token string) string

// MaxFeatures is how many distinct tokens of a document count: the first ones,
// where letterheads and headings are.
const MaxFeatures = 512

// MaxText is how many bytes of a text the local provider looks at.
const MaxText = 64 << 10

// Counts is what was learned of one topic.
type Counts struct {
	Documents int // that were corrected to it
	Size      int // sum of the counts of all its tokens, also of those not in Tokens
	// Tokens counts, for each keyed token of the document at hand, the
	// documents of the topic that have it. Tokens that the document does not
	// have may be missing.
	Tokens map[string]int
}

// Learned is what one user's corrections taught, by topic id, restricted to
// the tokens of one document. With the tables
//
//	classifier_topics(user_id, topic_id, documents, size)
//	classifier_tokens(user_id, token, topic_id, count)
//
// it is two queries, whose size the document bounds:
//
//	SELECT topic_id, documents, size FROM classifier_topics WHERE documents > 0
//	SELECT topic_id, token, count FROM classifier_tokens WHERE token = ANY(@tokens::text[]) AND count > 0
//
// where @tokens are the keys of [Features].
type Learned struct {
	Topics map[string]Counts
	// Folder counts, by topic id, the documents in the document's folder to
	// which a person gave a topic.
	Folder map[string]int
}

// Features returns the tokens by which a document is learned, each with its
// count, which is 1: a document has a token or not, so that a long one does
// not drown the others. At most [MaxFeatures] of them.
//
// The same text, language and key give the same features on every machine, so
// they need not be stored to be taken back later. They change with
// [lexeme.Version].
func Features(text, language string, key Keyer) map[string]int {
	features := make(map[string]int)
	for _, f := range featuresOf(lexeme.Words(head(text), language)) {
		features[key(f.token)] = 1
	}
	return features
}

// feature is a distinct token with the first place where it stands.
type feature struct {
	token   string
	surface string
	times   int // how often it stands in what was looked at
}

func featuresOf(words iter.Seq[lexeme.Word]) []feature {
	at := make(map[string]int, MaxFeatures)
	var all []feature
	for w := range words {
		if n, ok := at[w.Token]; ok {
			all[n].times++
			continue
		}
		if len(all) == MaxFeatures || w.Stop || !telling(w) {
			continue
		}
		at[w.Token] = len(all)
		all = append(all, feature{token: w.Token, surface: w.Surface, times: 1})
	}
	return all
}

// head is the part of a text that is looked at.
func head(text string) string {
	if len(text) <= MaxText {
		return text
	}
	end := MaxText
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// telling reports whether a token may tell one topic from another: words of
// two letters and more, and numbers that look like an account or a customer,
// not amounts, years, dates and times, which differ each month.
func telling(w lexeme.Word) bool {
	digits, others := 0, 0
	for _, r := range w.Token {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r == '.' || r == ',' || r == ':' || r == '/':
			if digits > 0 {
				return false
			}
		default:
			others++
		}
	}
	if digits == 0 {
		return others >= 2
	}
	if w.Part {
		return false // the whole number counts
	}
	return digits+others >= 6
}

// Change is one step of learning, in the terms of the tables of [Learned].
type Change struct {
	TopicID   string
	Documents int            // to be added to classifier_topics.documents; size changes by the sum of Tokens
	Tokens    map[string]int // to be added to classifier_tokens.count
}

// Learn returns what moves a document with these features from the topic that
// it was learned as ("" for none) to another ("" to forget it). The caller
// stores on the document, in the same statement, which topic it is learned as
// now: that makes a repeated correction no change at all.
//
// Counts never go below zero: the caller writes GREATEST(0, count + @delta),
// and may delete rows at zero. A document's text that is about to change (a
// reprocessing with other rules) is first forgotten with its old features.
func Learn(features map[string]int, from, to string) []Change {
	if from == to || len(features) == 0 {
		return nil
	}
	var changes []Change
	if from != "" {
		tokens := make(map[string]int, len(features))
		for token, n := range features {
			tokens[token] = -n
		}
		changes = append(changes, Change{TopicID: from, Documents: -1, Tokens: tokens})
	}
	if to != "" {
		changes = append(changes, Change{TopicID: to, Documents: 1, Tokens: maps.Clone(features)})
	}
	return changes
}

// Apply adds changes to what was learned, in memory: what the tables do, for
// tests and for a caller that keeps them otherwise.
func (l *Learned) Apply(changes []Change) {
	if l.Topics == nil {
		l.Topics = map[string]Counts{}
	}
	for _, change := range changes {
		c := l.Topics[change.TopicID]
		c.Documents = max(0, c.Documents+change.Documents)
		for _, n := range change.Tokens {
			c.Size += n
		}
		c.Size = max(0, c.Size)
		c.Tokens = maps.Clone(c.Tokens)
		if c.Tokens == nil {
			c.Tokens = map[string]int{}
		}
		for token, n := range change.Tokens {
			if c.Tokens[token] = max(0, c.Tokens[token]+n); c.Tokens[token] == 0 {
				delete(c.Tokens, token)
			}
		}
		if l.Topics[change.TopicID] = c; c.Documents == 0 {
			delete(l.Topics, change.TopicID)
		}
	}
}

// Restrict returns what was learned of these features alone: what the two
// queries of [Learned] read for a document.
func (l Learned) Restrict(features map[string]int) Learned {
	r := Learned{Topics: make(map[string]Counts, len(l.Topics)), Folder: l.Folder}
	for id, c := range l.Topics {
		tokens := map[string]int{}
		for token := range features {
			if n := c.Tokens[token]; n > 0 {
				tokens[token] = n
			}
		}
		c.Tokens = tokens
		r.Topics[id] = c
	}
	return r
}

// The learned part is a naive Bayes with one bit a token. How common a token is
// outside of the topic (the complement) comes from the user's other topics, and
// from a prior, since after one correction there are none.
const (
	priorDocuments = 2.0  // how many documents the prior is worth
	rareToken      = 0.03 // how often an ordinary word is in a document of another topic
	commonToken    = 0.45 // the same of a word of any business letter
	evidenceToken  = 0.2  // the same of a word that speaks for a starter topic
	missing        = -0.8 // what speaks against, for a token that no document of the topic has
	strongest      = 3.3  // at most this much speaks for, however rare the token is elsewhere
)

// What a folder says: its log odds for a topic that all documents in it have, and
// how many documents of no topic are added, so that one or two say little. Two
// documents of a kind in a folder are less than words that speak for a topic,
// ten are enough where no word speaks for any.
const (
	folderOdds  = 7.0
	folderDoubt = 3.0
)

// inFolder is what the documents in the same folder speak for each topic.
func (l Learned) inFolder() map[string]float64 {
	sum := folderDoubt
	for _, n := range l.Folder {
		sum += float64(n)
	}
	odds := make(map[string]float64, len(l.Folder))
	for topic, n := range l.Folder {
		odds[topic] = folderOdds * float64(n) / sum
	}
	return odds
}

// match is how well a document fits what was learned of a topic.
type match struct {
	mean  float64 // log likelihood ratio for each token; above 0 it fits
	apart float64 // how much more the words speak for it than for the best of the others; at most 0 for those
	known float64 // the share of the document that the learned topics have seen, 0 to 1; the same for all
	words []weighed
}

type weighed struct {
	surface string
	score   float64
	learned bool
}

// matchLearned compares a document's tokens with each learned topic. Keyed
// holds the features in order, keyed alike.
func matchLearned(learned Learned, features []feature, keyed []string, commonness func(token string) float64) map[string]match {
	if len(features) == 0 {
		return nil
	}
	documents := 0
	for _, c := range learned.Topics {
		documents += c.Documents
	}
	total := make([]float64, len(features))
	for _, c := range learned.Topics {
		for i := range features {
			total[i] += float64(c.Tokens[keyed[i]])
		}
	}
	matches := make(map[string]match, len(learned.Topics))
	for _, id := range slices.Sorted(maps.Keys(learned.Topics)) {
		topic := learned.Topics[id]
		if topic.Documents <= 0 {
			continue
		}
		var m match
		n := 0.0
		for i, f := range features {
			prior := commonness(f.token)
			here := float64(topic.Tokens[keyed[i]])
			elsewhere := total[i] - here
			outside := (elsewhere + priorDocuments*prior) / (float64(documents-topic.Documents) + priorDocuments)
			inside := (here + 0.5*prior) / (float64(topic.Documents) + 0.5)
			score := missing
			if here > 0 {
				score = max(missing, min(strongest, math.Log(inside/outside)))
			}
			// A common word says little, present or not.
			weight := 1 - prior
			m.mean += weight * score
			n += weight
			if here > 0 && score > 0.7 {
				m.words = append(m.words, weighed{surface: f.surface, score: weight * score, learned: true})
			}
		}
		m.mean /= n
		matches[id] = m
	}
	tellApart(learned, matches, features, keyed, total, float64(documents))
	return matches
}

// Topics that have several corrections are told apart by a multinomial naive
// Bayes over the words that any of them has. Each topic's word frequencies are
// mixed with those of all (Dirichlet smoothing), which is what makes five
// documents enough; a word weighs more the fewer documents have it, the more of
// them are of few topics, and the more often it stands in this one. The
// constants were chosen on two splits of the data that bench/classifier names,
// and measured on others.
const (
	smoothing = 8000.0 // how many words of all documents are mixed into those of a topic
	unseen    = 0.5    // documents that are added, so that a word of all is not worth nothing
	doubt     = 1.0    // documents for each topic that are added before a word tells topics apart
)

// tellApart sets apart and known of the matches. It says nothing about fewer
// than two topics.
func tellApart(learned Learned, matches map[string]match, features []feature, keyed []string, total []float64, documents float64) {
	size := 0.0
	for _, c := range learned.Topics {
		size += float64(c.Size)
	}
	weights := make([]float64, len(keyed))
	seen := 0.0
	for i, n := range total {
		if n > 0 {
			seen++
			// Two statements may see two moments: never below zero.
			rare := max(0, math.Log((documents+1)/(n+unseen)))
			weights[i] = math.Sqrt(rare*tells(learned, keyed[i], n, documents)) * (1 + math.Log(float64(features[i].times)))
		}
	}
	if seen == 0 || size <= 0 || len(matches) < 2 {
		return
	}
	best := math.Inf(-1)
	scores := make(map[string]float64, len(matches))
	for id := range matches {
		topic := learned.Topics[id]
		sum := 0.0
		for i, w := range weights {
			if w > 0 {
				common := total[i] / size
				here := (float64(topic.Tokens[keyed[i]]) + smoothing*common) / (float64(topic.Size) + smoothing)
				sum += w * math.Log(here/common)
			}
		}
		// The words of a document are not independent: twice as many are not
		// twice the evidence.
		scores[id] = sum / math.Sqrt(seen)
		best = max(best, scores[id])
	}
	for id, m := range matches {
		m.apart = scores[id] - best
		m.known = seen / float64(len(features))
		matches[id] = m
	}
}

// tells is how far the documents that have a word are of other topics than
// documents are at large: 0 for not at all (and a little more, so that nothing
// is forgotten), 1 for all of one topic among many equal ones. It is a relative
// entropy.
func tells(learned Learned, token string, having, documents float64) float64 {
	topics := float64(len(learned.Topics))
	sum := 0.01 * math.Log(topics)
	for _, c := range learned.Topics {
		share := float64(c.Documents) / documents
		if share <= 0 {
			continue
		}
		here := (float64(c.Tokens[token]) + doubt*topics*share) / (having + doubt*topics)
		sum += max(here*math.Log(here/share), -1)
	}
	return max(0, sum) / math.Log(topics)
}
