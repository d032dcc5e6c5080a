package s3server_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"docuvault/shared/s3server"
	"docuvault/shared/secret"
	"docuvault/shared/storage"
)

// A test that needs a server of its own runs this binary again as a child with
// these: a server is one a process, and changes its working folder.
const childVariable = "S3SERVER_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		if err := child(dir); err != nil {
			fmt.Println("ERROR", err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	closeShared()
	os.Exit(code)
}

const region = "eu-central-1"

// child serves dir until standard input ends. Each line of its output is a word
// and a value; anything else was printed by the server.
func child(dir string) error {
	before, err := os.Getwd()
	if err != nil {
		return err
	}
	server, err := s3server.Start(context.Background(), s3server.Config{
		Dir: dir, AccessKey: "key", SecretKey: secret.New("secret"), Region: region,
		Events: func(_ context.Context, body []byte) error {
			fmt.Printf("EVENT %s\n", body)
			return nil
		},
	})
	if err != nil {
		return err
	}
	fmt.Println("URL", server.URL)
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := server.Close(); err != nil {
		return err
	}
	after, err := os.Getwd()
	if err == nil && after != before {
		err = fmt.Errorf("the working folder was %s and is %s", before, after)
	}
	fmt.Println("CLOSED", server.Err())
	return err
}

// process is a child.
type process struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	output *bufio.Scanner
	url    string
	events []string
}

func startChild(t *testing.T, working, dir string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(self)}
	p.cmd.Dir = working
	p.cmd.Env = append(os.Environ(), childVariable+"="+dir)
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = p.cmd.Stdout // nothing may be printed there either
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	p.stdin, p.output = stdin, bufio.NewScanner(stdout)
	p.url = p.next(t, "URL ")
	return p
}

// next reads up to the line that begins with word and returns the rest of it.
func (p *process) next(t *testing.T, word string) string {
	t.Helper()
	for p.output.Scan() {
		line := p.output.Text()
		if value, ok := strings.CutPrefix(line, word); ok {
			return value
		}
		event, ok := strings.CutPrefix(line, "EVENT ")
		if !ok {
			t.Fatalf("the server printed: %s", line)
		}
		p.events = append(p.events, event)
	}
	t.Fatalf("the server ended before %s", word)
	return ""
}

func (p *process) open(t *testing.T) *storage.Store {
	t.Helper()
	return open(t, p.url, "docuvault", "key", "secret")
}

func open(t *testing.T, endpoint, bucket, key, password string) *storage.Store {
	t.Helper()
	store, err := storage.New(storage.Config{
		Endpoint: endpoint, Region: region, Bucket: bucket, DerivedBucket: bucket + "-derived",
		AccessKey: key, SecretKey: secret.New(password),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if err := store.EnsureBuckets(t.Context()); err != nil {
		t.Fatal(err)
	}
	return store
}

// What was acknowledged is there after a kill, from a relative data folder,
// with extended attributes and with sidecar files.
func TestSurvivesKill(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"", "sidecar"} {
		t.Run("metadata "+format, func(t *testing.T) {
			t.Parallel()
			working := t.TempDir()
			if format != "" {
				if err := os.MkdirAll(filepath.Join(working, "vault", "s3"), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(working, "vault", "s3", "metadata-format"), []byte(format), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			dir := filepath.Join("vault", "s3")
			body := bytes.Repeat([]byte("paper "), 1000)
			const key = "user/document/ä +1.pdf"

			first := startChild(t, working, dir)
			put(t, first.open(t), key, body)
			if err := first.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = first.cmd.Wait() // killed: its error says so
			if _, err := os.Stat(filepath.Join(working, dir, "objects", "docuvault", filepath.FromSlash(key))); err != nil {
				t.Errorf("the object is not under the relative data folder: %v", err)
			}

			second := startChild(t, working, dir)
			store := second.open(t)
			info, err := store.Documents.Stat(t.Context(), key)
			sum := sha256.Sum256(body)
			if err != nil || info.Size != 6000 || info.ContentType != "application/pdf" || !bytes.Equal(info.SHA256, sum[:]) {
				t.Errorf("after the kill: %+v, %v", info, err)
			}
			err = store.Documents.Put(t.Context(), key, strings.NewReader("x"), 1, storage.PutOptions{IfAbsent: true})
			if !errors.Is(err, storage.ErrExists) {
				t.Errorf("a conditional write after the kill: %v", err)
			}
			if err := second.stdin.Close(); err != nil {
				t.Fatal(err)
			}
			if got := second.next(t, "CLOSED "); got != "<nil>" {
				t.Errorf("closed with %s", got)
			}
			if err := second.cmd.Wait(); err != nil {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

func put(t *testing.T, store *storage.Store, key string, body []byte) {
	t.Helper()
	err := store.Documents.Put(t.Context(), key, bytes.NewReader(body), int64(len(body)), storage.PutOptions{ContentType: "application/pdf"})
	if err != nil {
		t.Fatal(err)
	}
}

// A user's last document may be purged while another is sent: the folder that
// both lie in must not go away under the write.
func TestWritesBesideDeletes(t *testing.T) {
	t.Parallel()
	store := startChild(t, t.TempDir(), t.TempDir()).open(t)
	var workers sync.WaitGroup
	for worker := range 8 {
		workers.Go(func() {
			for n := range 100 {
				key := fmt.Sprintf("user/%d-%d/paper.txt", worker, n)
				err := store.Documents.Put(t.Context(), key, strings.NewReader("x"), 1, storage.PutOptions{})
				if err == nil {
					err = store.Documents.Delete(t.Context(), key)
				}
				if err != nil {
					t.Errorf("%s: %v", key, err)
					return
				}
			}
		})
	}
	workers.Wait()
	for o, err := range store.Documents.(storage.Lister).List(t.Context(), "", "") {
		t.Errorf("listed %+v, %v", o, err)
	}
}

// A stop lets an upload that has begun end, and reports it.
func TestStopIsGraceful(t *testing.T) {
	t.Parallel()
	p := startChild(t, t.TempDir(), "s3")
	signer, err := storage.As[storage.Presigner](p.open(t).Documents)
	if err != nil {
		t.Fatal(err)
	}
	body := bytes.Repeat([]byte("0123456789"), 100_000)
	sum := sha256.Sum256(body)
	r, err := signer.PresignPut(t.Context(), "slow.pdf", storage.PutTerms{Size: int64(len(body)), ContentType: "application/pdf", SHA256: sum[:], TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	reader, writer := io.Pipe()
	// The server has the request when it asks for the body.
	asked := make(chan struct{})
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { close(asked) }})
	r.Headers["Expect"] = "100-continue"
	done := make(chan error, 1)
	go func() { done <- upload(ctx, r, reader, int64(len(body))) }()
	select {
	case <-asked:
	case err := <-done:
		t.Fatalf("refused: %v", err)
	}
	if err := p.stdin.Close(); err != nil { // stop
		t.Fatal(err)
	}
	if _, err := writer.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(writer.Close(), <-done); err != nil {
		t.Errorf("the upload that had begun: %v", err)
	}
	p.next(t, "CLOSED ")
	if len(p.events) != 1 || !strings.Contains(p.events[0], `"key":"slow.pdf","size":1000000`) {
		t.Errorf("events %q", p.events)
	}
}

// uploader waits until the server asks for a body that it was told to expect.
var uploader = &http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute}}

// upload sends a request as a client does.
func upload(ctx context.Context, r storage.Request, body io.Reader, size int64) error {
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, body)
	if err != nil {
		return err
	}
	req.ContentLength = size
	for name, value := range r.Headers {
		req.Header.Set(name, value)
	}
	res, err := uploader.Do(req)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("%d %s", res.StatusCode, answer))
	}
	return errors.Join(err, res.Body.Close())
}

// shared is the one server of this process, for tests that need none of their
// own. Events go to the channel of their bucket.
var shared = sync.OnceValues(func() (*s3server.Server, error) {
	dir, err := os.MkdirTemp("", "docuvault-s3server-")
	if err != nil {
		return nil, err
	}
	server, err := s3server.Start(context.Background(), s3server.Config{
		Dir: dir, AccessKey: "key", SecretKey: secret.New("secret"), Region: region, Versioning: true,
		Events: func(_ context.Context, body []byte) error {
			if e := eventOf(body); e.bucket != "" {
				if ch, ok := listeners.Load(e.bucket); ok {
					ch.(chan event) <- e
				}
			}
			return nil
		},
	})
	if err == nil {
		closeShared = func() { _ = errors.Join(server.Close(), os.RemoveAll(dir)) }
	}
	return server, err
})

var (
	closeShared = func() {}
	listeners   sync.Map // bucket -> chan event
)

type event struct{ version, name, bucket, key string }

func eventOf(body []byte) event {
	var n struct {
		Records []struct {
			EventVersion, EventName string
			S3                      struct {
				Bucket struct{ Name string }
				Object struct{ Key string }
			}
		}
	}
	if err := json.Unmarshal(body, &n); err != nil || len(n.Records) != 1 {
		return event{}
	}
	r := n.Records[0]
	key, err := url.QueryUnescape(r.S3.Object.Key)
	if err != nil {
		return event{}
	}
	return event{r.EventVersion, r.EventName, r.S3.Bucket.Name, key}
}

func running(t *testing.T) *s3server.Server {
	t.Helper()
	server, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func TestEventsAfterTheObject(t *testing.T) {
	t.Parallel()
	events := make(chan event, 8)
	listeners.Store("events", events)
	store := open(t, running(t).URL, "events", "key", "secret")
	put(t, store, "u/ä +1.pdf", []byte("x"))
	if got, want := <-events, (event{"2.1", "ObjectCreated:Put", "events", "u/ä +1.pdf"}); got != want {
		t.Errorf("event %+v, want %+v", got, want)
	}
	if _, err := store.Documents.Stat(t.Context(), "u/ä +1.pdf"); err != nil {
		t.Errorf("the event came before the object: %v", err)
	}

	multi, err := storage.As[interface {
		storage.Multipart
		storage.Presigner
	}](store.Documents)
	if err != nil {
		t.Fatal(err)
	}
	id, err := multi.NewMultipart(t.Context(), "u/m.pdf", storage.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("part"))
	r, err := multi.PresignPart(t.Context(), "u/m.pdf", id, storage.PartTerms{Number: 1, Size: 4, SHA256: sum[:], TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if err := upload(t.Context(), r, strings.NewReader("part"), 4); err != nil {
		t.Fatal(err)
	}
	parts, err := multi.ListParts(t.Context(), "u/m.pdf", id)
	if err != nil {
		t.Fatal(err)
	}
	if err := multi.Complete(t.Context(), "u/m.pdf", id, parts); err != nil {
		t.Fatal(err)
	}
	// Neither beginning nor sending a part is an event: the next one is this.
	if got, want := <-events, (event{"2.1", "ObjectCreated:CompleteMultipartUpload", "events", "u/m.pdf"}); got != want {
		t.Errorf("event %+v, want %+v", got, want)
	}

	// A refused write is no event: the next one is that of a later write.
	err = store.Documents.Put(t.Context(), "u/m.pdf", strings.NewReader("x"), 1, storage.PutOptions{IfAbsent: true})
	if !errors.Is(err, storage.ErrExists) {
		t.Errorf("conditional write: %v", err)
	}
	put(t, store, "u/later.pdf", []byte("x"))
	if got := <-events; got.key != "u/later.pdf" {
		t.Errorf("an event for a refused write: %+v", got)
	}
}

func TestOneAProcess(t *testing.T) {
	t.Parallel()
	running(t)
	before, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	// Refused before it touches the working folder, not after.
	second, err := s3server.Start(t.Context(), s3server.Config{Dir: t.TempDir(), AccessKey: "key", SecretKey: secret.New("secret")})
	if err == nil || !strings.Contains(err.Error(), "already runs in this process") {
		t.Errorf("a second server: %+v, %v", second, err)
	}
	if after, err := os.Getwd(); err != nil || after != before {
		t.Errorf("the refused start moved the working folder to %s, %v", after, err)
	}
}

var testSecret = secret.New("secret")
