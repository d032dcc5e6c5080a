// Package storage keeps bytes: one interface of five methods, what some
// drivers can do besides as one small interface each, and the factory that
// opens the configured driver.
//
// It promises that no error of a driver's library leaves it, that opening never
// touches the network, and that every driver passes the conformance suite in
// storagetest. The only driver today is S3 (MinIO, AWS S3, versitygw,
// SeaweedFS, LocalStack).
package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"time"

	"docuvault/shared/fault"
)

// The kinds of failure that callers tell apart, by errors.Is. Everything else
// is a misconfiguration or a bug, and internal.
var (
	// ErrNotFound: no such object, or no such multipart upload. A bucket that
	// is missing is never reported as this, but as ErrUnavailable: an object
	// must not count as deleted because the configuration is wrong.
	ErrNotFound = errors.New("no such object")
	// ErrExists: a conditional write found the key taken.
	ErrExists = errors.New("the object exists already")
	// ErrUnavailable: the storage does not answer, is overloaded, or its bucket
	// is missing; try again later. It carries fault.Unavailable.
	ErrUnavailable = fmt.Errorf("storage unavailable: %w", fault.New(fault.Unavailable, "The document storage does not answer. Try again in a moment."))
)

// Info describes one object.
type Info struct {
	Key  string
	Size int64 // bytes
	// SHA256 is the hash of the whole object as storage computed it (32 bytes),
	// or nil where it did not: listings, and objects completed from parts.
	SHA256      []byte
	ETag        string // without quotes; opaque
	ContentType string // "" in listings
	Modified    time.Time
}

// PutOptions is what a Put may say besides the bytes.
type PutOptions struct {
	// ContentType defaults to application/octet-stream.
	ContentType string
	// IfAbsent makes the write fail with ErrExists if the key is taken.
	IfAbsent bool
}

// Backend is one bucket. Its methods may be called by many goroutines at once.
// Keys are 1 to 1,024 bytes of UTF-8; a driver may refuse keys of which one is
// another's folder ("a" and "a/b"). All of them return ErrUnavailable, and the
// context's error if it ended.
type Backend interface {
	// Put writes an object in one step: readers see all of it or nothing. The
	// body has to hold exactly size bytes; if not, nothing is written. It
	// replaces what was there, unless opt.IfAbsent (ErrExists). A body that is
	// neither io.ReaderAt nor io.Seeker and longer than 4 MiB passes through a
	// temporary file, since its hash has to be known first.
	Put(ctx context.Context, key string, body io.Reader, size int64, opt PutOptions) error
	// Get opens an object for reading from its start to its end; the caller
	// closes it. ErrNotFound.
	Get(ctx context.Context, key string) (io.ReadCloser, Info, error)
	// Delete removes an object: every version of it and every delete marker.
	// An absent key is no error.
	Delete(ctx context.Context, key string) error
	// Stat describes an object. ErrNotFound.
	Stat(ctx context.Context, key string) (Info, error)
	// Health reports whether the bucket can be used right now.
	Health(ctx context.Context) error
}

// Request is what a client has to send to storage itself.
type Request struct {
	Method string
	// URL is secret until ExpiresAt: it never goes into a log.
	URL string
	// Headers are to be sent exactly so. They never hold Host or
	// Content-Length: these are signed too, and the HTTP stack sends the truth.
	Headers   map[string]string
	ExpiresAt time.Time
}

// String and LogValue keep the URL out of logs.
func (r Request) String() string { return r.Method + " [presigned]" }

// LogValue implements slog.LogValuer.
func (r Request) LogValue() slog.Value { return slog.StringValue(r.String()) }

// PutTerms is what storage itself holds an upload to.
type PutTerms struct {
	Size        int64         // exact, in bytes, 0 allowed
	ContentType string        // exact
	SHA256      []byte        // of the bytes; 32 bytes
	TTL         time.Duration // 1 s to 7 d; shorter if role credentials end before
}

// PartTerms is what storage itself holds one part of a multipart upload to.
type PartTerms struct {
	Number int           // 1 to 10,000
	Size   int64         // exact, in bytes; at least 5 MiB, the last one excepted
	SHA256 []byte        // of the part; 32 bytes
	TTL    time.Duration // 1 s to 7 d
}

// NotKept is the CacheControl of what a browser should not leave on a disk: a
// signing out clears no cache over plain http, and none of storage's own origin.
const NotKept = "private, no-store"

// GetTerms is what a download answers with.
type GetTerms struct {
	ContentType string // "" keeps the stored one
	Disposition string // Content-Disposition; "" sends none
	// CacheControl, [NotKept] for one, is how long the reader may keep the answer; "" says nothing.
	CacheControl string
	TTL          time.Duration // 1 s to 7 d
	// Window is for PresignGets: all URLs of an object that are made in the same
	// window are the same one, and end TTL after the window began. Whole seconds,
	// at most half of TTL.
	Window time.Duration
}

// Presigner lets clients talk to storage themselves. Signing is local: it
// succeeds whether or not storage answers.
type Presigner interface {
	// PresignPut signs one upload to a free key. Storage refuses another size,
	// type or hash, a missing header, a second write (412) and a late start.
	PresignPut(ctx context.Context, key string, terms PutTerms) (Request, error)
	// PresignPart signs one part of an upload that Multipart began.
	PresignPart(ctx context.Context, key, uploadID string, terms PartTerms) (Request, error)
	// PresignGet signs a download.
	PresignGet(ctx context.Context, key string, terms GetTerms) (Request, error)
	// PresignGets signs downloads of many objects, in the order of keys, with
	// URLs that stay the same for a while (terms.Window), so that a reader's cache
	// knows them again.
	PresignGets(ctx context.Context, keys []string, terms GetTerms) ([]Request, error)
	// At returns a Presigner for the same bucket as clients see it under
	// another address, "https://host[:port]" and nothing more: the vault's own
	// port passes it on to the embedded server.
	At(base string) (Presigner, error)
}

// Lister walks a bucket.
type Lister interface {
	// List yields the objects whose keys begin with prefix and sort after
	// after (both may be ""), in the order of the keys' bytes. It ends with the
	// first error.
	List(ctx context.Context, prefix, after string) iter.Seq2[Info, error]
}

// Part is one part that storage has.
type Part struct {
	Number   int
	Size     int64
	ETag     string
	SHA256   []byte // nil where storage did not check one
	Modified time.Time
}

// Upload is a multipart upload that was neither completed nor aborted.
type Upload struct {
	Key, ID string
	Started time.Time
}

// Multipart uploads large objects in parts.
type Multipart interface {
	// NewMultipart begins an upload whose parts carry SHA-256 checksums.
	NewMultipart(ctx context.Context, key string, opt PutOptions) (uploadID string, err error)
	// ListParts returns the parts that storage has, by number. ErrNotFound if
	// there is no such upload (any more).
	ListParts(ctx context.Context, key, uploadID string) ([]Part, error)
	// Complete assembles the object from these parts, as ListParts returned
	// them. ErrExists if the key is taken, ErrNotFound if there is no such
	// upload (any more).
	Complete(ctx context.Context, key, uploadID string, parts []Part) error
	// Abort drops an upload and its parts. An absent one is no error.
	Abort(ctx context.Context, key, uploadID string) error
	// ListStale yields the uploads that were begun before a time. Some servers
	// know none (MinIO): keep the ids.
	ListStale(ctx context.Context, before time.Time) iter.Seq2[Upload, error]
}

// As returns what a backend can do besides the five methods, or an error that
// says what its driver lacks: for constructors.
//
//	signer, err := storage.As[storage.Presigner](store.Documents)
func As[T any](b Backend) (T, error) {
	if t, ok := b.(T); ok {
		return t, nil
	}
	var t T
	return t, fmt.Errorf("storage driver %T cannot do %T", b, &t)
}
