package analysis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"slices"
	"time"

	"docuvault/shared/database"
	"docuvault/shared/extract"
	"docuvault/shared/extract/mediatype"
	"docuvault/shared/id"
	"docuvault/shared/picture"
	"docuvault/shared/preview"
	"docuvault/shared/storage"
)

// pageTime is how long the first page of a PDF may take.
const pageTime = 10 * time.Second

// drawn reports whether a document gets a preview.
func drawn(sniffed string, size int64) bool {
	return slices.Contains(preview.Types, sniffed) && (size <= picture.MaxBytes || sniffed == mediatype.PDF && size <= extract.DefaultLimits.Bytes)
}

// show makes the preview of a document whose bytes are at hand, unless there is
// one. Whatever goes wrong is logged, and no reason not to read the document.
func (a *Analyst) show(ctx context.Context, actor database.Actor, document id.ID, sniffed string, whole io.ReaderAt, size int64) {
	if !drawn(sniffed, size) {
		return
	}
	attempt, err := a.album.Begin(ctx, actor, document, sniffed)
	if err == nil && attempt != nil {
		err = a.attempt(ctx, actor, attempt, func(ctx context.Context) (small, large picture.WebP, err error) {
			return a.draw(ctx, sniffed, whole, size)
		})
	}
	if err != nil {
		a.log.WarnContext(ctx, "the preview was not made", "document_id", document, "error", err)
	}
}

// showLate makes the preview of a document that was read before, if nobody did,
// and holds its message meanwhile.
func (a *Analyst) showLate(ctx context.Context, actor database.Actor, document id.ID, extend func(context.Context, time.Duration) error) {
	attempt, err := a.album.Begin(ctx, actor, document, "")
	if err == nil && attempt != nil {
		working, done := hold(ctx, a.quick, extend)
		err = a.attempt(working, actor, attempt, func(ctx context.Context) (small, large picture.WebP, err error) {
			return a.fetch(ctx, attempt)
		})
		err = errors.Join(err, done())
	}
	if err != nil {
		a.log.WarnContext(ctx, "the preview was not made", "document_id", document, "error", err)
	}
}

// attempt brings an attempt to an end: kept, failed for good, or released for
// another one.
func (a *Analyst) attempt(ctx context.Context, actor database.Actor, attempt *preview.Attempt, draw func(context.Context) (small, large picture.WebP, err error)) error {
	limited, cancel := context.WithTimeout(ctx, preview.Time)
	defer cancel()
	small, large, err := draw(limited)
	if err == nil {
		err = a.album.Keep(limited, actor, attempt, preview.Picture(small), preview.Picture(large))
	}
	if err == nil {
		return nil
	}
	// Also when the time is over.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if code := picture.FailureCode(err); code != "" {
		return errors.Join(err, a.album.Fail(ending, actor, attempt, string(code)))
	}
	return errors.Join(err, a.album.Release(ending, actor, attempt))
}

// draw makes both sizes of what the bytes show.
func (a *Analyst) draw(ctx context.Context, sniffed string, whole io.ReaderAt, size int64) (small, large picture.WebP, err error) {
	if sniffed != mediatype.PDF {
		return a.studio.OfImage(ctx, whole, size, sniffed)
	}
	var page image.Image
	if page, err = a.extractor.FirstPage(ctx, whole, size, picture.Large, pageTime); err != nil {
		return small, large, err
	}
	return a.studio.OfPage(ctx, page)
}

// fetch is draw for a document whose bytes are in storage.
func (a *Analyst) fetch(ctx context.Context, attempt *preview.Attempt) (small, large picture.WebP, err error) {
	if !drawn(attempt.Sniffed, attempt.Size) {
		return small, large, picture.Fail(extract.TooLarge)
	}
	body, info, err := a.store.Get(ctx, attempt.Key)
	if errors.Is(err, storage.ErrNotFound) {
		return small, large, picture.Fail(objectMissing)
	}
	if err != nil {
		return small, large, fmt.Errorf("read object: %w", err)
	}
	defer func() { _ = body.Close() }() // nothing was written
	if info.Size != attempt.Size || info.SHA256 != nil && !bytes.Equal(info.SHA256, attempt.SHA256) {
		return small, large, picture.Fail(bytesChanged)
	}
	whole, done, err := spool(body, attempt.Size, attempt.SHA256)
	if err != nil {
		return small, large, err
	}
	defer done()
	if whole == nil {
		return small, large, picture.Fail(bytesChanged)
	}
	return a.draw(ctx, attempt.Sniffed, whole, attempt.Size)
}
