// Package web is the vault's web page as files: what Vite builds from this
// folder, and the handler that serves it beside the API.
//
// It promises that a path of the API or of a bucket never gets the page, that
// the page's policy allows no inline script or style and no other origin than
// storage's, and that only the hash worker's own file may compile WebAssembly.
package web

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

// pagesJSON are the first segments of the page's own paths. The router of the
// page reads the same file.
//
//go:embed src/router/pages.json
var pagesJSON []byte

// hashWorker is how the build names the file of the hash worker.
const hashWorker = "assets/hash.worker-"

// file is one file of the build, with its compressed forms, nil where they
// would be larger.
type file struct {
	plain, br, gz []byte
	contentType   string
	cache         string
	etag          string
	policy        string
}

// Page is the handler. It holds all files in memory, as they are in the binary.
type Page struct {
	files map[string]file // by path without the first slash
	pages []string
	next  http.Handler
}

// New reads a build of the page and returns a handler that serves it, and
// passes what is not the page's to next. Storage are the origins, other than
// the vault's own, that presigned URLs lead to: the page may send to them and
// show images from them.
func New(build fs.FS, next http.Handler, storage ...string) (*Page, error) {
	p := &Page{files: map[string]file{}, next: next}
	if err := json.Unmarshal(pagesJSON, &p.pages); err != nil {
		return nil, fmt.Errorf("read the page's paths: %w", err)
	}
	err := fs.WalkDir(build, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return p.add(build, name, storage)
	})
	if err != nil {
		return nil, fmt.Errorf("read the page: %w", err)
	}
	if _, ok := p.files["index.html"]; !ok {
		return nil, fmt.Errorf("read the page: it has no index.html")
	}
	return p, nil
}

func (p *Page) add(build fs.FS, name string, storage []string) error {
	content, err := fs.ReadFile(build, name)
	if err != nil {
		return err
	}
	if plain, ok := strings.CutSuffix(name, ".br"); ok {
		f := p.files[plain]
		f.br = content
		p.files[plain] = f
		return nil
	}
	if plain, ok := strings.CutSuffix(name, ".gz"); ok {
		f := p.files[plain]
		f.gz = content
		p.files[plain] = f
		return nil
	}
	if strings.HasPrefix(name, ".vite/") {
		return nil
	}
	sum := sha256.Sum256(content)
	f := p.files[name]
	f.plain, f.etag = content, `"`+hex.EncodeToString(sum[:12])+`"`
	f.contentType = contentType(name)
	f.policy = policy(name, storage)
	f.cache = "no-cache"
	if strings.HasPrefix(name, "assets/") || strings.HasPrefix(name, "pdfjs/") { // a hash or a version is in the path
		f.cache = "public, max-age=31536000, immutable"
	}
	p.files[name] = f
	return nil
}

// contentType goes by the name; the tables of operating systems differ.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	case ".json":
		return "application/json"
	case ".wasm":
		return "application/wasm"
	case ".bcmap", ".pfb":
		return "application/octet-stream"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// policy is the Content-Security-Policy of a file. A worker has the policy of
// its own file.
func policy(name string, storage []string) string {
	to := strings.Join(append([]string{"'self'"}, storage...), " ")
	switch {
	case strings.HasPrefix(name, hashWorker):
		return "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'"
	case name == "index.html":
		return strings.Join([]string{
			"default-src 'none'",
			"script-src 'self'",
			"style-src 'self'",
			"font-src 'self'",
			"img-src blob: " + to,
			"connect-src " + to,
			"worker-src 'self'",
			"base-uri 'none'",
			"form-action 'none'",
			"frame-ancestors 'none'",
		}, "; ")
	default:
		return "default-src 'none'; script-src 'self'; connect-src 'self'"
	}
}

// ServeHTTP implements http.Handler.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	f, ok := p.files[name]
	if !ok && p.isPage(name) {
		f, ok = p.files["index.html"]
	}
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		p.next.ServeHTTP(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", f.cache)
	h.Set("Content-Security-Policy", f.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	body, etag := f.plain, f.etag
	if f.br != nil || f.gz != nil {
		h.Set("Vary", "Accept-Encoding")
		switch accepted := r.Header.Get("Accept-Encoding"); {
		case f.br != nil && accepts(accepted, "br"):
			h.Set("Content-Encoding", "br")
			body, etag = f.br, etag[:len(etag)-1]+`-br"`
		case f.gz != nil && accepts(accepted, "gzip"):
			h.Set("Content-Encoding", "gzip")
			body, etag = f.gz, etag[:len(etag)-1]+`-gz"`
		}
	}
	h.Set("ETag", etag)
	if named(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(body)
	}
}

// named reports whether a header If-None-Match names the tag (RFC 9110 section
// 13.1.2).
func named(header, etag string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		if tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/"); tag == etag || tag == "*" {
			return true
		}
	}
	return false
}

// isPage reports whether a path is one of the page's own: it begins with one of
// pages.json, and its last segment is no file's name.
func (p *Page) isPage(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return slices.Contains(p.pages, first) && !strings.Contains(name[strings.LastIndex(name, "/")+1:], ".")
}

// accepts reports whether a header Accept-Encoding names the coding with a
// weight above zero (RFC 9110 section 12.5.3).
func accepts(header, coding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(name), coding) {
			continue
		}
		weight, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		if !ok {
			return true
		}
		q, err := strconv.ParseFloat(weight, 64)
		return err == nil && q > 0
	}
	return false
}
