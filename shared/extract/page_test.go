package extract

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"testing"
	"time"
)

// drawPDF has one page of this media box and content.
func drawPDF(mediaBox, more, content string) []byte {
	b := &pdfBuilder{}
	b.add("<< /Type /Catalog /Pages 2 0 R >>")
	b.add("<< /Type /Pages /Kids [4 0 R] /Count 1 >>")
	c := b.stream("", []byte(content))
	b.add(fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [%s] %s /Contents %d 0 R >>", mediaBox, more, c))
	return b.bytes()
}

func page(t testing.TB, content []byte, side int) (image.Image, error) {
	t.Helper()
	return open1(t).FirstPage(t.Context(), bytes.NewReader(content), int64(len(content)), side, 20*time.Second)
}

func TestFirstPage(t *testing.T) {
	t.Parallel()
	// A red square in the lower left corner.
	const square = "1 0 0 rg 0 0 200 200 re f"
	for name, c := range map[string]struct {
		content    []byte
		w, h       int
		redX, redY int
	}{
		"A4":             {drawPDF("0 0 595 842", "", square), 707, 1000, 50, 950},
		"across":         {drawPDF("0 0 842 595", "", square), 1000, 707, 50, 650},
		"turned":         {drawPDF("0 0 595 842", "/Rotate 90", square), 1000, 707, 50, 50},
		"not from zero":  {drawPDF("-100 -100 495 742", "", square), 707, 1000, 200, 800},
		"a postage mark": {drawPDF("0 0 20 20", "", square), 1000, 1000, 500, 500},
		"a poster":       {drawPDF("0 0 14400 14400", "", square), 1000, 1000, 5, 995},
		"several pages":  {textPDF("one", "two", "three"), 707, 1000, -1, 0},
		"with a wall":    {drawPDF("0 0 595 842", "/Group << /S /Transparency /CS /DeviceRGB >>", square), 707, 1000, 50, 950},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := page(t, c.content, 1000)
			if err != nil {
				t.Fatal(err)
			}
			if b := m.Bounds(); max(b.Dx()-c.w, c.w-b.Dx(), b.Dy()-c.h, c.h-b.Dy()) > 1 {
				t.Errorf("%v, want %d x %d", b, c.w, c.h)
			}
			white := color.NRGBA{255, 255, 255, 255}
			if got := color.NRGBAModel.Convert(m.At(m.Bounds().Dx()-2, 2)); got != white && name != "a postage mark" {
				t.Errorf("the paper is %v", got)
			}
			if c.redX >= 0 {
				if got := color.NRGBAModel.Convert(m.At(c.redX, c.redY)); got != (color.NRGBA{255, 0, 0, 255}) {
					t.Errorf("the square is %v", got)
				}
			}
		})
	}
}

func TestFirstPageOfWhatCannotBeDrawn(t *testing.T) {
	t.Parallel()
	good := textPDF("a page")
	for name, c := range map[string]struct {
		content []byte
		want    Code
	}{
		"encrypted":  {encryptedPDF(t, true, "secret", "words"), Encrypted},
		"empty":      {nil, Broken},
		"no PDF":     {[]byte("%PDF-1.7\nthis is none"), Broken},
		"a half":     {good[:len(good)/3], Broken},
		"a filter":   {bombPDF(t, 1<<20, 40), ""},
		"forms":      {formBombPDF(12), TooComplex},
		"a line":     {drawPDF("0 0 14400 1", "", ""), ""},
		"no surface": {drawPDF("0 0 0 0", "", ""), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := open1(t).FirstPage(t.Context(), bytes.NewReader(c.content), int64(len(c.content)), 1280, 2*time.Second)
			if got := FailureCode(err); got != c.want && c.want != "" || err != nil && got == "" {
				t.Errorf("%q: %v", got, err)
			}
			if err == nil && (m.Bounds().Empty() || m.Bounds().Dx() > 1280 || m.Bounds().Dy() > 1280) {
				t.Errorf("%v", m.Bounds())
			}
		})
	}
	// An encrypted one that anybody may open is drawn.
	if _, err := page(t, encryptedPDF(t, true, "", "words"), 320); err != nil {
		t.Error(err)
	}
	broke := errors.New("the disk broke")
	if _, err := open1(t).FirstPage(t.Context(), brokenDisk{broke}, 1000, 320, time.Second); !errors.Is(err, broke) || FailureCode(err) != "" {
		t.Errorf("%v", err)
	}
}

type brokenDisk struct{ err error }

func (b brokenDisk) ReadAt([]byte, int64) (int, error) { return 0, b.err }
