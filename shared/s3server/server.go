// Package s3server is the embedded S3 server of "docuvault serve": versitygw,
// in this process, on a folder.
//
// It promises: what it acknowledged survives a crash and a power cut (files and
// folders are synced before the answer), a write that it refused left nothing,
// and each new object is reported to a callback in the form of an S3 event
// after it is durable. The callback is a hint: it cannot fail or delay a write,
// and a lost one is found by the reconciler.
//
// Two things bind the whole process. Only one server may run in it at a time,
// and versitygw works with paths relative to the working folder, so [Start]
// changes the working folder to the data folder until [Server.Close]. A process
// that starts it makes every path of its own absolute first.
//
// Only cmd/docuvault and tests link this package: it adds 14 MB.
package s3server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"

	"docuvault/shared/secret"
)

// Config says where the server keeps its data and who may use it.
type Config struct {
	// Dir holds everything: objects/, and beside it versions/ and, on file
	// systems without extended attributes, metadata/. It is made with mode 0700
	// if it is missing. A relative path counts from the working folder at Start.
	Dir string
	// Listen is host:port; port 0 takes a free one. Default 127.0.0.1:0.
	Listen string
	// AccessKey and SecretKey are the one account there is.
	AccessKey string
	SecretKey secret.Text
	// Region is what clients must sign for. Default us-east-1.
	Region string

	// Events, if set, gets an S3 event record (JSON, eventVersion 2.1) for each
	// object written by PutObject or CompleteMultipartUpload, after it is
	// durable. It runs beside the request, at most 10 s; an error or a panic in
	// it is logged and nothing more.
	Events func(ctx context.Context, body []byte) error
	// EventBuckets limits Events to these buckets; empty means all.
	EventBuckets []string

	// Versioning lets clients enable bucket versioning. versitygw prints one
	// line about it to standard output; nothing else is printed.
	Versioning bool
	// NoSync skips syncing to disk: for tests, which do not pull the plug.
	NoSync bool

	// Log and Now default to slog.Default and time.Now.
	Log *slog.Logger
	Now func() time.Time
}

// Server is a running S3 server.
type Server struct {
	// Addr is host:port as bound.
	Addr string
	// URL is http:// and Addr.
	URL string

	stop    context.CancelFunc
	done    chan struct{}
	err     error // of the server's end; read after done
	events  *emitter
	before  string // the working folder before Start
	closing sync.Once
}

// running guards the process: a second start would move the working folder
// under the first server's feet.
var running atomic.Bool

// bindAttempts bounds how often Start picks another free port when somebody
// took the one it had found.
const bindAttempts = 5

// Start starts the server and returns once it accepts connections. It stops
// when ctx ends or Close is called.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Dir == "" || cfg.AccessKey == "" || cfg.SecretKey.IsZero() {
		return nil, errors.New("s3server: Dir, AccessKey and SecretKey are needed")
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if !running.CompareAndSwap(false, true) {
		return nil, errors.New("s3server: a server already runs in this process")
	}
	s, err := start(ctx, cfg)
	if err != nil {
		running.Store(false)
		return nil, err
	}
	return s, nil
}

func start(ctx context.Context, cfg Config) (*Server, error) {
	before, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("s3server: find the working folder: %w", err)
	}
	// Absolute before versitygw changes the working folder.
	dirs, err := openDirs(cfg.Dir, cfg.Versioning)
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		s, err := bind(ctx, cfg, dirs)
		if err == nil {
			s.before = before
			return s, nil
		}
		if _, port, _ := net.SplitHostPort(cfg.Listen); port != "0" || attempt == bindAttempts {
			_ = os.Chdir(before)
			return nil, fmt.Errorf("s3server: listen on %s: %w", cfg.Listen, err)
		}
	}
}

// bind makes one attempt to start.
func bind(ctx context.Context, cfg Config, dirs dirs) (*Server, error) {
	addr, err := freeAddr(cfg.Listen)
	if err != nil {
		return nil, err
	}
	be, err := openPosix(dirs)
	if err != nil {
		return nil, err
	}
	// Its own cancellation, so that a write is not cut off by the caller's ctx
	// in the middle of the graceful stop.
	runCtx, stop := context.WithCancel(ctx)
	s := &Server{
		Addr: addr, URL: "http://" + addr,
		stop: stop, done: make(chan struct{}),
		events: newEmitter(cfg),
	}
	listening := make(chan struct{})
	go func() {
		defer close(s.done)
		s.err = embedgw.RunVersityGW(runCtx, &notifying{Backend: be, events: s.events, sync: syncer(cfg, dirs), pin: pinner(dirs)}, &embedgw.Config{
			RootUserAccess: cfg.AccessKey,
			RootUserSecret: cfg.SecretKey.Reveal(),
			// Given, because the built-in choice prints a line.
			IAMService:     auth.NewIAMServiceSingle(auth.Account{Access: cfg.AccessKey, Secret: cfg.SecretKey.Reveal(), Role: auth.RoleAdmin}),
			Region:         cfg.Region,
			Ports:          []string{addr},
			MaxConnections: 4096,
			// More than this at once are told to slow down (503).
			MaxRequests:       1024,
			MultipartMaxParts: 10_000,
			Quiet:             true,
			// A connection a request: versitygw's stop waits 10 s for idle ones,
			// and see Proxy for what it makes of unread bodies.
			KeepAlive:   false,
			DisableACLs: true,
			S3Options:   []s3api.Option{s3api.WithOnListen(func() { close(listening) })},
		})
	}()
	select {
	case <-listening:
		return s, nil
	case <-s.done:
		stop()
		if s.err == nil {
			s.err = context.Cause(ctx)
		}
		return nil, s.err
	}
}

// freeAddr turns port 0 into a free port, since versitygw does not tell which
// one it got.
func freeAddr(listen string) (string, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

// Done is closed when the server has ended, by Close, by its context, or by
// itself; Err then says why.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err returns why the server ended by itself; nil while it runs and after an
// ordered stop.
func (s *Server) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Close stops taking connections, waits up to 10 s for requests that run and up
// to 10 s for their events, and gives the process its working folder back.
func (s *Server) Close() error {
	s.closing.Do(func() {
		s.stop()
		<-s.done
		s.events.wait()
		_ = os.Chdir(s.before)
		running.Store(false)
	})
	return s.Err()
}

// Handler serves these buckets of the server on the vault's own port; see [Proxy].
func (s *Server) Handler(buckets ...string) *ProxyHandler {
	return Proxy(&url.URL{Scheme: "http", Host: s.Addr}, buckets...)
}

// dirs are the folders of a data folder, absolute. versions and metadata are ""
// if unused.
type dirs struct{ objects, versions, metadata string }

// How object metadata is stored is decided once for a data folder, by this file
// in it: moving the folder to another file system must not silently lose every
// checksum and content type.
const (
	formatFile    = "metadata-format"
	formatXattr   = "xattr"
	formatSidecar = "sidecar"
)

// openDirs makes the folders and decides where metadata goes.
func openDirs(dir string, versioning bool) (dirs, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return dirs{}, fmt.Errorf("s3server: find the data folder: %w", err)
	}
	d := dirs{objects: filepath.Join(root, "objects")}
	if err := os.MkdirAll(d.objects, 0o700); err != nil {
		return dirs{}, fmt.Errorf("s3server: make the data folder: %w", err)
	}
	if versioning {
		d.versions = filepath.Join(root, "versions")
		if err := os.MkdirAll(d.versions, 0o700); err != nil {
			return dirs{}, fmt.Errorf("s3server: make the versions folder: %w", err)
		}
	}

	xattrWorks := meta.XattrMeta{}.Test(d.objects) == nil
	marker := filepath.Join(root, formatFile)
	format, err := os.ReadFile(marker)
	if errors.Is(err, fs.ErrNotExist) {
		format = []byte(formatSidecar)
		if xattrWorks {
			format = []byte(formatXattr)
		}
		err = os.WriteFile(marker, format, 0o600)
	}
	if err != nil {
		return dirs{}, fmt.Errorf("s3server: metadata format: %w", err)
	}
	switch string(format) {
	case formatXattr:
		if !xattrWorks {
			return dirs{}, fmt.Errorf("s3server: the objects in %s keep their checksums and types in extended attributes, and this file system has none: move the folder back, or to one that has (ext4, xfs, btrfs, zfs, apfs), with a program that copies them (cp -a, rsync -X)", d.objects)
		}
	case formatSidecar:
		d.metadata = filepath.Join(root, "metadata")
		if err := os.MkdirAll(d.metadata, 0o700); err != nil {
			return dirs{}, fmt.Errorf("s3server: make the metadata folder: %w", err)
		}
	default:
		return dirs{}, fmt.Errorf("s3server: %s holds %q; it has to hold %q or %q", marker, format, formatXattr, formatSidecar)
	}
	return d, nil
}

// openPosix opens versitygw's file backend. It changes the working folder.
func openPosix(d dirs) (*posix.Posix, error) {
	var store meta.MetadataStorer = meta.XattrMeta{}
	if d.metadata != "" {
		sidecar, err := meta.NewSideCar(d.metadata)
		if err != nil {
			return nil, fmt.Errorf("open the metadata folder: %w", err)
		}
		store = sidecar
	}
	opts := posix.PosixOpts{
		VersioningDir:       d.versions,
		ValidateBucketNames: true,
		// 5 GiB, S3's own limit; 0 would refuse every copy.
		CopyObjectThreshold: 5 << 30,
		// One buffer a request in flight; versitygw's own 1 MiB gains nothing.
		IOBufferSize: 128 << 10,
	}
	opts.SetNewDirPerm(0o700)
	opts.SetNewFilePerm(0o600)
	return posix.New(d.objects, store, opts)
}
