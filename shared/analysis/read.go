package analysis

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"docuvault/shared/database"
	"docuvault/shared/extract"
	"docuvault/shared/extract/mediatype"
	"docuvault/shared/picture"
	"docuvault/shared/preview"
	"docuvault/shared/storage"
)

// inMemory is up to which size a document is held in memory; larger ones go
// through a file that has no name any more when the first byte is written.
const inMemory = 4 << 20

// reading is what the bytes of a document say.
type reading struct {
	sniffed string
	text    extract.Result
}

// read fetches the object, looks at its type, makes its preview and extracts its
// text. failure is a code: the paper cannot be read, now or later. err is worth a
// retry.
func (a *Analyst) read(ctx context.Context, actor database.Actor, c claim) (r reading, failure string, err error) {
	r.text.Source = extract.SourceNone
	body, info, err := a.store.Get(ctx, c.key)
	if errors.Is(err, storage.ErrNotFound) {
		return r, objectMissing, nil
	}
	if err != nil {
		return r, "", fmt.Errorf("read object: %w", err)
	}
	defer func() { _ = body.Close() }() // nothing was written
	if info.Size != c.size || info.SHA256 != nil && !bytes.Equal(info.SHA256, c.sha) {
		return r, bytesChanged, nil
	}

	head := make([]byte, min(c.size, mediatype.HeadSize))
	if _, err := io.ReadFull(body, head); err != nil {
		return r, "", fmt.Errorf("read object: %w", err)
	}
	r.sniffed = mediatype.Sniff(head)
	kind := mediatype.Refine(r.sniffed, c.announced)
	text := c.size <= extract.DefaultLimits.Bytes && extract.Supports(kind)
	if !text && !drawn(r.sniffed, c.size) {
		r.text.Note = unread(r.sniffed, kind)
		return r, "", nil // its type is all that is to be known
	}
	whole, done, err := spool(io.MultiReader(bytes.NewReader(head), body), c.size, c.sha)
	if err != nil {
		return r, "", err
	}
	defer done()
	if whole == nil {
		return r, bytesChanged, nil
	}
	// Before all that may be slow: somebody looks at the page meanwhile.
	a.show(ctx, actor, c.document, r.sniffed, whole, c.size)
	if !text {
		r.text, err = a.recognize(ctx, r.sniffed, whole, c.size)
		return r, "", err
	}
	r.text, err = a.extractor.Extract(ctx, whole, c.size, kind)
	switch code := extract.FailureCode(err); {
	case code != "":
		return r, string(code), nil
	case errors.Is(err, extract.ErrUnsupported), err == nil:
		return r, "", nil
	default:
		return r, "", err
	}
}

// unread is why bytes that are neither read nor drawn have no text.
func unread(sniffed, kind string) string {
	if extract.Supports(kind) || slices.Contains(preview.Types, sniffed) {
		return extract.NoteTooLarge
	}
	return extract.NoteUnread
}

// recognize reads the words in an image, where somebody can. An image that cannot
// be decoded has none, and is no failure: the paper is what somebody wanted to keep.
func (a *Analyst) recognize(ctx context.Context, sniffed string, whole io.ReaderAt, size int64) (extract.Result, error) {
	nothing := extract.Result{Source: extract.SourceNone}
	if !a.extractor.ReadsPictures() {
		nothing.Note = extract.NoteOCRMissing
		return nothing, nil
	}
	m, err := a.studio.ForReading(ctx, whole, size, sniffed)
	switch {
	case picture.FailureCode(err) != "":
		return nothing, nil
	case err != nil:
		return nothing, err
	}
	return a.extractor.Recognize(ctx, m)
}

// spool brings the whole object to where it can be read at any place, and
// compares its hash; nil says that it is not what was uploaded.
func spool(body io.Reader, size int64, sha []byte) (whole io.ReaderAt, done func(), err error) {
	done = func() {}
	hash := sha256.New()
	body = io.TeeReader(body, hash)
	var n int64
	if size <= inMemory {
		var content []byte
		content, err = io.ReadAll(io.LimitReader(body, size+1))
		whole, n = bytes.NewReader(content), int64(len(content))
	} else {
		var file *os.File
		if file, err = os.CreateTemp("", "docuvault-*"); err != nil {
			return nil, done, fmt.Errorf("spool object: %w", err)
		}
		done = func() { _ = file.Close() }
		if err = os.Remove(file.Name()); err != nil {
			// Where an open file cannot be removed, it goes when it is closed.
			done = func() { _ = file.Close(); _ = os.Remove(file.Name()) }
		}
		n, err = io.Copy(file, io.LimitReader(body, size+1))
		whole = file
	}
	if err != nil {
		done()
		return nil, func() {}, fmt.Errorf("spool object: %w", err)
	}
	if n != size || !bytes.Equal(hash.Sum(nil), sha) {
		return nil, done, nil
	}
	return whole, done, nil
}
