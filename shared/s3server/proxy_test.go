package s3server_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"docuvault/shared/s3server"
	"docuvault/shared/storage"
	"docuvault/shared/storage/storagetest"
)

// viaProxy is a bucket whose URLs are signed for a proxy in front of it.
type viaProxy struct {
	storage.Backend
	storage.Lister
	storage.Multipart
	storage.Presigner
}

func throughProxy(t *testing.T, bucket string) (viaProxy, *httptest.Server) {
	t.Helper()
	server := running(t)
	store := open(t, server.URL, bucket, "key", "secret")
	proxy := httptest.NewServer(server.Handler(bucket))
	t.Cleanup(proxy.Close)
	all, err := storage.As[interface {
		storage.Lister
		storage.Multipart
		storage.Presigner
	}](store.Documents)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := all.At(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	return viaProxy{store.Documents, all, all, signer}, proxy
}

// Whatever storage refuses and grants directly, it refuses and grants through
// the proxy, for URLs that are signed for the proxy's host.
func TestProxyConforms(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storagetest.Subject {
		bucket := fmt.Sprintf("proxy-%x", sha256.Sum256([]byte(t.Name())))[:20]
		backend, _ := throughProxy(t, bucket)
		gone, err := storage.New(storage.Config{
			Endpoint: running(t).URL, Region: region, Bucket: "gone", DerivedBucket: "gone-derived",
			AccessKey: "key", SecretKey: testSecret,
		})
		if err != nil {
			t.Fatal(err)
		}
		return storagetest.Subject{
			Backend: backend, Missing: gone.Documents,
			Lacks: map[storagetest.Lack]bool{storagetest.Versioning: true}, // tested directly
		}
	})
}

func checkHeaders(t *testing.T, what string, header http.Header) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy":      "sandbox; default-src 'none'",
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %s is %q, want %q once", what, name, got, want)
		}
	}
	if got := header.Values("Set-Cookie"); len(got) != 0 {
		t.Errorf("%s sets cookies %q", what, got)
	}
	if got := header.Get("Server"); got != "" {
		t.Errorf("%s names its server %q", what, got)
	}
}

func TestProxyHeadersOnEveryAnswer(t *testing.T) {
	t.Parallel()
	backend, proxy := throughProxy(t, "headers")
	const html = "<script>alert(1)</script>"
	if err := backend.Put(t.Context(), "a/page.html", strings.NewReader(html), int64(len(html)), storage.PutOptions{ContentType: "text/html"}); err != nil {
		t.Fatal(err)
	}
	signed, err := backend.PresignGet(t.Context(), "a/page.html", storage.GetTerms{TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	status, answer, header := storagetest.Send(t, signed, nil, nil)
	if status != http.StatusOK || string(answer) != html || header.Get("Content-Type") != "text/html" {
		t.Errorf("page: %d %s %q", status, answer, header.Get("Content-Type"))
	}
	checkHeaders(t, "page", header)

	for _, test := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/headers/a/page.html", 403}, // not signed
		{"GET", "/headers/a/page.html?X-Amz-Signature=1&X-Amz-Algorithm=AWS4-HMAC-SHA256", 400},
		{"GET", "/headers", 404},           // a listing
		{"GET", "/headers/", 404},          // a listing
		{"GET", "/", 404},                  // the list of buckets
		{"GET", "/headers-derived/x", 404}, // a bucket, not named
		{"PUT", "/another/x", 404},
		{"DELETE", "/headers/a/page.html", 405},
		{"POST", "/headers/a/page.html", 405},
		{"PATCH", "/headers/create-user", 405}, // versitygw's admin calls
	} {
		status, answer, header := storagetest.Send(t, storage.Request{Method: test.method, URL: proxy.URL + test.path}, nil, nil)
		if status != test.status {
			t.Errorf("%s %s: %d %s", test.method, test.path, status, answer)
		}
		checkHeaders(t, test.method+" "+test.path, header)
	}

	// A server that is not there.
	down := httptest.NewServer(s3server.Proxy(&url.URL{Scheme: "http", Host: "127.0.0.1:1"}, "b"))
	defer down.Close()
	status, _, header = storagetest.Send(t, storage.Request{Method: "GET", URL: down.URL + "/b/k"}, nil, nil)
	if status != http.StatusServiceUnavailable {
		t.Errorf("without a server: %d", status)
	}
	checkHeaders(t, "without a server", header)
}

// What the server behind sees, and what of its answer comes back.
func TestProxyPassesRequestsUnchanged(t *testing.T) {
	t.Parallel()
	var seen *http.Request
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Content-Security-Policy", "default-src *")
		w.Header().Set("Server", "X")
		w.Header().Set("X-Amz-Request-Id", "1")
	}))
	defer behind.Close()
	target, err := url.Parse(behind.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(s3server.Proxy(target, "b"))
	defer proxy.Close()

	const path = "/b/u%2Fd/%C3%A4%20+1.pdf?x=1;y=%zz&X-Amz-Signature=ab%2Fc+d"
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, proxy.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "vault.example:8443"
	req.Header.Set("Cookie", "__Host-docuvault_refresh=secret")
	req.Header.Set("If-None-Match", "*")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if seen == nil {
		t.Fatalf("nothing came through: %s", res.Status)
	}
	if seen.RequestURI != path || seen.Host != "vault.example:8443" || seen.Header.Get("If-None-Match") != "*" {
		t.Errorf("behind: %s, host %s, headers %v", seen.RequestURI, seen.Host, seen.Header)
	}
	if cookie := seen.Header.Get("Cookie"); cookie != "" {
		t.Errorf("a cookie went to storage: %s", cookie)
	}
	checkHeaders(t, "answer", res.Header)
	if res.Header.Get("X-Amz-Request-Id") != "1" {
		t.Error("storage's own headers are lost")
	}
}

// The body of a refused request must never be taken for a request: that of
// another client on the proxy's connection would get its answer.
func TestProxyLetsNoRequestThroughABody(t *testing.T) {
	t.Parallel()
	backend, proxy := throughProxy(t, "smuggle")
	if err := backend.Put(t.Context(), "mine", strings.NewReader("mine"), 4, storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	signed, err := backend.PresignGet(t.Context(), "mine", storage.GetTerms{TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(proxy.URL, "http://")
	inner := "GET /smuggle/inner HTTP/1.1\r\nHost: " + address + "\r\n\r\n"
	for name, raw := range map[string]string{
		"chunked":         fmt.Sprintf("PUT /smuggle/x HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", address, len(inner), inner),
		"with length":     fmt.Sprintf("PUT /smuggle/x HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", address, len(inner), inner),
		"expect":          fmt.Sprintf("PUT /smuggle/x HTTP/1.1\r\nHost: %s\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n%s", address, len(inner), inner),
		"get with a body": fmt.Sprintf("GET /smuggle/x HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", address, len(inner), inner),
		"get, chunked":    fmt.Sprintf("GET /smuggle/x HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", address, len(inner), inner),
	} {
		for range 20 {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, raw); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			_ = conn.Close()
			if res.StatusCode < 400 && res.StatusCode != http.StatusContinue {
				t.Errorf("%s: %s", name, res.Status)
			}
			// Another client, on the connection that was used.
			if status, answer, _ := storagetest.Send(t, signed, nil, nil); status != http.StatusOK || string(answer) != "mine" {
				t.Fatalf("after %s another client got %d %s", name, status, answer)
			}
		}
	}
}

// repeat is a large body that takes no memory.
type repeat struct{ left int64 }

func (r *repeat) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), r.left))
	for i := range p[:n] {
		p[i] = byte(i)
	}
	r.left -= int64(n)
	return n, nil
}

// chunked makes every read of a repeat the same, whoever reads.
func large(size int64) io.Reader { return bufio.NewReaderSize(&repeat{size}, 64<<10) }

// Not parallel: it measures the process.
func TestProxyStreams(t *testing.T) {
	const size = 192 << 20
	backend, _ := throughProxy(t, "large")
	hash := sha256.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{hash}, struct{ io.Reader }{large(size)}, make([]byte, 64<<10)); err != nil {
		t.Fatal(err)
	}
	signed, err := backend.PresignPut(t.Context(), "large.bin", storage.PutTerms{Size: size, ContentType: "application/octet-stream", SHA256: hash.Sum(nil), TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	if err := upload(t.Context(), signed, struct{ io.Reader }{large(size)}, size); err != nil {
		t.Fatal(err)
	}
	up := time.Since(start)
	download, err := backend.PresignGet(t.Context(), "large.bin", storage.GetTerms{TTL: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	start = time.Now()
	res, err := http.Get(download.URL)
	if err != nil {
		t.Fatal(err)
	}
	got := sha256.New()
	n, err := io.Copy(got, res.Body)
	_ = res.Body.Close()
	if err != nil || n != size || !bytes.Equal(got.Sum(nil), hash.Sum(nil)) {
		t.Errorf("read %d bytes, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	// All three, client, proxy and server, live in this process.
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 32<<20 {
		t.Errorf("192 MiB up and down took %d MiB of heap", grown>>20)
	} else {
		t.Logf("192 MiB: up %s, down %s, heap grew by %d KiB", up.Round(time.Millisecond), time.Since(start).Round(time.Millisecond), grown>>10)
	}
}

// What the storage says of a request that it refuses would repeat the request:
// its query, with signature and file name. The code is all that passes.
func TestProxyPassesOnlyTheCodeOfAProblem(t *testing.T) {
	t.Parallel()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusForbidden)
		switch r.URL.Path {
		case "/docs/s3":
			fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>SignatureDoesNotMatch</Code><Message>%[1]s</Message><StringToSign>%[1]s</StringToSign></Error>`, r.URL.RawQuery)
		case "/docs/late":
			fmt.Fprintf(w, `<Error><Code>AccessDenied</Code><Message>Request has expired</Message><Key>%s</Key></Error>`, r.URL.RawQuery)
		case "/docs/odd":
			fmt.Fprintf(w, `<Error><Code>%s</Code></Error>`, r.URL.RawQuery)
		default:
			fmt.Fprint(w, r.URL.RawQuery)
		}
	}))
	t.Cleanup(backend.Close)
	target, err := url.Parse(backend.URL)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(s3server.Proxy(target, "docs"))
	t.Cleanup(front.Close)
	for path, want := range map[string]string{"s3": "<Code>SignatureDoesNotMatch</Code>", "late": "expired", "odd": "<Code>InvalidRequest</Code>", "none": "<Code>InvalidRequest</Code>"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front.URL+"/docs/"+path+"?filename-zanzibar.txt=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := front.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusForbidden || !strings.Contains(string(body), want) || strings.Contains(string(body), "zanzibar") || resp.ContentLength != int64(len(body)) {
			t.Errorf("%s: %d, %v: %s", path, resp.StatusCode, err, body)
		}
	}
}
