// Package extract turns the bytes of a document into its text.
//
// What comes in was written by anybody, so every parser is bounded in time,
// memory, nesting and output, and none of them panics: a hostile document ends
// as a [Failure] with a stable code, never as a stuck or dead worker. PDF runs
// inside WebAssembly without files, network or clock of the host. No input is
// read into memory as a whole; a document over the limit is refused.
//
// The same bytes give the same text.
package extract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"docuvault/shared/extract/mediatype"
	"docuvault/shared/host"
	"docuvault/shared/lexeme"
	"docuvault/shared/ocr"
)

// Source says where a text came from.
type Source string

// The sources. OCR means that pages were pictures, and their words are what was
// recognized. None means that there is no text: a type without an extractor, or a
// picture without words.
const (
	SourcePDF    Source = "pdf"
	SourceText   Source = "text"
	SourceHTML   Source = "html"
	SourceCSV    Source = "csv"
	SourceEmail  Source = "email"
	SourceOffice Source = "office"
	SourceOCR    Source = "ocr"
	SourceNone   Source = "none"
)

// Notes say why a document has no text, or not all of it. They are stored, and
// never renamed.
const (
	NoteOCRMissing = "ocr_not_installed" // nobody here can read pictures
	NoteOCRPartial = "ocr_partial"       // time ended before the last page
	NoteOCRNothing = "ocr_no_words"      // there are no words in them
	NoteUnread     = "kind_not_read"     // nothing here reads files of this kind
	NoteTooLarge   = "too_large"         // it has more bytes than are read
)

// Result is what a document says.
type Result struct {
	Text      string // UTF-8, lines end in \n, pages in \f; at most Limits.Text bytes
	Pages     int    // of a PDF; 0 where the type has none
	Language  string // "de", "en", "es", "fr", "it", "nl", or "" when unsure
	Truncated bool   // Text is only the beginning
	Source    Source
	Note      string // a code for the user, or ""

	words []string // of a PDF, page by page
	blank []int    // the pages of it that have no words
}

// Code names a kind of failure. Codes are stored with the document and never
// renamed.
type Code string

// The codes.
const (
	Encrypted  Code = "encrypted"   // needs a password
	Broken     Code = "broken"      // is not what it claims to be, or damaged beyond reading
	TooComplex Code = "too_complex" // over the limit of time, memory, pages or nesting
	TooLarge   Code = "too_large"   // over the limit of bytes
)

// Failure is a document that cannot be read, now or later: trying again does
// not help. Every other error of this package is about us, and worth a retry.
type Failure struct {
	Code  Code
	cause error
}

func (f *Failure) Error() string {
	if f.cause == nil {
		return "extracting text: " + string(f.Code)
	}
	return fmt.Sprintf("extracting text: %s: %v", f.Code, f.cause)
}

func (f *Failure) Unwrap() error { return f.cause }

func fail(code Code, cause error) error { return &Failure{Code: code, cause: cause} }

// FailureCode returns the code of a Failure inside err, or "".
func FailureCode(err error) Code {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f.Code
	}
	return ""
}

// ErrUnsupported is the answer to a type without an extractor. The document is
// fine; it just has no text.
var ErrUnsupported = errors.New("no extractor for this type")

// Limits bound one document.
type Limits struct {
	Bytes  int64         // of the document
	Text   int           // bytes of text that are kept
	Time   time.Duration // after this it is TooComplex; after half of it no further page is begun
	Scan   time.Duration // for all pages of a document that are pictures; what is read by then is kept
	Memory int           // bytes that one PDF may use, in steps of 64 KiB
	Pages  int           // of a PDF; more is TooComplex
	Parts  int           // of an e-mail, all levels together
	Depth  int           // of nested parts
	PDFs   int           // at once, in this process
}

// DefaultLimits are those of [Open].
var DefaultLimits = Limits{
	Bytes:  256 << 20,
	Text:   4 << 20,
	Time:   30 * time.Second,
	Scan:   100 * time.Second,
	Memory: 256 << 20,
	Pages:  20_000,
	Parts:  200,
	Depth:  8,
	PDFs:   2,
}

// Extractor reads documents. It is safe for concurrent use.
type Extractor struct {
	limits Limits
	pdf    *pdfEngine
	ocr    *ocr.Reader
}

// Open returns the Env's one extractor, with its PDF engine compiled and warm:
// 0.1 s where the compiled code is cached, some seconds where it is not.
func Open(env *host.Env) (*Extractor, error) { return host.Resource(env, open) }

func open(env *host.Env) (*Extractor, error) {
	cfg, err := host.Config[config](env)
	if err != nil {
		return nil, err
	}
	reader, err := ocr.Open(env)
	if err != nil {
		return nil, err
	}
	return New(DefaultLimits, cfg.CacheDir, reader, env.Now)
}

// config is the package's part of the environment.
type config struct {
	// CacheDir holds the compiled PDF engine, baked into an image at build
	// time; it is copied to a folder that can be written. Optional.
	CacheDir string `env:"PDF_CACHE_DIR"`
}

// New makes an extractor. bakedCache may name a read-only folder with compiled
// code of the PDF engine, or be ""; reader reads pages that are pictures, or is nil.
func New(limits Limits, bakedCache string, reader *ocr.Reader, now func() time.Time) (*Extractor, error) {
	engine, err := openPDF(limits, bakedCache, now)
	if err != nil {
		return nil, fmt.Errorf("opening the PDF engine: %w", err)
	}
	return &Extractor{limits: limits, pdf: engine, ocr: reader}, nil
}

// Close ends the PDF engine. Documents still being read fail.
func (e *Extractor) Close() error { return e.pdf.close() }

// Extract reads the text of a document of size bytes and the given type (as
// [mediatype.Sniff] and [mediatype.Refine] name it; parameters are ignored).
//
// Errors: [ErrUnsupported]; a [*Failure]; the context's error when the caller
// gave up; any other error of r.
func (e *Extractor) Extract(ctx context.Context, r io.ReaderAt, size int64, contentType string) (Result, error) {
	read := e.reader(contentType)
	if read == nil {
		return Result{Source: SourceNone}, ErrUnsupported
	}
	if size > e.limits.Bytes {
		return Result{Source: SourceNone}, fail(TooLarge, nil)
	}

	result, err := e.read(ctx, r, size, contentType, read)
	if err == nil && len(result.blank) > 0 {
		result, err = e.readScans(ctx, r, size, result)
	}
	if err != nil {
		return Result{Source: SourceNone}, err
	}
	return finish(result, e.limits), nil
}

// read runs one of the readers within the limits.
func (e *Extractor) read(ctx context.Context, r io.ReaderAt, size int64, contentType string, read func(context.Context, *source, Limits) (Result, error)) (Result, error) {
	if bare(contentType) == mediatype.PDF {
		// Before the clock starts: a queue says nothing about the document.
		release, err := e.pdf.acquire(ctx)
		if err != nil {
			return Result{}, fmt.Errorf("waiting for the PDF engine: %w", err)
		}
		defer release()
	}
	limited, cancel := context.WithTimeoutCause(ctx, e.limits.Time, errTimeLimit)
	defer cancel()
	src := newSource(limited, r, size)
	defer src.drop()
	result, err := read(limited, src, e.limits)
	if err == nil {
		// Parsers forgive a document that ends early; storage that fails, or a
		// clock that ran out, must not pass for one.
		err = errors.Join(src.failure(), limited.Err())
	}
	if err != nil {
		return Result{}, classify(ctx, limited, src, err)
	}
	return result, nil
}

// finish cuts a text to its limit and finds its language.
func finish(result Result, limits Limits) Result {
	result.Text, result.Truncated = keep(result.Text, limits.Text, result.Truncated)
	if result.Text == "" && result.Source == SourcePDF {
		result.Source = SourceNone
	}
	result.Language = lexeme.Language(result.Text)
	result.words, result.blank = nil, nil
	return result
}

// Supports reports whether there is an extractor for the type.
func Supports(contentType string) bool { return (&Extractor{}).reader(contentType) != nil }

// bare is a media type without its parameters.
func bare(contentType string) string {
	contentType, _, _ = strings.Cut(strings.ToLower(contentType), ";")
	return strings.TrimSpace(contentType)
}

// reader returns what reads documents of a type, or nil.
func (e *Extractor) reader(contentType string) func(context.Context, *source, Limits) (Result, error) {
	switch bare(contentType) {
	case mediatype.PDF:
		return e.extractPDF
	case mediatype.Text, mediatype.Markdown:
		return extractText
	case mediatype.HTML, "application/xhtml+xml":
		return extractHTML
	case mediatype.CSV:
		return extractCSV
	case mediatype.Email:
		return extractEmail
	case mediatype.Word:
		return extractOffice((*office).word)
	case mediatype.Sheet:
		return extractOffice((*office).sheets)
	case mediatype.Slides:
		return extractOffice((*office).slides)
	case mediatype.ODText, mediatype.ODSheet, mediatype.ODSlides:
		return extractOffice((*office).openDocument)
	default:
		return nil
	}
}

func (e *Extractor) extractPDF(ctx context.Context, src *source, limits Limits) (Result, error) {
	return e.pdf.extract(ctx, src, limits)
}

var errTimeLimit = errors.New("over the time limit")

// classify puts an error where it belongs: the caller's, the storage's, or the
// document's.
func classify(caller, limited context.Context, src *source, err error) error {
	switch {
	case caller.Err() != nil:
		return fmt.Errorf("extracting text: %w", context.Cause(caller))
	case limited.Err() != nil:
		return fail(TooComplex, context.Cause(limited))
	case src.failure() != nil:
		return fmt.Errorf("reading the document: %w", src.failure())
	case FailureCode(err) != "":
		return err
	}
	return fmt.Errorf("extracting text: %w", err)
}

// keep makes text valid, trims it, and cuts it to limit bytes at a character's
// border.
func keep(text string, limit int, truncated bool) (string, bool) {
	text = strings.TrimSpace(strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) <= limit {
		return text, truncated
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit], true
}
