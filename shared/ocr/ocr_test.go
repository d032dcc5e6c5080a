package ocr_test

import (
	"context"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"docuvault/shared/host"
	"docuvault/shared/ocr"
	"docuvault/shared/ocr/ocrtest"
	"docuvault/shared/testenv"
)

func reader(t *testing.T, program, languages string) *ocr.Reader {
	t.Helper()
	r, err := ocr.New(program, languages)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// typed is a picture of lines, in black on white.
func typed(t *testing.T, lines ...string) *image.RGBA {
	t.Helper()
	parsed, err := opentype.Parse(goregular.TTF)
	if err != nil {
		t.Fatal(err)
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: 40, DPI: 72})
	if err != nil {
		t.Fatal(err)
	}
	m := image.NewRGBA(image.Rect(0, 0, 1400, 200+70*len(lines)))
	draw.Draw(m, m.Rect, image.White, image.Point{}, draw.Src)
	d := font.Drawer{Dst: m, Src: image.Black, Face: face}
	for i, line := range lines {
		d.Dot = fixed.P(80, 120+70*i)
		d.DrawString(line)
	}
	return m
}

var letter = []string{
	"Sehr geehrte Damen und Herren,",
	"für Ihre Wohnung in der Königstraße stellen wir",
	"Ihnen heute die folgende Rechnung aus.",
	"The total amount is due within thirty days.",
	"Bitte überweisen Sie den Betrag auf unser Konto.",
	"Mit freundlichen Grüßen",
}

func TestReadsLettersWithUmlauts(t *testing.T) {
	t.Parallel()
	text, err := reader(t, ocrtest.Installed(t), "").Read(t.Context(), ocr.Gray(typed(t, letter...)))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(strings.Fields(text), " "), strings.Join(letter, " "); got != want {
		t.Errorf("read %q, want %q", got, want)
	}
}

// A page that lay on its side in the scanner.
func TestReadsWhatIsTurned(t *testing.T) {
	t.Parallel()
	m := typed(t, append(letter, letter...)...)
	turned := image.NewRGBA(image.Rect(0, 0, m.Rect.Dy(), m.Rect.Dx()))
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			turned.Set(m.Rect.Dy()-1-y, x, m.At(x, y))
		}
	}
	text, err := reader(t, ocrtest.Installed(t), "").Read(t.Context(), ocr.Gray(turned))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "Königstraße") || !strings.Contains(text, "thirty days") {
		t.Errorf("read %q", text)
	}
}

// A photograph of a wood says nothing, and neither does an empty sheet.
func TestPicturesWithoutWords(t *testing.T) {
	t.Parallel()
	r := reader(t, ocrtest.Installed(t), "")
	noise, shapes := image.NewGray(image.Rect(0, 0, 1000, 1000)), image.NewGray(image.Rect(0, 0, 1000, 1000))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range noise.Pix {
		noise.Pix[i] = uint8(random.Uint32())
		shapes.Pix[i] = uint8(128 + 127*((i/1000/37+i%1000/23)%2))
	}
	white := image.NewGray(image.Rect(0, 0, 100, 100))
	draw.Draw(white, white.Rect, image.NewUniform(color.Gray{Y: 250}), image.Point{}, draw.Src)
	for name, m := range map[string]*image.Gray{"noise": noise, "shapes": shapes, "white": white, "a pixel": image.NewGray(image.Rect(0, 0, 1, 1))} {
		if text, err := r.Read(t.Context(), m); err != nil || text != "" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	// A picture that is too large never reaches the program.
	if _, err := r.Read(t.Context(), image.NewGray(image.Rect(0, 0, ocr.MaxSide+1, 1))); err == nil {
		t.Error("a picture over the limit was read")
	}
}

func env(t *testing.T, path, languages string) *host.Env {
	t.Helper()
	e, err := host.NewEnv([]string{"PATH=" + path, "OCR_LANGUAGES=" + languages}, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func TestLanguages(t *testing.T) {
	t.Parallel()
	ocrtest.Installed(t)
	path := os.Getenv("PATH")
	for _, c := range []struct {
		languages, path string
		there           bool
		complaint       string // part of it
	}{
		{"", path, true, ""},
		{"eng", path, true, ""},
		{"eng+deu", path, true, ""},
		{"off", path, false, ""},
		{"", "/nonexistent", false, ""},
		{"", "", false, ""},
		{"eng", "/nonexistent", false, "OCR_LANGUAGES: needs the program tesseract"},
		{"klingon", path, false, `OCR_LANGUAGES: "klingon" is no language that tesseract has; it has deu, eng`},
		{"eng+", path, false, `OCR_LANGUAGES: "" is no language`},
		{"eng --help", path, false, `OCR_LANGUAGES: "eng --help" is no language`},
	} {
		r, err := ocr.Open(env(t, c.path, c.languages))
		if (r != nil) != c.there || (err == nil) != (c.complaint == "") || err != nil && !strings.Contains(err.Error(), c.complaint) {
			t.Errorf("%q in %.20q: %v, %v", c.languages, c.path, r, err)
		}
	}
}

func misbehaving(t *testing.T, does string) *ocr.Reader {
	t.Helper()
	return reader(t, ocrtest.Program(t, does), "eng")
}

func TestAProgramThatMisbehaves(t *testing.T) {
	t.Parallel()
	m := ocr.Gray(typed(t, "words"))
	for name, does := range map[string]string{
		"it crashes":            "kill -SEGV $$",
		"it fails":              "cat >/dev/null; exit 1",
		"it never stops":        "yes",
		"it takes all memory":   "head -c 3000000000 /dev/zero | tail; exit $?",
		"it ends without a way": "exec /nonexistent",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if text, err := misbehaving(t, does).Read(t.Context(), m); !errors.Is(err, ocr.ErrUnreadable) {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
	// Nothing that it prints is taken on trust.
	text, err := misbehaving(t, "cat >/dev/null; printf 'junk\\n5\\t1\\t1\\t1\\t1\\t1\\t0\\t0\\t9\\t9\\t95\\tword\\n5\\t1\\n\\t\\t\\t\\n'").Read(t.Context(), m)
	if err != nil || text != "word" {
		t.Errorf("%q, %v", text, err)
	}
}

// The program gets the pixels and three variables, none of them ours.
func TestTheProgramSeesNothingOfOurs(t *testing.T) {
	t.Setenv("MASTER_KEYS", "k1:planted")
	seen := filepath.Join(t.TempDir(), "seen")
	r := misbehaving(t, "env >"+seen+"; echo \"$@\" >>"+seen+"; head -c 20 >>"+seen+"; cat >/dev/null")
	if _, err := r.Read(t.Context(), ocr.Gray(typed(t, "words"))); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(seen) // #nosec G304 -- the test's own
	if err != nil {
		t.Fatal(err)
	}
	if text := string(content); strings.Contains(text, "planted") || strings.Contains(text, "HOME=") || !strings.Contains(text, "P5\n1400 270\n255\n") {
		t.Errorf("it saw %q", text)
	}
}

func TestTheProgramEndsWithItsContext(t *testing.T) {
	t.Parallel()
	started := filepath.Join(t.TempDir(), "started")
	r := misbehaving(t, "touch "+started+"; exec sleep 600")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := r.Read(ctx, ocr.Gray(typed(t, "words")))
		ended <- err
	}()
	testenv.Eventually(t, time.Minute, "the program runs", func() bool {
		_, err := os.Stat(started)
		return err == nil
	})
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}
