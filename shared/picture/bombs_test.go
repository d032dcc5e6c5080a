package picture

import (
	"bytes"
	"encoding/binary"
	"image"
	"slices"
	"testing"

	"golang.org/x/image/tiff"

	"docuvault/shared/extract"
)

// What needs too much room is refused by its header, before its pixels are read:
// these have none.
func TestBombs(t *testing.T) {
	t.Parallel()
	still := asWebP(t, quarters(20, 20))[12:]
	wide := bytes.Clone(still)
	binary.LittleEndian.PutUint16(wide[14:], 16383)
	binary.LittleEndian.PutUint16(wide[16:], 16383)
	for name, c := range map[string]struct {
		kind    string
		content []byte
	}{
		"PNG":               {"image/png", bare(30000, 30000, 8, 6, 0)},
		"PNG, a long line":  {"image/png", bare(70000, 1, 8, 6, 0)},
		"PNG of 16 bits":    {"image/png", bare(6000, 5000, 16, 6, 0)},
		"PNG of one colour": {"image/png", bare(9000, 9000, 8, 0, 0)},
		"PNG, in passes":    {"image/png", bare(6000, 5000, 8, 6, 1)},
		"JPEG":              {"image/jpeg", frame(0xc0, 65000, 65000, 0x22, 0x11, 0x11)},
		"progressive JPEG":  {"image/jpeg", frame(0xc2, 7000, 6000, 0x11, 0x11, 0x11)},
		"WebP":              {"image/webp", riff(wide)},
		"WebP, canvas":      {"image/webp", riff(vp8x(0x10, 1<<14, 1<<14), still)},
		"WebP, hidden":      {"image/webp", riff(vp8x(0, 20, 20), wide)},
		"TIFF":              {"image/tiff", bareTIFF(30000, 30000, 0, 0)},
		"TIFF, one strip":   {"image/tiff", bareTIFF(5000, 5000, 0, 0)},
		"TIFF, a huge tile": {"image/tiff", bareTIFF(10, 10, 60000, 60000)},
		"GIF":               {"image/gif", []byte("GIF89a\xff\xff\xff\xff\x00\x00\x00")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := open(t).OfImage(t.Context(), bytes.NewReader(c.content), int64(len(c.content)), c.kind)
			if got := FailureCode(err); got != extract.TooComplex {
				t.Errorf("%q: %v", got, err)
			}
		})
	}
}

// bareTIFF is the directory of a compressed image of so many pixels in colour, in one
// strip or in tiles, without its pixels (TIFF 6.0, section 2).
func bareTIFF(w, h, tileWidth, tileLength uint32) []byte {
	o := binary.LittleEndian
	entries := [][2]uint32{{256, w}, {257, h}, {259, 8}, {262, 2}, {277, 3}}
	if tileWidth > 0 {
		entries = append(entries, [2]uint32{322, tileWidth}, [2]uint32{323, tileLength}, [2]uint32{324, 8}, [2]uint32{325, 8})
	} else {
		entries = append(entries, [2]uint32{273, 8}, [2]uint32{279, 8})
	}
	slices.SortFunc(entries, func(a, b [2]uint32) int { return int(a[0]) - int(b[0]) })
	b := o.AppendUint32([]byte("II*\x00"), 8)
	b = o.AppendUint16(b, uint16(len(entries)+1))
	for i, e := range entries {
		if i == 2 { // three samples of 8 bits, behind the directory
			b = o.AppendUint16(o.AppendUint16(b, 258), 3)
			b = o.AppendUint32(o.AppendUint32(b, 3), uint32(10+12*(len(entries)+1)+4))
		}
		b = o.AppendUint16(o.AppendUint16(b, uint16(e[0])), 4)
		b = o.AppendUint32(o.AppendUint32(b, 1), e[1])
	}
	return append(b, 0, 0, 0, 0, 8, 0, 8, 0, 8, 0)
}

func asTIFF(t testing.TB, m image.Image, o *tiff.Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tiff.Encode(&b, m, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What a person has is not taken for a bomb: scans and the photographs of today.
func TestLargeImagesThatPeopleHave(t *testing.T) {
	t.Parallel()
	for name, content := range map[string][]byte{
		"48 megapixels":               frame(0xc0, 8064, 6048, 0x22, 0x11, 0x11),
		"24 megapixels, progressive":  frame(0xc2, 5472, 3648, 0x22, 0x11, 0x11),
		"A4 at 600 dpi, without loss": bare(4960, 7016, 8, 2, 0),
	} {
		kind := "image/jpeg"
		if content[1] == 'P' {
			kind = "image/png"
		}
		_, _, err := open(t).OfImage(t.Context(), bytes.NewReader(content), int64(len(content)), kind)
		if got := FailureCode(err); got != extract.Broken { // for want of pixels
			t.Errorf("%s: %q: %v", name, got, err)
		}
	}
}
