package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"docuvault/cmd/docuvault/internal/embedded"
	"docuvault/test/servers"
)

func TestTLSFlagsThatDoNotFit(t *testing.T) {
	t.Parallel()
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}
	cert := filepath.Join(t.TempDir(), "nothing")
	for says, c := range map[string]struct {
		flags tlsFlags
		vars  embedded.Vars
	}{
		"of use with":            {flags: tlsFlags{TLSRedirect: "off"}},
		"leave out":              {flags: tlsFlags{TLSDomain: "a.example", TLSCert: "c", TLSKey: "k"}},
		"go together":            {flags: tlsFlags{TLSCert: "c"}},
		"no name that":           {flags: tlsFlags{TLSDomain: "192.0.2.1"}},
		"--tls-cert, --tls-":     {flags: tlsFlags{TLSCert: cert, TLSKey: cert}},
		"PUBLIC_URL":             {flags: tlsFlags{TLSDomain: "a.example", TLSRedirect: "off"}, vars: embedded.Vars{"PUBLIC_URL": "http://a.example"}},
		"--tls-redirect nowhere": {flags: tlsFlags{TLSDomain: "a.example", TLSRedirect: "nowhere"}},
	} {
		if c.vars == nil {
			c.vars = embedded.Vars{}
		}
		if _, err := c.flags.secure(t.Context(), c.vars, addr, t.TempDir(), slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v, want %q", c.flags, err, says)
		}
	}
	vars := embedded.Vars{}
	s, err := tlsFlags{TLSDomain: "a.example", TLSRedirect: "off"}.secure(t.Context(), vars, addr, t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil || vars["PUBLIC_URL"] != "https://a.example" || s.listener != nil {
		t.Errorf("%v, PUBLIC_URL %q", err, vars["PUBLIC_URL"])
	}
}

func TestPlainHTTPLeadsToHTTPS(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		public, method, target string
		port                   int
		status                 int
		location               string
	}{
		{"https://vault.example.org", "GET", "http://other.example/a/b?c=d", 443, 301, "https://vault.example.org/a/b?c=d"},
		{"https://vault.example.org/", "HEAD", "http://vault.example.org/", 8443, 301, "https://vault.example.org/"},
		{"", "GET", "http://vault.lan:8080/x", 8443, 301, "https://vault.lan:8443/x"},
		{"", "GET", "http://vault.lan/x", 443, 301, "https://vault.lan/x"},
		{"", "GET", "http://[2001:db8::1]/x", 443, 301, "https://[2001:db8::1]/x"},
		{"https://vault.example.org", "GET", "http://vault.example.org//evil.example/x", 443, 301, "https://vault.example.org/evil.example/x"},
		{"https://vault.example.org", "POST", "http://vault.example.org/v1/auth/login", 443, 403, ""},
	} {
		w := httptest.NewRecorder()
		toHTTPS(c.public, &net.TCPAddr{Port: c.port}).ServeHTTP(w, httptest.NewRequest(c.method, c.target, nil))
		if w.Code != c.status || w.Header().Get("Location") != c.location {
			t.Errorf("%s %s: %d to %q, want %d to %q", c.method, c.target, w.Code, w.Header().Get("Location"), c.status, c.location)
		}
	}
}

func TestAChangedCertificateIsReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var log bytes.Buffer
	files := &certificateFiles{cert: filepath.Join(dir, "cert"), key: filepath.Join(dir, "key"), log: slog.New(slog.NewTextHandler(&log, nil))}
	write := func(cert, key []byte) {
		t.Helper()
		if err := errors.Join(os.WriteFile(files.cert, cert, 0o600), os.WriteFile(files.key, key, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	var shown [][]byte
	show := func() *tls.Certificate {
		t.Helper()
		pair, err := files.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		shown = append(shown, pair.Certificate[0])
		return pair
	}
	cert1, key1, err1 := servers.Certificate("one.example")
	cert2, key2, err2 := servers.Certificate("another.one.example") // of another size
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	write(cert1, key1)
	if first, second := show(), show(); first != second {
		t.Error("read again without a change")
	}
	write(cert2, key1) // half of the change
	if show(); !bytes.Equal(shown[0], shown[2]) {
		t.Error("a certificate without its key is used")
	}
	show()
	if n := strings.Count(log.String(), "cannot be used"); n != 1 {
		t.Errorf("said %d times, want once: %s", n, log.String())
	}
	write(cert2, key2)
	if show(); bytes.Equal(shown[0], shown[4]) {
		t.Error("the change is not seen")
	}
	if err := os.Remove(files.cert); err != nil {
		t.Fatal(err)
	}
	if show(); !bytes.Equal(shown[4], shown[5]) {
		t.Error("the last one is gone with its file")
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	ready := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" || r.Host != "vault.example.org" {
			t.Errorf("asks %s of %s", r.URL.Path, r.Host)
		}
		w.WriteHeader(ready)
	}))
	t.Cleanup(server.Close)
	for status, want := range map[int]int{http.StatusOK: exitOK, http.StatusServiceUnavailable: exitFailed, http.StatusFound: exitFailed} {
		ready = status
		var out, problems bytes.Buffer
		code := run(t.Context(), []string{"health", "--url", "http://vault.example.org/", "--connect", server.Listener.Addr().String()}, streams{nil, &out, &problems})
		if code != want {
			t.Errorf("%d: exit code %d, want %d: %s", status, code, want, problems.String())
		}
	}
	var out, problems bytes.Buffer
	if code := run(t.Context(), []string{"health", "--url", "vault"}, streams{nil, &out, &problems}); code != exitUsage {
		t.Errorf("a wrong address: exit code %d", code)
	}
}
