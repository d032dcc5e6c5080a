package web

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func build() fstest.MapFS {
	script := strings.Repeat("export const nothing = 0;\n", 100)
	return fstest.MapFS{
		"index.html":                     {Data: []byte("<!doctype html><title>the page</title>")},
		"favicon.svg":                    {Data: []byte("<svg/>")},
		"assets/index-a1b2c3.js":         {Data: []byte(script)},
		"assets/index-a1b2c3.js.br":      {Data: []byte("brotli")},
		"assets/index-a1b2c3.js.gz":      {Data: []byte("gzip")},
		"assets/hash.worker-d4e5f6.js":   {Data: []byte("worker")},
		"assets/pdf.worker.min-0a0b.mjs": {Data: []byte("pdf")},
		".vite/manifest.json":            {Data: []byte("{}")},
	}
}

func ask(t *testing.T, h http.Handler, method, target string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, res *http.Response) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// api stands for all that is not the page: it answers 418.
var api = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })

func page(t *testing.T, storage ...string) *Page {
	t.Helper()
	p, err := New(build(), api, storage...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestThePageIsServedAtItsOwnPathsOnly(t *testing.T) {
	t.Parallel()
	p := page(t)
	for target, want := range map[string]int{
		"/":                          200,
		"/login":                     200,
		"/library":                   200,
		"/documents/0199-a":          200,
		"/folders/0199-a":            200,
		"/documents/0199-a/more":     200,
		"/favicon.svg":               200,
		"/assets/index-a1b2c3.js":    200,
		"/assets/index-old.js":       418, // not the page in its place
		"/assets/":                   418,
		"/folders/invoice.pdf":       418,
		"/documents/invoice.pdf":     418,
		"/v1/documents":              418,
		"/v1":                        418,
		"/docuvault/a/b":             418,
		"/healthz":                   418,
		"/openapi.yaml":              418,
		"/.vite/manifest.json":       418,
		"/assets/index-a1b2c3.js.br": 418,
		"/loginx":                    418,
		"/../page.go":                418,
	} {
		if got := ask(t, p, http.MethodGet, target); got.StatusCode != want {
			t.Errorf("GET %s answered %d, want %d", target, got.StatusCode, want)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		if got := ask(t, p, method, "/login"); got.StatusCode != http.StatusTeapot {
			t.Errorf("%s /login answered %d", method, got.StatusCode)
		}
	}
	if got := body(t, ask(t, p, http.MethodGet, "/documents/0199-a")); !strings.Contains(got, "the page") {
		t.Errorf("a path of the page answered %q", got)
	}
}

func TestThePolicyAllowsNothingUnsafe(t *testing.T) {
	t.Parallel()
	p := page(t, "https://storage.example.org")
	unsafe := 0
	for name := range build() {
		res := ask(t, p, http.MethodGet, "/"+name)
		if res.StatusCode != http.StatusOK {
			continue
		}
		policy := res.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'") {
			t.Errorf("%s: policy %q", name, policy)
		}
		if strings.Contains(policy, "unsafe") {
			unsafe++
			if name != "assets/hash.worker-d4e5f6.js" || strings.Count(policy, "unsafe") != 1 || !strings.Contains(policy, "'wasm-unsafe-eval'") {
				t.Errorf("%s: policy %q", name, policy)
			}
		}
		for _, header := range []string{"X-Content-Type-Options", "Referrer-Policy", "Permissions-Policy", "Cross-Origin-Opener-Policy"} {
			if res.Header.Get(header) == "" {
				t.Errorf("%s has no %s", name, header)
			}
		}
	}
	if unsafe != 1 {
		t.Errorf("%d files may compile WebAssembly, want the hash worker's alone", unsafe)
	}
	policy := ask(t, p, http.MethodGet, "/login").Header.Get("Content-Security-Policy")
	for _, want := range []string{"script-src 'self';", "style-src 'self';", "connect-src 'self' https://storage.example.org;", "frame-ancestors 'none'", "form-action 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the page's policy %q has no %s", policy, want)
		}
	}
}

func TestHashedFilesAreKeptAndThePageIsAskedFor(t *testing.T) {
	t.Parallel()
	p := page(t)
	if got := ask(t, p, http.MethodGet, "/assets/index-a1b2c3.js").Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
		t.Errorf("a hashed file: Cache-Control %q", got)
	}
	first := ask(t, p, http.MethodGet, "/library")
	if got := first.Header.Get("Cache-Control"); got != "no-cache" {
		t.Errorf("the page: Cache-Control %q", got)
	}
	again := ask(t, p, http.MethodGet, "/library", "If-None-Match", first.Header.Get("ETag"))
	if again.StatusCode != http.StatusNotModified {
		t.Errorf("the page again answered %d", again.StatusCode)
	}
}

func TestCompressedFormsAreServedToThoseWhoTakeThem(t *testing.T) {
	t.Parallel()
	p := page(t)
	tags := map[string]bool{}
	for accepted, want := range map[string]string{
		"gzip, deflate, br, zstd": "br",
		"gzip, deflate":           "gzip",
		"br;q=0, gzip;q=0.5":      "gzip",
		"br;q=0":                  "",
		"":                        "",
		"brotli":                  "",
	} {
		res := ask(t, p, http.MethodGet, "/assets/index-a1b2c3.js", "Accept-Encoding", accepted)
		if got := res.Header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: answered %q, want %q", accepted, got, want)
		}
		if res.Header.Get("Vary") != "Accept-Encoding" || res.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
			t.Errorf("Accept-Encoding %q: headers %v", accepted, res.Header)
		}
		tags[res.Header.Get("ETag")] = true
	}
	if got := ask(t, p, http.MethodHead, "/assets/index-a1b2c3.js", "Accept-Encoding", "gzip"); got.Header.Get("Content-Length") != "4" || body(t, got) != "" {
		t.Errorf("HEAD answered Content-Length %q and a body", got.Header.Get("Content-Length"))
	}
	if len(tags) != 3 {
		t.Errorf("the three forms have the tags %v", tags)
	}
	if got := body(t, ask(t, p, http.MethodGet, "/assets/index-a1b2c3.js", "Accept-Encoding", "br")); got != "brotli" {
		t.Errorf("br answered %q", got)
	}
}

func TestABuildWithoutItsPageIsRefused(t *testing.T) {
	t.Parallel()
	files := build()
	delete(files, "index.html")
	if _, err := New(files, api); err == nil {
		t.Error("a build without index.html was taken")
	}
}
