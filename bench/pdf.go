package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"docuvault/shared/extract"
	"docuvault/shared/picture"
	papers "docuvault/test/sample"
	"docuvault/test/throwaway"
)

// pdfText measures the text of a page, and how long the analyze worker, its own
// binary, takes from its start until it answers that it is ready: with PDFium
// compiled already, and without.
func pdfText(ctx context.Context, b *bench) ([]Figure, error) {
	page, err := pageText(ctx, b)
	if err != nil {
		return nil, err
	}
	v, err := b.vault(ctx, "pdf", nil, nil)
	if err != nil {
		return nil, err
	}
	program := filepath.Join(b.dir, "analyze")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", program, "docuvault/functions/workers/analyze/bootstrap")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the worker: %w\n%s", err, out)
	}
	var without, with []float64
	for i := range pick(b, 3, 1) {
		cache := filepath.Join(b.dir, fmt.Sprintf("pdf-cache-%d", i))
		if err := os.Mkdir(cache, 0o700); err != nil {
			return nil, err
		}
		for _, into := range []*[]float64{&without, &with} {
			took, err := v.coldStart(ctx, program, cache)
			if err != nil {
				return nil, err
			}
			*into = append(*into, milliseconds(took))
		}
	}
	return append(page,
		Figure{Name: "cold start of the analyze worker, compiled already", Value: median(with), Unit: "ms"},
		Figure{Name: "cold start of the analyze worker, without the compile cache", Value: median(without), Unit: "ms"},
		Figure{Name: "with the cache to without", Value: median(with) / median(without), Unit: "ratio"},
	), nil
}

// pageText reads a document of many pages.
func pageText(ctx context.Context, b *bench) ([]Figure, error) {
	extractor, err := extract.New(extract.DefaultLimits, os.Getenv("PDF_CACHE_DIR"), nil, time.Now)
	if err != nil {
		return nil, err
	}
	defer func() { _ = extractor.Close() }()
	line := "The quick brown fox jumps over the lazy dog, and an invoice of 119.00 EUR follows it."
	const pages = 40
	full := strings.TrimSuffix(strings.Repeat(strings.TrimSuffix(strings.Repeat(line+"\n", 50), "\n")+"\f", pages), "\f")
	many, one := papers.PDF("bench", full), papers.PDF("bench", line)
	read := func(document []byte, want int) func(ctx context.Context, _, _ int) error {
		return func(ctx context.Context, _, _ int) error {
			r, err := extractor.Extract(ctx, bytes.NewReader(document), int64(len(document)), "application/pdf")
			if err == nil && r.Pages != want {
				err = fmt.Errorf("%d pages, want %d", r.Pages, want)
			}
			return err
		}
	}
	n := pick(b, 20, 1)
	long, err := times(ctx, 1, n, nil, read(many, pages))
	if err != nil {
		return nil, err
	}
	short, err := times(ctx, 1, n, nil, read(one, 1))
	if err != nil {
		return nil, err
	}
	drawn, err := previews(ctx, b, extractor, papers.PDF("bench", strings.TrimSuffix(strings.Repeat(line+"\n", 50), "\n")))
	if err != nil {
		return nil, err
	}
	return append([]Figure{
		{Name: "text of a PDF page", Value: (long.at(50) - short.at(50)) / (pages - 1), Unit: "ms", Note: "50 lines; from documents of 40 pages and of one"},
		{Name: "text of a PDF with one line", Value: short.at(50), Unit: "ms", Note: "a sandbox of its own included"},
	}, drawn...), nil
}

// previews draws a page and scales a photograph, and encodes both sizes of each.
func previews(ctx context.Context, b *bench, extractor *extract.Extractor, page []byte) ([]Figure, error) {
	studio, err := picture.New(extractor.Compilation())
	if err != nil {
		return nil, err
	}
	defer func() { _ = studio.Close() }()
	var photo bytes.Buffer
	pixels := image.NewYCbCr(image.Rect(0, 0, 4000, 3000), image.YCbCrSubsampleRatio420)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range pixels.Y {
		pixels.Y[i] = uint8(i/4000/12) + uint8(random.IntN(8))
	}
	if err := jpeg.Encode(&photo, pixels, nil); err != nil {
		return nil, err
	}
	n := pick(b, 20, 1)
	ofPage, err := times(ctx, 1, n, nil, func(ctx context.Context, _, _ int) error {
		m, err := extractor.FirstPage(ctx, bytes.NewReader(page), int64(len(page)), picture.Large, time.Minute)
		if err == nil {
			_, _, err = studio.OfPage(ctx, m)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	ofPhoto, err := times(ctx, 1, n, nil, func(ctx context.Context, _, _ int) error {
		_, _, err := studio.OfImage(ctx, bytes.NewReader(photo.Bytes()), int64(photo.Len()), "image/jpeg")
		return err
	})
	if err != nil {
		return nil, err
	}
	return []Figure{
		{Name: "preview of a PDF page", Value: ofPage.at(50), Unit: "ms", Note: "drawn, and encoded in both sizes"},
		{Name: "preview of a photograph", Value: ofPhoto.at(50), Unit: "ms", Note: "JPEG of 12 megapixels; both sizes"},
	}, nil
}

// coldStart starts the worker and ends it.
func (v *vault) coldStart(ctx context.Context, program, cache string) (time.Duration, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	cmd := exec.Command(program)
	env := []string{"PORT=" + port, "XDG_CACHE_HOME=" + cache, "PDF_CACHE_DIR="}
	for key, value := range v.vars {
		env = append(env, key+"="+value)
	}
	cmd.Env = throwaway.Environ(env...)
	var log bytes.Buffer
	cmd.Stderr = &log
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var took time.Duration
	for took == 0 && err == nil {
		req, bad := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+port+"/readyz", nil)
		if bad != nil {
			return 0, bad
		}
		if send(req, http.StatusOK, nil) == nil {
			took = time.Since(begun)
			break
		}
		err = wait(ctx, 2*time.Millisecond)
	}
	_ = cmd.Process.Signal(os.Interrupt)
	if waited := cmd.Wait(); err == nil && waited != nil {
		err = waited
	}
	if err != nil {
		return 0, fmt.Errorf("the worker: %w: %s", err, log.String())
	}
	return took, nil
}
