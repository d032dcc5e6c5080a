// Package push sends files and folders to a vault.
//
// It promises: what is stored is what the file held at one moment (storage
// checks the hash, and a file that changes meanwhile is begun anew); nothing
// half-written is ever stored; stopping it at any point loses no more than what
// was on the line, and running it again goes on from there; memory does not
// grow with the size of files.
//
// One goroutine walks, one hashes a file ahead, four send; a large file's parts
// are sent by up to four, but never more than four requests carry bytes. Bytes go straight to
// storage, to the address that the server signed.
package push

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"docuvault/cmd/docuvault/internal/client"
)

// API is what a push asks of the vault; *client.Client is one.
type API interface {
	Begin(context.Context, client.BeginRequest) (client.Begun, error)
	Complete(ctx context.Context, document string) (client.Document, error)
	SignParts(ctx context.Context, document string, ask []client.Part) ([]client.Part, error)
	Parts(ctx context.Context, document string) ([]client.Part, error)
	Abort(ctx context.Context, document string) error
	Document(ctx context.Context, document string) (client.Document, error)
}

// Status is what became of a file.
type Status string

// What can become of a file. Only Failed makes the push a failure.
const (
	Uploaded    Status = "uploaded"
	AlreadyHere Status = "already_here"
	InTrash     Status = "in_trash"
	Skipped     Status = "skipped"
	Failed      Status = "failed"
)

// Result is what became of one file; its JSON form is public.
type Result struct {
	Path       string `json:"path"`
	Size       int64  `json:"size"`
	SHA256     string `json:"sha256,omitempty"`
	Status     Status `json:"status"`
	DocumentID string `json:"document_id,omitempty"`
	// Code and Detail say why a file was skipped or failed: a code of the API,
	// or one of this package.
	Code   string `json:"code,omitempty"`
	Detail string `json:"detail,omitempty"`
	// Seconds is from the start of hashing to the result.
	Seconds float64 `json:"seconds"`
	// Steps are the seconds of each step that was taken.
	Steps Steps `json:"steps,omitzero"`
	// Document is how the document ended, with Options.Wait.
	Document *client.Document `json:"document,omitempty"`
}

// Steps are durations in seconds.
type Steps struct {
	Hash  float64 `json:"hash"`            // read once
	Send  float64 `json:"send,omitempty"`  // announce, and send to storage
	Store float64 `json:"store,omitempty"` // until the vault says it has it
	Ready float64 `json:"ready,omitempty"` // from then until the analysis ended
}

// Options are what to push and how.
type Options struct {
	Paths          []string
	AllowDuplicate bool
	Tags           []string
	// Wait keeps each file open until its document is ready or failed.
	Wait bool
	// Parallel is how many files or parts of files are sent at a time. Zero: 4.
	Parallel int
	// Backoff is the first pause between two tries. Zero: 500 ms.
	Backoff time.Duration
	// Stall is how long nothing may move before a try counts as failed. Zero: 1
	// minute.
	Stall time.Duration
	// WaitLimit is how long Wait waits for one document. Zero: 1 hour.
	WaitLimit time.Duration
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Summary counts a push.
type Summary struct {
	Files       int     `json:"files"`
	Uploaded    int     `json:"uploaded"`
	AlreadyHere int     `json:"already_here"`
	InTrash     int     `json:"in_trash"`
	Skipped     int     `json:"skipped"`
	Failed      int     `json:"failed"`
	BytesSent   int64   `json:"bytes_sent"` // of uploaded files
	Seconds     float64 `json:"seconds"`
	Interrupted bool    `json:"interrupted"`
	// Stopped says why no further file was begun: a code, or empty.
	Stopped string `json:"stopped,omitempty"`
}

// Reporter is told what happens. Its methods are called from many goroutines.
type Reporter interface {
	// Start is called when a file is begun; size is in bytes.
	Start(path string, size int64) Track
	// Done is called once a file, also for those that were never begun.
	Done(Result)
}

// Track follows one file.
type Track interface {
	// Phase says what is done to the file now: "hash", "send", "wait".
	Phase(string)
	// Set says how many bytes are on the other side; a new try starts from 0.
	Set(bytes int64)
	// End removes the file from what is shown. Done follows.
	End()
}

// stopped ends a push early; what is on the line is finished.
type stopped struct {
	code   string
	detail string
}

func (s *stopped) Error() string { return s.detail }

// Code names why a push was stopped.
func (s *stopped) Code() string { return s.code }

type pusher struct {
	api     API
	options Options
	report  Reporter
	storage *http.Client
	polls   chan struct{} // how many ask for a document at a time
	slots   chan struct{} // how many requests send bytes at a time

	waiting sync.WaitGroup
	mu      sync.Mutex
	summary Summary
	stop    *stopped                 // why nothing more is begun
	sending map[string]chan struct{} // by hash: closed when the first of equal files is through
}

// Run pushes. The error is nil when no file failed; it wraps the context's
// cause when it was interrupted.
func Run(ctx context.Context, api API, o Options, report Reporter) (Summary, error) {
	p := newPusher(api, o, report)
	defer p.storage.CloseIdleConnections()
	began := p.options.Now()
	err := p.run(ctx)
	p.summary.Seconds = p.options.Now().Sub(began).Seconds()
	if p.stop != nil {
		p.summary.Stopped = p.stop.code
	}
	switch {
	case ctx.Err() != nil:
		p.summary.Interrupted = true
		return p.summary, context.Cause(ctx)
	case err != nil:
		return p.summary, err
	case p.stop != nil:
		return p.summary, p.stop
	case p.summary.Failed > 0:
		return p.summary, ErrFailed
	default:
		return p.summary, nil
	}
}

// ErrFailed says that a file failed; which and why was reported.
var ErrFailed = errors.New("not every file was sent")

func newPusher(api API, o Options, report Reporter) *pusher {
	if o.Parallel == 0 {
		o.Parallel = 4
	}
	if o.Backoff == 0 {
		o.Backoff = 500 * time.Millisecond
	}
	if o.Stall == 0 {
		o.Stall = time.Minute
	}
	if o.WaitLimit == 0 {
		o.WaitLimit = time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &pusher{
		api: api, options: o, report: report, storage: storageClient(),
		polls: make(chan struct{}, 8), slots: make(chan struct{}, o.Parallel), sending: map[string]chan struct{}{},
	}
}

// run is the pipeline: walk -> hash one ahead -> send.
func (p *pusher) run(ctx context.Context) error {
	found := make(chan item)
	hashed := make(chan *file) // unbuffered: the hasher is one file ahead, not more
	var walkErr error
	var stages sync.WaitGroup
	stages.Go(func() {
		defer close(found)
		walkErr = walk(ctx, p.options.Paths, func(i item) error {
			select {
			case found <- i:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	})
	stages.Go(func() {
		defer close(hashed)
		buf := make([]byte, 1<<20)
		for i := range found {
			f := p.open(ctx, i, buf)
			if f == nil {
				continue
			}
			select {
			case hashed <- f:
			case <-ctx.Done():
				f.interrupted(ctx)
			}
		}
	})
	for range p.options.Parallel {
		stages.Go(func() {
			for f := range hashed {
				f.send(ctx)
			}
		})
	}
	stages.Wait()
	p.waiting.Wait()
	return walkErr
}

// open begins a file and hashes it; nil when it is over already.
func (p *pusher) open(ctx context.Context, i item, buf []byte) *file {
	f := &file{p: p, result: Result{Path: i.path, Size: i.size, Code: i.code, Detail: i.detail}, folder: i.folder, began: p.options.Now()}
	switch {
	case i.verdict != "":
		f.end(i.verdict)
		return nil
	case ctx.Err() != nil:
		return nil // never begun: not worth a line each
	}
	if why := p.stoppedBy(); why != nil {
		f.notBegun(why)
		f.end(Skipped)
		return nil
	}
	f.track = p.report.Start(i.path, i.size)
	if err := f.hash(ctx, buf); err != nil {
		f.fail(ctx, err)
		return nil
	}
	return f
}

// halt lets nothing more begin.
func (p *pusher) halt(why *stopped) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop == nil {
		p.stop = why
	}
}

func (p *pusher) stoppedBy() *stopped {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stop
}

// first waits until no other file with the same bytes is on the line, so that
// of two equal files in a folder the second is found to be there already. The
// returned function lets the next one go.
func (p *pusher) first(ctx context.Context, sha256 string) (func(), error) {
	for {
		p.mu.Lock()
		other, busy := p.sending[sha256]
		if !busy {
			mine := make(chan struct{})
			p.sending[sha256] = mine
			p.mu.Unlock()
			return func() {
				p.mu.Lock()
				delete(p.sending, sha256)
				p.mu.Unlock()
				close(mine)
			}, nil
		}
		p.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// done counts a result and reports it.
func (p *pusher) done(r Result) {
	p.mu.Lock()
	s := &p.summary
	s.Files++
	switch r.Status {
	case Uploaded:
		s.Uploaded++
		s.BytesSent += r.Size
	case AlreadyHere:
		s.AlreadyHere++
	case InTrash:
		s.InTrash++
	case Skipped:
		s.Skipped++
	default:
		s.Failed++
	}
	p.mu.Unlock()
	p.report.Done(r)
}
