package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"docuvault/shared/dbtest"
	"docuvault/shared/testenv"
	"docuvault/shared/vaulttest"
	"docuvault/test/servers"
	"docuvault/test/throwaway"
)

// TestServe is what serve can do besides the whole vault on one port of this
// machine, with one build of the program.
func TestServe(t *testing.T) {
	t.Parallel()
	program, err := throwaway.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Run("apart", func(t *testing.T) { t.Parallel(); kindsApart(t, program) })
	t.Run("files", func(t *testing.T) { t.Parallel(); certificateInFiles(t, program) })
	t.Run("acme", func(t *testing.T) { t.Parallel(); certificateByACME(t, program) })
}

// folder is one that the embedded servers can enter.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := throwaway.Folder()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// variables are those of a vault on a test's database and the embedded storage.
func variables(t *testing.T) (env []string) {
	t.Helper()
	for name, value := range vaulttest.Vars(t, dbtest.New(t)) {
		if !strings.HasPrefix(name, "S3_") {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func serve(t *testing.T, program, dir string, o throwaway.Options) *throwaway.Vault {
	t.Helper()
	v, err := throwaway.StartWith(t.Context(), program, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Stop(); err != nil {
			t.Error(err)
		}
	})
	return v
}

func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := throwaway.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// signsInOverHTTPS registers by a client, and looks at what https brings.
func signsInOverHTTPS(t *testing.T, v *throwaway.Vault, client *http.Client) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, v.URL+"/v1/auth/register",
		strings.NewReader(`{"email":"tls@example.org","password":"between you and the vault"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusCreated || answer.ProtoMajor != 2 || answer.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s over HTTP/%d, %v", answer.Status, answer.ProtoMajor, answer.Header)
	}
	cookies := answer.Cookies()
	for _, c := range cookies {
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly {
			t.Errorf("cookie %s, Secure %t, HttpOnly %t", c.Name, c.Secure, c.HttpOnly)
		}
	}
	if len(cookies) == 0 {
		t.Error("no cookie")
	}
}

// redirects asks the address for plain http.
func redirects(t *testing.T, address, want string) {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/library?sort=name", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if got := answer.Header.Get("Location"); answer.StatusCode != http.StatusMovedPermanently || got != want {
		t.Errorf("plain http answers %s to %s, want %s", answer.Status, got, want)
	}
}

// Processes that run the functions of one kind are a vault together, on the same
// servers: the API in one, the consumers in another, a schedule once.
func kindsApart(t *testing.T, program string) {
	var env []string
	db := dbtest.New(t)
	for name, value := range vaulttest.Vars(t, db) {
		env = append(env, name+"="+value)
	}
	api := serve(t, program, folder(t), throwaway.Options{Env: env, Args: []string{"--only", "http"}})
	a, err := api.Register(t.Context(), "apart@example.org")
	if err != nil {
		t.Fatal(err)
	}
	paper := filepath.Join(t.TempDir(), "note.txt")
	if err := os.WriteFile(paper, []byte("an invoice for one process and another"), 0o600); err != nil {
		t.Fatal(err)
	}
	call := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Env = throwaway.Environ(append(append(a.Environ(), env...), "PORT=0", "MAIL=off")...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := call("push", "--json", "--url", api.URL, paper); err != nil {
		t.Fatalf("push: %v\n%s", err, out)
	}
	if out, err := call("run", "schedules-reconcile"); err != nil || !strings.Contains(out, "run done") {
		t.Errorf("a schedule that runs once: %v\n%s", err, out)
	}
	if got := documents(t, api, a.Token); len(got) != 1 || got[0].Status != "stored" {
		t.Errorf("without consumers: %+v", got)
	}
	workers := serve(t, program, folder(t), throwaway.Options{Env: env, Args: []string{"--only", "queue"}})
	if status, _ := workers.Call(t.Context(), http.MethodGet, "/v1/me", a.Token, nil, nil); status != http.StatusNotFound {
		t.Errorf("the consumers' process answers a route with %d", status)
	}
	if out, err := call("push", "--json", "--wait", "--url", api.URL, paper); err != nil {
		t.Errorf("push: %v\n%s", err, out)
	}
	if got := documents(t, api, a.Token); len(got) != 1 || got[0].Status != "ready" {
		t.Errorf("with consumers: %+v", got)
	}
	for says, args := range map[string][]string{
		"no function \"uploads-bgin\"": {"run", "uploads-bgin"},
		"must be one of":               {"serve", "--only", "mail"},
	} {
		if out, err := call(args...); err == nil || !strings.Contains(out, says) {
			t.Errorf("%q: %v, %s", args, err, out)
		}
	}
	alone := exec.CommandContext(t.Context(), program, "serve", "--listen", "127.0.0.1:0", "--only", "queue")
	alone.Env = throwaway.Environ()
	if out, err := alone.CombinedOutput(); err == nil || !strings.Contains(string(out), "DATABASE_URL has to be set") {
		t.Errorf("--only without servers: %v, %s", err, out)
	}
}

// With a certificate in files: a whole push over https, and the certificate
// changes while the vault runs.
func certificateInFiles(t *testing.T, program string) {
	dir, env := folder(t), variables(t)
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	renew := func() []byte {
		cert, key, err := servers.Certificate("localhost", "127.0.0.1")
		if err := errors.Join(err, os.WriteFile(keyFile, key, 0o600), os.WriteFile(certFile, cert, 0o600)); err != nil {
			t.Fatal(err)
		}
		return cert
	}
	cert := renew()
	client, err := servers.Trusting(cert)
	if err != nil {
		t.Fatal(err)
	}
	address, plain := freeAddress(t), freeAddress(t)
	_, port, _ := strings.Cut(address, ":")
	v := serve(t, program, dir, throwaway.Options{
		Address: address, URL: "https://localhost:" + port, Client: client, Env: env,
		Args: []string{"--tls-cert", certFile, "--tls-key", keyFile, "--tls-redirect", plain},
	})
	signsInOverHTTPS(t, v, client)
	redirects(t, plain, "https://127.0.0.1:"+port+"/library?sort=name")
	a, err := v.Register(t.Context(), "push@example.org")
	if err != nil {
		t.Fatal(err)
	}
	paper := filepath.Join(t.TempDir(), "note.txt")
	if err := os.WriteFile(paper, []byte("a paper over https"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"uploaded", "already_here"} {
		cmd := exec.CommandContext(t.Context(), program, "push", "--json", "--wait", "--url", v.URL, paper)
		cmd.Env = throwaway.Environ(append(a.Environ(), "SSL_CERT_FILE="+certFile)...)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), want) {
			t.Errorf("push %d: %v\n%s", i, err, out)
		}
		if i == 0 {
			cert = renew() // the second push trusts the new one only
		}
	}
	if client, err = servers.Trusting(cert); err != nil {
		t.Fatal(err)
	}
	if answer, err := client.Get(v.URL + "/healthz"); err != nil {
		t.Errorf("after the renewal: %v", err)
	} else {
		_ = answer.Body.Close()
	}

	health := exec.CommandContext(t.Context(), program, "health", "--url", "https://localhost", "--connect", address)
	health.Env = throwaway.Environ("SSL_CERT_FILE=" + certFile)
	if out, err := health.CombinedOutput(); err != nil || string(out) != "ready\n" {
		t.Errorf("health: %v, %s", err, out)
	}
	health = exec.CommandContext(t.Context(), program, "health", "--url", "http://"+plain)
	if out, err := health.CombinedOutput(); err == nil {
		t.Errorf("health takes a redirect for an answer: %s", out)
	}
}

// The certificate comes by ACME from Let's Encrypt's own authority for tests,
// which asks the vault for the name (TLS-ALPN-01), and is kept for the next start.
func certificateByACME(t *testing.T, program string) {
	const name = "vault.example.org"
	cert, key, err := servers.Certificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	address, plain := freeAddress(t), freeAddress(t)
	port, _ := strconv.Atoi(address[strings.LastIndex(address, ":")+1:])
	authority, err := servers.Pebble(t.Context(), cert, key, port)
	if errors.Is(err, servers.ErrMissing) {
		testenv.NotRun(t, "no ACME server: "+err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = authority.Stop() })
	dir, env := folder(t), variables(t)
	trusted := filepath.Join(dir, "authority.pem")
	if err := os.WriteFile(trusted, cert, 0o600); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.Root)
	// The name leads to this machine.
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}}
	options := throwaway.Options{
		Address: address, URL: "https://" + name, Client: client,
		Args: []string{"--tls-domain", name, "--tls-authority", authority.Directory, "--tls-redirect", plain},
		Env:  append(env, "SSL_CERT_FILE="+trusted),
	}
	v := serve(t, program, dir, options)
	signsInOverHTTPS(t, v, client)
	redirects(t, plain, "https://"+name+"/library?sort=name")
	if _, err := tls.Dial("tcp", address, &tls.Config{ServerName: "other.example.org", RootCAs: roots}); err == nil {
		t.Error("there is a certificate for a name that nobody named")
	}
	if info, err := os.Stat(filepath.Join(dir, "data", "tls")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder of the certificate: %v, %v", info, err)
	}

	// Without the authority the next start has the certificate still.
	if err := errors.Join(v.Stop(), authority.Stop()); err != nil {
		t.Fatal(err)
	}
	serve(t, program, dir, options)
}
