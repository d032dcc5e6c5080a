package picture

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/image/tiff"

	"docuvault/shared/extract"
)

var studio = sync.OnceValues(func() (*Studio, error) { return New(nil) })

func open(t testing.TB) *Studio {
	t.Helper()
	s, err := studio()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The colours of the corners of a test image, clockwise from the upper left one.
var corners = [4]color.NRGBA{{220, 30, 30, 255}, {30, 200, 30, 255}, {30, 30, 220, 255}, {230, 200, 20, 255}}

// quarters is an image of four colours.
func quarters(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := corners[0]
			switch {
			case x >= w/2 && y < h/2:
				c = corners[1]
			case x >= w/2:
				c = corners[2]
			case y >= h/2:
				c = corners[3]
			}
			m.SetNRGBA(x, y, c)
		}
	}
	return m
}

func asPNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJPEG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asGIF(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gif.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asWebP(t testing.TB, m image.Image) []byte {
	t.Helper()
	w, err := open(t).encoder.encode(t.Context(), fit(m, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return w.Bytes
}

func pictures(t testing.TB, content []byte, kind string) (small, large image.Image) {
	t.Helper()
	s, l, err := open(t).OfImage(t.Context(), bytes.NewReader(content), int64(len(content)), kind)
	if err != nil {
		t.Fatal(err)
	}
	decoded := make([]image.Image, 2)
	for i, w := range []WebP{s, l} {
		if decoded[i], err = decodeWebP(bytes.NewReader(w.Bytes)); err != nil {
			t.Fatal(err)
		}
		if size := decoded[i].Bounds().Size(); size != image.Pt(w.Width, w.Height) {
			t.Errorf("says %d x %d and has %v", w.Width, w.Height, size)
		}
	}
	return decoded[0], decoded[1]
}

func looksLike(t testing.TB, m image.Image, want [4]color.NRGBA) {
	t.Helper()
	b := m.Bounds()
	for i, at := range []image.Point{{b.Dx() / 4, b.Dy() / 4}, {b.Dx() * 3 / 4, b.Dy() / 4}, {b.Dx() * 3 / 4, b.Dy() * 3 / 4}, {b.Dx() / 4, b.Dy() * 3 / 4}} {
		got := color.NRGBAModel.Convert(m.At(at.X, at.Y)).(color.NRGBA)
		if far(got.R, want[i].R) || far(got.G, want[i].G) || far(got.B, want[i].B) || got.A != 255 {
			t.Errorf("corner %d is %v, want %v", i, got, want[i])
		}
	}
}

func far(a, b uint8) bool { return max(a, b)-min(a, b) > 24 }

func TestSizes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ w, h, smallW, smallH, largeW, largeH int }{
		"a photograph":    {2600, 1950, 320, 240, 1280, 960},
		"a tall page":     {1000, 1414, 226, 320, 905, 1280},
		"already small":   {200, 100, 200, 100, 200, 100},
		"between":         {640, 480, 320, 240, 640, 480},
		"just the size":   {1280, 1280, 320, 320, 1280, 1280},
		"one more":        {1281, 3, 320, 1, 1280, 3},
		"a line":          {9000, 2, 320, 1, 1280, 1},
		"a single pixel":  {1, 1, 1, 1, 1, 1},
		"an odd multiple": {2561, 2559, 320, 320, 1280, 1279},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			small, large := pictures(t, asPNG(t, quarters(c.w, c.h)), "image/png")
			if got := small.Bounds().Size(); got != image.Pt(c.smallW, c.smallH) {
				t.Errorf("small is %v", got)
			}
			if got := large.Bounds().Size(); got != image.Pt(c.largeW, c.largeH) {
				t.Errorf("large is %v", got)
			}
			if min(c.w, c.h) >= 100 {
				looksLike(t, small, corners)
				looksLike(t, large, corners)
			}
		})
	}
}

func TestEveryType(t *testing.T) {
	t.Parallel()
	m := quarters(1500, 1000)
	gray := image.NewGray16(m.Rect)
	for i := range gray.Pix {
		gray.Pix[i] = 0x80
	}
	middle := color.NRGBA{128, 128, 128, 255}
	paletted := image.NewPaletted(m.Rect, color.Palette{corners[0], corners[1], corners[2], corners[3]})
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			paletted.Set(x, y, m.At(x, y))
		}
	}
	for name, c := range map[string]struct {
		kind    string
		content []byte
		want    [4]color.NRGBA
	}{
		"PNG":            {"image/png", asPNG(t, m), corners},
		"PNG of 16 bits": {"image/png", asPNG(t, gray), [4]color.NRGBA{middle, middle, middle, middle}},
		"PNG, palette":   {"image/png", asPNG(t, paletted), corners},
		"JPEG":           {"image/jpeg", asJPEG(t, m), corners},
		"GIF":            {"image/gif", asGIF(t, m), corners},
		"WebP":           {"image/webp", asWebP(t, m), corners},
		"TIFF":           {"image/tiff", asTIFF(t, m, nil), corners},
		"TIFF, deflate":  {"image/tiff", asTIFF(t, m, &tiff.Options{Compression: tiff.Deflate, Predictor: true}), corners},
		"TIFF, palette":  {"image/tiff", asTIFF(t, paletted, nil), corners},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			small, large := pictures(t, c.content, c.kind)
			looksLike(t, small, c.want)
			looksLike(t, large, c.want)
		})
	}
}

func TestWhiteUnderTransparency(t *testing.T) {
	t.Parallel()
	white := color.NRGBA{255, 255, 255, 255}
	m := image.NewNRGBA(image.Rect(0, 0, 1500, 1500)) // all of it transparent
	for y := range 750 {
		for x := range 750 {
			m.SetNRGBA(x, y, color.NRGBA{0, 0, 0, 128})
		}
	}
	half := color.NRGBA{127, 127, 127, 255}
	for _, side := range []int{1500, 200} {
		cut, ok := m.SubImage(image.Rect(750-side/2, 750-side/2, 750+side/2, 750+side/2)).(*image.NRGBA)
		if !ok {
			t.Fatal("no image")
		}
		small, large := pictures(t, asPNG(t, cut), "image/png")
		looksLike(t, small, [4]color.NRGBA{half, white, white, white})
		looksLike(t, large, [4]color.NRGBA{half, white, white, white})
	}
}

// exif is EXIF with one entry before the orientation.
func exif(order binary.AppendByteOrder, mark string, orientation uint16) []byte {
	b := append([]byte(mark), 0, 0, 0, 0)
	if mark == "II" {
		copy(b[2:], "*\x00")
	} else {
		copy(b[2:], "\x00*")
	}
	b = order.AppendUint32(b[:4], 8)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(b, 0x0100)
	b = order.AppendUint16(b, 4)
	b = order.AppendUint32(b, 1)
	b = order.AppendUint32(b, 77)
	b = order.AppendUint16(b, 0x0112)
	b = order.AppendUint16(b, 3)
	b = order.AppendUint32(b, 1)
	b = order.AppendUint16(b, orientation)
	return append(b, 0, 0)
}

func withSegment(jpeg, body []byte) []byte {
	head := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(body)+2))
	return bytes.Join([][]byte{jpeg[:2], head, body, jpeg[2:]}, nil)
}

func chunk(kind string, body []byte) []byte {
	c := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	c = append(append(c, kind...), body...)
	return binary.BigEndian.AppendUint32(c, crc32.ChecksumIEEE(c[4:]))
}

// riff is a WebP of these chunks.
func riff(chunks ...[]byte) []byte {
	body := append([]byte("WEBP"), bytes.Join(chunks, nil)...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

func riffChunk(kind string, body []byte) []byte {
	c := append(binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(body))), body...)
	if len(body)%2 == 1 {
		c = append(c, 0)
	}
	return c
}

func vp8x(flags byte, w, h int) []byte {
	return riffChunk("VP8X", []byte{flags, 0, 0, 0, byte(w - 1), byte((w - 1) >> 8), byte((w - 1) >> 16), byte(h - 1), byte((h - 1) >> 8), byte((h - 1) >> 16)})
}

// As CIPA DC-008 has them: which corner of the stored image is seen where.
var seen = map[uint16][4]int{1: {0, 1, 2, 3}, 2: {1, 0, 3, 2}, 3: {2, 3, 0, 1}, 4: {3, 2, 1, 0}, 5: {0, 3, 2, 1}, 6: {3, 0, 1, 2}, 7: {2, 1, 0, 3}, 8: {1, 2, 3, 0}}

func TestOrientation(t *testing.T) {
	t.Parallel()
	m := quarters(640, 480)
	plainJPEG, plainPNG, plainWebP := asJPEG(t, m), asPNG(t, m), asWebP(t, m)
	for orientation, from := range seen {
		little, big := exif(binary.LittleEndian, "II", orientation), exif(binary.BigEndian, "MM", orientation)
		for name, c := range map[string]struct {
			kind    string
			content []byte
		}{
			"JPEG, little": {"image/jpeg", withSegment(plainJPEG, append([]byte("Exif\x00\x00"), little...))},
			"JPEG, big":    {"image/jpeg", withSegment(withSegment(plainJPEG, append([]byte("Exif\x00\x00"), big...)), []byte("http://ns.adobe.com/xap/1.0/\x00<x/>"))},
			"PNG":          {"image/png", bytes.Join([][]byte{plainPNG[:33], chunk("eXIf", big), plainPNG[33:]}, nil)},
			"WebP":         {"image/webp", riff(vp8x(8, 640, 480), plainWebP[12:], riffChunk("EXIF", little))},
		} {
			small, large := pictures(t, c.content, c.kind)
			var want [4]color.NRGBA
			for i, n := range from {
				want[i] = corners[n]
			}
			looksLike(t, small, want)
			looksLike(t, large, want)
			size := image.Pt(640, 480)
			if orientation >= 5 {
				size = image.Pt(480, 640)
			}
			if got := large.Bounds().Size(); got != size {
				t.Errorf("%s, orientation %d: %v", name, orientation, got)
			}
			if t.Failed() {
				t.Fatalf("%s, orientation %d", name, orientation)
			}
		}
	}
}

func TestOrientationThatIsNone(t *testing.T) {
	t.Parallel()
	good := exif(binary.LittleEndian, "II", 6)
	if got := orientation(good); got != 6 {
		t.Fatalf("%d", got)
	}
	for n := range good {
		if got := orientation(good[:n]); got != 0 && n < len(good)-2 {
			t.Errorf("cut to %d bytes it is %d", n, got)
		}
	}
	for name, odd := range map[string][]byte{
		"9": exif(binary.LittleEndian, "II", 9), "0": exif(binary.LittleEndian, "II", 0),
		"an offset behind the end": append([]byte("II*\x00"), 0xff, 0xff, 0xff, 0xff),
		"an offset to the header":  append([]byte("II*\x00"), 0, 0, 0, 0),
	} {
		if got := orientation(odd); got != 0 {
			t.Errorf("%s: %d", name, got)
		}
	}
}

// bare is the beginning of a PNG that says how large it is.
func bare(w, h uint32, depth, kind, interlaced byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, w)
	b = binary.BigEndian.AppendUint32(b, h)
	return append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(b, depth, kind, 0, 0, interlaced))...)
}

// frame is the beginning of a JPEG that says how large it is.
func frame(marker byte, w, h uint16, factors ...byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{8}, h)
	b = append(binary.BigEndian.AppendUint16(b, w), byte(len(factors)))
	for i, f := range factors {
		b = append(b, byte(i+1), f, 0)
	}
	return bytes.Join([][]byte{{0xff, 0xd8}, binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(b)+2)), b}, nil)
}

func TestBrokenImages(t *testing.T) {
	t.Parallel()
	m := quarters(300, 200)
	random := rand.New(rand.NewPCG(1, 2))
	for kind, good := range map[string][]byte{"image/png": asPNG(t, m), "image/jpeg": withSegment(asJPEG(t, m), append([]byte("Exif\x00\x00"), exif(binary.BigEndian, "MM", 6)...)), "image/gif": asGIF(t, m), "image/webp": asWebP(t, m), "image/tiff": asTIFF(t, m, &tiff.Options{Compression: tiff.Deflate})} {
		for _, n := range []int{0, 1, 3, 12, 30, len(good) / 2} {
			if _, _, err := open(t).OfImage(t.Context(), bytes.NewReader(good[:n]), int64(n), kind); FailureCode(err) == "" && n < 30 {
				t.Errorf("%s, cut to %d bytes: %v", kind, n, err)
			}
		}
		for range 300 {
			bad := bytes.Clone(good)
			for range 1 + random.IntN(4) {
				bad[random.IntN(len(bad))] = byte(random.Uint32())
			}
			m, err := decode(t.Context(), bytes.NewReader(bad), int64(len(bad)), kind, Large)
			if err != nil && FailureCode(err) == "" {
				t.Errorf("%s: %v", kind, err)
			}
			if err == nil && max(m.Bounds().Dx(), m.Bounds().Dy()) > MaxSide {
				t.Errorf("%s: %v", kind, m.Bounds())
			}
		}
	}
	animated := riff(vp8x(2, 20, 20), riffChunk("ANIM", make([]byte, 6)))
	if _, _, err := open(t).OfImage(t.Context(), bytes.NewReader(animated), int64(len(animated)), "image/webp"); FailureCode(err) != Unsupported {
		t.Errorf("animated: %v", err)
	}
	if _, _, err := open(t).OfImage(t.Context(), strings.NewReader("x"), MaxBytes+1, "image/png"); FailureCode(err) != extract.TooLarge {
		t.Errorf("too many bytes: %v", err)
	}
	if _, _, err := open(t).OfImage(t.Context(), strings.NewReader("<svg/>"), 6, "image/svg+xml"); FailureCode(err) != Unsupported {
		t.Errorf("SVG: %v", err)
	}
}

// failing is storage that breaks off.
type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

// What is not the image's fault is no failure of it.
func TestWhatIsWorthAnotherTry(t *testing.T) {
	t.Parallel()
	broke := errors.New("the disk broke")
	if _, _, err := open(t).OfImage(t.Context(), failing{broke}, 100, "image/png"); !errors.Is(err, broke) || FailureCode(err) != "" {
		t.Errorf("%v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	content := asPNG(t, quarters(20, 20))
	if _, _, err := open(t).OfImage(ended, bytes.NewReader(content), int64(len(content)), "image/png"); !errors.Is(err, context.Canceled) || FailureCode(err) != "" {
		t.Errorf("%v", err)
	}
}

// The same pixels give the same bytes, by any instance: another attempt writes
// what the first one would have.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	content := asPNG(t, quarters(1300, 900))
	var first []byte
	for range 3 {
		s, err := New(nil)
		if err != nil {
			t.Fatal(err)
		}
		_, large, err := s.OfImage(t.Context(), bytes.NewReader(content), int64(len(content)), "image/png")
		if err = errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = large.Bytes
		}
		if !bytes.Equal(first, large.Bytes) {
			t.Error("other bytes")
		}
	}
}

// The encoder is the file that its README speaks of.
func TestEncoderIsTheOneNamed(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("libwebp/README.md")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(libwebp)
	if !strings.Contains(string(readme), hex.EncodeToString(sum[:])) {
		t.Errorf("%x is not in libwebp/README.md", sum)
	}
}

func BenchmarkPicturesOfAPhotograph(b *testing.B) {
	m := image.NewYCbCr(image.Rect(0, 0, 4000, 3000), image.YCbCrSubsampleRatio420)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range m.Y {
		m.Y[i] = uint8(i/4000/12) + uint8(random.IntN(8))
	}
	content := asJPEG(b, m)
	s := open(b)
	for b.Loop() {
		small, large, err := s.OfImage(b.Context(), bytes.NewReader(content), int64(len(content)), "image/jpeg")
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(small.Bytes)), "B/small")
		b.ReportMetric(float64(len(large.Bytes)), "B/large")
	}
}
