package sample_test

import (
	"bytes"
	"path"
	"testing"
	"time"

	"docuvault/shared/ai"
	"docuvault/shared/extract"
	"docuvault/shared/extract/mediatype"
	"docuvault/test/sample"
)

// TestPapersSayWhatTheyAre: each paper has text in its language, and the local
// provider files it where a person would; so what a demonstration shows is what
// the product does.
func TestPapersSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	extractor, err := extract.New(extract.DefaultLimits, "", nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = extractor.Close() }()
	var topics []ai.Topic
	for _, slug := range ai.StarterTopics {
		topics = append(topics, ai.Topic{ID: slug, Starter: slug, Name: slug})
	}
	kinds := map[string]string{".pdf": "application/pdf", ".docx": mediatype.Word, ".txt": "text/plain", ".md": "text/markdown", ".html": "text/html", ".csv": "text/csv", ".eml": "message/rfc822"}
	right, all := 0, 0
	for _, d := range sample.Documents() {
		got, err := extractor.Extract(t.Context(), bytes.NewReader(d.Bytes), int64(len(d.Bytes)), kinds[path.Ext(d.Path)])
		if err != nil {
			t.Errorf("%s: %v", d.Path, err)
			continue
		}
		if got.Language != "" && got.Language != d.Language { // empty: unsure, for lists of figures
			t.Errorf("%s: language %q, want %s", d.Path, got.Language, d.Language)
		}
		all++
		suggestions, err := ai.NewLocal(time.Now).Suggest(t.Context(), ai.Request{Text: got.Text, Language: got.Language, Topics: topics})
		if err != nil {
			t.Errorf("%s: %v", d.Path, err)
			continue
		}
		for _, s := range suggestions {
			if s.Kind == ai.KindTopic {
				if s.Value == d.Topic {
					right++
				} else {
					t.Logf("%s: %s (%.2f), want %s", d.Path, s.Value, s.Confidence, d.Topic)
				}
				break
			}
		}
	}
	if right < all-1 {
		t.Errorf("%d of %d filed right", right, all)
	}
}
