package storagetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/minio/minio-go/v7"

	"docuvault/shared/storage"
)

// Lack is something that a server cannot do. A suite on it says so by name;
// there is no silent skipping.
type Lack string

// What servers are known to lack.
const (
	// Versioning: a bucket's versions cannot be enabled and listed.
	Versioning Lack = "versioning"
	// ListUploads: open multipart uploads are not listed (MinIO).
	ListUploads Lack = "list-uploads"
	// Checksums: storage does not verify checksums (ministack).
	Checksums Lack = "checksums"
	// PartChecksums: ListParts does not tell them, and an upload that has some
	// cannot be completed without (SeaweedFS).
	PartChecksums Lack = "part-checksums"
	// ResentParts: a part that was sent twice is listed twice, in no order that
	// tells which is the newer one (SeaweedFS).
	ResentParts Lack = "resent-parts"
	// ListOrder: keys are not listed in the order of bytes, but folder by folder
	// (SeaweedFS), or go on from where a URL's escapes sort (LocalStack).
	ListOrder Lack = "list-order"
	// MissingBucket: writing to a bucket that is not there makes it (SeaweedFS).
	MissingBucket Lack = "missing-bucket"
	// Signatures: a request that has none is let in (LocalStack).
	Signatures Lack = "signatures"
)

var known = map[Lack]bool{
	Versioning: true, ListUploads: true, Checksums: true,
	PartChecksums: true, ResentParts: true, ListOrder: true, MissingBucket: true,
	Signatures: true,
}

// Subject is what the suite runs on: fresh for each test.
type Subject struct {
	// Backend is an empty bucket.
	Backend storage.Backend
	// Missing is a bucket that does not exist.
	Missing storage.Backend
	// EnableVersions and CountVersions (delete markers included) are nil where
	// Lacks has Versioning.
	EnableVersions func(t *testing.T)
	CountVersions  func(t *testing.T, key string) int
	Lacks          map[Lack]bool
}

// S3 is the Subject on the process's one server: for Run.
func S3(t *testing.T) Subject {
	t.Helper()
	cfg := Config(t)
	store, err := storage.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	gone := cfg
	gone.Bucket, gone.DerivedBucket = cfg.Bucket+"-gone", cfg.DerivedBucket+"-gone"
	missing, err := storage.New(gone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(store.Close(), missing.Close()) })
	s := running(t)
	subject := Subject{Backend: store.Documents, Missing: missing.Documents, Lacks: s.lacks}
	if s.lacks[Versioning] {
		return subject
	}
	client := s.client(t)
	subject.EnableVersions = func(t *testing.T) {
		if err := client.EnableVersioning(t.Context(), cfg.Bucket); err != nil {
			t.Fatalf("enable versioning: %v", err)
		}
	}
	subject.CountVersions = func(t *testing.T, key string) (n int) {
		for o := range client.ListObjectsIter(t.Context(), cfg.Bucket, minio.ListObjectsOptions{Prefix: key, Recursive: true, WithVersions: true}) {
			if o.Err != nil {
				t.Fatalf("list versions: %v", o.Err)
			}
			if o.Key == key {
				n++
			}
		}
		return n
	}
	return subject
}

// Run holds a driver, on a server, to what package storage promises.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Subject)
	}{
		{"PutGetStat", testPutGetStat},
		{"OddKeys", testOddKeys},
		{"Replace", testReplace},
		{"WrongLength", testWrongLength},
		{"Absent", testAbsent},
		{"MissingBucket", testMissingBucket},
		{"Delete", testDelete},
		{"DeleteAllVersions", testDeleteAllVersions},
		{"Cancelled", testCancelled},
		{"List", testList},
		{"ListPages", testListPages},
		{"PresignedPut", testPresignedPut},
		{"PresignedPutRefuses", testPresignedPutRefuses},
		{"PresignedPutOnce", testPresignedPutOnce},
		{"PresignedGet", testPresignedGet},
		{"PresignedGets", testPresignedGets},
		{"PresignTerms", testPresignTerms},
		{"Multipart", testMultipart},
		{"MultipartRefuses", testMultipartRefuses},
		{"MultipartStale", testMultipartStale},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, open(t))
		})
	}
}

// need skips what a server says it lacks.
func need(t *testing.T, s Subject, l Lack) {
	t.Helper()
	if s.Lacks[l] {
		t.Skipf("this server lacks %q", l)
	}
}

// can returns what the backend can do besides, or skips.
func can[T any](t *testing.T, s Subject) T {
	t.Helper()
	able, err := storage.As[T](s.Backend)
	if err != nil {
		t.Skip(err)
	}
	return able
}

// content is size bytes that differ from place to place.
func content(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i * 31 / 7)
	}
	return b
}

func sum(b []byte) []byte {
	s := sha256.Sum256(b)
	return s[:]
}

func put(t *testing.T, b storage.Backend, key string, body []byte) {
	t.Helper()
	if err := b.Put(t.Context(), key, bytes.NewReader(body), int64(len(body)), storage.PutOptions{ContentType: "application/pdf"}); err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
}

func get(t *testing.T, b storage.Backend, key string) ([]byte, storage.Info) {
	t.Helper()
	r, info, err := b.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("get %q: %v", key, err)
	}
	body, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatalf("read %q: %v", key, err)
	}
	return body, info
}

// mustBeAbsent proves that a refused or deleted object left nothing.
func mustBeAbsent(t *testing.T, b storage.Backend, key string) {
	t.Helper()
	if info, err := b.Stat(t.Context(), key); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("%q is there: %+v, %v", key, info, err)
	}
}

// stream hides that a reader can seek.
type stream struct{ io.Reader }

func testPutGetStat(t *testing.T, s Subject) {
	for _, size := range []int{0, 1, 1<<20 + 1, 5 << 20} {
		for _, seekable := range []bool{true, false} {
			key, want := fmt.Sprintf("sizes/%d-%t.pdf", size, seekable), content(size)
			var body io.Reader = bytes.NewReader(want)
			if !seekable {
				body = stream{body}
			}
			if err := s.Backend.Put(t.Context(), key, body, int64(size), storage.PutOptions{ContentType: "application/pdf"}); err != nil {
				t.Fatalf("put %s: %v", key, err)
			}
			got, info := get(t, s.Backend, key)
			if !bytes.Equal(got, want) {
				t.Errorf("%s: read %d bytes that differ", key, len(got))
			}
			stat, err := s.Backend.Stat(t.Context(), key)
			if err != nil {
				t.Fatalf("stat %s: %v", key, err)
			}
			for _, i := range []storage.Info{info, stat} {
				if i.Key != key || i.Size != int64(size) || i.ContentType != "application/pdf" || i.ETag == "" || i.Modified.IsZero() {
					t.Errorf("%s: info %+v", key, i)
				}
				if !s.Lacks[Checksums] && !bytes.Equal(i.SHA256, sum(want)) {
					t.Errorf("%s: SHA-256 %x, want %x", key, i.SHA256, sum(want))
				}
			}
		}
	}
	if err := s.Backend.Health(t.Context()); err != nil {
		t.Errorf("health: %v", err)
	}
}

func testOddKeys(t *testing.T, s Subject) {
	keys := []string{
		"plain.pdf", "deep/er/and/deeper/key.bin", "with space and + plus.pdf", "dots..in...it",
		"ä-é-日本語-🙂.pdf", "nfd-a\u0308.pdf", "nfc-ä.pdf", "percent%20%2F%.pdf", "query?a=b&c=d#frag;x.pdf",
		"quotes'\"`$()[]{}!,:@=~^|<>*.txt", strings.Repeat("k", 200) + "/" + strings.Repeat("ü", 100),
	}
	for _, key := range keys {
		put(t, s.Backend, key, []byte(key))
	}
	for _, key := range keys {
		if got, info := get(t, s.Backend, key); string(got) != key || info.Key != key {
			t.Errorf("%q holds %q, info %+v", key, got, info)
		}
	}
	if lister, err := storage.As[storage.Lister](s.Backend); err == nil {
		want := slices.Sorted(slices.Values(keys))
		if got := list(t, lister, "", ""); !slices.Equal(got, want) {
			t.Errorf("listed\n%q, want\n%q", got, want)
		}
	}
	for _, key := range keys {
		if err := s.Backend.Delete(t.Context(), key); err != nil {
			t.Errorf("delete %q: %v", key, err)
		}
		mustBeAbsent(t, s.Backend, key)
	}
}

func testReplace(t *testing.T, s Subject) {
	put(t, s.Backend, "a/b.pdf", []byte("first"))
	put(t, s.Backend, "a/b.pdf", []byte("second"))
	if got, _ := get(t, s.Backend, "a/b.pdf"); string(got) != "second" {
		t.Errorf("read %q", got)
	}
	for key, want := range map[string]error{"a/b.pdf": storage.ErrExists, "a/c.pdf": nil} {
		err := s.Backend.Put(t.Context(), key, strings.NewReader("third"), 5, storage.PutOptions{IfAbsent: true})
		if !errors.Is(err, want) {
			t.Errorf("put %s if absent: %v, want %v", key, err, want)
		}
	}
	if got, _ := get(t, s.Backend, "a/b.pdf"); string(got) != "second" {
		t.Errorf("after a refused write: %q", got)
	}
}

func testWrongLength(t *testing.T, s Subject) {
	const text = "twelve bytes"
	for _, size := range []int64{0, 11, 13, -1} {
		for name, body := range map[string]io.Reader{"seekable": strings.NewReader(text), "stream": stream{strings.NewReader(text)}} {
			key := fmt.Sprintf("%s-%d", name, size)
			if err := s.Backend.Put(t.Context(), key, body, size, storage.PutOptions{}); err == nil {
				t.Errorf("%s: 12 bytes were taken as %d", name, size)
			}
			mustBeAbsent(t, s.Backend, key)
		}
	}
}

func testAbsent(t *testing.T, s Subject) {
	mustBeAbsent(t, s.Backend, "never/was.pdf")
	if _, _, err := s.Backend.Get(t.Context(), "never/was.pdf"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
	if err := s.Backend.Delete(t.Context(), "never/was.pdf"); err != nil {
		t.Errorf("delete: %v", err)
	}
}

// An object must not look deleted because the configuration is wrong.
func testMissingBucket(t *testing.T, s Subject) {
	_, stat := s.Missing.Stat(t.Context(), "k")
	_, _, read := s.Missing.Get(t.Context(), "k")
	for doing, err := range map[string]error{"stat": stat, "get": read} {
		if !errors.Is(err, storage.ErrUnavailable) || errors.Is(err, storage.ErrNotFound) {
			t.Errorf("%s: %v", doing, err)
		}
	}
	need(t, s, MissingBucket)
	for doing, err := range map[string]error{
		"put":    s.Missing.Put(t.Context(), "k", strings.NewReader("x"), 1, storage.PutOptions{}),
		"delete": s.Missing.Delete(t.Context(), "k"),
		"health": s.Missing.Health(t.Context()),
	} {
		if !errors.Is(err, storage.ErrUnavailable) || errors.Is(err, storage.ErrNotFound) {
			t.Errorf("%s: %v", doing, err)
		}
	}
}

func testDelete(t *testing.T, s Subject) {
	keys := []string{"n/a", "n/a.pdf", "n/ab", "n/b"}
	for _, key := range keys {
		put(t, s.Backend, key, []byte(key))
	}
	if err := s.Backend.Delete(t.Context(), "n/a"); err != nil {
		t.Fatal(err)
	}
	mustBeAbsent(t, s.Backend, "n/a")
	for _, key := range keys[1:] {
		if _, err := s.Backend.Stat(t.Context(), key); err != nil {
			t.Errorf("%s went with its neighbour: %v", key, err)
		}
	}
}

func testDeleteAllVersions(t *testing.T, s Subject) {
	need(t, s, Versioning)
	put(t, s.Backend, "v/a", []byte("before versions"))
	s.EnableVersions(t)
	for i := range 3 {
		put(t, s.Backend, "v/a", content(i+1))
		put(t, s.Backend, "v/ab", content(i+1))
	}
	if n := s.CountVersions(t, "v/a"); n < 3 {
		t.Fatalf("%d versions: the server keeps none, so this proves nothing", n)
	}
	for range 2 { // the second finds nothing, and is no error
		if err := s.Backend.Delete(t.Context(), "v/a"); err != nil {
			t.Fatal(err)
		}
		if n := s.CountVersions(t, "v/a"); n != 0 {
			t.Errorf("%d versions or markers are left", n)
		}
	}
	if n := s.CountVersions(t, "v/ab"); n != 3 {
		t.Errorf("the neighbour has %d versions, had 3", n)
	}
	// Two who delete it at once are both right.
	for round := range 10 {
		for n := range 4 {
			put(t, s.Backend, "v/twice", []byte{byte(round), byte(n)})
		}
		errs := make(chan error, 3)
		for range cap(errs) {
			go func() { errs <- s.Backend.Delete(t.Context(), "v/twice") }()
		}
		for range cap(errs) {
			if err := <-errs; err != nil {
				t.Errorf("deleting at once: %v", err)
			}
		}
		if n := s.CountVersions(t, "v/twice"); n != 0 {
			t.Fatalf("%d versions or markers are left", n)
		}
	}
}

func testCancelled(t *testing.T, s Subject) {
	put(t, s.Backend, "k", []byte("x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, stat := s.Backend.Stat(ctx, "k")
	_, _, read := s.Backend.Get(ctx, "k")
	errs := map[string]error{
		"stat": stat, "get": read,
		"put":    s.Backend.Put(ctx, "j", strings.NewReader("x"), 1, storage.PutOptions{}),
		"delete": s.Backend.Delete(ctx, "k"),
		"health": s.Backend.Health(ctx),
	}
	if lister, err := storage.As[storage.Lister](s.Backend); err == nil {
		for _, err := range lister.List(ctx, "", "") {
			errs["list"] = err
		}
		if errs["list"] == nil {
			t.Error("a cancelled listing ended as if complete")
		}
	}
	for doing, err := range errs {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", doing, err)
		}
	}
	mustBeAbsent(t, s.Backend, "j")
	if _, err := s.Backend.Stat(t.Context(), "k"); err != nil {
		t.Errorf("a cancelled delete deleted: %v", err)
	}
}

func list(t *testing.T, l storage.Lister, prefix, after string) (keys []string) {
	t.Helper()
	for info, err := range l.List(t.Context(), prefix, after) {
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

func testList(t *testing.T, s Subject) {
	lister := can[storage.Lister](t, s)
	if got := list(t, lister, "", ""); len(got) != 0 {
		t.Errorf("an empty bucket lists %q", got)
	}
	need(t, s, ListOrder)
	// In the order of bytes, in which "/" is between "." and "0".
	keys := []string{"a-b", "a.b", "a/b/c", "a/b0", "a0", "aa/x", "b/y", "ä"}
	for _, key := range keys {
		put(t, s.Backend, key, []byte(key))
	}
	for _, test := range []struct {
		prefix, after string
		want          []string
	}{
		{"", "", keys},
		{"a/", "", []string{"a/b/c", "a/b0"}},
		{"a", "a/b/c", []string{"a/b0", "a0", "aa/x"}},
		{"", "a/b", keys[2:]}, // not itself a key
		{"zz", "", nil},
		{"", "\U0010FFFF", nil},
	} {
		if got := list(t, lister, test.prefix, test.after); !slices.Equal(got, test.want) {
			t.Errorf("prefix %q after %q: %q, want %q", test.prefix, test.after, got, test.want)
		}
	}
	for info, err := range lister.List(t.Context(), "a/b/c", "") {
		if err != nil || info.Size != 5 || info.ETag == "" || info.Modified.IsZero() {
			t.Errorf("info %+v, %v", info, err)
		}
		break // ending early is allowed
	}
}

func testListPages(t *testing.T, s Subject) {
	lister := can[storage.Lister](t, s)
	const count = 1003 // a page holds 1,000
	var want []string
	var writers sync.WaitGroup
	gate := make(chan struct{}, 16)
	for i := range count {
		key := fmt.Sprintf("page/%d/%04d", i%7, i)
		want = append(want, key)
		writers.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			if err := s.Backend.Put(t.Context(), key, strings.NewReader("x"), 1, storage.PutOptions{}); err != nil {
				t.Errorf("put: %v", err)
			}
		})
	}
	writers.Wait()
	slices.Sort(want)
	if got := list(t, lister, "page/", ""); !slices.Equal(got, want) {
		t.Errorf("listed %d keys of %d, or in another order", len(got), count)
	}
	if got := list(t, lister, "page/", want[500]); !slices.Equal(got, want[501:]) {
		t.Errorf("after key 500: %d keys of %d", len(got), count-501)
	}
}
