package push

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"docuvault/cmd/docuvault/internal/client"
)

// errStalled says that no byte moved for too long.
var errStalled = errors.New("nothing moved any more")

// refusal is an answer of the storage that is not a success.
type refusal struct {
	status int
	code   string // S3's own, for example BadDigest; may be empty
	wait   time.Duration
}

func (r *refusal) Error() string {
	if r.code == "" {
		return fmt.Sprintf("the storage answered %d %s", r.status, http.StatusText(r.status))
	}
	return fmt.Sprintf("the storage answered %d %s", r.status, r.code)
}

// storageClient sends bytes to presigned addresses. It has no cookies and no
// token: the address is the permission. HTTP/1.1 on purpose: one connection a
// file is faster than one window for all.
func storageClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:   10 * time.Second,
			MaxIdleConnsPerHost:   16,
			IdleConnTimeout:       60 * time.Second,
			ExpectContinueTimeout: 2 * time.Second,
			ResponseHeaderTimeout: 5 * time.Minute, // from the last byte sent
			WriteBufferSize:       128 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// expectAbove is the size in bytes above which storage is asked first whether
// it wants the body: a refusal then costs no transfer, and does not get lost in
// a connection that is reset while we write.
const expectAbove = 256 << 10

// section is a piece of a file, in bytes.
type section struct{ from, size int64 }

// target is where a request goes, and what the client sets.
type target struct {
	url     string
	headers map[string]string
}

// put sends a section of f, whose state was as given, as the server said, once
// one of the slots is free. It tells progress how many bytes of it are on the other
// side. It returns nil when the bytes are in storage, errChanged, a *refusal, or
// an error of the network.
func (p *pusher) put(ctx context.Context, up target, f *os.File, s section, was state, progress func(int64)) error {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-p.slots }()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(p.options.Stall, func() { cancel(errStalled) })
	defer stall.Stop()

	var changed atomic.Bool
	var current atomic.Pointer[body]
	newBody := func() io.ReadCloser {
		b := &body{
			from: io.NewSectionReader(f, s.from, s.size), left: s.size, progress: progress, changed: &changed, current: &current,
			moved: func(left int64) {
				if left == 0 {
					stall.Stop() // storage may take its time to answer
				} else {
					stall.Reset(p.options.Stall)
				}
			},
			same: func() bool {
				now, err := stateOf(f)
				return err == nil && now == was
			},
		}
		current.Store(b)
		progress(0)
		return b
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, up.url, http.NoBody)
	if err != nil {
		return errors.New("the server gave an address that is none")
	}
	for name, value := range up.headers {
		req.Header.Set(name, value)
	}
	req.ContentLength = s.size
	if s.size > 0 {
		req.Body = newBody()
		req.GetBody = func() (io.ReadCloser, error) { return newBody(), nil }
	}
	if s.size > expectAbove {
		req.Header.Set("Expect", "100-continue")
	}
	res, err := p.storage.Do(req)
	current.Store(nil)
	if changed.Load() {
		if err == nil {
			_ = res.Body.Close()
		}
		return errChanged
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return fmt.Errorf("send to %s: %w", req.URL.Host, client.WithoutURL(err))
	}
	defer func() { _ = res.Body.Close() }()
	answer, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if res.StatusCode < 300 || res.StatusCode == http.StatusPreconditionFailed {
		progress(s.size)
		return nil
	}
	r := &refusal{status: res.StatusCode}
	var s3 struct {
		Code string `xml:"Code"`
	}
	if xml.Unmarshal(answer, &s3) == nil && len(s3.Code) < 100 {
		r.code = s3.Code
	}
	if s, err := time.ParseDuration(res.Header.Get("Retry-After") + "s"); err == nil && s > 0 && s <= 5*time.Minute {
		r.wait = s
	}
	return r
}

// body is a file on its way. Before the last bytes leave it looks at the file
// once more: a file that changed breaks the request off, so that nothing is
// stored that never was.
type body struct {
	from    io.Reader
	left    int64
	sent    int64
	moved   func(left int64)
	same    func() bool
	changed *atomic.Bool
	current *atomic.Pointer[body] // the body whose progress counts

	progress func(sent int64)
}

func (b *body) Read(buf []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.from.Read(buf[:min(int64(len(buf)), b.left)])
	if (err != nil && err != io.EOF) || (n == 0 && err == io.EOF) || (int64(n) == b.left && !b.same()) {
		if b.current.Load() == b {
			b.changed.Store(true)
		}
		return 0, errChanged
	}
	b.left -= int64(n)
	b.sent += int64(n)
	if b.current.Load() == b {
		b.moved(b.left)
		b.progress(b.sent)
	}
	return n, nil
}

func (b *body) Close() error { return nil }
