package extract

import (
	"context"
	"errors"
	"io"
	"sync"
)

// source reads one document, stops when its context does, and remembers the
// first error of the storage below, so that it is not mistaken for a broken
// document.
type source struct {
	ctx  context.Context
	size int64

	mu  sync.Mutex
	r   *io.SectionReader
	err error
}

var errDropped = errors.New("the document is closed")

func newSource(ctx context.Context, r io.ReaderAt, size int64) *source {
	return &source{ctx: ctx, size: size, r: io.NewSectionReader(r, 0, size)}
}

// Read is part of io.ReadSeeker.
func (s *source) Read(p []byte) (int, error) {
	return s.read(func(r *io.SectionReader) (int, error) { return r.Read(p) })
}

// ReadAt is io.ReaderAt, for what is read from its end.
func (s *source) ReadAt(p []byte, offset int64) (int, error) {
	return s.read(func(r *io.SectionReader) (int, error) { return r.ReadAt(p, offset) })
}

func (s *source) read(some func(*io.SectionReader) (int, error)) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	if s.r == nil {
		return 0, errDropped
	}
	n, err := some(s.r)
	if err != nil && err != io.EOF && s.err == nil { //nolint:errorlint // an EOF that is wrapped is storage that broke off
		s.err = err
	}
	return n, err
}

// Seek is part of io.ReadSeeker.
func (s *source) Seek(offset int64, whence int) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.r == nil {
		return 0, errDropped
	}
	return s.r.Seek(offset, whence)
}

// failure is the first error of the storage below.
func (s *source) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// drop lets go of the bytes. An instance of the PDF engine that was killed
// stays registered in its library with its reader, for good.
func (s *source) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.r = nil
}
