// Package picture makes small pictures of pages and images: decoded within
// bounds, upright as EXIF says, on white, in two sizes, as WebP.
//
// What comes in was written by anybody. How much memory an image needs is read
// in its header, before anything is decoded, and one that needs too much is
// refused; nothing here panics. The encoder is libwebp in WebAssembly, which can
// break only its own sandbox.
//
// The same bytes give the same pictures.
package picture

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"io"

	"github.com/tetratelabs/wazero"
	scale "golang.org/x/image/draw"

	"docuvault/shared/extract"
	"docuvault/shared/ocr"
)

// The longer sides of the two sizes, in pixels. A smaller image keeps its size.
const (
	Small = 320
	Large = 1280
)

// Code says why there is no picture of a document. Codes are stored and never
// renamed. Those of package extract are used for a page of a PDF.
type Code = extract.Code

// Unsupported is the code of an image of a kind that is not drawn, such as an
// animated WebP; beside it those of package extract are used.
const Unsupported Code = "unsupported"

// Failure is an image of which no picture can be made, now or later.
type Failure struct {
	Code  Code
	cause error
}

func (f *Failure) Error() string {
	if f.cause == nil {
		return "making a picture: " + string(f.Code)
	}
	return fmt.Sprintf("making a picture: %s: %v", f.Code, f.cause)
}

func (f *Failure) Unwrap() error { return f.cause }

// Fail is a Failure that whoever has the bytes found out before.
func Fail(code Code) error { return fail(code, nil) }

func fail(code Code, cause error) error { return &Failure{Code: code, cause: cause} }

// FailureCode returns the code of a Failure, of this package or of package
// extract, inside err, or "".
func FailureCode(err error) Code {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f.Code
	}
	return extract.FailureCode(err)
}

// WebP is one encoded picture.
type WebP struct {
	Bytes         []byte
	Width, Height int
}

// ContentType is the type of all pictures.
const ContentType = "image/webp"

// atOnce is how many pictures are made at the same time in a process: each takes
// up to [MaxMemory] and the encoder's own.
const atOnce = 2

// Studio makes pictures. It is safe for concurrent use.
type Studio struct {
	encoder *encoder
	slots   chan struct{}
}

// New makes a Studio, with its encoder compiled, or taken from the cache of
// compiled code where there is one; nil is none.
func New(compiled wazero.CompilationCache) (*Studio, error) {
	e, err := newEncoder(compiled)
	if err != nil {
		return nil, fmt.Errorf("opening the WebP encoder: %w", err)
	}
	return &Studio{encoder: e, slots: make(chan struct{}, atOnce)}, nil
}

// Close ends the encoder.
func (s *Studio) Close() error { return s.encoder.close() }

// OfImage makes both pictures of an image of size bytes. It returns a [*Failure],
// the context's error, or any other error of r.
func (s *Studio) OfImage(ctx context.Context, r io.ReaderAt, size int64, contentType string) (small, large WebP, err error) {
	return s.make(ctx, func() (image.Image, error) { return decode(ctx, r, size, contentType, Large) })
}

// OfPage makes both pictures of a page that was drawn.
func (s *Studio) OfPage(ctx context.Context, page image.Image) (small, large WebP, err error) {
	return s.make(ctx, func() (image.Image, error) { return page, nil })
}

// ForReading decodes an image to read the words in it: upright, on white, with its
// longer side at most [ocr.MaxSide]. Errors are those of [Studio.OfImage].
func (s *Studio) ForReading(ctx context.Context, r io.ReaderAt, size int64, contentType string) (*image.Gray, error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	m, err := decode(ctx, r, size, contentType, ocr.MaxSide)
	if err != nil {
		return nil, err
	}
	if m.Bounds().Empty() {
		return nil, fail(extract.Broken, errors.New("no pixels"))
	}
	return ocr.Gray(fit(m, ocr.MaxSide)), nil
}

func (s *Studio) make(ctx context.Context, original func() (image.Image, error)) (small, large WebP, err error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return small, large, context.Cause(ctx)
	}
	m, err := original()
	if err != nil {
		return small, large, err
	}
	if m.Bounds().Empty() {
		return small, large, fail(extract.Broken, errors.New("no pixels"))
	}
	first := fit(m, Large)
	if large, err = s.encoder.encode(ctx, first); err != nil {
		return small, large, err
	}
	small, err = s.encoder.encode(ctx, fit(first, Small))
	return small, large, err
}

// fit draws an image on white, scaled so that its longer side has at most side
// pixels, and no side less than one.
func fit(m image.Image, side int) *image.RGBA {
	b := m.Bounds()
	long := max(b.Dx(), b.Dy())
	if long <= side {
		return reduce(m, 1)
	}
	width, height := scaled(b.Dx(), side, long), scaled(b.Dy(), side, long)
	// Means of whole squares first, so that every pixel of the original counts;
	// what is left is less than to the half.
	reduced := reduce(m, long/side)
	if reduced.Rect.Dx() == width && reduced.Rect.Dy() == height {
		return reduced
	}
	out := image.NewRGBA(image.Rect(0, 0, width, height))
	scale.ApproxBiLinear.Scale(out, out.Rect, reduced, reduced.Rect, scale.Src, nil)
	return out
}

func scaled(n, side, long int) int { return max(1, (n*side+long/2)/long) }

// reduce draws an image on white with the mean of each square of k pixels; at
// the right and the lower edge it may be a part of one. It needs the room of k
// rows besides the result.
func reduce(m image.Image, k int) *image.RGBA {
	b := m.Bounds()
	width, height := (b.Dx()+k-1)/k, (b.Dy()+k-1)/k
	out := image.NewRGBA(image.Rect(0, 0, width, height))
	white := image.NewUniform(color.White)
	if k == 1 {
		draw.Draw(out, out.Rect, white, image.Point{}, draw.Src)
		draw.Draw(out, out.Rect, m, b.Min, draw.Over)
		return out
	}
	strip := image.NewRGBA(image.Rect(0, 0, b.Dx(), min(k, b.Dy())))
	sums := make([][3]uint32, width)
	for y := range height {
		rows := min(k, b.Dy()-y*k)
		draw.Draw(strip, strip.Rect, white, image.Point{}, draw.Src)
		draw.Draw(strip, image.Rect(0, 0, b.Dx(), rows), m, image.Pt(b.Min.X, b.Min.Y+y*k), draw.Over)
		clear(sums)
		for row := range rows {
			pixels := strip.Pix[row*strip.Stride:][:4*b.Dx()]
			for x := range width {
				sum := &sums[x]
				for i := 4 * x * k; i < min(4*(x+1)*k, len(pixels)); i += 4 {
					sum[0] += uint32(pixels[i])
					sum[1] += uint32(pixels[i+1])
					sum[2] += uint32(pixels[i+2])
				}
			}
		}
		line := out.Pix[y*out.Stride:][:4*width]
		for x := range width {
			n := uint32(rows * min(k, b.Dx()-x*k))
			for c := range 3 {
				line[4*x+c] = uint8((sums[x][c] + n/2) / n)
			}
			line[4*x+3] = 255
		}
	}
	return out
}
