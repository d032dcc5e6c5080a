package push_test

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"docuvault/cmd/docuvault/internal/push"
)

// TestFailuresThatPass: one failure each, after which the file is in the vault.
func TestFailuresThatPass(t *testing.T) {
	t.Parallel()
	half := func(t *testing.T, w http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
		drop(t, w)
	}
	for name, c := range map[string]struct {
		prepare func(t *testing.T, p *peer)
		puts    int // expected, 0: not checked
		begins  int
	}{
		"expired address": {func(_ *testing.T, p *peer) {
			p.onPut = func(n int, w http.ResponseWriter, _ *http.Request, _ *held) bool {
				if n == 1 {
					refuse(w, http.StatusForbidden, "AccessDenied")
				}
				return n == 1
			}
		}, 2, 2},
		"412: the bytes are there": {func(_ *testing.T, p *peer) {
			p.onPut = func(n int, w http.ResponseWriter, r *http.Request, d *held) bool {
				got, _ := io.ReadAll(r.Body)
				p.mu.Lock()
				d.bytes = got
				p.mu.Unlock()
				refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
				return true
			}
		}, 1, 1},
		"storage 503 twice": {func(_ *testing.T, p *peer) {
			p.onPut = func(n int, w http.ResponseWriter, _ *http.Request, _ *held) bool {
				if n < 3 {
					refuse(w, http.StatusServiceUnavailable, "SlowDown")
				}
				return n < 3
			}
		}, 3, 1},
		"connection dropped in the middle": {func(t *testing.T, p *peer) {
			p.onPut = func(n int, w http.ResponseWriter, r *http.Request, _ *held) bool {
				if n < 3 {
					half(t, w, r)
				}
				return n < 3
			}
		}, 3, 1},
		"answer lost after the bytes": {func(t *testing.T, p *peer) {
			p.onPut = func(_ int, w http.ResponseWriter, r *http.Request, d *held) bool {
				got, _ := io.ReadAll(r.Body)
				p.mu.Lock()
				d.bytes = got
				p.mu.Unlock()
				drop(t, w)
				return true
			}
		}, 1, 1},
		"begin 500, then dropped": {func(t *testing.T, p *peer) {
			p.onBegin = func(n int, w http.ResponseWriter, _ *http.Request) bool {
				switch n {
				case 1:
					problem(w, http.StatusInternalServerError, "internal", nil)
				case 2:
					drop(t, w)
				}
				return n < 3
			}
		}, 1, 3},
		"begin 429": {func(_ *testing.T, p *peer) {
			p.onBegin = func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n < 12 { // more often than a failure is repeated
					problem(w, http.StatusTooManyRequests, "rate_limited", map[string]any{"retry_after": 0.001})
				}
				return n < 12
			}
		}, 1, 12},
		"complete 503": {func(_ *testing.T, p *peer) {
			p.onComplete = func(n int, w http.ResponseWriter, _ *http.Request, _ *held) bool {
				if n < 4 {
					problem(w, http.StatusServiceUnavailable, "unavailable", nil)
				}
				return n < 4
			}
		}, 1, 1},
		"storage forgot the bytes": {func(_ *testing.T, p *peer) {
			p.onComplete = func(n int, w http.ResponseWriter, _ *http.Request, d *held) bool {
				if n == 1 {
					p.mu.Lock()
					d.bytes = nil
					p.mu.Unlock()
				}
				return false
			}
		}, 2, 2},
		"bytes damaged on the way": {func(_ *testing.T, p *peer) {
			p.onPut = func(n int, w http.ResponseWriter, r *http.Request, _ *held) bool {
				if n == 1 {
					_, _ = io.Copy(io.Discard, r.Body)
					refuse(w, http.StatusBadRequest, "XAmzContentChecksumMismatch")
				}
				return n == 1
			}
		}, 2, 2},
		"session gone": {func(_ *testing.T, p *peer) {
			p.onBegin = func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n == 1 {
					problem(w, http.StatusUnauthorized, "session_revoked", nil)
				}
				return n == 1
			}
		}, 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := repeat(600_000) // above the size for which storage is asked first
			dir := write(t, map[string]string{"a.pdf": content})
			p := newPeer(t)
			c.prepare(t, p)
			l, _, err := run(t, p, push.Options{Paths: []string{filepath.Join(dir, "a.pdf")}})
			if err != nil {
				t.Fatalf("%v: %+v", err, l.results)
			}
			d := p.stored()["/a.pdf"]
			if d == nil || string(d.bytes) != content {
				t.Fatal("the bytes are not there")
			}
			if got := p.counted("put"); got != c.puts {
				t.Errorf("%d PUTs, want %d", got, c.puts)
			}
			if got := p.counted("begin"); got != c.begins {
				t.Errorf("%d begins, want %d", got, c.begins)
			}
		})
	}
}

func TestNothingMovesAnyMore(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"a.bin": repeat(8 << 20)})
	p := newPeer(t)
	ended := make(chan struct{})
	p.onPut = func(n int, _ http.ResponseWriter, r *http.Request, _ *held) bool {
		if n == 1 {
			_, _ = io.CopyN(io.Discard, r.Body, 1000)
			<-ended // neither reads nor answers
		}
		return n == 1
	}
	_, s, err := run(t, p, push.Options{Paths: []string{filepath.Join(dir, "a.bin")}, Stall: 500 * time.Millisecond})
	close(ended)
	// On a machine that is busy enough another one may seem to stand still.
	if err != nil || s.Uploaded != 1 || p.counted("put") < 2 {
		t.Fatalf("%v, %+v, %d PUTs", err, s, p.counted("put"))
	}
}

// TestSlowIsNotStalled: a transfer may take longer than the limit as long as it
// moves.
func TestSlowIsNotStalled(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"a.bin": repeat(48 << 20)})
	p := newPeer(t)
	p.onPut = func(_ int, w http.ResponseWriter, r *http.Request, d *held) bool {
		pace := time.NewTicker(50 * time.Millisecond)
		defer pace.Stop()
		for range 22 { // 1.1 s, and the rest at once
			<-pace.C
			_, _ = io.CopyN(io.Discard, r.Body, 2<<20)
		}
		_, err := io.Copy(io.Discard, r.Body)
		p.mu.Lock()
		defer p.mu.Unlock()
		if err == nil {
			d.bytes = []byte{}
		}
		return true
	}
	_, s, err := run(t, p, push.Options{Paths: []string{filepath.Join(dir, "a.bin")}, Stall: 700 * time.Millisecond})
	if err != nil || s.Uploaded != 1 || p.counted("put") != 1 {
		t.Errorf("%v, %+v, %d PUTs", err, s, p.counted("put"))
	}
}

func TestRefusalsThatStay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		begin   func(w http.ResponseWriter)
		put     func(w http.ResponseWriter)
		code    string
		stopped string
	}{
		"too large":         {begin: func(w http.ResponseWriter) { problem(w, 413, "upload_too_large", nil) }, code: "upload_too_large"},
		"impossible parts":  {begin: multipart, code: "client_too_old"},
		"token refused":     {begin: func(w http.ResponseWriter) { problem(w, 401, "session_revoked", nil) }, code: "session_revoked", stopped: "session_revoked"},
		"server down":       {begin: func(w http.ResponseWriter) { problem(w, 503, "unavailable", nil) }, code: "unavailable", stopped: "unavailable"},
		"not a vault":       {begin: func(w http.ResponseWriter) { _, _ = io.WriteString(w, "<html>") }, code: "http_406"},
		"storage says no":   {put: func(w http.ResponseWriter) { refuse(w, 400, "InvalidRequest") }, code: "storage_refused"},
		"storage denies":    {put: func(w http.ResponseWriter) { refuse(w, 403, "SignatureDoesNotMatch") }, code: "storage_refused"},
		"storage is broken": {put: func(w http.ResponseWriter) { refuse(w, 500, "InternalError") }, code: "storage_refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := write(t, map[string]string{"a.txt": "a"})
			p := newPeer(t)
			if c.begin != nil {
				p.onBegin = func(_ int, w http.ResponseWriter, _ *http.Request) bool { c.begin(w); return true }
			}
			if c.put != nil {
				p.onPut = func(_ int, w http.ResponseWriter, _ *http.Request, _ *held) bool { c.put(w); return true }
			}
			l, s, err := run(t, p, push.Options{Paths: []string{filepath.Join(dir, "a.txt")}})
			if err == nil || s.Failed != 1 || s.Stopped != c.stopped {
				t.Fatalf("%v, %+v", err, s)
			}
			if r := l.of(t, "a.txt"); r.Code != c.code || r.Detail == "" {
				t.Errorf("%+v", r)
			}
			if strings.Contains(fmt.Sprint(l.results), "/bucket/") {
				t.Error("a presigned address was printed")
			}
			if n := p.counted("put"); n > 6 {
				t.Errorf("%d PUTs", n)
			}
		})
	}
}

func multipart(w http.ResponseWriter) {
	answer(w, http.StatusCreated, map[string]any{
		"document": map[string]any{"id": "x"}, "upload": map[string]any{"multipart": map[string]any{"part_size": 1, "part_count": 2}}})
}
