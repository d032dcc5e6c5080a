package push

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"docuvault/cmd/docuvault/internal/client"
)

// rounds is how often a file is hashed and begun that changes meanwhile.
const rounds = 3

// begins is how often a file is announced for a fresh address in one round.
const begins = 5

// grace is how long the last word to the server may take after Ctrl-C: the
// bytes are in storage already.
const grace = 5 * time.Second

// file is one file on its way.
type file struct {
	p      *pusher
	folder string
	began  time.Time
	track  Track
	was    fingerprint
	result Result
	older  bool // an earlier state of the file was stored before it changed
}

// hash reads the file; when it keeps changing it gives up after some rounds.
func (f *file) hash(ctx context.Context, buf []byte) error {
	f.track.Phase("hash")
	defer f.lap(&f.result.Steps.Hash)()
	for round := 1; ; round++ {
		was, err := hashFile(ctx, f.result.Path, buf)
		if errors.Is(err, errChanged) && round < rounds {
			if err := client.Pause(ctx, f.p.options.Backoff, round); err != nil {
				return err
			}
			continue
		}
		f.was = was
		if err == nil {
			f.result.Size, f.result.SHA256 = was.size, was.sha256
		}
		return err
	}
}

// lap adds the time until the returned function is called.
func (f *file) lap(to *float64) func() {
	from := f.p.options.Now()
	return func() { *to += f.p.options.Now().Sub(from).Seconds() }
}

// send brings the file in and ends it, at once or, with Wait, later.
func (f *file) send(ctx context.Context) {
	for round := 1; ; round++ {
		status, err := f.round(ctx)
		if errors.Is(err, errChanged) && round < rounds {
			if err = client.Pause(ctx, f.p.options.Backoff, round); err == nil {
				err = f.hash(ctx, make([]byte, 1<<20))
			}
			if err == nil {
				continue
			}
		}
		switch {
		case err != nil:
			f.fail(ctx, err)
		case status == Skipped:
			f.end(status)
		case f.p.options.Wait && f.result.DocumentID != "" && status != InTrash:
			// The slot is free for the next file; waiting costs nothing.
			f.p.waiting.Go(func() { f.wait(ctx, status) })
		default:
			f.end(status)
		}
		return
	}
}

// round announces the file as it was hashed, sends it and says so. errChanged
// asks for another round.
func (f *file) round(ctx context.Context) (Status, error) {
	if !f.p.options.AllowDuplicate {
		next, err := f.p.first(ctx, f.was.sha256)
		if err != nil {
			return "", err
		}
		defer next()
	}
	// While we waited for our turn the push may have been stopped.
	if why := f.p.stoppedBy(); why != nil {
		f.notBegun(why)
		return Skipped, nil
	}
	f.track.Phase("send")
	in, err := os.Open(f.result.Path)
	if err != nil {
		return "", err
	}
	defer func() { _ = in.Close() }()
	if now, err := stateOf(in); err != nil || now != f.was.state {
		return "", errChanged
	}
	var last error
	for range begins {
		begun, err := f.announce(ctx)
		if p, ok := errors.AsType[*client.Problem](err); ok && p.Code == "duplicate_document" {
			f.result.DocumentID = p.DocumentID
			if p.Trashed {
				return InTrash, nil
			}
			return AlreadyHere, nil
		}
		if err != nil {
			return "", err
		}
		if !understood(begun.Upload, f.was.size) {
			f.abort(ctx, begun.Document.ID)
			return "", &stopped{"client_too_old", "the server wants this file sent in a way that this version of docuvault does not know; get a newer one"}
		}
		f.result.DocumentID = begun.Document.ID
		if begun.Upload.Multipart != nil {
			err = f.deliverParts(ctx, in, begun)
		} else {
			err = f.deliver(ctx, in, begun)
		}
		switch {
		case err == nil:
			return f.settled(in)
		case errors.Is(err, errChanged):
			f.abort(ctx, begun.Document.ID)
			f.result.DocumentID = ""
			return "", errChanged
		case !errors.Is(err, errAgain):
			return "", err
		}
		last = err
		if err := client.Pause(ctx, f.p.options.Backoff, 1); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("%d fresh addresses did not help: %w", begins, errors.Unwrap(last))
}

// settled looks at the file once more after it was stored. When it changed in
// the last moment, the newer state is sent as well.
func (f *file) settled(in *os.File) (Status, error) {
	now, err := stateOf(in)
	if err == nil && now == f.was.state {
		return Uploaded, nil
	}
	f.older = true
	return "", errChanged
}

// notBegun says why a file was left out.
func (f *file) notBegun(why *stopped) {
	f.result.Code, f.result.Detail = why.code, "not begun: "+why.detail
}

// announce begins the upload.
func (f *file) announce(ctx context.Context) (client.Begun, error) {
	defer f.lap(&f.result.Steps.Send)()
	modified := f.was.modified.UTC()
	return f.p.api.Begin(ctx, client.BeginRequest{
		Filename: filepath.Base(f.result.Path), Path: f.folder,
		Size: f.was.size, SHA256: f.was.sha256, ContentType: f.was.contentType,
		Tags: f.p.options.Tags, OriginalModifiedAt: &modified, AllowDuplicate: f.p.options.AllowDuplicate,
	})
}

// errAgain asks for a fresh address; it wraps why.
var errAgain = errors.New("begin again")

type again struct{ why error }

func (a again) Error() string        { return a.why.Error() }
func (a again) Unwrap() error        { return a.why }
func (a again) Is(target error) bool { return target == errAgain }

// deliver sends the bytes until storage has them, and says so. It returns
// errAgain when the address is of no more use.
func (f *file) deliver(ctx context.Context, in *os.File, begun client.Begun) error {
	for try := 1; ; try++ {
		sent := f.lap(&f.result.Steps.Send)
		err := f.p.put(ctx, target{begun.Upload.URL, begun.Upload.Headers}, in, section{0, f.was.size}, f.was.state, f.track.Set)
		sent()
		if err == nil {
			return f.complete(ctx, begun.Document.ID)
		}
		if errors.Is(err, errChanged) || ctx.Err() != nil {
			return err
		}
		r, refused := errors.AsType[*refusal](err)
		switch {
		case refused && (r.code == "BadDigest" || r.code == "XAmzContentChecksumMismatch"):
			return errChanged
		case refused && (r.status == http.StatusForbidden || r.status == http.StatusBadRequest && r.code == "AccessDenied"):
			// Expired, or signed for something else than we sent.
			return again{err}
		case refused && r.status < 500 && r.status != http.StatusRequestTimeout &&
			r.status != http.StatusConflict && r.status != http.StatusTooManyRequests && r.code != "RequestTimeout":
			return err
		case try == client.Tries:
			return err
		}
		if !refused {
			// The answer may have got lost, not the bytes.
			err := f.complete(ctx, begun.Document.ID)
			if err == nil || !errors.Is(err, errAgain) {
				return err
			}
		}
		if refused && r.wait > 0 {
			err = client.Wait(ctx, r.wait)
		} else {
			err = client.Pause(ctx, f.p.options.Backoff, try)
		}
		if err != nil {
			return err
		}
		if left := begun.Upload.ExpiresAt.Sub(f.p.options.Now()); !begun.Upload.ExpiresAt.IsZero() && left < 0 {
			return again{errors.New("the address expired")}
		}
	}
}

// complete says that the bytes are there. After Ctrl-C it still does, so that
// what was sent counts.
func (f *file) complete(ctx context.Context, document string) error {
	defer f.lap(&f.result.Steps.Store)()
	last, cancel := lastWord(ctx)
	defer cancel()
	doc, err := f.p.api.Complete(last, document)
	if err == nil && doc.Status == "pending" {
		return f.checked(ctx, document)
	}
	switch client.CodeOf(err) {
	case "upload_rejected":
		return errChanged
	case "upload_incomplete", "upload_expired", "not_found":
		return again{err}
	}
	return err
}

// abort gives a reservation back; when it cannot, the server does so later.
func (f *file) abort(ctx context.Context, document string) {
	last, cancel := lastWord(ctx)
	defer cancel()
	_ = f.p.api.Abort(last, document)
}

// lastWord is a context that outlives ctx by the grace.
func lastWord(ctx context.Context) (context.Context, context.CancelFunc) {
	last, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(grace, func() { cancel(context.Cause(ctx)) })
		context.AfterFunc(last, func() { t.Stop() })
	})
	return last, func() { stop(); cancel(nil) }
}

// wait asks until the document has reached an end.
func (f *file) wait(ctx context.Context, status Status) {
	f.track.Phase("wait")
	ready := f.lap(&f.result.Steps.Ready)
	from := f.p.options.Now()
	for n := 1; ; n++ {
		doc, err := f.poll(ctx)
		switch {
		case err != nil:
			f.fail(ctx, fmt.Errorf("wait for the analysis: %w", err))
			return
		case doc.Status == "ready" || doc.Status == "failed":
			ready()
			f.result.Document = &doc
			f.end(status)
			return
		case doc.Status != "pending" && doc.Status != "stored" && doc.Status != "processing":
			f.result.Code = "document_" + doc.Status
			f.result.Detail = "the document is " + doc.Status + " now"
			f.result.Document = &doc
			f.end(Failed)
			return
		case f.p.options.Now().Sub(from) > f.p.options.WaitLimit:
			f.result.Code, f.result.Detail = "wait_timeout", "stored, but the analysis did not end in time"
			f.result.Document = &doc
			f.end(Failed)
			return
		}
		if err := client.Pause(ctx, f.p.options.Backoff/5, min(n, 6)); err != nil {
			f.fail(ctx, err)
			return
		}
	}
}

func (f *file) poll(ctx context.Context) (client.Document, error) {
	select {
	case f.p.polls <- struct{}{}:
	case <-ctx.Done():
		return client.Document{}, context.Cause(ctx)
	}
	defer func() { <-f.p.polls }()
	return f.p.api.Document(ctx, f.result.DocumentID)
}

// interrupted ends a file that was hashed and not sent.
func (f *file) interrupted(ctx context.Context) { f.fail(ctx, context.Cause(ctx)) }

// fail ends the file with what went wrong, and stops the push when the next
// file would fare no better.
func (f *file) fail(ctx context.Context, err error) {
	r := &f.result
	var problem *client.Problem
	var refused *refusal
	var halted *stopped
	switch {
	case ctx.Err() != nil:
		r.Code, r.Detail = "interrupted", "run the same command again to go on"
	case errors.As(err, &halted):
		r.Code, r.Detail = halted.code, halted.detail
	case errors.Is(err, errChanged):
		r.Code, r.Detail = "file_changed", fmt.Sprintf("the file changed each of the %d times it was read", rounds)
	case errors.As(err, &problem):
		r.Code, r.Detail = problem.Code, problem.Error()
		if r.Code == "" {
			r.Code = fmt.Sprintf("http_%d", problem.Status)
		}
		f.haltFor(problem)
	case errors.As(err, &refused):
		r.Code, r.Detail = "storage_refused", err.Error()
	case errors.Is(err, errStalled):
		r.Code, r.Detail = "stalled", err.Error()
	case isFileError(err):
		r.Code, r.Detail = "unreadable", plain(err)
	default:
		r.Code, r.Detail = "network", err.Error()
		f.p.halt(&stopped{"network", err.Error()})
	}
	f.end(Failed)
}

// haltFor stops the push for a problem that all further files would have too.
func (f *file) haltFor(p *client.Problem) {
	switch {
	case p.Code == "quota_exceeded":
		detail := "the vault is full"
		if p.LimitBytes > 0 {
			f.result.Detail = fmt.Sprintf("%s Used %s and reserved %s of %s; this file needs %s.", p.Detail,
				Bytes(p.UsedBytes), Bytes(p.ReservedBytes), Bytes(p.LimitBytes), Bytes(p.RequestedBytes))
		}
		f.p.halt(&stopped{p.Code, detail})
	case p.Code == "too_many_uploads", p.Status == http.StatusUnauthorized, p.Status == http.StatusTooManyRequests,
		p.Status == http.StatusBadGateway, p.Status == http.StatusServiceUnavailable, p.Status == http.StatusGatewayTimeout:
		f.p.halt(&stopped{p.Code, p.Error()})
	}
}

func isFileError(err error) bool {
	_, ok := errors.AsType[*os.PathError](err)
	return ok
}

// end reports the file.
func (f *file) end(status Status) {
	f.result.Status = status
	f.result.Seconds = f.p.options.Now().Sub(f.began).Seconds()
	if f.older && status == Uploaded {
		f.result.Detail = "the file changed in the last moment; its earlier state was stored as well"
	}
	if f.track != nil {
		f.track.End()
	}
	f.p.done(f.result)
}
