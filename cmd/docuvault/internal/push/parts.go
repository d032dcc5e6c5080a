package push

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"

	"docuvault/cmd/docuvault/internal/client"
)

// addressesAtOnce is how many parts are announced in one request.
const addressesAtOnce = 8

// understood reports whether the server's instructions make up a file of size
// bytes in a way that this client knows.
func understood(u client.Upload, size int64) bool {
	m := u.Multipart
	if m == nil {
		return u.URL != ""
	}
	return m.PartSize > 0 && size > 0 && int64(m.PartCount) == (size+m.PartSize-1)/m.PartSize
}

// partly is one file on its way in parts. What storage has already is not sent
// again.
type partly struct {
	f        *file
	in       *os.File
	document string
	size     int64 // of a part, the last one excepted

	mu        sync.Mutex
	queue     []int // parts that nobody has taken yet
	addresses map[int]client.Part
	sent      map[int]int64 // bytes on the other side
	total     int64
}

// deliverParts sends what storage lacks, several parts at a time, and says so.
// It returns errAgain when the upload is of no more use.
func (f *file) deliverParts(ctx context.Context, in *os.File, begun client.Begun) error {
	have, err := f.p.api.Parts(ctx, begun.Document.ID)
	if err != nil {
		return ended(err)
	}
	d := &partly{f: f, in: in, document: begun.Document.ID, size: begun.Upload.Multipart.PartSize,
		addresses: map[int]client.Part{}, sent: map[int]int64{}}
	there := map[int]client.Part{}
	for _, p := range have {
		there[p.Number] = p
	}
	for n := 1; n <= begun.Upload.Multipart.PartCount; n++ {
		p, ok := there[n]
		if ok && p.Size == d.section(n).size {
			sum, err := d.sum(ctx, n)
			if err != nil {
				return err
			}
			if p.SHA256 == "" || p.SHA256 == sum {
				d.progress(n)(p.Size)
				continue
			}
		}
		d.queue = append(d.queue, n)
	}
	if err := d.send(ctx); err != nil {
		return ended(err)
	}
	return f.complete(ctx, begun.Document.ID)
}

// ended asks for another begin when the server says that an upload is over.
func ended(err error) error {
	switch client.CodeOf(err) {
	case "upload_expired", "upload_rejected", "not_found", "wrong_state":
		return again{err}
	}
	return err
}

// send empties the queue; the first error ends it.
func (d *partly) send(ctx context.Context) error {
	defer d.f.lap(&d.f.result.Steps.Send)()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var workers sync.WaitGroup
	for range min(d.f.p.options.Parallel, len(d.queue)) {
		workers.Go(func() {
			for ctx.Err() == nil {
				n := d.next()
				if n == 0 {
					return
				}
				if err := d.part(ctx, n); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	workers.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// next takes a part; 0 when none is left.
func (d *partly) next() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queue) == 0 {
		return 0
	}
	n := d.queue[0]
	d.queue = d.queue[1:]
	return n
}

func (d *partly) section(n int) section {
	from := int64(n-1) * d.size
	return section{from, min(d.size, d.f.was.size-from)}
}

// progress counts what is on the other side of one part.
func (d *partly) progress(n int) func(int64) {
	return func(bytes int64) {
		d.mu.Lock()
		d.total += bytes - d.sent[n]
		d.sent[n] = bytes
		total := d.total
		d.mu.Unlock()
		d.f.track.Set(total)
	}
}

// part sends one part until storage has it.
func (d *partly) part(ctx context.Context, n int) error {
	for try := 1; ; try++ {
		address, err := d.address(ctx, n)
		if err != nil {
			return err
		}
		err = d.f.p.put(ctx, target{address.URL, address.Headers}, d.in, d.section(n), d.f.was.state, d.progress(n))
		if err == nil || errors.Is(err, errChanged) || ctx.Err() != nil {
			return err
		}
		r, refused := errors.AsType[*refusal](err)
		switch {
		case refused && (r.code == "BadDigest" || r.code == "XAmzContentChecksumMismatch"):
			return errChanged
		case refused && (r.status == http.StatusNotFound || r.code == "NoSuchUpload"):
			return again{err} // ended, or forgotten by storage
		case try == client.Tries:
			return err
		case refused && r.status < 500 && r.status != http.StatusForbidden && r.status != http.StatusRequestTimeout &&
			r.status != http.StatusConflict && r.status != http.StatusTooManyRequests && r.code != "RequestTimeout" && r.code != "AccessDenied":
			return err
		}
		// A part may be sent twice, with a fresh address.
		if refused && r.wait > 0 {
			err = client.Wait(ctx, r.wait)
		} else {
			err = client.Pause(ctx, d.f.p.options.Backoff, try)
		}
		if err != nil {
			return err
		}
	}
}

// address is where to send a part. It asks for those of the next parts too; one
// is used once, and not when it is about to expire.
func (d *partly) address(ctx context.Context, n int) (client.Part, error) {
	d.mu.Lock()
	a, ok := d.addresses[n]
	delete(d.addresses, n)
	ask := []int{n}
	for _, next := range d.queue {
		if _, known := d.addresses[next]; !known && len(ask) < addressesAtOnce {
			ask = append(ask, next)
		}
	}
	d.mu.Unlock()
	if ok && (a.ExpiresAt.IsZero() || d.f.p.options.Now().Before(a.ExpiresAt)) {
		return a, nil
	}
	parts := make([]client.Part, len(ask))
	for i, number := range ask {
		sum, err := d.sum(ctx, number)
		if err != nil {
			return client.Part{}, err
		}
		parts[i] = client.Part{Number: number, Size: d.section(number).size, SHA256: sum}
	}
	signed, err := d.f.p.api.SignParts(ctx, d.document, parts)
	if err != nil {
		return client.Part{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range signed {
		d.addresses[p.Number] = p
	}
	a, ok = d.addresses[n]
	delete(d.addresses, n)
	if !ok || a.URL == "" {
		return client.Part{}, fmt.Errorf("the server gave no address for part %d", n)
	}
	return a, nil
}

// sum is the hash of a part: from the one reading of the file where the sizes
// agree, else read again.
func (d *partly) sum(ctx context.Context, n int) (string, error) {
	if d.size == hashedPart && n <= len(d.f.was.blocks) {
		return d.f.was.blocks[n-1], nil
	}
	s := d.section(n)
	h := sha256.New()
	read, err := io.Copy(h, io.NewSectionReader(d.in, s.from, s.size))
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil:
		return "", fmt.Errorf("read: %w", err)
	case read != s.size:
		return "", errChanged
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// checked waits until the vault has read what was assembled from parts. One that
// takes very long is left to it: the bytes are there.
func (f *file) checked(ctx context.Context, document string) error {
	f.track.Phase("wait")
	from := f.p.options.Now()
	for n := 1; f.p.options.Now().Sub(from) < f.p.options.WaitLimit; n++ {
		doc, err := f.poll(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case client.CodeOf(err) == "not_found", err == nil && doc.Status == "expired":
			return again{fmt.Errorf("the upload of document %s ended", document)}
		case err != nil:
			return fmt.Errorf("wait for the check: %w", err)
		case doc.Status == "rejected":
			return errChanged
		case doc.Status != "pending":
			return nil
		}
		if err := client.Pause(ctx, f.p.options.Backoff/5, min(n, 6)); err != nil {
			return err
		}
	}
	return nil
}
