package push_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"docuvault/cmd/docuvault/internal/client"
	"docuvault/cmd/docuvault/internal/push"
)

func (p *peer) signParts(w http.ResponseWriter, r *http.Request) {
	p.count("sign")
	var in struct{ Parts []client.Part }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || len(in.Parts) == 0 || len(in.Parts) > 100 {
		problem(w, http.StatusUnprocessableEntity, "validation_failed", nil)
		return
	}
	d := p.find(r.PathValue("id"))
	for i, part := range in.Parts {
		want := min(p.partSize, d.Size-int64(part.Number-1)*p.partSize)
		if part.Number < 1 || part.Size != want {
			problem(w, http.StatusUnprocessableEntity, "validation_failed", nil)
			return
		}
		in.Parts[i] = client.Part{Number: part.Number, Headers: map[string]string{"X-Amz-Checksum-Sha256": part.SHA256},
			URL: fmt.Sprintf("%s/parts/%s/%d/%d/%s", p.server.URL, d.id, part.Number, part.Size, part.SHA256)}
	}
	answer(w, http.StatusOK, in)
}

func (p *peer) listParts(w http.ResponseWriter, r *http.Request) {
	p.count("list")
	d := p.find(r.PathValue("id"))
	p.mu.Lock()
	defer p.mu.Unlock()
	parts := []client.Part{}
	for n, b := range d.parts {
		sum := sha256.Sum256(b)
		parts = append(parts, client.Part{Number: n, Size: int64(len(b)), SHA256: hex.EncodeToString(sum[:])})
	}
	answer(w, http.StatusOK, map[string]any{"parts": parts})
}

func (p *peer) putPart(w http.ResponseWriter, r *http.Request) {
	n := p.count("put")
	d := p.find(r.PathValue("id"))
	p.mu.Lock()
	p.putting++
	p.maxPuts = max(p.maxPuts, p.putting)
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.putting--
		p.mu.Unlock()
	}()
	if p.onPut != nil && p.onPut(n, w, r, d) {
		return
	}
	got, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	sum := sha256.Sum256(got)
	if strconv.Itoa(len(got)) != r.PathValue("size") || hex.EncodeToString(sum[:]) != r.PathValue("sum") ||
		r.Header.Get("X-Amz-Checksum-Sha256") != r.PathValue("sum") {
		refuse(w, http.StatusBadRequest, "BadDigest")
		return
	}
	number, err := strconv.Atoi(r.PathValue("number"))
	if err != nil {
		p.t.Error(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if d.parts == nil {
		d.parts = map[int][]byte{}
	}
	d.parts[number] = got
}

// assemble puts the parts together; the caller holds p.mu.
func (p *peer) assemble(w http.ResponseWriter, d *held) {
	d.bytes = nil
	for n := 1; int64(len(d.bytes)) < d.Size; n++ {
		if d.parts[n] == nil {
			problem(w, http.StatusConflict, "upload_incomplete", map[string]any{"missing": []int{n}})
			return
		}
		d.bytes = append(d.bytes, d.parts[n]...)
	}
	if sum := sha256.Sum256(d.bytes); hex.EncodeToString(sum[:]) != d.SHA256 {
		p.t.Error("the parts do not make up the file")
	}
	d.status = "stored" // what a worker does a little later
	answer(w, http.StatusOK, map[string]any{"document": map[string]any{"id": d.id, "status": "pending"}})
}

// big writes a file of n random bytes.
func big(t *testing.T, n int) string {
	t.Helper()
	content := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{9}).Read(content)
	name := filepath.Join(t.TempDir(), "big.bin")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestALargeFileGoesInParts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ size, part, parts int }{
		{10_001, 1000, 11}, {10_000, 1000, 10}, {1001, 1000, 2},
		{65<<20 + 5, 16 << 20, 5}, // hashed in parts while it is read
		{65<<20 + 5, 5 << 20, 14}, // another size than expected
	} {
		p := newPeer(t)
		p.partSize = int64(c.part)
		var last atomic.Int64
		l := &log{set: func(_ string, n int64) { last.Store(n) }}
		s, err := push.Run(t.Context(), p.client(t), push.Options{Paths: []string{big(t, c.size)}}, l)
		if err != nil || s.Uploaded != 1 || p.counted("put") != c.parts || p.mostPuts() > 4 {
			t.Errorf("%+v: %v, %+v, %d PUTs, %d at once", c, err, s, p.counted("put"), p.mostPuts())
		}
		if last.Load() != int64(c.size) {
			t.Errorf("%+v: the progress ended at %d", c, last.Load())
		}
	}
}

// Parts that were sent before are not sent again; a wrong one is.
func TestWhatStorageHasIsNotSentAgain(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	p.partSize = 1000
	name := big(t, 9500)
	// All four that are on their way at once are refused together: nothing
	// arrives late.
	var refuses atomic.Bool
	var waiting atomic.Int32
	all := make(chan struct{})
	refuses.Store(true)
	p.onPut = func(n int, w http.ResponseWriter, _ *http.Request, _ *held) bool {
		if n <= 5 || !refuses.Load() {
			return false
		}
		if waiting.Add(1) == 4 {
			close(all)
		}
		<-all
		refuse(w, http.StatusBadRequest, "InvalidRequest")
		return true
	}
	if _, s, err := run(t, p, push.Options{Paths: []string{name}}); err == nil || s.Failed != 1 {
		t.Fatalf("%v, %+v", err, s)
	}
	d := p.find("doc-1")
	p.mu.Lock()
	if len(d.parts) != 5 {
		t.Errorf("%d parts arrived", len(d.parts))
	}
	for n := range d.parts {
		d.parts[n] = slices.Repeat([]byte{0}, len(d.parts[n])) // storage has something else there
		break
	}
	p.mu.Unlock()
	before := p.counted("put")
	refuses.Store(false)
	_, s, err := run(t, p, push.Options{Paths: []string{name}})
	if n := p.counted("put") - before; err != nil || s.Uploaded != 1 || n != 6 {
		t.Errorf("%v, %+v, %d PUTs", err, s, n)
	}
}

// A part is tried again, with a fresh address; an upload that storage forgot is
// begun anew.
func TestPartsThatFailForAMoment(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		code   string
	}{
		"expired": {http.StatusForbidden, "AccessDenied"}, "busy": {http.StatusServiceUnavailable, "SlowDown"},
		"dropped": {}, "forgotten": {http.StatusNotFound, "NoSuchUpload"},
	} {
		p := newPeer(t)
		p.partSize = 1000
		p.onPut = func(n int, w http.ResponseWriter, _ *http.Request, _ *held) bool {
			switch {
			case n != 3:
				return false
			case c.status == 0:
				drop(t, w)
			default:
				refuse(w, c.status, c.code)
			}
			return true
		}
		_, s, err := run(t, p, push.Options{Paths: []string{big(t, 9500)}})
		if err != nil || s.Uploaded != 1 {
			t.Errorf("%s: %v, %+v", name, err, s)
		}
		if begins := p.counted("begin"); (begins > 1) != (name == "forgotten") {
			t.Errorf("%s: begun %d times", name, begins)
		}
	}
}

// The whole was not what was announced: the file is hashed and sent anew.
func TestAWholeThatIsRejected(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	p.partSize = 1000
	p.onStatus = func(n int, d *held) string {
		if n == 1 {
			p.mu.Lock()
			d.status, d.SHA256 = "aborted", ""
			p.mu.Unlock()
			return "rejected"
		}
		return "ready"
	}
	_, s, err := run(t, p, push.Options{Paths: []string{big(t, 2500)}})
	if err != nil || s.Uploaded != 1 || p.counted("begin") != 2 {
		t.Errorf("%v, %+v, begun %d times", err, s, p.counted("begin"))
	}
}
