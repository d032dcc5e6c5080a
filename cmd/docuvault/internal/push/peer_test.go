package push_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"docuvault/cmd/docuvault/internal/client"
	"docuvault/shared/secret"
)

// peer is the other side as the contract describes it: API and storage on one
// port, with hooks that misbehave. It enforces what storage enforces: exact
// length, exact headers, hash, no second write.
type peer struct {
	t      *testing.T
	server *httptest.Server

	mu        sync.Mutex
	documents map[string]*held
	requests  map[string]int // by kind: begin, put, complete, abort, …
	quota     int64
	putting   int // PUTs at this moment
	maxPuts   int
	partSize  int64 // above 0: files above it are sent in parts

	// Hooks run before the peer's own answer; true: the hook has answered.
	onBegin    func(n int, w http.ResponseWriter, r *http.Request) bool
	onPut      func(n int, w http.ResponseWriter, r *http.Request, d *held) bool
	onComplete func(n int, w http.ResponseWriter, r *http.Request, d *held) bool
	// onStatus says the status that a GET of a document shows.
	onStatus func(n int, d *held) string
}

type held struct {
	client.BeginRequest
	id      string
	status  string
	bytes   []byte
	address int // counts addresses handed out
	parts   map[int][]byte
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	p := &peer{t: t, documents: map[string]*held{}, requests: map[string]int{}, quota: 1 << 40}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/auth/login", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"access_token": "good", "expires_in": 600})
	})
	mux.HandleFunc("POST /v1/auth/refresh", func(w http.ResponseWriter, _ *http.Request) {
		problem(w, http.StatusUnauthorized, "refresh_invalid", nil)
	})
	mux.HandleFunc("POST /v1/auth/logout", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("POST /v1/uploads", p.begin)
	mux.HandleFunc("POST /v1/uploads/{id}/complete", p.complete)
	mux.HandleFunc("DELETE /v1/uploads/{id}", p.abort)
	mux.HandleFunc("GET /v1/documents/{id}", p.document)
	mux.HandleFunc("PUT /bucket/{id}/{address}", p.put)
	mux.HandleFunc("POST /v1/uploads/{id}/parts", p.signParts)
	mux.HandleFunc("GET /v1/uploads/{id}/parts", p.listParts)
	mux.HandleFunc("PUT /parts/{id}/{number}/{size}/{sum}", p.putPart)
	p.server = httptest.NewServer(mux)
	t.Cleanup(p.server.Close)
	return p
}

func (p *peer) client(t *testing.T) *client.Client {
	t.Helper()
	c, err := client.New(p.server.URL, client.Credentials{Email: "a@example.org", Password: secret.New("pw")}, client.Options{Backoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// count counts a request and returns its number, from 1.
func (p *peer) count(kind string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests[kind]++
	return p.requests[kind]
}

func (p *peer) counted(kind string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests[kind]
}

// stored are the documents whose bytes are here, by name.
func (p *peer) stored() map[string]*held {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]*held{}
	for _, d := range p.documents {
		if d.status == "stored" {
			out[d.Path+"/"+d.Filename] = d
		}
	}
	return out
}

// mostPuts is how many PUTs there were at once.
func (p *peer) mostPuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.maxPuts
}

func (p *peer) find(id string) *held {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.documents[id]
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	if status >= 400 {
		w.Header().Set("Content-Type", "application/problem+json")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func problem(w http.ResponseWriter, status int, code string, members map[string]any) {
	all := map[string]any{"status": status, "code": code, "detail": "about " + code + "."}
	for k, v := range members {
		all[k] = v
	}
	answer(w, status, all)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>no</Message></Error>", code)
}

func (p *peer) begin(w http.ResponseWriter, r *http.Request) {
	n := p.count("begin")
	if r.Header.Get("Authorization") != "Bearer good" {
		problem(w, http.StatusUnauthorized, "unauthenticated", nil)
		return
	}
	if p.onBegin != nil && p.onBegin(n, w, r) {
		return
	}
	var in client.BeginRequest
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		problem(w, http.StatusUnprocessableEntity, "validation_failed", nil)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var used int64
	for _, d := range p.documents {
		if d.status == "aborted" {
			continue
		}
		if d.SHA256 == in.SHA256 && !in.AllowDuplicate {
			if d.status == "pending" {
				p.begun(w, http.StatusOK, d)
				return
			}
			problem(w, http.StatusConflict, "duplicate_document", map[string]any{
				"document_id": d.id, "filename": d.Filename, "trashed": d.status == "trashed"})
			return
		}
		used += d.Size
	}
	if used+in.Size > p.quota {
		problem(w, http.StatusRequestEntityTooLarge, "quota_exceeded", map[string]any{
			"limit_bytes": p.quota, "used_bytes": used, "reserved_bytes": 0, "requested_bytes": in.Size})
		return
	}
	d := &held{BeginRequest: in, id: fmt.Sprintf("doc-%d", len(p.documents)+1), status: "pending"}
	p.documents[d.id] = d
	p.begun(w, http.StatusCreated, d)
}

func (p *peer) begun(w http.ResponseWriter, status int, d *held) {
	if p.partSize > 0 && d.Size > p.partSize {
		answer(w, status, map[string]any{"document": map[string]any{"id": d.id, "status": d.status}, "upload": map[string]any{
			"multipart": map[string]any{"part_size": p.partSize, "part_count": (d.Size + p.partSize - 1) / p.partSize}}})
		return
	}
	d.address++
	answer(w, status, map[string]any{
		"document": map[string]any{"id": d.id, "status": d.status},
		"upload": map[string]any{
			"method": "PUT", "url": fmt.Sprintf("%s/bucket/%s/%d", p.server.URL, d.id, d.address),
			"headers":    map[string]string{"Content-Type": d.ContentType, "If-None-Match": "*", "X-Amz-Checksum-Sha256": d.SHA256},
			"expires_at": time.Now().Add(time.Minute),
		},
	})
}

func (p *peer) put(w http.ResponseWriter, r *http.Request) {
	n := p.count("put")
	p.mu.Lock()
	p.putting++
	p.maxPuts = max(p.maxPuts, p.putting)
	d := p.documents[r.PathValue("id")]
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.putting--
		p.mu.Unlock()
	}()
	if p.onPut != nil && p.onPut(n, w, r, d) {
		return
	}
	for name := range r.Header {
		switch name {
		case "Content-Type", "If-None-Match", "X-Amz-Checksum-Sha256", "Content-Length", "User-Agent", "Accept-Encoding", "Expect":
		default:
			p.t.Errorf("storage got the header %s, which was not asked for", name)
		}
	}
	if d == nil || r.ContentLength != d.Size || r.Header.Get("Content-Type") != d.ContentType ||
		r.Header.Get("If-None-Match") != "*" || r.Header.Get("X-Amz-Checksum-Sha256") != d.SHA256 {
		refuse(w, http.StatusForbidden, "SignatureDoesNotMatch")
		return
	}
	got, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	p.keep(w, d, got)
}

// keep stores bytes as storage would.
func (p *peer) keep(w http.ResponseWriter, d *held, got []byte) {
	sum := sha256.Sum256(got)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case hex.EncodeToString(sum[:]) != d.SHA256 || int64(len(got)) != d.Size:
		refuse(w, http.StatusBadRequest, "BadDigest")
	case d.bytes != nil:
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
	default:
		d.bytes = bytes.Clone(got)
		if d.bytes == nil {
			d.bytes = []byte{}
		}
		w.WriteHeader(http.StatusOK)
	}
}

func (p *peer) complete(w http.ResponseWriter, r *http.Request) {
	n := p.count("complete")
	d := p.find(r.PathValue("id"))
	if p.onComplete != nil && p.onComplete(n, w, r, d) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if d != nil && d.parts != nil {
		p.assemble(w, d)
		return
	}
	if d == nil || d.bytes == nil {
		problem(w, http.StatusConflict, "upload_incomplete", nil)
		return
	}
	d.status = "stored"
	answer(w, http.StatusOK, map[string]any{"document": map[string]any{"id": d.id, "status": d.status}})
}

func (p *peer) abort(w http.ResponseWriter, r *http.Request) {
	p.count("abort")
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.documents[r.PathValue("id")]
	if d == nil || d.status != "pending" {
		problem(w, http.StatusConflict, "wrong_state", nil)
		return
	}
	d.status = "aborted"
	w.WriteHeader(http.StatusNoContent)
}

func (p *peer) document(w http.ResponseWriter, r *http.Request) {
	n := p.count("document")
	d := p.find(r.PathValue("id"))
	status := "ready"
	if p.onStatus != nil {
		status = p.onStatus(n, d)
	}
	answer(w, http.StatusOK, map[string]any{"id": d.id, "status": status, "topic": "invoice", "suggestions": []any{}})
}

// drop ends the connection without an answer.
func drop(t *testing.T, w http.ResponseWriter) {
	t.Helper()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_ = conn.Close()
}

// repeat is n bytes that are not all the same.
func repeat(n int) string { return strings.Repeat("0123456789abcdef", n/16+1)[:n] }
