package storage

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
)

// spoolMemory is how much of a body that cannot be read twice is kept in
// memory, in bytes; the rest goes into a temporary file.
const spoolMemory = 4 << 20

// measured is a body whose length and hash are known, and that can be read
// again when a request is repeated.
type measured struct {
	body io.Reader
	sum  []byte
	drop func()
}

// measure reads a body to its end. One that can be read again is hashed in
// place; any other is spooled. A body that does not hold exactly size bytes is
// an error before anything is sent.
func measure(body io.Reader, size int64) (measured, error) {
	if size < 0 {
		return measured{}, fmt.Errorf("size %d is negative", size)
	}
	section, drop, err := again(body, size)
	if err != nil {
		return measured{}, err
	}
	hash := sha256.New()
	n, err := io.Copy(hash, section)
	if err == nil && n != size {
		err = fmt.Errorf("body has %d bytes, announced were %d", n, size)
	}
	if err == nil {
		_, err = section.Seek(0, io.SeekStart)
	}
	if err != nil {
		drop()
		return measured{}, fmt.Errorf("hash body: %w", err)
	}
	return measured{body: section, sum: hash.Sum(nil), drop: drop}, nil
}

// again returns the body in a form that can be read twice. A seekable one is
// checked for its length here; the section would hide that it is longer.
func again(body io.Reader, size int64) (section *io.SectionReader, drop func(), err error) {
	drop = func() {}
	if r, ok := body.(interface {
		io.ReaderAt
		io.Seeker
	}); ok {
		at, err := r.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, drop, fmt.Errorf("measure body: %w", err)
		}
		end, err := r.Seek(0, io.SeekEnd)
		if err != nil {
			return nil, drop, fmt.Errorf("measure body: %w", err)
		}
		if end-at != size {
			return nil, drop, fmt.Errorf("body has %d bytes, announced were %d", end-at, size)
		}
		return io.NewSectionReader(r, at, size), drop, nil
	}

	// One byte more than announced is enough to see that it is longer.
	body = io.LimitReader(body, size+1)
	var head bytes.Buffer
	n, err := io.CopyN(&head, body, spoolMemory)
	if errors.Is(err, io.EOF) {
		return io.NewSectionReader(bytes.NewReader(head.Bytes()), 0, n), drop, nil
	}
	if err != nil {
		return nil, drop, fmt.Errorf("read body: %w", err)
	}
	file, err := os.CreateTemp("", "docuvault-put-")
	if err != nil {
		return nil, drop, fmt.Errorf("spool body: %w", err)
	}
	drop = func() {
		_ = file.Close()
		_ = os.Remove(file.Name())
	}
	n, err = io.Copy(file, io.MultiReader(&head, body))
	if err != nil {
		drop()
		return nil, func() {}, fmt.Errorf("spool body: %w", err)
	}
	return io.NewSectionReader(file, 0, n), drop, nil
}
