package extract

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"io"
	"time"

	"github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/enums"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/tetratelabs/wazero"

	"docuvault/shared/ocr"
)

// maxSide is the longest side of a page's picture; with four bytes a pixel it
// takes 47 MiB of the sandbox at most.
const maxSide = ocr.MaxSide

// FirstPage draws the first page of a PDF as it is read on paper, on white, with
// what was filled into its forms; its longer side has side pixels, up to 3,508.
// limit is how long that may take.
//
// Errors are those of [Extractor.Extract].
func (e *Extractor) FirstPage(ctx context.Context, r io.ReaderAt, size int64, side int, limit time.Duration) (image.Image, error) {
	m, err := e.page(ctx, r, size, 0, side, limit)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// page draws the page of an index that begins with 0.
func (e *Extractor) page(ctx context.Context, r io.ReaderAt, size int64, index, side int, limit time.Duration) (*image.RGBA, error) {
	if side < 1 || side > maxSide {
		return nil, fmt.Errorf("extract: a side of %d pixels", side)
	}
	if size > e.limits.Bytes {
		return nil, fail(TooLarge, nil)
	}
	release, err := e.pdf.acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("waiting for the PDF engine: %w", err)
	}
	defer release()
	limited, cancel := context.WithTimeoutCause(ctx, limit, errTimeLimit)
	defer cancel()
	src := newSource(limited, r, size)
	defer src.drop()
	var page *image.RGBA
	err = e.pdf.within(limited, src, func(instance pdfium.Pdfium) (err error) {
		page, err = drawPage(instance, src, index, side, e.limits)
		return err
	})
	if err == nil {
		err = src.failure()
	}
	if err != nil {
		return nil, classify(ctx, limited, src, err)
	}
	return page, nil
}

func drawPage(instance pdfium.Pdfium, src *source, index, side int, limits Limits) (*image.RGBA, error) {
	opened, _, err := document(instance, src, limits)
	if err != nil {
		return nil, err
	}
	drawn, err := instance.RenderPageInPixels(&requests.RenderPageInPixels{
		Page:  requests.Page{ByIndex: &requests.PageByIndex{Document: opened, Index: index}},
		Width: side, Height: side,
		RenderFlags: enums.FPDF_RENDER_FLAG_ANNOT, RenderForm: true, Document: &opened,
	})
	if isPDFError(err) {
		return nil, fail(Broken, err)
	}
	if err != nil {
		return nil, trapped(err)
	}
	pixels, ok := drawn.Result.RenderedImage.(*image.RGBA)
	if !ok || pixels.Rect.Empty() {
		return nil, fail(Broken, fmt.Errorf("a page of %d x %d pixels", drawn.Result.Width, drawn.Result.Height))
	}
	// The engine's colours are not multiplied by their opacity, and its memory is
	// gone with the instance.
	page := image.NewRGBA(pixels.Rect)
	draw.Draw(page, page.Rect, image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(page, page.Rect, &image.NRGBA{Pix: pixels.Pix, Stride: pixels.Stride, Rect: pixels.Rect}, pixels.Rect.Min, draw.Over)
	return page, nil
}

// Compilation is the cache of compiled code of the PDF engine, for what else runs
// in WebAssembly beside it; nil where there is none.
func (e *Extractor) Compilation() wazero.CompilationCache { return e.pdf.compiled }
