package vaulttest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"

	"docuvault/shared/storage"
)

// InParts are variables with which documents above 1,000 bytes are sent in
// parts of 5 MiB, the smallest that S3 takes.
func InParts() map[string]string {
	return map[string]string{"MULTIPART_THRESHOLD": "1000", "MULTIPART_PART_SIZE": "5242880"}
}

// PartSize is the size of a part with [InParts], in bytes.
const PartSize = 5 << 20

// Cut is one part of content, from 1.
func Cut(content []byte, number int) []byte {
	return content[(number-1)*PartSize : min(number*PartSize, len(content))]
}

// AnnouncePart is a part as the body of a request for parts holds it.
func AnnouncePart(content []byte, number int) map[string]any {
	part := Cut(content, number)
	sum := sha256.Sum256(part)
	return map[string]any{"number": number, "size": len(part), "sha256": hex.EncodeToString(sum[:])}
}

// SignedPart is where to send a part.
type SignedPart struct {
	Number  int               `json:"number"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
}

// SignParts asks for addresses of parts of content.
func (u *User) SignParts(t testing.TB, b Begun, content []byte, numbers ...int) []SignedPart {
	t.Helper()
	parts := make([]map[string]any, len(numbers))
	for i, n := range numbers {
		parts[i] = AnnouncePart(content, n)
	}
	var out struct{ Parts []SignedPart }
	u.Call(t, http.MethodPost, "/v1/uploads/"+b.Document.ID.String()+"/parts", map[string]any{"parts": parts}).JSON(t, http.StatusOK, &out)
	return out.Parts
}

// Put sends a part to storage as a client does, and returns its status.
func (p SignedPart) Put(t testing.TB, content []byte) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), p.Method, p.URL, bytes.NewReader(content))
	if err != nil {
		t.Fatalf("make request: %v", err)
	}
	for name, value := range p.Headers {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("put part: %v", err)
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode
}

// PutParts sends parts of content and expects that storage takes them.
func (u *User) PutParts(t testing.TB, b Begun, content []byte, numbers ...int) {
	t.Helper()
	for _, p := range u.SignParts(t, b, content, numbers...) {
		if status := p.Put(t, Cut(content, p.Number)); status != http.StatusOK {
			t.Fatalf("storage answered %d to part %d", status, p.Number)
		}
	}
}

// Parts are the storage's own view of uploads in parts.
func (w *World) Parts(t testing.TB) storage.Multipart {
	t.Helper()
	m, err := storage.As[storage.Multipart](w.Store.Documents)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
