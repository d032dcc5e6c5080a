// Package storagetest gives tests a real S3 server, and holds the conformance
// suite that every storage driver and every server passes.
//
// The server is the embedded one, started once for a test binary, in a child
// process: it changes its working folder, and the test's own has to stay where
// testdata is. The child is this same binary; it ends and removes its files
// when the test process has ended, however that happened. With TEST_S3_ENDPOINT,
// TEST_S3_ACCESS_KEY and TEST_S3_SECRET_KEY (and TEST_S3_REGION) set, the tests
// use that server instead; TEST_S3_LACKS names, by commas, what it cannot do
// (see [Lack]).
package storagetest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"docuvault/shared/s3server"
	"docuvault/shared/secret"
	"docuvault/shared/storage"
)

// childVariable holds the data folder, in the child only.
const childVariable = "DOCUVAULT_STORAGETEST_CHILD"

const (
	accessKey = "storagetest"
	secretKey = "storagetest-secret"
	ready     = "READY "
)

// The child has to become the server before the test binary's main runs.
func init() {
	if dir := os.Getenv(childVariable); dir != "" {
		if err := serveChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// serveChild runs the server until standard input ends, which is when the
// parent has.
func serveChild(dir string) error {
	server, err := s3server.Start(context.Background(), s3server.Config{
		Dir: dir, AccessKey: accessKey, SecretKey: secret.New(secretKey),
		Versioning: true, NoSync: true,
	})
	if err != nil {
		return err
	}
	fmt.Println(ready + server.URL)
	_, _ = io.Copy(io.Discard, os.Stdin)
	return errors.Join(server.Close(), os.RemoveAll(dir))
}

// server is what the tests run on.
type server struct {
	url, region, accessKey, secretKey string
	dir                               string // of the embedded one; "" for another
	lacks                             map[Lack]bool
}

// theServer starts the child, or names the external server, once.
var theServer = sync.OnceValues(func() (*server, error) {
	if endpoint := os.Getenv("TEST_S3_ENDPOINT"); endpoint != "" {
		s := &server{
			url: endpoint, region: os.Getenv("TEST_S3_REGION"),
			accessKey: os.Getenv("TEST_S3_ACCESS_KEY"), secretKey: os.Getenv("TEST_S3_SECRET_KEY"),
			lacks: map[Lack]bool{},
		}
		if s.region == "" {
			s.region = "us-east-1"
		}
		for lack := range strings.SplitSeq(os.Getenv("TEST_S3_LACKS"), ",") {
			if lack != "" && !known[Lack(lack)] {
				return nil, fmt.Errorf("TEST_S3_LACKS: %q is unknown", lack)
			}
			s.lacks[Lack(lack)] = true
		}
		return s, nil
	}
	return startChild()
})

// stdin stays open as long as this process lives; the child watches it.
var stdin io.WriteCloser //nolint:unused // held, not read: a collected pipe would end the child

func startChild() (*server, error) {
	dir, err := os.MkdirTemp("", "docuvault-storagetest-")
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var stderr bytes.Buffer
	cmd := exec.Command(self)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), childVariable+"="+dir)
	cmd.Stderr = &stderr
	if stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), ready); ok {
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			return &server{
				url: address, region: "us-east-1", accessKey: accessKey, secretKey: secretKey,
				dir: dir, lacks: map[Lack]bool{},
			}, nil
		}
	}
	_ = cmd.Wait()
	return nil, fmt.Errorf("the storage server for tests did not start: %s", stderr.String())
}

// Start returns a Store with two fresh, empty buckets of the process's one
// server. It is safe in parallel tests; the buckets go with the test.
func Start(t testing.TB) *storage.Store {
	t.Helper()
	store, err := storage.New(Config(t))
	if err != nil {
		t.Fatalf("open storage: %v", err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// Environ is Start for whoever builds a host.Env: the S3_* variables of two
// fresh buckets. storage.Open on them is the Store.
func Environ(t testing.TB) []string {
	t.Helper()
	c := Config(t)
	return []string{
		"S3_ENDPOINT=" + c.Endpoint, "S3_REGION=" + c.Region,
		"S3_BUCKET=" + c.Bucket, "S3_DERIVED_BUCKET=" + c.DerivedBucket,
		"S3_ACCESS_KEY=" + c.AccessKey, "S3_SECRET_KEY=" + c.SecretKey.Reveal(),
	}
}

// Config returns the configuration of two fresh buckets, which exist.
func Config(t testing.TB) storage.Config {
	t.Helper()
	s := running(t)
	random := make([]byte, 8)
	_, _ = rand.Read(random) // never fails (crypto/rand)
	name := "t" + hex.EncodeToString(random)
	cfg := storage.Config{
		Endpoint: s.url, Region: s.region, Bucket: name + "-documents", DerivedBucket: name + "-derived",
		AccessKey: s.accessKey, SecretKey: secret.New(s.secretKey),
	}
	store, err := storage.New(cfg)
	if err != nil {
		t.Fatalf("open storage: %v", err)
	}
	defer func() { _ = store.Close() }()
	if err := store.EnsureBuckets(t.Context()); err != nil {
		t.Fatalf("make buckets: %v", err)
	}
	t.Cleanup(func() {
		for _, bucket := range []string{cfg.Bucket, cfg.DerivedBucket} {
			s.drop(t, bucket)
		}
	})
	return cfg
}

func running(t testing.TB) *server {
	t.Helper()
	s, err := theServer()
	if err != nil {
		t.Fatalf("storage server: %v", err)
	}
	return s
}

// drop removes a bucket and all in it.
func (s *server) drop(t testing.TB, bucket string) {
	if s.dir != "" {
		for _, kind := range []string{"objects", "versions", "metadata"} {
			if err := os.RemoveAll(filepath.Join(s.dir, kind, bucket)); err != nil {
				t.Errorf("remove bucket: %v", err)
			}
		}
		return
	}
	// The test's own context has ended.
	ctx, client := context.Background(), s.client(t)
	for o := range client.ListObjectsIter(ctx, bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: !s.lacks[Versioning]}) {
		if o.Err != nil {
			t.Errorf("empty bucket: %v", o.Err)
			return
		}
		if err := client.RemoveObject(ctx, bucket, o.Key, minio.RemoveObjectOptions{VersionID: o.VersionID}); err != nil {
			t.Errorf("empty bucket: %v", err)
		}
	}
	if err := client.RemoveBucket(ctx, bucket); err != nil {
		t.Errorf("remove bucket: %v", err)
	}
}

// KeepVersions makes a bucket of [Environ] keep every version of its objects. It
// fails the test where the server cannot.
func KeepVersions(t testing.TB, bucket string) {
	t.Helper()
	if err := running(t).client(t).EnableVersioning(t.Context(), bucket); err != nil {
		t.Fatalf("enable versioning: %v", err)
	}
}

// EachVersion calls each for every version that a bucket has of objects below
// prefix, with its content, and for every delete marker, with nil.
func EachVersion(t testing.TB, bucket, prefix string, each func(key string, content []byte)) {
	t.Helper()
	client := running(t).client(t)
	for o := range client.ListObjectsIter(t.Context(), bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, WithVersions: true}) {
		if o.Err != nil {
			t.Fatalf("list versions: %v", o.Err)
		}
		if o.IsDeleteMarker {
			each(o.Key, nil)
			continue
		}
		body, err := client.GetObject(t.Context(), bucket, o.Key, minio.GetObjectOptions{VersionID: o.VersionID})
		if err != nil {
			t.Fatalf("read a version of %s: %v", o.Key, err)
		}
		content, err := io.ReadAll(body)
		_ = body.Close()
		if err != nil {
			t.Fatalf("read a version of %s: %v", o.Key, err)
		}
		each(o.Key, content)
	}
}

// client is for what the storage package does not do: versioning.
func (s *server) client(t testing.TB) *minio.Client {
	t.Helper()
	u, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(s.accessKey, s.secretKey, ""),
		Secure: u.Scheme == "https", Region: s.region,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}
