// Package servers runs real servers for tests: ministack and LocalStack (SQS, and
// S3 that notifies it), MinIO, SeaweedFS, Mailpit, PgBouncer and Pebble. All of
// them are other people's programs, run as programs of their own, on a free port
// of this machine, with a folder that goes with them.
//
// It promises that a server ends, and its folder with it, when its [Server] is
// stopped and when the process that started it has ended, however that
// happened: a second process of the same binary, between the two, waits for
// that and ends the server by its process id.
//
// Where a server cannot be had (no Python, no network, not built), the error
// says what is missing; tests pass it to testenv.NotRun.
package servers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Server is one that runs.
type Server struct {
	// URL is its address: scheme, host and port.
	URL string
	// AccessKey and SecretKey are what it takes.
	AccessKey, SecretKey string
	// Dir is its folder, with its data and its log.
	Dir string

	keeper *exec.Cmd
	stdin  io.WriteCloser
	ended  chan struct{}
}

// ErrMissing is the kind of an error that says which program is not there.
var ErrMissing = errors.New("not on this machine")

// startWithin is how long a start may take on a busy machine.
const startWithin = 90 * time.Second

// keys of every server, none of them a secret.
const (
	accessKey = "servertest"
	secretKey = "servertest-secret"
)

// program is what to run, as the keeper reads it.
type program struct {
	Args  []string // the program's path first
	Env   []string
	Dir   string            // its folder, removed at the end
	Files map[string]string `json:"-"` // in its folder, by name, there before it starts
}

const logName = "log"

// start runs what build makes of a free port and a folder, and waits until the
// path health answers 200; "" is a server that does not speak HTTP, which has to
// take connections. Another process may take the port in between; then it tries
// again.
func start(ctx context.Context, name, health string, build func(address, dir string) program) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	var err error
	for range 3 {
		var s *Server
		if s, err = startOnce(ctx, health, build); err == nil {
			return s, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("start %s: %w", name, err)
}

func startOnce(ctx context.Context, health string, build func(address, dir string) program) (*Server, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "docuvault-server-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	p := build(address, dir)
	p.Dir = dir
	for name, content := range p.Files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
	s := &Server{URL: "http://" + address, AccessKey: accessKey, SecretKey: secretKey, Dir: dir, ended: make(chan struct{})}
	if err := s.keep(p); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.healthy(ctx, health); err != nil {
		err = fmt.Errorf("%w\n%s", err, s.Log())
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// keep starts the keeper.
func (s *Server) keep(p program) error {
	what, err := json.Marshal(p)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	s.keeper = exec.Command(self) // ourselves; ended by its input
	s.keeper.Env = append(os.Environ(), keeperVariable+"="+string(what))
	// Not our standard error: "go test" waits until everybody has closed that.
	apart(s.keeper)
	if s.stdin, err = s.keeper.StdinPipe(); err != nil {
		return err
	}
	if err := s.keeper.Start(); err != nil {
		return fmt.Errorf("start the keeper: %w", err)
	}
	go func() {
		_ = s.keeper.Wait()
		close(s.ended)
	}()
	return nil
}

// Stop ends the server and removes its folder. It may be called again.
func (s *Server) Stop() error {
	_ = s.stdin.Close()
	late := time.AfterFunc(stopWithin+10*time.Second, func() { _ = s.keeper.Process.Kill() })
	<-s.ended
	if !late.Stop() {
		return errors.New("the keeper of a server did not end in time")
	}
	return os.RemoveAll(s.Dir) // if the keeper could not
}

// Log is the end of what the server printed.
func (s *Server) Log() string {
	content, err := os.ReadFile(filepath.Join(s.Dir, logName))
	if err != nil {
		return ""
	}
	return string(content[max(0, len(content)-4000):])
}

func (s *Server) healthy(ctx context.Context, path string) error {
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		if path == "" && accepts(ctx, s.Addr()) || path != "" && answers(ctx, s.URL+path) {
			return nil
		}
		select {
		case <-s.ended:
			return errors.New("it ended before it answered")
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// Addr is host and port of the URL.
func (s *Server) Addr() string { return strings.TrimPrefix(s.URL, "http://") }

func accepts(ctx context.Context, address string) bool {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func answers(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}
