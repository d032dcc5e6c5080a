package picture

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"docuvault/shared/extract"
)

// What an image may need, by its header. A file is larger only if it is no image
// that anybody looks at.
const (
	MaxBytes  = 64 << 20
	MaxPixels = 64_000_000
	MaxSide   = 65_535
	MaxMemory = 192 << 20
)

// header is what an image says of itself before its pixels.
type header struct {
	width, height int
	bytes         int   // of memory for a pixel, rounded up
	orientation   int   // of EXIF, 1 to 8; 0 is none
	extra         int64 // bytes of memory beside the pixels
}

// format reads one type of image.
type format struct {
	header func(io.ReaderAt, int64) (header, error)
	decode func(io.Reader) (image.Image, error)
}

var formats = map[string]format{
	"image/png":  {pngHeader, png.Decode},
	"image/jpeg": {jpegHeader, jpeg.Decode},
	"image/webp": {webpHeader, decodeWebP},
	"image/gif":  {gifHeader, gif.Decode},
	"image/tiff": {tiffHeader, tiff.Decode},
}

// decode reads an image, upright; one that has to be turned comes with its longer
// side no longer than side.
func decode(ctx context.Context, r io.ReaderAt, size int64, contentType string, side int) (m image.Image, err error) {
	f, ok := formats[contentType]
	switch {
	case !ok:
		return nil, fail(Unsupported, nil)
	case size > MaxBytes:
		return nil, fail(extract.TooLarge, nil)
	}
	source := &source{ctx: ctx, r: r}
	defer func() {
		// Decoders of the standard library do not panic; if one does, it was the
		// image.
		if p := recover(); p != nil {
			m, err = nil, fail(extract.Broken, fmt.Errorf("the decoder panicked: %v", p))
		}
		if source.err != nil {
			m, err = nil, fmt.Errorf("reading the image: %w", source.err)
		}
	}()
	h, err := f.header(source, size)
	if err != nil {
		return nil, known(err)
	}
	pixels := int64(h.width) * int64(h.height)
	switch {
	case h.width < 1 || h.height < 1:
		return nil, fail(extract.Broken, fmt.Errorf("%d x %d pixels", h.width, h.height))
	case pixels > MaxPixels || max(h.width, h.height) > MaxSide || pixels*int64(h.bytes)+h.extra > MaxMemory:
		return nil, fail(extract.TooComplex, fmt.Errorf("%d x %d pixels of %d bytes", h.width, h.height, h.bytes))
	}
	m, err = f.decode(io.NewSectionReader(source, 0, size))
	if err != nil {
		return nil, known(err)
	}
	if b := m.Bounds(); b.Dx() > h.width || b.Dy() > h.height {
		return nil, fail(extract.Broken, errors.New("other pixels than its header says"))
	}
	if h.orientation > 1 {
		// Turned when it is small.
		return upright(fit(m, side), h.orientation), nil
	}
	return m, nil
}

// decodeWebP decodes a WebP. Its brightness goes from 16 to 235 and its colours
// from 16 to 240 (RFC 6386, 9.2, with ITU-R BT.601), which the library hands out
// as they are, in an image for which white is 255.
func decodeWebP(r io.Reader) (image.Image, error) {
	m, err := webp.Decode(r)
	if err != nil {
		return nil, err
	}
	switch m := m.(type) {
	case *image.YCbCr:
		stretch(m)
	case *image.NYCbCrA:
		stretch(&m.YCbCr)
	}
	return m, nil
}

// stretched are the values of brightness and of colour in the whole range.
var stretched = func() (t [2][256]uint8) {
	for v := range 256 {
		t[0][v] = uint8(min(max(((v-16)*255+109)/219, 0), 255))
		t[1][v] = uint8(min(max(128+((v-128)*255+112*sign(v-128))/224, 0), 255))
	}
	return t
}()

func sign(v int) int {
	if v < 0 {
		return -1
	}
	return 1
}

func stretch(m *image.YCbCr) {
	for n, planes := range [][][]byte{{m.Y}, {m.Cb, m.Cr}} {
		for _, plane := range planes {
			for i, v := range plane {
				plane[i] = stretched[n][v]
			}
		}
	}
}

// known makes an error of a decoder one of the image.
func known(err error) error {
	if FailureCode(err) != "" {
		return err
	}
	return fail(extract.Broken, err)
}

// source reads an image until its context ends, and remembers what of reading
// failed, so that it does not count as a broken image.
type source struct {
	ctx context.Context
	r   io.ReaderAt
	err error
}

func (s *source) ReadAt(p []byte, at int64) (int, error) {
	if err := s.ctx.Err(); err != nil {
		s.err = context.Cause(s.ctx)
		return 0, err
	}
	n, err := s.r.ReadAt(p, at)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// upright turns and mirrors an image so that EXIF's orientation becomes 1.
func upright(m *image.RGBA, orientation int) *image.RGBA {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	if orientation >= 5 {
		w, h = h, w
	}
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	right, low := m.Rect.Dx()-1, m.Rect.Dy()-1
	for y := range h {
		for x := range w {
			var fx, fy int // where the pixel is in m
			switch orientation {
			case 2:
				fx, fy = right-x, y
			case 3:
				fx, fy = right-x, low-y
			case 4:
				fx, fy = x, low-y
			case 5:
				fx, fy = y, x
			case 6:
				fx, fy = y, low-x
			case 7:
				fx, fy = right-y, low-x
			case 8:
				fx, fy = right-y, x
			}
			copy(out.Pix[y*out.Stride+4*x:][:4], m.Pix[fy*m.Stride+4*fx:][:4])
		}
	}
	return out
}

// EXIF's tag of the orientation (CIPA DC-008, 4.6.5.1.6), and the most entries
// of a directory that are looked at.
const (
	tagOrientation = 0x0112
	maxEntries     = 512
)

// orientation reads the one value out of a TIFF structure; 0 for anything odd.
func orientation(exif []byte) int {
	if len(exif) < 8 {
		return 0
	}
	var order binary.ByteOrder
	switch string(exif[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 0
	}
	at := int64(order.Uint32(exif[4:]))
	if at < 8 || at+2 > int64(len(exif)) {
		return 0
	}
	directory := exif[at+2:]
	for range min(int(order.Uint16(exif[at:])), maxEntries, len(directory)/12) {
		entry := directory[:12]
		directory = directory[12:]
		if order.Uint16(entry) != tagOrientation {
			continue
		}
		// One SHORT.
		if v := int(order.Uint16(entry[8:])); order.Uint16(entry[2:]) == 3 && order.Uint32(entry[4:]) == 1 && v >= 1 && v <= 8 {
			return v
		}
		return 0
	}
	return 0
}
