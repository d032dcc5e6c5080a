package s3server

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ProxyHandler is what [Proxy] returns.
type ProxyHandler struct {
	buckets []string
	proxy   *httputil.ReverseProxy
}

// answerHeaders are on every answer, errors included. What users uploaded is
// served from the vault's own origin, so a browser must never run it there:
// no scripts, no sniffing, no embedding by other sites.
var answerHeaders = map[string]string{
	"Content-Security-Policy":      "sandbox; default-src 'none'",
	"X-Content-Type-Options":       "nosniff",
	"Referrer-Policy":              "no-referrer",
	"Cross-Origin-Resource-Policy": "same-origin",
}

// Proxy serves /<bucket>/<key> of the vault's one port from the S3 server at
// target. It passes GET, HEAD and PUT of objects in the named buckets, and
// refuses everything else itself (404, 405, and 411 for a body without its
// length): no listing, no deleting, no admin calls. Host, path and query arrive unchanged, since they are signed; cookies
// pass in neither direction. Bodies of any length are streamed both ways, and
// the read and write deadlines of the surrounding server do not apply to them.
//
// Mount it where no router cleans the path.
func Proxy(target *url.URL, buckets ...string) *ProxyHandler {
	return &ProxyHandler{buckets: buckets, proxy: &httputil.ReverseProxy{
		Transport: &http.Transport{
			DisableKeepAlives: true, // as the server; see below
			// A compressed body would not have the signed length.
			DisableCompression:    true,
			ExpectContinueTimeout: time.Second,
		},
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme = target.Scheme
			r.Out.URL.Host = target.Host
			r.Out.URL.Path = r.In.URL.Path
			r.Out.URL.RawPath = r.In.URL.RawPath
			// ReverseProxy drops parameters that it cannot parse; they are
			// signed as well.
			r.Out.URL.RawQuery = r.In.URL.RawQuery
			r.Out.Host = r.In.Host
			r.Out.Header.Del("Cookie")
		},
		ModifyResponse: func(res *http.Response) error {
			res.Header.Del("Set-Cookie")
			res.Header.Del("Server")
			for name := range answerHeaders {
				res.Header.Del(name)
			}
			return onlyCode(res)
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			refuse(w, http.StatusServiceUnavailable, "ServiceUnavailable", "The storage does not answer. Try again.")
		},
	}}
}

// Serves reports whether a request for this path is for one of the buckets.
func (p *ProxyHandler) Serves(path string) bool {
	bucket, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return slices.Contains(p.buckets, bucket)
}

// ServeHTTP implements http.Handler.
func (p *ProxyHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range answerHeaders {
		w.Header().Set(name, value)
	}
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if !p.Serves(r.URL.Path) || key == "" {
		refuse(w, http.StatusNotFound, "NoSuchKey", "There is nothing here.")
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut:
	default:
		w.Header().Set("Allow", "GET, HEAD, PUT")
		refuse(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "Objects are read and written here, nothing else.")
		return
	}
	// versitygw 1.8.0 answers a body of unknown length before it has read it,
	// and takes the rest for the next request of the connection: with kept
	// connections a client could put requests of its own between those of
	// others. The length is signed anyway.
	if r.ContentLength < 0 {
		refuse(w, http.StatusLengthRequired, "MissingContentLength", "Send the Content-Length.")
		return
	}
	if r.Method != http.MethodPut && r.ContentLength > 0 {
		refuse(w, http.StatusBadRequest, "InvalidRequest", "Only PUT has a body.")
		return
	}
	// A large file on a slow line takes longer than any API call may. A writer
	// without deadlines (a test's recorder) has none to lift.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(time.Time{})
	p.proxy.ServeHTTP(w, r)
}

var validCode = regexp.MustCompile(`^[A-Za-z]{1,60}$`)

// onlyCode leaves of a problem of the storage its code: versitygw repeats what
// was sent and signed, the query with the file's name in it included.
func onlyCode(res *http.Response) error {
	if res.StatusCode < http.StatusBadRequest || res.Request.Method == http.MethodHead {
		return nil
	}
	var problem struct {
		Code    string `xml:"Code"`
		Message string `xml:"Message"`
	}
	if err := xml.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&problem); err != nil || !validCode.MatchString(problem.Code) {
		problem.Code = "InvalidRequest" // no problem of S3: the status has to do
	}
	_ = res.Body.Close()
	message := "The storage refuses this request."
	if strings.Contains(problem.Message, "expired") {
		message = "The address has expired."
	}
	body := problemBody(problem.Code, message)
	res.Body = io.NopCloser(bytes.NewReader(body))
	res.ContentLength, res.TransferEncoding = int64(len(body)), nil
	res.Header.Set("Content-Type", "application/xml")
	res.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// refuse answers in S3's form. The texts are constants.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = w.Write(problemBody(code, message))
}

func problemBody(code, message string) []byte {
	return []byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error><Code>" + code + "</Code><Message>" + message + "</Message></Error>")
}
