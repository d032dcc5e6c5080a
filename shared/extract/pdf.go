package extract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klippa-app/go-pdfium"
	pdferrors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/webassembly"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// pdfEngine is PDFium as WebAssembly. Each document gets an instance of its
// own, thrown away afterwards: nothing that one document did to its instance
// is seen by the next.
type pdfEngine struct {
	pool     pdfium.Pool
	slots    chan struct{}
	now      func() time.Time
	cleanup  func()
	compiled wazero.CompilationCache
}

// openPDF compiles the engine, with the cache on disk where that works.
func openPDF(limits Limits, bakedCache string, now func() time.Time) (*pdfEngine, error) {
	engine := &pdfEngine{slots: make(chan struct{}, limits.PDFs), now: now, cleanup: func() {}}
	if dir, cleanup, err := cacheDir(bakedCache); err == nil {
		engine.cleanup = cleanup
		if cache, err := wazero.NewCompilationCacheWithDir(dir); err == nil {
			if engine.pool, err = newPool(limits, cache); err == nil {
				engine.compiled = cache
				return engine, nil
			}
			// A miss that cannot write fails (a full disk, a read-only
			// folder): the engine works as well without the cache.
			_ = cache.Close(context.Background())
		}
	}
	var err error
	if engine.pool, err = newPool(limits, nil); err != nil {
		engine.cleanup()
		return nil, err
	}
	return engine, nil
}

func newPool(limits Limits, cache wazero.CompilationCache) (pdfium.Pool, error) {
	runtime := wazero.NewRuntimeConfig().
		// PDFium's setjmp needs exception handling.
		WithCoreFeatures(api.CoreFeaturesV2 | experimental.CoreFeaturesExceptionHandling).
		WithMemoryLimitPages(uint32(limits.Memory >> 16)).
		WithCloseOnContextDone(true)
	if cache != nil {
		runtime = runtime.WithCompilationCache(cache)
	}
	return webassembly.Init(webassembly.Config{
		MaxTotal:      -1, // slots is the cap
		RuntimeConfig: runtime,
		// An empty file system: by default the library mounts the host's root.
		FSConfig: wazero.NewFSConfig(),
		Stdout:   io.Discard,
		Stderr:   io.Discard,
	})
}

// cacheDir returns a folder that only this user writes to: its files are run
// as machine code. It holds copies of the baked ones.
func cacheDir(baked string) (dir string, cleanup func(), err error) {
	cleanup = func() {}
	if user, userErr := os.UserCacheDir(); userErr == nil {
		dir = filepath.Join(user, "docuvault", "wazero")
		err = os.MkdirAll(dir, 0o700)
	} else {
		err = userErr
	}
	if err != nil || !writable(dir) {
		// No home (AWS Lambda), or one that cannot be written: a private
		// folder for this process's life is still worth it with a baked cache.
		if baked == "" {
			return "", cleanup, fmt.Errorf("no folder for the PDF engine's cache: %w", errors.Join(err, os.ErrPermission))
		}
		if dir, err = os.MkdirTemp("", "docuvault-wazero-"); err != nil {
			return "", func() {}, err
		}
		cleanup = func() { _ = os.RemoveAll(dir) }
	}
	if baked != "" {
		// Best effort: what is missing is compiled.
		_ = copyMissing(dir, baked)
	}
	return dir, cleanup, nil
}

func writable(dir string) bool {
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return false
	}
	_ = probe.Close()
	return os.Remove(probe.Name()) == nil
}

// copyMissing copies files below from that to does not have yet. A file
// appears under its name only when it is whole.
func copyMissing(to, from string) error {
	return filepath.WalkDir(from, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		if _, err := os.Stat(target); err == nil || !entry.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		part, err := os.CreateTemp(filepath.Dir(target), ".part-*")
		if err != nil {
			return err
		}
		_, err = part.Write(content)
		if err = errors.Join(err, part.Close()); err != nil {
			return errors.Join(err, os.Remove(part.Name()))
		}
		return os.Rename(part.Name(), target)
	})
}

func (e *pdfEngine) close() error {
	err := e.pool.Close()
	if e.compiled != nil {
		err = errors.Join(err, e.compiled.Close(context.Background()))
	}
	e.cleanup()
	return err
}

// acquire waits for one of the places.
func (e *pdfEngine) acquire(ctx context.Context) (release func(), err error) {
	select {
	case e.slots <- struct{}{}:
		return func() { <-e.slots }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// extract reads a PDF's text.
func (e *pdfEngine) extract(ctx context.Context, src *source, limits Limits) (result Result, err error) {
	err = e.within(ctx, src, func(instance pdfium.Pdfium) (err error) {
		result, err = e.read(instance, src, limits)
		return err
	})
	return result, err
}

// within does something with a PDF in an instance of its own, and kills that when
// the context ends.
func (e *pdfEngine) within(ctx context.Context, src *source, do func(pdfium.Pdfium) error) error {
	if src.size == 0 {
		return fail(Broken, errors.New("empty"))
	}
	instance, err := e.pool.GetInstanceWithContext(ctx)
	if err != nil {
		return fmt.Errorf("starting the PDF engine: %w", err)
	}
	killed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(killed)
		_ = instance.Kill()
	})
	err = do(instance)
	if stop() {
		// Closing a document whose instance trapped traps again; the instance
		// goes away either way.
		_ = instance.Close()
	} else {
		<-killed
	}
	return err
}

// document opens the PDF in an instance, and counts its pages.
func document(instance pdfium.Pdfium, src *source, limits Limits) (references.FPDF_DOCUMENT, int, error) {
	opened, err := instance.OpenDocument(&requests.OpenDocument{FileReader: src, FileReaderSize: src.size})
	switch {
	case errors.Is(err, pdferrors.ErrPassword), errors.Is(err, pdferrors.ErrSecurity):
		return "", 0, fail(Encrypted, err)
	case isPDFError(err):
		return "", 0, fail(Broken, err)
	case err != nil:
		return "", 0, trapped(err)
	}
	count, err := instance.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: opened.Document})
	switch {
	case err != nil:
		return "", 0, trapped(err)
	case count.PageCount == 0:
		return "", 0, fail(Broken, errors.New("no pages"))
	case count.PageCount > limits.Pages:
		return "", 0, fail(TooComplex, fmt.Errorf("%d pages", count.PageCount))
	}
	return opened.Document, count.PageCount, nil
}

func (e *pdfEngine) read(instance pdfium.Pdfium, src *source, limits Limits) (Result, error) {
	begun := e.now()
	opened, pages, err := document(instance, src, limits)
	if err != nil {
		return Result{}, err
	}
	result := Result{Pages: pages, Source: SourcePDF}
	size, unreadable := 0, 0
	for page := range pages {
		if size > limits.Text || e.now().Sub(begun) > limits.Time/2 {
			result.Truncated = true
			break
		}
		words, err := pageText(instance, opened, page, limits.Text-size+1)
		if err != nil && !isPDFError(err) {
			return Result{}, trapped(err)
		}
		if err != nil {
			unreadable++
		}
		words = clean(words)
		result.words = append(result.words, words)
		size += len(words) + 1
		if err == nil && strings.TrimSpace(words) == "" {
			result.blank = append(result.blank, page)
		}
	}
	if unreadable == pages {
		return Result{}, fail(Broken, errors.New("no page can be read"))
	}
	result.Text = strings.Join(result.words, "\f")
	return result, nil
}

// pageText returns at most about limit bytes of one page's text.
func pageText(instance pdfium.Pdfium, document references.FPDF_DOCUMENT, index, limit int) (string, error) {
	page, err := instance.FPDF_LoadPage(&requests.FPDF_LoadPage{Document: document, Index: index})
	if err != nil {
		return "", err
	}
	text, err := instance.FPDFText_LoadPage(&requests.FPDFText_LoadPage{Page: requests.Page{ByReference: &page.Page}})
	if err != nil {
		return "", err
	}
	count, err := instance.FPDFText_CountChars(&requests.FPDFText_CountChars{TextPage: text.TextPage})
	if err != nil {
		return "", err
	}
	var words string
	if n := min(count.Count, limit); n > 0 {
		got, err := instance.FPDFText_GetText(&requests.FPDFText_GetText{TextPage: text.TextPage, Count: n})
		if err != nil {
			return "", err
		}
		words = got.Text
	}
	// Closed page by page, else memory grows with the document.
	if _, err := instance.FPDFText_ClosePage(&requests.FPDFText_ClosePage{TextPage: text.TextPage}); err != nil {
		return "", err
	}
	if _, err := instance.FPDF_ClosePage(&requests.FPDF_ClosePage{Page: page.Page}); err != nil {
		return "", err
	}
	return words, nil
}

// trapped is the failure of a document that ran the engine into its limits. The
// stack trace of WebAssembly that comes with it says nothing to anybody.
func trapped(err error) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return fail(TooComplex, errors.New(line))
}

// isPDFError reports whether PDFium itself refused something, and is well; a
// trap (out of memory, a crash inside the sandbox) is any other error.
func isPDFError(err error) bool {
	for _, known := range []error{
		pdferrors.ErrUnknown, pdferrors.ErrFile, pdferrors.ErrFormat, pdferrors.ErrPage,
		pdferrors.ErrSuccess, pdferrors.ErrUnexpected,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}
