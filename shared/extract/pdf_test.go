package extract

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	pdferrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/requests"

	"docuvault/shared/extract/mediatype"
	"docuvault/shared/host"
)

// shared is one extractor for all tests: compiling the engine is the slow part.
var shared = sync.OnceValues(func() (*Extractor, error) { return New(DefaultLimits, "", nil, time.Now) })

func open1(t testing.TB) *Extractor {
	t.Helper()
	e, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func extractBytes(t testing.TB, e *Extractor, content []byte, contentType string) (Result, error) {
	t.Helper()
	return e.Extract(t.Context(), bytes.NewReader(content), int64(len(content)), contentType)
}

// limited is an extractor of its own limits on the shared engine.
func limited(t testing.TB, change func(*Limits)) *Extractor {
	t.Helper()
	e := *open1(t)
	change(&e.limits)
	return &e
}

func TestPDFText(t *testing.T) {
	t.Parallel()
	doc := textPDF("Rechnung Nr. 2024-0815\nder Stadtwerke für Sie und Ihre Wohnung mit Größe\nGesamtbetrag: 1.234,56 €", "Zweite Seite (von zwei)")
	r, err := extractBytes(t, open1(t), doc, "application/pdf; charset=binary")
	if err != nil {
		t.Fatal(err)
	}
	want := "Rechnung Nr. 2024-0815\nder Stadtwerke für Sie und Ihre Wohnung mit Größe\nGesamtbetrag: 1.234,56 €\n\fZweite Seite (von zwei)"
	if got := strings.ReplaceAll(strings.ReplaceAll(r.Text, "\n\f", "\f"), "\f", "\n\f"); got != want {
		t.Errorf("text = %q, want %q", got, want)
	}
	if r.Pages != 2 || r.Source != SourcePDF || r.Language != "de" || r.Truncated || r.Note != "" {
		t.Errorf("result = %+v", r)
	}
}

func TestPDFOfFortyPages(t *testing.T) {
	t.Parallel()
	pages := make([]string, 40)
	for i := range pages {
		pages[i] = fmt.Sprintf("marker%02d and the text of this page is here for you", i)
	}
	r, err := extractBytes(t, open1(t), textPDF(pages...), mediatype.PDF)
	if err != nil {
		t.Fatal(err)
	}
	if r.Pages != 40 || r.Language != "en" {
		t.Errorf("pages = %d, language = %q", r.Pages, r.Language)
	}
	split := strings.Split(r.Text, "\f")
	if len(split) != 40 {
		t.Fatalf("%d page breaks", len(split))
	}
	for i, page := range split {
		if !strings.Contains(page, fmt.Sprintf("marker%02d ", i)) {
			t.Errorf("page %d says %q", i, page)
		}
	}
}

func TestPDFOfPicturesSaysThatOCRIsMissing(t *testing.T) {
	t.Parallel()
	r, err := extractBytes(t, open1(t), imagePDF(3), mediatype.PDF)
	if err != nil {
		t.Fatal(err)
	}
	if r.Source != SourceNone || r.Note != NoteOCRMissing || r.Pages != 3 || r.Text != "" {
		t.Errorf("result = %+v", r)
	}
}

func TestPDFCutAnywhereNeverHangsNorLies(t *testing.T) {
	t.Parallel()
	whole := textPDF("The first page of a letter.", "The second page of a letter.", "The third page of a letter.")
	broken := 0
	for tenth := range 10 {
		r, err := extractBytes(t, open1(t), whole[:len(whole)*tenth/10], mediatype.PDF)
		switch {
		case err == nil:
			// PDFium mends what it can; what it reads is what was there.
			for page := range strings.SplitSeq(r.Text, "\f") {
				if page = strings.TrimSpace(page); page != "" && !bytes.Contains(whole, []byte(page)) {
					t.Errorf("cut at %d0 %%: invented %q", tenth, page)
				}
			}
		case FailureCode(err) == Broken:
			broken++
		default:
			t.Errorf("cut at %d0 %%: %v", tenth, err)
		}
	}
	if broken < 2 {
		t.Errorf("only %d of 10 cuts were found broken", broken)
	}
	for _, junk := range []string{"", "%PDF-", "%PDF-1.7\n%%EOF", strings.Repeat("\x00", 5000), "%PDF-1.4 trailer << /Root 1 0 R >>"} {
		if _, err := extractBytes(t, open1(t), []byte(junk), mediatype.PDF); FailureCode(err) != Broken {
			t.Errorf("%.20q: %v", junk, err)
		}
	}
}

func TestPDFEncrypted(t *testing.T) {
	t.Parallel()
	for _, aes128 := range []bool{false, true} {
		locked := encryptedPDF(t, aes128, "secret", "nobody reads this")
		if _, err := extractBytes(t, open1(t), locked, mediatype.PDF); FailureCode(err) != Encrypted {
			t.Errorf("aes %v, with a password: %v", aes128, err)
		}
		// Only the owner has a password: readers open it without one. It also
		// proves that the sample above is a good one.
		open := encryptedPDF(t, aes128, "", "everybody reads this")
		r, err := extractBytes(t, open1(t), open, mediatype.PDF)
		if err != nil || r.Text != "everybody reads this" {
			t.Errorf("aes %v, without: %q, %v", aes128, r.Text, err)
		}
	}
	// A handler that nobody knows.
	unknown := bytes.Replace(textPDF("x"), []byte("/Root 1 0 R"), []byte("/Encrypt << /Filter /Nobody /V 9 >> /Root 1 0 R"), 1)
	if _, err := extractBytes(t, open1(t), unknown, mediatype.PDF); FailureCode(err) != Encrypted {
		t.Errorf("unknown handler: %v", err)
	}
}

// Each ends soon, as text or as a failure of the document, and the engine
// reads the next document.
func TestPDFBombs(t *testing.T) {
	t.Parallel()
	e := limited(t, func(l *Limits) { l.Time = 20 * time.Second })
	for name, doc := range map[string][]byte{
		"flate stream of 300 MB":          bombPDF(t, 300<<20, 0),
		"flate in flate in flate, 200 MB": bombPDF(t, 200<<20, 2),
		"page tree 20000 deep":            deepPDF(20000),
		"page tree in itself":             cyclicPDF(),
		"forms ten to the 9th":            formBombPDF(9),
		"huge media box":                  buildPDF(&pdfBuilder{}, "0 0 1e30 1e30", []string{"huge"}),
		"negative media box":              buildPDF(&pdfBuilder{}, "99999999999 5 -99999999999 -7", []string{"negative"}),
		"count without pages":             []byte(strings.Replace(string(textPDF("one")), "/Count 1", "/Count 2000000000", 1)),
	} {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			r, err := extractBytes(t, e, doc, mediatype.PDF)
			took := time.Since(begun)
			if took > 30*time.Second {
				t.Errorf("took %v", took)
			}
			if err != nil && FailureCode(err) == "" {
				t.Errorf("an untyped error: %v", err)
			}
			t.Logf("%v, %d bytes: %d bytes of text, %d pages, %v", took.Round(time.Millisecond), len(doc), len(r.Text), r.Pages, err)
			if r, err := extractBytes(t, e, textPDF("still alive"), mediatype.PDF); err != nil || r.Text != "still alive" {
				t.Errorf("the next document: %q, %v", r.Text, err)
			}
		})
	}
}

func TestPDFTooManyPages(t *testing.T) {
	t.Parallel()
	e := limited(t, func(l *Limits) { l.Pages = 2 })
	if _, err := extractBytes(t, e, textPDF("1", "2", "3"), mediatype.PDF); FailureCode(err) != TooComplex {
		t.Error(err)
	}
}

func TestPDFOverTheMemoryLimit(t *testing.T) {
	t.Parallel()
	limits := DefaultLimits
	limits.Memory = 32 << 20
	e, err := New(limits, "", nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	r, err := extractBytes(t, e, bombPDF(t, 100<<20, 0), mediatype.PDF)
	if FailureCode(err) != TooComplex || errors.Is(err, errTimeLimit) {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := extractBytes(t, e, textPDF("alive"), mediatype.PDF); err != nil || r.Text != "alive" {
		t.Errorf("the next document: %+v, %v", r, err)
	}
}

// slowPDF keeps the engine busy for many seconds in one call, without using up
// its memory.
func slowPDF(t testing.TB) []byte { return bombPDF(t, 90<<20, 0) }

func TestPDFTimeLimitKills(t *testing.T) {
	t.Parallel()
	e := limited(t, func(l *Limits) { l.Time = 150 * time.Millisecond })
	doc := slowPDF(t)
	begun := time.Now()
	_, err := extractBytes(t, e, doc, mediatype.PDF)
	if FailureCode(err) != TooComplex || !errors.Is(err, errTimeLimit) {
		t.Errorf("err = %v", err)
	}
	// Places are given back: none of these waits for a dead instance.
	for range 2 * DefaultLimits.PDFs {
		if r, err := extractBytes(t, open1(t), textPDF("alive"), mediatype.PDF); err != nil || r.Text != "alive" {
			t.Errorf("the next document: %+v, %v", r, err)
		}
	}
	if took := time.Since(begun); took > 12*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestPDFCallerGivesUp(t *testing.T) {
	t.Parallel()
	doc := slowPDF(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := open1(t).Extract(ctx, bytes.NewReader(doc), int64(len(doc)), mediatype.PDF)
	if !errors.Is(err, context.DeadlineExceeded) || FailureCode(err) != "" {
		t.Errorf("err = %v: it must not be held against the document", err)
	}
	if took := time.Since(begun); took > 12*time.Second {
		t.Errorf("took %v", took)
	}
}

// The engine sees no file of the host: a document that broke out of PDFium
// would still be inside the sandbox.
func TestPDFEngineSeesNoFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "host.pdf")
	if err := os.WriteFile(path, textPDF("a file of the host"), 0o600); err != nil {
		t.Fatal(err)
	}
	instance, err := open1(t).pdf.pool.GetInstanceWithContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = instance.Close() }()
	if _, err := instance.OpenDocument(&requests.OpenDocument{FilePath: &path}); !errors.Is(err, pdferrors.ErrFile) {
		t.Errorf("err = %v", err)
	}
}

// After half of the time no further page is begun, and what is read counts.
func TestPDFSlowDocumentIsCut(t *testing.T) {
	t.Parallel()
	e := limited(t, func(*Limits) {})
	engine := *e.pdf
	tick := time.Time{}
	engine.now = func() time.Time { tick = tick.Add(e.limits.Time / 5); return tick }
	e.pdf = &engine
	r, err := extractBytes(t, e, textPDF("page one", "page two", "page three", "page four", "page five"), mediatype.PDF)
	if err != nil || !r.Truncated || r.Pages != 5 || !strings.Contains(r.Text, "page two") || strings.Contains(r.Text, "page four") {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestPDFConcurrent(t *testing.T) {
	t.Parallel()
	e := open1(t)
	var group sync.WaitGroup
	for i := range 12 {
		group.Go(func() {
			want := fmt.Sprintf("document %d", i)
			r, err := extractBytes(t, e, textPDF(want), mediatype.PDF)
			if err != nil || r.Text != want {
				t.Errorf("%q, %v", r.Text, err)
			}
		})
	}
	group.Wait()
}

// Real files of many writers; the folder is not part of the project.
func TestPDFSamples(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("SAMPLES_DIR")
	if dir == "" {
		t.Skip("SAMPLES_DIR is not set")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		kind := mediatype.Sniff(content)
		r, err := extractBytes(t, open1(t), content, kind)
		t.Logf("%s: %s, %v, %d pages, %d bytes, %q, %v: %.120q", filepath.Base(path), kind, time.Since(begun).Round(time.Millisecond), r.Pages, len(r.Text), r.Language, err, r.Text)
		if err != nil && !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestCacheIsCopiedFromAReadOnlyFolder(t *testing.T) {
	t.Parallel()
	from, to := t.TempDir(), t.TempDir()
	if err := os.MkdirAll(filepath.Join(from, "v1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(from, "v1", "code"), []byte("compiled"), 0o444); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time all is there
		if err := copyMissing(to, from); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(filepath.Join(to, "v1", "code"))
	if err != nil || string(got) != "compiled" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestOpenIsSharedAndCloses(t *testing.T) {
	t.Parallel()
	env, err := host.NewEnv(os.Environ(), slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	first, err := Open(env)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Open(env)
	if err != nil || first != second {
		t.Errorf("a second engine was compiled: %v", err)
	}
	if err := env.Close(); err != nil {
		t.Error(err)
	}
	if _, err := extractBytes(t, first, textPDF("late"), mediatype.PDF); err == nil || FailureCode(err) != "" {
		t.Errorf("after Close: %v: not the document's fault", err)
	}
}

func BenchmarkPDFPage(b *testing.B) {
	page := strings.Repeat("All work and no play makes this a page of a letter.\n", 50)
	pages := make([]string, 20)
	for i := range pages {
		pages[i] = page
	}
	doc := textPDF(pages...)
	e := open1(b)
	for b.Loop() {
		if _, err := extractBytes(b, e, doc, mediatype.PDF); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)/20, "ms/page")
}
