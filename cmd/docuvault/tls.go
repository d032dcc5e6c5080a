package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"docuvault/cmd/docuvault/internal/embedded"
	"docuvault/shared/host/hostserver"
)

// tlsFlags say whether the vault itself speaks https, and with which
// certificate.
type tlsFlags struct {
	TLSDomain    string `name:"tls-domain" placeholder:"NAME" help:"Speak https under this name, with a certificate that is fetched and renewed by ACME. Port 443 or 80 of the name has to lead here. You agree to the terms of the certificate authority."`
	TLSCert      string `name:"tls-cert" placeholder:"FILE" help:"Speak https with this certificate (PEM, with its chain); read again when the file changes."`
	TLSKey       string `name:"tls-key" placeholder:"FILE" help:"The certificate's private key (PEM)."`
	TLSAuthority string `name:"tls-authority" placeholder:"URL" default:"${authority}" help:"ACME directory of the certificate authority (default: ${default})."`
	TLSRedirect  string `name:"tls-redirect" placeholder:"ADDRESS" help:"Address whose plain http leads to https, or off (default with --tls-domain: port 80 of the address of --listen)."`
}

// authority is Let's Encrypt.
const authority = acme.LetsEncryptURL

// secured is https in front of a listener. The zero value is plain http.
type secured struct {
	listener net.Listener // of plain http, whose clients are sent to https
	config   *tls.Config
	redirect http.Handler
}

// on reports whether the flags ask for https.
func (f tlsFlags) on() bool { return f.TLSDomain != "" || f.TLSCert != "" || f.TLSKey != "" }

// listen is the address to listen on where no flag names one.
func (f tlsFlags) listen() string {
	if f.TLSDomain != "" {
		return ":443"
	}
	return "127.0.0.1:8080"
}

// secure makes https ready: it reads the certificate, or prepares to fetch one
// and keep it in the data folder, and sets the default of PUBLIC_URL.
func (f tlsFlags) secure(ctx context.Context, vars embedded.Vars, addr net.Addr, data string, log *slog.Logger) (*secured, error) {
	switch {
	case !f.on():
		if f.TLSRedirect != "" {
			return nil, usage("--tls-redirect is of use with --tls-domain or --tls-cert only")
		}
		return &secured{}, nil
	case f.TLSDomain != "" && (f.TLSCert != "" || f.TLSKey != ""):
		return nil, usage("--tls-domain fetches a certificate: leave out --tls-cert and --tls-key, or it")
	case f.TLSDomain == "" && (f.TLSCert == "" || f.TLSKey == ""):
		return nil, usage("--tls-cert and --tls-key go together")
	}
	s := &secured{}
	if f.TLSDomain != "" {
		if !publicName(f.TLSDomain) {
			return nil, usage("--tls-domain: %q is no name that a certificate authority knows, like vault.example.org", f.TLSDomain)
		}
		vars.Default("PUBLIC_URL", "https://"+f.TLSDomain)
		manager := &autocert.Manager{
			Prompt:     autocert.AcceptTOS,
			Cache:      autocert.DirCache(filepath.Join(data, "tls")),
			HostPolicy: autocert.HostWhitelist(f.TLSDomain),
			Client:     &acme.Client{DirectoryURL: f.TLSAuthority, UserAgent: "docuvault"},
		}
		s.config = manager.TLSConfig()
		s.redirect = manager.HTTPHandler(toHTTPS(vars["PUBLIC_URL"], addr))
	} else {
		files := &certificateFiles{cert: f.TLSCert, key: f.TLSKey, log: log}
		if _, err := files.get(nil); err != nil {
			return nil, err
		}
		s.config = &tls.Config{GetCertificate: files.get, NextProtos: []string{"h2", "http/1.1"}}
		s.redirect = toHTTPS(vars["PUBLIC_URL"], addr)
	}
	s.config.MinVersion = tls.VersionTLS12
	if u, err := url.Parse(vars["PUBLIC_URL"]); err == nil && u.Scheme == "http" {
		return nil, fmt.Errorf("PUBLIC_URL: %s is not https, and the vault speaks https: change it, or leave it out", vars["PUBLIC_URL"])
	}
	at := f.TLSRedirect
	if at == "" && f.TLSDomain != "" {
		host, _, err := net.SplitHostPort(addr.String())
		if err != nil {
			return nil, err
		}
		at = net.JoinHostPort(host, "80")
	}
	if at == "" || at == "off" {
		return s, nil
	}
	var err error
	if s.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", at); err != nil {
		return nil, fmt.Errorf("--tls-redirect %s: %w", at, err)
	}
	return s, nil
}

// publicName reports whether a name has two labels or more, and is no address.
func publicName(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil || !strings.Contains(strings.Trim(name, "."), ".") {
		return false
	}
	return !strings.ContainsAny(name, "/:*@ ")
}

// wrap puts https onto a listener.
func (s *secured) wrap(listener net.Listener) net.Listener {
	if s.config == nil {
		return listener
	}
	return tls.NewListener(listener, s.config)
}

// close is for a start that fails.
func (s *secured) close() {
	if s != nil && s.listener != nil {
		_ = s.listener.Close()
	}
}

// run answers plain http until ctx ends.
func (s *secured) run(ctx context.Context, log *slog.Logger) {
	if s.listener == nil {
		return
	}
	server := &http.Server{
		Handler: s.redirect, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	server.SetKeepAlivesEnabled(false)
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(s.listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
		log.Error("plain http is not answered any more", "error", err)
	}
}

// toHTTPS sends a reader to the same path on https: of PUBLIC_URL, else of the
// host that was asked for, on the port of addr. What carries a body is refused:
// a redirect would hide that it was sent for all to read.
func toHTTPS(publicURL string, addr net.Addr) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hostserver.Harden(w.Header())
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "This vault speaks https only.", http.StatusForbidden)
			return
		}
		base := strings.TrimRight(publicURL, "/")
		if base == "" {
			base = "https://" + onPort(r.Host, addr)
		}
		target := *r.URL
		target.Scheme, target.Host, target.User = "", "", nil
		//nolint:gosec // G710: PUBLIC_URL, or the host that the client itself has asked
		http.Redirect(w, r, base+"/"+strings.TrimLeft(target.RequestURI(), "/"), http.StatusMovedPermanently)
	})
}

// onPort is the host that was asked for, with the port of addr unless it is
// https's own.
func onPort(asked string, addr net.Addr) string {
	name := asked
	if host, _, err := net.SplitHostPort(asked); err == nil {
		name = host
	}
	name = strings.Trim(name, "[]")
	_, port, err := net.SplitHostPort(addr.String())
	if err == nil && port != "443" {
		return net.JoinHostPort(name, port)
	}
	if strings.Contains(name, ":") {
		return "[" + name + "]"
	}
	return name
}

// certificateFiles are a certificate and its key in two files, which somebody
// else renews. A handshake looks whether they have changed; while they do not fit
// together, the last pair that did is used.
type certificateFiles struct {
	cert, key string
	log       *slog.Logger

	mu    sync.Mutex
	stamp string
	pair  *tls.Certificate
}

func (c *certificateFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stamp, err := stampOf(c.cert, c.key)
	if err == nil && stamp == c.stamp {
		return c.pair, nil
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.LoadX509KeyPair(c.cert, c.key)
	}
	if err != nil {
		if c.pair == nil {
			return nil, fmt.Errorf("--tls-cert, --tls-key: %w", err)
		}
		if stamp != c.stamp { // once for each state of the files
			c.log.Error("the changed certificate cannot be used; the old one is", "error", err)
			c.stamp = stamp
		}
		return c.pair, nil
	}
	if c.pair != nil {
		c.log.Info("the certificate was read again")
	}
	c.stamp, c.pair = stamp, &pair
	return c.pair, nil
}

// stampOf tells one state of files from another; with an error it is "".
func stampOf(paths ...string) (string, error) {
	var stamp strings.Builder
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&stamp, "%d %d ", info.ModTime().UnixNano(), info.Size())
	}
	return stamp.String(), nil
}
