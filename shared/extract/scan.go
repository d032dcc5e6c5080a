package extract

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"strings"

	"docuvault/shared/ocr"
)

// readScans reads the pages of a PDF that have no words of their own, as long as
// there is time. What cannot be drawn or recognized stays empty: the words of
// other pages are worth having.
func (e *Extractor) readScans(ctx context.Context, r io.ReaderAt, size int64, result Result) (Result, error) {
	scan := strings.TrimSpace(result.Text) == ""
	if e.ocr == nil {
		if scan {
			result.Note = NoteOCRMissing
		}
		return result, nil
	}
	limited, cancel := context.WithTimeoutCause(ctx, e.limits.Scan, errTimeLimit)
	defer cancel()
	found := false
	for _, page := range result.blank {
		// Drawn one by one, so that papers with words do not wait behind a scan.
		drawn, err := e.page(limited, r, size, page, ocr.MaxSide, e.limits.Time/3)
		var words string
		if err == nil {
			words, err = e.recognize(limited, ocr.Gray(drawn))
		}
		switch {
		case limited.Err() != nil && ctx.Err() == nil:
			result.Truncated, result.Note = true, NoteOCRPartial
		case err != nil && FailureCode(err) == "":
			return Result{}, err
		}
		if limited.Err() != nil {
			break
		}
		result.words[page], found = words, found || words != ""
	}
	result.Text = strings.Join(result.words, "\f")
	switch {
	case scan && found:
		result.Source = SourceOCR
	case scan && result.Note == "":
		result.Note = NoteOCRNothing
	}
	return result, nil
}

// Recognize reads the words in a picture, whose sides are at most [ocr.MaxSide].
//
// Errors: the context's error; any other is about us.
func (e *Extractor) Recognize(ctx context.Context, m *image.Gray) (Result, error) {
	limited, cancel := context.WithTimeoutCause(ctx, e.limits.Scan, errTimeLimit)
	defer cancel()
	words, err := e.recognize(limited, m)
	result := Result{Text: words, Source: SourceOCR}
	switch {
	case limited.Err() != nil && ctx.Err() == nil:
		result = Result{Source: SourceNone, Truncated: true, Note: NoteOCRPartial}
	case err != nil:
		return Result{Source: SourceNone}, err
	case words == "":
		result.Source, result.Note = SourceNone, NoteOCRNothing
	}
	return finish(result, e.limits), nil
}

// ReadsPictures reports whether there is somebody to read them.
func (e *Extractor) ReadsPictures() bool { return e.ocr != nil }

func (e *Extractor) recognize(ctx context.Context, m *image.Gray) (string, error) {
	words, err := e.ocr.Read(ctx, m)
	switch {
	case errors.Is(err, ocr.ErrUnreadable):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("reading a picture: %w", err)
	}
	return clean(words), nil
}
