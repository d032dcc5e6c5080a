package storagetest

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"docuvault/shared/storage"
)

// both is what multipart takes.
type both struct {
	storage.Multipart
	storage.Presigner
}

func multipart(t *testing.T, s Subject) both {
	t.Helper()
	return both{can[storage.Multipart](t, s), can[storage.Presigner](t, s)}
}

func (b both) begin(t *testing.T, key string) string {
	t.Helper()
	id, err := b.NewMultipart(t.Context(), key, storage.PutOptions{ContentType: "application/pdf"})
	if err != nil || id == "" {
		t.Fatalf("begin: %q, %v", id, err)
	}
	return id
}

func (b both) sign(t *testing.T, key, id string, number int, body []byte) storage.Request {
	t.Helper()
	r, err := b.PresignPart(t.Context(), key, id, storage.PartTerms{Number: number, Size: int64(len(body)), SHA256: sum(body), TTL: time.Hour})
	if err != nil {
		t.Fatalf("presign part: %v", err)
	}
	return r
}

func (b both) send(t *testing.T, key, id string, number int, body []byte) {
	t.Helper()
	if status, answer, _ := Send(t, b.sign(t, key, id, number, body), body, nil); status != http.StatusOK {
		t.Fatalf("part %d: %d %s", number, status, answer)
	}
}

func testMultipart(t *testing.T, s Subject) {
	m := multipart(t, s)
	const key = "m/big ü.pdf"
	first, second := content(5<<20), content(1000)
	id := m.begin(t, key)
	m.send(t, key, id, 2, second) // in any order
	if !s.Lacks[ResentParts] {
		m.send(t, key, id, 1, second)
	}
	m.send(t, key, id, 1, first) // again: the last one counts
	mustBeAbsent(t, s.Backend, key)

	parts, err := m.ListParts(t.Context(), key, id)
	if err != nil {
		t.Fatal(err)
	}
	if len(parts) != 2 || parts[0].Number != 1 || parts[0].Size != 5<<20 || parts[1].Number != 2 || parts[1].Size != 1000 {
		t.Fatalf("parts %+v", parts)
	}
	need(t, s, PartChecksums)
	if !s.Lacks[Checksums] && (!bytes.Equal(parts[0].SHA256, sum(first)) || !bytes.Equal(parts[1].SHA256, sum(second))) {
		t.Errorf("storage knows other checksums: %+v", parts)
	}
	if err := m.Complete(t.Context(), key, id, parts); err != nil {
		t.Fatalf("complete: %v", err)
	}
	got, info := get(t, s.Backend, key)
	if !bytes.Equal(got, slices.Concat(first, second)) || info.ContentType != "application/pdf" {
		t.Errorf("read %d bytes, %+v", len(got), info)
	}
	if info.SHA256 != nil {
		t.Errorf("a checksum of checksums is passed off as the object's: %x", info.SHA256)
	}
	if _, err := m.ListParts(t.Context(), key, id); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("parts of a completed upload: %v", err)
	}

	// A second upload of the same key must not replace the object.
	again := m.begin(t, key)
	m.send(t, key, again, 1, []byte("other"))
	parts, err = m.ListParts(t.Context(), key, again)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Complete(t.Context(), key, again, parts); !errors.Is(err, storage.ErrExists) {
		t.Errorf("complete over an object: %v", err)
	}
	if _, info := get(t, s.Backend, key); info.Size != 5<<20+1000 {
		t.Errorf("the object was replaced: %+v", info)
	}
}

func testMultipartRefuses(t *testing.T, s Subject) {
	m := multipart(t, s)
	need(t, s, Checksums)
	const key = "m/refused.pdf"
	body, other := content(1000), bytes.Repeat([]byte{7}, 1000)
	id := m.begin(t, key)
	for name, test := range map[string]struct {
		body   []byte
		change func(*http.Request)
		status []int
	}{
		"one byte more": {content(1001), nil, []int{403}},
		"one byte less": {content(999), nil, []int{403}},
		"other bytes":   {other, nil, []int{400}},
		"no checksum":   {body, func(r *http.Request) { r.Header.Del("X-Amz-Checksum-Sha256") }, []int{400, 403}},
		"another part": {body, func(r *http.Request) {
			q := r.URL.Query()
			q.Set("partNumber", "2")
			r.URL.RawQuery = q.Encode()
		}, []int{403}},
	} {
		if status, answer, _ := Send(t, m.sign(t, key, id, 1, body), test.body, test.change); !slices.Contains(test.status, status) {
			t.Errorf("%s: %d, want one of %v: %s", name, status, test.status, answer)
		}
	}
	if parts, err := m.ListParts(t.Context(), key, id); err != nil || len(parts) != 0 {
		t.Errorf("refused parts are there: %+v, %v", parts, err)
	}
	if err := m.Complete(t.Context(), key, id, nil); err == nil {
		t.Error("completed without parts")
	}
	mustBeAbsent(t, s.Backend, key)
}

func testMultipartStale(t *testing.T, s Subject) {
	m := multipart(t, s)
	const key = "m/stale.pdf"
	id := m.begin(t, key)
	r := m.sign(t, key, id, 1, []byte("x"))
	stale := func(before time.Time) (ids []string) {
		for u, err := range m.ListStale(t.Context(), before) {
			if err != nil {
				t.Fatalf("list stale: %v", err)
			}
			if u.Key != key || u.Started.IsZero() {
				t.Errorf("upload %+v", u)
			}
			ids = append(ids, u.ID)
		}
		return ids
	}
	if !s.Lacks[ListUploads] {
		if got := stale(time.Now().Add(time.Hour)); !slices.Equal(got, []string{id}) {
			t.Errorf("stale in an hour: %q, want %q", got, id)
		}
		if got := stale(time.Now().Add(-time.Hour)); len(got) != 0 {
			t.Errorf("stale an hour ago: %q", got)
		}
	}
	for range 2 { // the second finds nothing, and is no error
		if err := m.Abort(t.Context(), key, id); err != nil {
			t.Errorf("abort: %v", err)
		}
	}
	if status, answer, _ := Send(t, r, []byte("x"), nil); status != http.StatusNotFound {
		t.Errorf("a part of an aborted upload: %d %s", status, answer)
	}
	err := m.Complete(t.Context(), key, id, []storage.Part{{Number: 1, Size: 1, ETag: strings.Repeat("a", 32), SHA256: sum([]byte("x"))}})
	if !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("complete an aborted upload: %v", err)
	}
	if !s.Lacks[ListUploads] {
		if got := stale(time.Now().Add(time.Hour)); len(got) != 0 {
			t.Errorf("stale after abort: %q", got)
		}
	}
}
