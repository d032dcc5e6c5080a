package extract

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"docuvault/shared/extract/mediatype"
	"docuvault/shared/ocr"
	"docuvault/shared/ocr/ocrtest"
	"docuvault/shared/testenv"
)

// reads is the shared engine with somebody who reads pictures.
func reads(t testing.TB, program string) *Extractor {
	t.Helper()
	reader, err := ocr.New(program, "eng")
	if err != nil {
		t.Fatal(err)
	}
	e := *open1(t)
	e.ocr = reader
	return &e
}

// scanPDF is what a scanner makes of pages: "" is an empty one, a page that begins
// with "=" has letters, as the scanner's own recognition leaves them.
func scanPDF(t testing.TB, pages ...string) []byte {
	t.Helper()
	b := &pdfBuilder{}
	b.add("<< /Type /Catalog /Pages 2 0 R >>")
	b.add("")
	fontObject := b.add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
	var kids []string
	for _, page := range pages {
		resources, content := "", ""
		if text, ok := strings.CutPrefix(page, "="); ok {
			resources, content = fmt.Sprintf("/Font << /F1 %d 0 R >>", fontObject), "BT /F1 12 Tf 60 700 Td ("+pdfEscape(text)+") Tj ET"
		} else if page != "" {
			original := textPDF(page)
			drawn, err := open1(t).FirstPage(t.Context(), bytes.NewReader(original), int64(len(original)), 2400, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			m := ocr.Gray(drawn.(*image.RGBA))
			object := b.stream(fmt.Sprintf("/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode", m.Rect.Dx(), m.Rect.Dy()), deflate(t, m.Pix))
			resources, content = fmt.Sprintf("/XObject << /Im1 %d 0 R >>", object), "q 595 0 0 842 0 0 cm /Im1 Do Q"
		}
		at := b.stream("", []byte(content))
		kids = append(kids, fmt.Sprintf("%d 0 R", b.add(fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R /Resources << %s >> >>", at, resources))))
	}
	b.objects[1] = fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", strings.Join(kids, " "), len(kids))
	return b.bytes()
}

const (
	first  = "The insurance policy covers the house\nand everything that stands in it."
	second = "The yearly premium is due on the first day of March."
)

func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

func TestAScanIsRead(t *testing.T) {
	t.Parallel()
	r, err := extractBytes(t, reads(t, ocrtest.Installed(t)), scanPDF(t, first, "", second), mediatype.PDF)
	if err != nil {
		t.Fatal(err)
	}
	pages := strings.Split(r.Text, "\f")
	if len(pages) != 3 || flat(pages[0]) != flat(first) || flat(pages[1]) != "" || flat(pages[2]) != second {
		t.Errorf("pages %q", pages)
	}
	if r.Source != SourceOCR || r.Language != "en" || r.Pages != 3 || r.Truncated || r.Note != "" {
		t.Errorf("result = %+v", r)
	}
}

// Pages that have letters are not read again; those between them are.
func TestAScanAmongPagesWithLetters(t *testing.T) {
	t.Parallel()
	doc := scanPDF(t, "=A letter with letters", second, "=and its end")
	r, err := extractBytes(t, reads(t, ocrtest.Installed(t)), doc, mediatype.PDF)
	if err != nil {
		t.Fatal(err)
	}
	if flat(r.Text) != "A letter with letters "+second+" and its end" || r.Source != SourcePDF || r.Note != "" {
		t.Errorf("result = %+v", r)
	}
	// Where nobody can read it, the letters are there all the same.
	if r, err = extractBytes(t, open1(t), doc, mediatype.PDF); err != nil || flat(r.Text) != "A letter with letters and its end" || r.Source != SourcePDF || r.Note != "" {
		t.Errorf("without OCR: %+v, %v", r, err)
	}
}

func TestAScanWithoutWords(t *testing.T) {
	t.Parallel()
	for name, doc := range map[string][]byte{"empty pages": scanPDF(t, "", ""), "patterns": imagePDF(2)} {
		r, err := extractBytes(t, reads(t, ocrtest.Installed(t)), doc, mediatype.PDF)
		if err != nil || r.Text != "" || r.Source != SourceNone || r.Note != NoteOCRNothing || r.Pages != 2 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

const says = `cat >/dev/null; printf '5\t1\t1\t1\t1\t1\t0\t0\t9\t9\t95\tword\n'`

func TestAScanForWhichThereIsNoTime(t *testing.T) {
	t.Parallel()
	// The second page takes for ever.
	once := filepath.Join(t.TempDir(), "once")
	e := reads(t, ocrtest.Program(t, "if [ -e "+once+" ]; then exec sleep 600; fi; touch "+once+"; "+says))
	doc := scanPDF(t, first, second, first)
	e.limits.Scan = 15 * time.Second // enough for one page on a busy machine
	r, err := extractBytes(t, e, doc, mediatype.PDF)
	if err != nil || flat(r.Text) != "word" || r.Source != SourceOCR || !r.Truncated || r.Note != NoteOCRPartial {
		t.Errorf("%+v, %v", r, err)
	}
}

// A page that cannot be recognized costs the others nothing, and somebody who
// gives up ends it all.
func TestAScanWhoseReaderFails(t *testing.T) {
	t.Parallel()
	once := filepath.Join(t.TempDir(), "once")
	e := reads(t, ocrtest.Program(t, "if [ ! -e "+once+" ]; then touch "+once+"; cat >/dev/null; exit 1; fi; "+says))
	r, err := extractBytes(t, e, scanPDF(t, first, second), mediatype.PDF)
	if err != nil || r.Text != "word" || r.Source != SourceOCR {
		t.Errorf("%+v, %v", r, err)
	}

	started := filepath.Join(t.TempDir(), "started")
	e = reads(t, ocrtest.Program(t, "touch "+started+"; exec sleep 600"))
	doc := scanPDF(t, first)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := e.Extract(ctx, bytes.NewReader(doc), int64(len(doc)), mediatype.PDF)
		ended <- err
	}()
	testenv.Eventually(t, time.Minute, "it reads", func() bool {
		_, err := os.Stat(started)
		return err == nil
	})
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || FailureCode(err) != "" {
		t.Errorf("ended with %v", err)
	}
}
