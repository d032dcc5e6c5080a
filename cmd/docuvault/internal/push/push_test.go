package push_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"docuvault/cmd/docuvault/internal/push"
)

// log keeps what was reported.
type log struct {
	mu      sync.Mutex
	results []push.Result
	open    int
	started func(path string)
	set     func(path string, n int64)
}

type logTrack struct {
	l    *log
	path string
}

func (l *log) Start(path string, _ int64) push.Track {
	l.mu.Lock()
	l.open++
	l.mu.Unlock()
	if l.started != nil {
		l.started(path)
	}
	return logTrack{l, path}
}

func (l *log) Done(r push.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.results = append(l.results, r)
}

func (t logTrack) Phase(string) {}
func (t logTrack) Set(n int64) {
	if t.l.set != nil {
		t.l.set(t.path, n)
	}
}
func (t logTrack) End() { t.l.mu.Lock(); t.l.open--; t.l.mu.Unlock() }

func (l *log) of(t *testing.T, path string) push.Result {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []push.Result
	for _, r := range l.results {
		if r.Path == path || filepath.Base(r.Path) == path {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s was reported %d times: %+v", path, len(found), l.results)
	}
	return found[0]
}

// write makes files, by their path below the returned folder.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func run(t *testing.T, p *peer, o push.Options) (*log, push.Summary, error) {
	t.Helper()
	l := &log{}
	s, err := runWith(t.Context(), t, p, o, l)
	return l, s, err
}

func runWith(ctx context.Context, t *testing.T, p *peer, o push.Options, l *log) (push.Summary, error) {
	t.Helper()
	if o.Backoff == 0 {
		o.Backoff = time.Millisecond
	}
	s, err := push.Run(ctx, p.client(t), o, l)
	if l.open != 0 {
		t.Errorf("%d files were begun and not ended", l.open)
	}
	if s.Files != len(l.results) || s.Files != s.Uploaded+s.AlreadyHere+s.InTrash+s.Skipped+s.Failed {
		t.Errorf("the summary does not add up: %+v for %d results", s, len(l.results))
	}
	return s, err
}

func TestFoldersKeepTheirTreeAndBytesArrive(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"Tax/2024/Bescheid für Müller.pdf": "%PDF-1.4 " + repeat(3000), "Tax/empty.txt": "", "Tax/mail.eml": "From: a\n\nb",
		"Tax/2024/deep/er/data.csv": "a;b\n1;2\n", "Tax/notes.md": "# x", "Tax/large.bin": repeat(3 << 20), "Tax/.DS_Store": "x",
		"alone.html": "<p>alone</p>",
	}
	dir := write(t, files)
	p := newPeer(t)
	l, s, err := run(t, p, push.Options{Paths: []string{filepath.Join(dir, "Tax") + "/", filepath.Join(dir, "alone.html")}, Tags: []string{"a", "b,c"}})
	if err != nil || s.Uploaded != 7 || s.Skipped != 1 || s.Failed != 0 {
		t.Fatalf("%v, %+v", err, s)
	}
	types := map[string]string{
		"Tax/2024/Bescheid für Müller.pdf": "application/pdf", "Tax/empty.txt": "text/plain", "Tax/mail.eml": "message/rfc822",
		"Tax/2024/deep/er/data.csv": "text/csv", "Tax/notes.md": "text/markdown", "Tax/large.bin": "", "/alone.html": "text/html",
	}
	got := p.stored()
	for name, kind := range types {
		d := got[name]
		if d == nil {
			t.Errorf("%s is not there; there are %v", name, slices.Sorted(maps.Keys(got)))
			continue
		}
		local := strings.TrimPrefix(name, "/")
		if string(d.bytes) != files[local] {
			t.Errorf("%s arrived with other bytes", name)
		}
		if kind != "" && d.ContentType != kind {
			t.Errorf("%s was announced as %s", name, d.ContentType)
		}
		info, err := os.Stat(filepath.Join(dir, local))
		if err != nil || d.OriginalModifiedAt == nil || !d.OriginalModifiedAt.Equal(info.ModTime()) {
			t.Errorf("%s: modified at %v, want %v", name, d.OriginalModifiedAt, info.ModTime())
		}
		if !slices.Equal(d.Tags, []string{"a", "b,c"}) {
			t.Errorf("%s has tags %q", name, d.Tags)
		}
	}
	if r := l.of(t, "alone.html"); r.DocumentID == "" || r.SHA256 == "" || r.Size != 12 || r.Steps.Hash <= 0 || r.Seconds <= 0 {
		t.Errorf("reported %+v", r)
	}
}

func TestWhatIsThereIsNoError(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"d/a.txt": "a", "d/b.txt": "b", "d/c.txt": "c"})
	p := newPeer(t)
	o := push.Options{Paths: []string{filepath.Join(dir, "d")}}
	if _, s, err := run(t, p, o); err != nil || s.Uploaded != 3 {
		t.Fatalf("%v, %+v", err, s)
	}
	for _, d := range p.stored() {
		if d.Filename == "b.txt" {
			d.status = "trashed"
		}
	}
	puts := p.counted("put")
	l, s, err := run(t, p, o)
	if err != nil || s.AlreadyHere != 2 || s.InTrash != 1 || p.counted("put") != puts {
		t.Fatalf("%v, %+v", err, s)
	}
	if r := l.of(t, "b.txt"); r.Status != push.InTrash || r.DocumentID == "" {
		t.Errorf("%+v", r)
	}
	o.AllowDuplicate = true
	if _, s, err := run(t, p, o); err != nil || s.Uploaded != 3 {
		t.Fatalf("with AllowDuplicate: %v, %+v", err, s)
	}
}

func TestEqualFilesInOnePushAreStoredOnce(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"d/a": repeat(9000), "d/b": repeat(9000), "d/c": repeat(9000), "d/e": repeat(9000)})
	p := newPeer(t)
	_, s, err := run(t, p, push.Options{Paths: []string{filepath.Join(dir, "d")}})
	if err != nil || s.Uploaded != 1 || s.AlreadyHere != 3 || p.counted("put") != 1 {
		t.Fatalf("%v, %+v, %d PUTs", err, s, p.counted("put"))
	}
}

func TestQuota(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for i := range 40 {
		files[fmt.Sprintf("d/%02d.txt", i)] = fmt.Sprintf("%02d", i) + repeat(998)
	}
	dir := write(t, files)
	p := newPeer(t)
	p.quota = 3500
	l, s, err := run(t, p, push.Options{Paths: []string{filepath.Join(dir, "d")}})
	if err == nil || s.Uploaded != 3 || s.Failed == 0 || s.Stopped != "quota_exceeded" || s.Files != 40 {
		t.Fatalf("%v, %+v", err, s)
	}
	// What was on the line may be refused each; nothing else is asked for.
	if n := p.counted("begin"); n > 3+5 {
		t.Errorf("%d files were begun after the vault was full", n)
	}
	for _, r := range l.results {
		switch {
		case r.Status == push.Uploaded:
		case r.Status == push.Failed && r.Code == "quota_exceeded" && strings.Contains(r.Detail, "Used 2.9 KiB and reserved 0 B of 3.4 KiB; this file needs 1000 B."):
		case r.Status == push.Skipped && r.Code == "quota_exceeded":
		default:
			t.Errorf("%+v", r)
		}
	}
}

func TestFileThatGrowsWhileItIsSent(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"log.txt": repeat(4 << 20)})
	name := filepath.Join(dir, "log.txt")
	p := newPeer(t)
	p.onPut = func(n int, _ http.ResponseWriter, r *http.Request, _ *held) bool {
		if n == 1 {
			_, _ = io.CopyN(io.Discard, r.Body, 1<<20)
			grow(t, name)
		}
		return false
	}
	_, s, err := run(t, p, push.Options{Paths: []string{name}})
	if err != nil || s.Uploaded != 1 {
		t.Fatalf("%v, %+v", err, s)
	}
	now, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	stored := p.stored()
	if len(stored) != 1 || len(p.documents) != 2 || !bytes.Equal(stored["/log.txt"].bytes, now) {
		t.Errorf("not the newest state, and only it, was stored: %d documents", len(p.documents))
	}
	if p.counted("abort") != 1 {
		t.Errorf("the reservation of the old state was given back %d times", p.counted("abort"))
	}
}

func grow(t *testing.T, name string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString("more\n")
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Error(err)
	}
}

func TestFileThatNeverRests(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"d/log.txt": repeat(1 << 20), "d/other.txt": "other"})
	name := filepath.Join(dir, "d", "log.txt")
	p := newPeer(t)
	p.onPut = func(_ int, _ http.ResponseWriter, _ *http.Request, d *held) bool {
		if d.Filename == "log.txt" {
			grow(t, name)
		}
		return false
	}
	l, s, err := run(t, p, push.Options{Paths: []string{filepath.Join(dir, "d")}})
	if !errors.Is(err, push.ErrFailed) || s.Uploaded != 1 || s.Failed != 1 {
		t.Fatalf("%v, %+v", err, s)
	}
	if r := l.of(t, "log.txt"); r.Code != "file_changed" {
		t.Errorf("%+v", r)
	}
	if n := p.counted("abort"); n != 3 {
		t.Errorf("%d reservations were given back, want 3", n)
	}
}

func TestFileThatChangedBeforeItsTurn(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"a.txt": "first"})
	name := filepath.Join(dir, "a.txt")
	p := newPeer(t)
	p.onBegin = func(n int, _ http.ResponseWriter, _ *http.Request) bool {
		if n == 1 {
			if err := os.WriteFile(name, []byte("the second state"), 0o600); err != nil {
				t.Error(err)
			}
		}
		return false
	}
	if _, _, err := run(t, p, push.Options{Paths: []string{name}}); err != nil {
		t.Fatal(err)
	}
	if got := p.stored(); len(got) != 1 || string(got["/a.txt"].bytes) != "the second state" {
		t.Errorf("stored %v", got)
	}
}

func TestInterruptedAndOnAgain(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for i := range 30 {
		files[fmt.Sprintf("d/%02d.bin", i)] = fmt.Sprintf("%02d", i) + repeat(700_000)
	}
	dir := write(t, files)
	p := newPeer(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	ctrlC := errors.New("ctrl-c")
	p.onPut = func(n int, _ http.ResponseWriter, r *http.Request, _ *held) bool {
		if n == 8 {
			_, _ = io.CopyN(io.Discard, r.Body, 1000)
			cancel(ctrlC)
			_, _ = io.Copy(io.Discard, r.Body)
		}
		return n == 8
	}
	o := push.Options{Paths: []string{filepath.Join(dir, "d")}}
	l := &log{}
	s, err := runWith(ctx, t, p, o, l)
	if !errors.Is(err, ctrlC) || !s.Interrupted || s.Uploaded == 0 || s.Uploaded > 12 {
		t.Fatalf("%v, %+v", err, s)
	}
	for _, r := range l.results {
		if r.Status == push.Failed && r.Code != "interrupted" {
			t.Errorf("%+v", r)
		}
	}
	// What was reported as uploaded is stored, also at the moment of Ctrl-C.
	if n := len(p.stored()); n < s.Uploaded {
		t.Errorf("%d reported as uploaded, %d stored", s.Uploaded, n)
	}
	_, again, err := run(t, p, o)
	if err != nil || again.Uploaded+again.AlreadyHere != 30 || again.AlreadyHere < s.Uploaded {
		t.Fatalf("second run: %v, %+v", err, again)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.documents); n != 30 {
		t.Errorf("%d documents for 30 files", n)
	}
}

func TestWhatWasSentAtCtrlCCounts(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"a.txt": "a"})
	p := newPeer(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	ctrlC := errors.New("ctrl-c")
	p.onComplete = func(_ int, _ http.ResponseWriter, r *http.Request, _ *held) bool {
		cancel(ctrlC)
		select {
		case <-r.Context().Done(): // the client hung up
		case <-time.After(100 * time.Millisecond):
		}
		return false
	}
	s, err := runWith(ctx, t, p, push.Options{Paths: []string{filepath.Join(dir, "a.txt")}}, &log{})
	if !errors.Is(err, ctrlC) || s.Uploaded != 1 || !s.Interrupted {
		t.Errorf("%v, %+v", err, s)
	}
}

func TestFourAtATimeAndOneHashedAhead(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for i := range 16 {
		files[fmt.Sprintf("d/%02d", i)] = fmt.Sprintf("%02d", i)
	}
	dir := write(t, files)
	p := newPeer(t)
	var begun, through atomic.Int64
	full := make(chan struct{})
	var once sync.Once
	enough := time.AfterFunc(500*time.Millisecond, func() { once.Do(func() { close(full) }) })
	defer enough.Stop()
	l := &log{started: func(string) {
		// Four on the line, one hashed and waiting for a place.
		if n := begun.Add(1) - through.Load(); n > 6 {
			t.Errorf("%d files were begun before their turn", n)
		}
	}}
	p.onPut = func(n int, _ http.ResponseWriter, _ *http.Request, _ *held) bool {
		if n == 5 {
			once.Do(func() { close(full) })
		}
		<-full // the first four wait whether a fifth comes
		return false
	}
	p.onComplete = func(int, http.ResponseWriter, *http.Request, *held) bool { through.Add(1); return false }
	if s, err := runWith(t.Context(), t, p, push.Options{Paths: []string{filepath.Join(dir, "d")}}, l); err != nil || s.Uploaded != 16 {
		t.Fatalf("%v, %+v", err, s)
	}
	if n := p.mostPuts(); n != 4 {
		t.Errorf("%d files on the line at once, want 4", n)
	}
}

func TestMemoryDoesNotGrowWithTheFile(t *testing.T) {
	// Not parallel: it counts what the process allocates.
	dir := t.TempDir()
	name := filepath.Join(dir, "large.bin")
	f, err := os.Create(name)
	if err == nil {
		err = errors.Join(f.Truncate(256<<20), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	p := newPeer(t)
	p.onPut = func(_ int, w http.ResponseWriter, r *http.Request, d *held) bool {
		n, _ := io.Copy(io.Discard, r.Body)
		p.mu.Lock()
		defer p.mu.Unlock()
		if n == d.Size {
			d.bytes = []byte{}
		}
		return true
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, _, err := run(t, p, push.Options{Paths: []string{name}}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
		t.Errorf("%s allocated for a file of 256 MiB", push.Bytes(int64(grown)))
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"d/good.txt": "a", "d/bad.pdf": "b", "d/lied.txt": "c"})
	p := newPeer(t)
	p.onStatus = func(n int, d *held) string {
		switch {
		case n < 8:
			return "processing"
		case d.Filename == "bad.pdf":
			return "failed"
		case d.Filename == "lied.txt":
			return "rejected"
		}
		return "ready"
	}
	l, s, err := run(t, p, push.Options{Paths: []string{filepath.Join(dir, "d")}, Wait: true})
	if !errors.Is(err, push.ErrFailed) || s.Uploaded != 2 || s.Failed != 1 {
		t.Fatalf("%v, %+v", err, s)
	}
	if r := l.of(t, "good.txt"); r.Document == nil || r.Document.Status != "ready" || r.Document.Topic != "invoice" || r.Steps.Ready <= 0 {
		t.Errorf("%+v", r)
	}
	if r := l.of(t, "bad.pdf"); r.Status != push.Uploaded || r.Document.Status != "failed" {
		t.Errorf("%+v", r)
	}
	if r := l.of(t, "lied.txt"); r.Status != push.Failed || r.Code != "document_rejected" {
		t.Errorf("%+v", r)
	}
}
