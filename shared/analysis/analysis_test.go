package analysis_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
	"testing"
	"time"

	"docuvault/shared/analysis"
	"docuvault/shared/dbtest"
	"docuvault/shared/extract/mediatype"
	"docuvault/shared/id"
	"docuvault/shared/queue"
	"docuvault/shared/vaulttest"
	"docuvault/test/sample"
)

var types = map[string]struct{ announced, sniffed, source string }{
	".pdf":  {"application/pdf", "application/pdf", "pdf"},
	".docx": {mediatype.Word, mediatype.Word, "office"},
	".txt":  {"text/plain", "text/plain", "text"},
	".md":   {"text/markdown", "text/plain", "text"},
	".html": {"text/html", "text/html", "html"},
	".csv":  {"text/csv", "text/csv", "csv"},
	".eml":  {"message/rfc822", "message/rfc822", "email"},
}

// squeeze is a text without what setting it changes.
func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }

func TestEveryFormOfPaper(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	right, languages, seen := 0, 0, map[string]bool{}
	for _, paper := range sample.Documents() {
		ext := path.Ext(paper.Path)
		kind := types[ext]
		seen[ext] = true
		d := u.Analyzed(t, path.Base(paper.Path), kind.announced, paper.Bytes)
		if d.Status != "ready" || d.Failure != "" || d.SniffedType != kind.sniffed && !(ext == ".csv" && d.SniffedType == "text/plain") {
			t.Errorf("%s: status %s %s, sniffed %s", paper.Path, d.Status, d.Failure, d.SniffedType)
			continue
		}
		switch d.Language {
		case paper.Language:
			languages++
		case "": // numbers and names: unsure is an answer
		default:
			t.Errorf("%s: language %q, want %q", paper.Path, d.Language, paper.Language)
		}
		if want := ext == ".pdf"; (d.PageCount > 0) != want {
			t.Errorf("%s: %d pages", paper.Path, d.PageCount)
		}
		var text struct {
			Text, Source string
			Truncated    bool
		}
		u.Call(t, http.MethodGet, "/v1/documents/"+d.ID.String()+"/text", nil).JSON(t, http.StatusOK, &text)
		if text.Source != kind.source || len(text.Text) < 100 || text.Truncated {
			t.Errorf("%s: %d bytes of text from %q", paper.Path, len(text.Text), text.Source)
		}
		if d.Topic == paper.Topic && d.TopicSource == "local" {
			right++
		} else {
			t.Logf("%s: topic %q by %q, a person would say %q", paper.Path, d.Topic, d.TopicSource, paper.Topic)
		}
		if len(d.Suggestions) == 0 {
			t.Errorf("%s: no suggestions", paper.Path)
		}
		for _, s := range d.Suggestions {
			if s.Source != "local" || s.Confidence <= 0 || s.Confidence > 1 || s.Value == "" {
				t.Errorf("%s: %+v", paper.Path, s)
			}
			for _, e := range s.Evidence {
				if !strings.Contains(squeeze(text.Text), squeeze(e.Word)) {
					t.Errorf("%s: evidence %q is not in the text", paper.Path, e.Word)
				}
			}
			if s.Kind == "topic" && len(s.Evidence) == 0 && s.Value != "other" {
				t.Errorf("%s: topic %s without evidence", paper.Path, s.Value)
			}
		}
	}
	if len(seen) != len(types) {
		t.Errorf("papers of the types %v only", seen)
	}
	if n := len(sample.Documents()); right < n*9/10 || languages < n*3/4 {
		t.Errorf("of %d papers %d topics and %d languages are right", n, right, languages)
	}
}

func TestPagesAreCounted(t *testing.T) {
	t.Parallel()
	u := vaulttest.New(t, nil).User(t)
	if d := u.Analyzed(t, "a.pdf", "application/pdf", sample.PDF("a", "one\ftwo\fthree")); d.PageCount != 3 {
		t.Errorf("%d pages", d.PageCount)
	}
}

// What cannot be read says why, and can be downloaded all the same.
func TestPapersThatCannotBeRead(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	whole := sample.PDF("a", strings.Repeat("a paper of many words\n", 200))
	for name, c := range map[string]struct {
		content []byte
		failure string
	}{
		"broken":    {[]byte("%PDF-1.4\n" + strings.Repeat("no objects here ", 50)), "broken"},
		"cut":       {whole[:200], "broken"},
		"encrypted": {encrypted(whole), "encrypted"},
		"a bomb":    {bomb(300 << 20), "too_complex"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := u.Analyzed(t, "a.pdf", "application/pdf", c.content)
			if d.Status != "failed" || d.Failure != c.failure || d.SniffedType != "application/pdf" {
				t.Errorf("status %s, failure %q, sniffed %q", d.Status, d.Failure, d.SniffedType)
			}
			if n := w.Audit(t, "document.analysis_failed", d.ID); n != 1 {
				t.Errorf("%d audit entries", n)
			}
			var out struct{ URL string }
			u.Call(t, http.MethodGet, "/v1/documents/"+d.ID.String()+"/download", nil).JSON(t, http.StatusOK, &out)
			resp, err := http.Get(out.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			if resp.StatusCode != http.StatusOK || resp.ContentLength != int64(len(c.content)) {
				t.Errorf("status %d, %d bytes", resp.StatusCode, resp.ContentLength)
			}
			var text struct{ Text, Source string }
			u.Call(t, http.MethodGet, "/v1/documents/"+d.ID.String()+"/text", nil).JSON(t, http.StatusOK, &text)
			if text.Text != "" || text.Source != "none" {
				t.Errorf("text %q from %q", text.Text, text.Source)
			}
		})
	}
}

// encrypted claims the standard security handler with keys that nobody has.
func encrypted(pdf []byte) []byte {
	entry := "/ID [<00><00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <" + strings.Repeat("41", 32) + "> /U <" + strings.Repeat("42", 32) + "> >> /Root"
	return bytes.Replace(pdf, []byte("/Root"), []byte(entry), 1)
}

// bomb is a PDF whose one page grows to n bytes when it is unpacked.
func bomb(n int) []byte {
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	block := bytes.Repeat([]byte("q Q "), 1<<18)
	for written := 0; written < n; written += len(block) {
		_, _ = z.Write(block) // into memory
	}
	_ = z.Close()
	var out bytes.Buffer
	var offsets []int
	object := func(body string) {
		offsets = append(offsets, out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", len(offsets), body)
	}
	out.WriteString("%PDF-1.4\n")
	object("<< /Type /Catalog /Pages 2 0 R >>")
	object("<< /Type /Pages /Kids [3 0 R] /Count 1 >>")
	object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>")
	object(fmt.Sprintf("<< /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream", packed.Len(), packed.String()))
	xref := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, o := range offsets {
		fmt.Fprintf(&out, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&out, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, xref)
	return out.Bytes()
}

// Types without an extractor, types that lie, and nothing at all: a paper says
// why it has no text.
func TestPapersWithoutText(t *testing.T) {
	t.Parallel()
	u := vaulttest.New(t, nil).User(t)
	png := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89")
	for name, c := range map[string]struct {
		announced, sniffed, source, note string
		content                          []byte
	}{
		"a picture":          {"image/png", "image/png", "none", "ocr_not_installed", png},
		"a picture as PDF":   {"application/pdf", "image/png", "none", "ocr_not_installed", append(png, 1)},
		"noise":              {"application/pdf", "application/octet-stream", "none", "kind_not_read", []byte("\x00\x01\x02\x03 noise \xfe\xff")},
		"a zip as a letter":  {"application/vnd.oasis.opendocument.text", "application/zip", "none", "kind_not_read", []byte("PK\x03\x04\x14\x00\x00\x08\x00\x00")},
		"an empty file":      {"application/pdf", "text/plain", "text", "", nil},
		"a PDF as a picture": {"image/png", "application/pdf", "pdf", "", sample.PDF("a", "some words here")},
	} {
		d := u.Analyzed(t, "a", c.announced, c.content)
		text := textOf(t, u, d)
		if d.Status != "ready" || d.SniffedType != c.sniffed || text.Source != c.source || text.Note != c.note || d.ContentType != c.announced {
			t.Errorf("%s: status %s %s, sniffed %s, text from %s, note %q", name, d.Status, d.Failure, d.SniffedType, text.Source, text.Note)
		}
		if c.source != "pdf" && text.Text != "" {
			t.Errorf("%s: text %q", name, text.Text)
		}
	}
}

// Storage is not what it was when the upload ended.
func TestBytesThatChangedInStorage(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	for name, c := range map[string]struct {
		harm    func(key string, content []byte)
		failure string
	}{
		"gone":     {func(key string, _ []byte) { _ = w.Store.Documents.Delete(t.Context(), key) }, "object_missing"},
		"shorter":  {func(key string, b []byte) { w.PutDirectly(t, key, b[:50]) }, "bytes_changed"},
		"empty":    {func(key string, _ []byte) { w.PutDirectly(t, key, nil) }, "bytes_changed"},
		"longer":   {func(key string, b []byte) { w.PutDirectly(t, key, append(b[:100:100], 'x')) }, "bytes_changed"},
		"replaced": {func(key string, _ []byte) { w.PutDirectly(t, key, vaulttest.Unique(t, 100)) }, "bytes_changed"},
		"replaced by what has no text": {func(key string, _ []byte) {
			w.PutDirectly(t, key, append([]byte("\x00\x01\x02"), vaulttest.Unique(t, 97)...))
		}, "bytes_changed"},
	} {
		content := vaulttest.Unique(t, 100)
		d := u.Store(t, "a.txt", "text/plain", content)
		c.harm(w.Key(t, d.ID), content)
		if err := w.Deliver(t, "analyze", u.Job(d.ID)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := u.Get(t, d.ID); got.Status != "failed" || got.Failure != c.failure {
			t.Errorf("%s: status %s, failure %s", name, got.Status, got.Failure)
		}
	}
}

func TestWithoutAProvider(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	for _, provider := range []string{"none", "openai"} {
		u := w.User(t)
		w.DB.Exec(t, `UPDATE users SET ai_provider = $1 WHERE id = $2`, provider, u.ID.String())
		d := u.Analyzed(t, "a.txt", "text/plain", sample.Documents()[0].Bytes)
		if d.Status != "ready" || d.Topic != "" || len(d.Suggestions) != 0 || d.SniffedType == "" {
			t.Errorf("%s: %+v", provider, d)
		}
		if suggested(t, w, d.ID) {
			t.Errorf("%s: the history says that a topic was suggested", provider)
		}
	}
}

// suggested is what the audit log says of a document's analysis.
func suggested(t *testing.T, w *vaulttest.World, document id.ID) bool {
	t.Helper()
	return dbtest.Query1[bool](t, w.DB, `SELECT (metadata->>'suggested')::boolean FROM audit_log WHERE action = 'document.analyzed' AND target = $1`, document.String())
}

// A topic of one's own that is a starter by another writing is one topic.
func TestAStarterTopicThatThePersonWroteOtherwise(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	old := u.Store(t, "a.txt", "text/plain", vaulttest.Unique(t, 50))
	u.Call(t, http.MethodPatch, "/v1/documents/"+old.ID.String(), map[string]any{"topic": "INVOICE"}).JSON(t, http.StatusOK, nil)
	d := u.Analyzed(t, "b.pdf", "application/pdf", sample.Documents()[0].Bytes)
	if d.Topic != "INVOICE" || d.Suggestions[0].Value != "INVOICE" || len(d.Suggestions) > 0 && strings.Contains(fmt.Sprint(d.Suggestions), "{topic invoice") {
		t.Errorf("topic %q, suggestions %+v", d.Topic, d.Suggestions)
	}
	if !suggested(t, w, d.ID) {
		t.Error("the history does not say that a topic was suggested")
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM topics`); n != 1 {
		t.Errorf("%d topics", n)
	}
}

// A message that is lost to another consumer ends the work on it, and gives the
// document back.
func TestAMessageThatCannotBeHeld(t *testing.T) {
	t.Parallel()
	outage := &vaulttest.Outage{}
	w := vaulttest.New(t, nil, outage.Provide(t))
	u := w.User(t)
	analyst, err := analysis.Open(w.Env)
	if err != nil {
		t.Fatal(err)
	}
	analyst.HoldAfter(0)
	d := u.Store(t, "a.txt", "text/plain", []byte("Invoice 2024-0815"))
	work := make(chan context.Context, 1)
	outage.Next("Get", func() error { <-(<-work).Done(); return nil })
	err = analyst.Analyze(t.Context(), u.ID, d.ID, func(ctx context.Context, _ time.Duration) error { work <- ctx; return queue.ErrNotHeld })
	if !errors.Is(err, queue.ErrNotHeld) || w.Status(t, d.ID) != "stored" {
		t.Errorf("%v, status %s", err, w.Status(t, d.ID))
	}
}
