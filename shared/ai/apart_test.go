package ai

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// essay draws words: half from its topic's, half from everybody's. No two look
// alike, so that only the words as a whole tell what it is.
func essay(topic int, r *rand.Rand) string {
	var b strings.Builder
	for range 40 {
		group := topic
		if r.IntN(2) == 0 {
			group = 25
		}
		n := r.IntN(100)
		fmt.Fprintf(&b, "w%co%cr%cd ", 'a'+group, 'a'+n/10, 'a'+n%10)
	}
	return b.String()
}

// Documents of one topic that share only some words, as reports and letters of
// many people do, are told apart by five corrections each.
func TestTopicsOfMixedDocumentsAreToldApart(t *testing.T) {
	t.Parallel()
	const topics = 8
	u := newUser()
	u.topics = nil
	r := rand.New(rand.NewPCG(1, 1))
	for topic := range topics {
		name := fmt.Sprint("topic ", topic)
		u.topics = append(u.topics, Topic{ID: name})
		for range 5 {
			u.correct(essay(topic, r), "en", "", name)
		}
	}
	right, total := 0, 0
	for topic := range topics {
		for range 25 {
			text := essay(topic, r)
			got := suggestTopics(t, u.request(text, "en"))
			total++
			if len(got) == 0 || got[0].Value != fmt.Sprint("topic ", topic) {
				continue
			}
			right++
			for _, e := range got[0].Evidence {
				if !strings.Contains(text, e.Word) || !e.Learned {
					t.Errorf("evidence %+v", e)
				}
			}
			if len(got[0].Evidence) == 0 {
				t.Errorf("no evidence for %v", got[0])
			}
		}
	}
	t.Logf("%d of %d", right, total)
	if right < total*95/100 {
		t.Errorf("%d of %d are right", right, total)
	}
}
