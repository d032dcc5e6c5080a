package storagetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"docuvault/shared/storage"
)

// Send does what a client does with a Request: exactly its headers, and the
// length that the body has. change may alter it first.
func Send(t testing.TB, r storage.Request, body []byte, change func(*http.Request)) (status int, answer []byte, header http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), r.Method, r.URL, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range r.Headers {
		req.Header.Set(name, value)
	}
	if change != nil {
		change(req)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%s: %v", r.Method, err)
	}
	answer, err = io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatalf("%s: read answer: %v", r.Method, err)
	}
	return res.StatusCode, answer, res.Header
}

func signPut(t *testing.T, p storage.Presigner, key string, body []byte) storage.Request {
	t.Helper()
	r, err := p.PresignPut(t.Context(), key, storage.PutTerms{
		Size: int64(len(body)), ContentType: "application/pdf", SHA256: sum(body), TTL: 15 * time.Minute,
	})
	if err != nil {
		t.Fatalf("presign put: %v", err)
	}
	return r
}

func testPresignedPut(t *testing.T, s Subject) {
	signer := can[storage.Presigner](t, s)
	for key, size := range map[string]int{"u/0.pdf": 0, "u/1.pdf": 1, "u/big + ü.pdf": 1<<20 + 1} {
		body := content(size)
		before := time.Now()
		r := signPut(t, signer, key, body)
		for name := range r.Headers {
			if !slices.Contains([]string{"Content-Type", "If-None-Match", "X-Amz-Checksum-Sha256"}, name) {
				t.Errorf("the client is told to set %s", name)
			}
		}
		if r.Method != http.MethodPut || r.ExpiresAt.Before(before.Add(14*time.Minute)) || r.ExpiresAt.After(time.Now().Add(15*time.Minute)) {
			t.Errorf("method %s, expires %s", r.Method, r.ExpiresAt)
		}
		if status, answer, _ := Send(t, r, body, nil); status != http.StatusOK {
			t.Errorf("%s: %d %s", key, status, answer)
			continue
		}
		got, info := get(t, s.Backend, key)
		if !bytes.Equal(got, body) || info.ContentType != "application/pdf" {
			t.Errorf("%s: %d bytes, %+v", key, len(got), info)
		}
		if !s.Lacks[Checksums] && !bytes.Equal(info.SHA256, sum(body)) {
			t.Errorf("%s: storage knows SHA-256 %x", key, info.SHA256)
		}
	}
}

func testPresignedPutRefuses(t *testing.T, s Subject) {
	signer := can[storage.Presigner](t, s)
	need(t, s, Checksums)
	body := content(1000)
	other := bytes.Repeat([]byte{7}, 1000)
	query := func(name, value string) func(*http.Request) {
		return func(r *http.Request) {
			q := r.URL.Query()
			q.Set(name, value)
			r.URL.RawQuery = q.Encode()
		}
	}
	drop := func(name string) func(*http.Request) { return func(r *http.Request) { r.Header.Del(name) } }
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, test := range map[string]struct {
		body   []byte
		change func(*http.Request)
		status []int
	}{
		"one byte more":      {content(1001), nil, []int{403}},
		"one byte less":      {content(999), nil, []int{403}},
		"no bytes":           {nil, nil, []int{400, 403}},
		"other bytes":        {other, nil, []int{400}},
		"length not told":    {body, func(r *http.Request) { r.ContentLength = -1 }, []int{400, 403, 411}},
		"no checksum":        {body, drop("X-Amz-Checksum-Sha256"), []int{400, 403}},
		"other checksum":     {other, set("X-Amz-Checksum-Sha256", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), []int{400, 403}},
		"no condition":       {body, drop("If-None-Match"), []int{400, 403}},
		"other condition":    {body, set("If-None-Match", `"x"`), []int{403}},
		"no content type":    {body, drop("Content-Type"), []int{400, 403}},
		"other content type": {body, set("Content-Type", "text/html"), []int{403}},
		"longer life":        {body, query("X-Amz-Expires", "604800"), []int{403}},
		"other date":         {body, query("X-Amz-Date", "20200101T000000Z"), []int{400, 403}},
		"fewer signed":       {body, query("X-Amz-SignedHeaders", "host"), []int{400, 403}},
		"added parameter":    {body, query("tagging", ""), []int{400, 403}},
		"other signature":    {body, query("X-Amz-Signature", strings.Repeat("0", 64)), []int{403}},
		"no signature":       {body, func(r *http.Request) { r.URL.RawQuery = "" }, []int{401, 403}},
		"another method":     {nil, func(r *http.Request) { r.Method = http.MethodDelete }, []int{400, 403, 405}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "no signature" {
				need(t, s, Signatures)
			}
			key := "r/" + strings.ReplaceAll(name, " ", "-")
			status, answer, _ := Send(t, signPut(t, signer, key, body), test.body, test.change)
			if !slices.Contains(test.status, status) {
				t.Errorf("%d, want one of %v: %s", status, test.status, answer)
			}
			mustBeAbsent(t, s.Backend, key)
		})
	}
	t.Run("another key", func(t *testing.T) {
		t.Parallel()
		status, answer, _ := Send(t, signPut(t, signer, "r/mine", body), body, func(r *http.Request) {
			r.URL.Path = strings.Replace(r.URL.Path, "/mine", "/yours", 1)
		})
		if status != http.StatusForbidden {
			t.Errorf("%d: %s", status, answer)
		}
		mustBeAbsent(t, s.Backend, "r/mine")
		mustBeAbsent(t, s.Backend, "r/yours")
	})
	t.Run("expired", func(t *testing.T) {
		t.Parallel()
		status, answer, _ := Send(t, signedLongAgo(t, signer, "r/expired", body), body, nil)
		if status != http.StatusForbidden || !strings.Contains(strings.ToLower(string(answer)), "expired") {
			t.Errorf("%d: %s", status, answer)
		}
		mustBeAbsent(t, s.Backend, "r/expired")
	})
}

// signedLongAgo signs in a bubble, whose clock stands in the year 2000: a
// valid signature whose time is over, without waiting for that.
func signedLongAgo(t *testing.T, p storage.Presigner, key string, body []byte) (r storage.Request) {
	synctest.Test(t, func(t *testing.T) {
		var err error
		r, err = p.PresignPut(context.Background(), key, storage.PutTerms{
			Size: int64(len(body)), ContentType: "application/pdf", SHA256: sum(body), TTL: time.Minute,
		})
		if err != nil {
			t.Errorf("presign: %v", err)
		}
		if want := time.Now().Add(time.Minute); !r.ExpiresAt.Equal(want) {
			t.Errorf("expires %s, want %s", r.ExpiresAt, want)
		}
	})
	return r
}

func testPresignedPutOnce(t *testing.T, s Subject) {
	signer := can[storage.Presigner](t, s)
	body := content(100_000)
	r := signPut(t, signer, "once.pdf", body)
	var mu sync.Mutex
	answers := map[int]int{}
	var writers sync.WaitGroup
	for range 16 {
		writers.Go(func() {
			status, _, _ := Send(t, r, body, nil)
			mu.Lock()
			answers[status]++
			mu.Unlock()
		})
	}
	writers.Wait()
	// AWS answers 409 to a writer that comes while another one is writing.
	if answers[200] != 1 || answers[412]+answers[409] != 15 {
		t.Errorf("16 writers at once were answered %v", answers)
	}
	// Another document's URL for the same key, as a replay would be.
	if status, answer, _ := Send(t, signPut(t, signer, "once.pdf", []byte("other")), []byte("other"), nil); status != http.StatusPreconditionFailed {
		t.Errorf("a second write: %d %s", status, answer)
	}
	if got, _ := get(t, s.Backend, "once.pdf"); !bytes.Equal(got, body) {
		t.Error("the first write's bytes are gone")
	}
}

func testPresignedGet(t *testing.T, s Subject) {
	signer := can[storage.Presigner](t, s)
	put(t, s.Backend, "d/ü + 1.pdf", []byte("%PDF-"))
	const disposition = `attachment; filename="a.pdf"; filename*=UTF-8''R%C3%BCckseite%20%2B%201.pdf`
	r, err := signer.PresignGet(t.Context(), "d/ü + 1.pdf", storage.GetTerms{ContentType: "text/plain; charset=utf-8", Disposition: disposition, TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if r.Method != http.MethodGet || len(r.Headers) != 0 {
		t.Errorf("request %s with headers %v", r.Method, r.Headers)
	}
	status, answer, header := Send(t, r, nil, nil)
	if status != http.StatusOK || string(answer) != "%PDF-" {
		t.Errorf("%d %s", status, answer)
	}
	if header.Get("Content-Type") != "text/plain; charset=utf-8" || header.Get("Content-Disposition") != disposition {
		t.Errorf("answered %q, %q", header.Get("Content-Type"), header.Get("Content-Disposition"))
	}

	if status, answer, _ := Send(t, r, nil, func(r *http.Request) { r.Header.Set("Range", "bytes=1-3") }); status != http.StatusPartialContent || string(answer) != "PDF" {
		t.Errorf("range: %d %s", status, answer)
	}
	for name, change := range map[string]func(url.Values){
		"other type":        func(q url.Values) { q.Set("response-content-type", "text/html") },
		"other disposition": func(q url.Values) { q.Set("response-content-disposition", "inline") },
		"no disposition":    func(q url.Values) { q.Del("response-content-disposition") },
	} {
		status, _, _ := Send(t, r, nil, func(r *http.Request) {
			q := r.URL.Query()
			change(q)
			r.URL.RawQuery = q.Encode()
		})
		if status != http.StatusForbidden {
			t.Errorf("%s: %d", name, status)
		}
	}
	absent, err := signer.PresignGet(t.Context(), "absent", storage.GetTerms{TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if status, _, _ := Send(t, absent, nil, nil); status != http.StatusNotFound {
		t.Errorf("absent: %d", status)
	}
}

// Many at once are the same for a while, and no less bound.
func testPresignedGets(t *testing.T, s Subject) {
	signer := can[storage.Presigner](t, s)
	keys := []string{"a/b/1.webp", "d/ü + 1.pdf", "absent"}
	put(t, s.Backend, keys[0], []byte("one"))
	put(t, s.Backend, keys[1], []byte("two"))
	terms := storage.GetTerms{ContentType: "image/webp", Disposition: "inline", CacheControl: "private, max-age=60", TTL: 20 * time.Minute, Window: 10 * time.Minute}
	sign := func(keys ...string) []storage.Request {
		t.Helper()
		signed, err := signer.PresignGets(t.Context(), keys, terms)
		if err != nil || len(signed) != len(keys) {
			t.Fatalf("%d URLs, %v", len(signed), err)
		}
		return signed
	}
	// Whichever window it is, two in a row are of one unless it ends in between.
	signed := sign(keys...)
	if again := sign(keys...); again[0].ExpiresAt.Equal(signed[0].ExpiresAt) && again[0].URL != signed[0].URL {
		t.Error("another URL in the same window")
	}
	for i, want := range []string{"one", "two", ""} {
		status, answer, header := Send(t, signed[i], nil, nil)
		switch {
		case want == "" && status != http.StatusNotFound:
			t.Errorf("absent: %d", status)
		case want != "" && (status != http.StatusOK || string(answer) != want):
			t.Errorf("%s: %d %s", keys[i], status, answer)
		case want != "" && (header.Get("Content-Type") != "image/webp" || header.Get("Content-Disposition") != "inline" || header.Get("Cache-Control") != terms.CacheControl):
			t.Errorf("%s: %v", keys[i], header)
		}
		if left := time.Until(signed[i].ExpiresAt); left < 10*time.Minute-time.Second || left > 20*time.Minute {
			t.Errorf("valid for %s", left)
		}
	}
	for name, change := range map[string]func(*http.Request){
		"another object": func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "1.webp", "2.webp", 1) },
		"another lifetime": func(r *http.Request) {
			r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "Expires=1200", "Expires=1201", 1)
		},
		"another type": func(r *http.Request) { r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "webp", "html", 1) },
	} {
		if status, _, _ := Send(t, signed[0], nil, change); status != http.StatusForbidden {
			t.Errorf("%s: %d", name, status)
		}
	}
	for _, window := range []time.Duration{0, time.Millisecond, 11 * time.Minute, 1500 * time.Millisecond} {
		bad := terms
		bad.Window = window
		if _, err := signer.PresignGets(t.Context(), keys, bad); err == nil {
			t.Errorf("a window of %s", window)
		}
	}
	if none, err := signer.PresignGets(t.Context(), nil, terms); err != nil || len(none) != 0 {
		t.Errorf("of none: %v, %v", none, err)
	}
}

// Terms that bind nothing are refused before they are signed.
func testPresignTerms(t *testing.T, s Subject) {
	signer := can[storage.Presigner](t, s)
	good := storage.PutTerms{Size: 1, ContentType: "text/plain", SHA256: sum(nil), TTL: time.Minute}
	for name, change := range map[string]func(*storage.PutTerms){
		"negative size":   func(p *storage.PutTerms) { p.Size = -1 },
		"no hash":         func(p *storage.PutTerms) { p.SHA256 = nil },
		"short hash":      func(p *storage.PutTerms) { p.SHA256 = p.SHA256[:31] },
		"no content type": func(p *storage.PutTerms) { p.ContentType = "" },
		"no life":         func(p *storage.PutTerms) { p.TTL = 0 },
		"too long a life": func(p *storage.PutTerms) { p.TTL = 8 * 24 * time.Hour },
	} {
		terms := good
		change(&terms)
		if r, err := signer.PresignPut(t.Context(), "k", terms); err == nil {
			t.Errorf("%s was signed: %+v", name, r.Headers)
		}
	}
	for _, number := range []int{0, 10_001} {
		if _, err := signer.PresignPart(t.Context(), "k", "id", storage.PartTerms{Number: number, Size: 1, SHA256: sum(nil), TTL: time.Minute}); err == nil {
			t.Errorf("part %d was signed", number)
		}
	}
	for _, base := range []string{"", "vault.example", "ftp://vault.example", "https://vault.example/path", "https://u:p@vault.example", "https://vault.example?x=1"} {
		if _, err := signer.At(base); err == nil {
			t.Errorf("signed for %q", base)
		}
	}
	other, err := signer.At("https://vault.example:8443")
	if err != nil {
		t.Fatal(err)
	}
	if r := signPut(t, other, "k", nil); !strings.HasPrefix(r.URL, "https://vault.example:8443/") {
		t.Errorf("signed for another address than asked")
	}
}
