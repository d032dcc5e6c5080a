// Package throwaway runs a real vault for the length of a test or a
// demonstration: the docuvault program itself, as a child on a free port, with
// data in a folder that goes with it.
//
// It promises that Stop ends the child, by its process id, and that nothing of
// the caller's environment leads the child to somebody's real servers.
package throwaway

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Build builds docuvault into dir, with the Go command's cache and build tags,
// and returns the program's path. It must run inside the module.
func Build(ctx context.Context, dir string, tags ...string) (string, error) {
	program := filepath.Join(dir, "docuvault")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", strings.Join(tags, ","), "-o", program, "docuvault/cmd/docuvault")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build docuvault: %w\n%s", err, out)
	}
	return program, nil
}

// Folder makes an empty folder that the database's own user can enter, which a
// test's folder is not when root runs it.
func Folder() (string, error) {
	dir, err := os.MkdirTemp("", "docuvault-throwaway-")
	if err != nil {
		return "", fmt.Errorf("make folder: %w", err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chmod(dir, 0o711); err != nil { // to pass through, not to read
			return "", fmt.Errorf("open folder: %w", err)
		}
	}
	return dir, nil
}

// passed are the variables that a child gets: none that names a server or holds
// a secret.
var passed = []string{
	"PATH", "HOME", "USER", "TMPDIR", "TMP", "TEMP", "LANG", "LC_ALL", "TZ", "PGBIN", "PDF_CACHE_DIR", "XDG_CACHE_HOME",
	"SystemRoot", "LOCALAPPDATA", "GOCOVERDIR", "TERM", "NO_COLOR", "COLUMNS",
}

// Environ is the environment of a child, with more appended.
func Environ(more ...string) []string {
	var env []string
	for _, name := range passed {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return append(env, more...)
}

// Vault is one that runs.
type Vault struct {
	// URL is its address, without a slash at the end.
	URL string
	// Log is the file with what it printed.
	Log string

	client  *http.Client
	command *exec.Cmd
	ended   chan struct{}
	err     error // how it ended, once ended is closed
}

// readyWithin is how long a start may take: a first one makes a database and
// compiles the PDF engine.
const readyWithin = 2 * time.Minute

// Options are what a caller may want otherwise.
type Options struct {
	// Address is where it listens; "": a free port of this machine.
	Address string
	// URL is its address for clients; "": Address, without TLS.
	URL string
	// Client asks it; nil: the default one.
	Client *http.Client
	// Args are more arguments of serve, Env more variables.
	Args, Env []string
}

// Start starts program with its data below dir, and returns when the vault
// answers /readyz. Environment variables may be added.
func Start(ctx context.Context, program, dir string, env ...string) (*Vault, error) {
	return StartWith(ctx, program, dir, Options{Env: env})
}

// StartWith is [Start] with options.
func StartWith(ctx context.Context, program, dir string, o Options) (*Vault, error) {
	if o.Address == "" {
		address, err := FreeAddress(ctx)
		if err != nil {
			return nil, err
		}
		o.Address = address
	}
	if o.URL == "" {
		o.URL = "http://" + o.Address
	}
	if o.Client == nil {
		o.Client = http.DefaultClient
	}
	v := &Vault{URL: o.URL, Log: filepath.Join(dir, "serve.log"), client: o.Client, ended: make(chan struct{})}
	log, err := os.OpenFile(v.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make log: %w", err)
	}
	defer func() { _ = log.Close() }() // the child has its own handle
	// Not CommandContext: that would kill it, and it has children of its own.
	v.command = exec.Command(program, append([]string{"serve", "--listen", o.Address, "--data", filepath.Join(dir, "data")}, o.Args...)...) // our own build
	v.command.Env = Environ(append([]string{"REGISTRATION=open"}, o.Env...)...)
	v.command.Stdout, v.command.Stderr = log, log
	apart(v.command)
	if err := v.command.Start(); err != nil {
		return nil, fmt.Errorf("start the vault: %w", err)
	}
	go func() {
		v.err = v.command.Wait()
		close(v.ended)
	}()
	if err := v.ready(ctx); err != nil {
		return nil, errors.Join(err, v.Stop())
	}
	return v, nil
}

// FreeAddress is a port of this machine that nobody listened on a moment ago.
func FreeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

func (v *Vault) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		if status, err := v.Call(ctx, http.MethodGet, "/readyz", "", nil, nil); err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-v.ended:
			return fmt.Errorf("the vault ended before it was ready: %v\n%s", v.err, v.Tail())
		case <-ctx.Done():
			return fmt.Errorf("the vault did not get ready: %w\n%s", context.Cause(ctx), v.Tail())
		case <-tick.C:
		}
	}
}

// Tail is the end of what the vault printed.
func (v *Vault) Tail() string {
	content, err := os.ReadFile(v.Log)
	if err != nil {
		return ""
	}
	return string(content[max(0, len(content)-4000):])
}

// PID is the vault's process.
func (v *Vault) PID() int { return v.command.Process.Pid }

// Stop ends the vault as Ctrl-C would, and kills it when it does not end within
// 30 seconds. It may be called again.
func (v *Vault) Stop() error {
	select {
	case <-v.ended:
		return nil
	default:
	}
	if err := interrupt(v.command.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		_ = v.command.Process.Kill()
	}
	late := time.AfterFunc(30*time.Second, func() { _ = v.command.Process.Kill() })
	<-v.ended
	if !late.Stop() {
		return fmt.Errorf("the vault had to be killed\n%s", v.Tail())
	}
	if v.err != nil && !endedBy(v.err, syscall.SIGTERM) {
		return fmt.Errorf("the vault ended badly: %w\n%s", v.err, v.Tail())
	}
	return nil
}

// endedBy reports whether a process was ended by that signal or, with exit code
// 130, says so itself.
func endedBy(err error, s syscall.Signal) bool {
	e, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return false
	}
	status, ok := e.Sys().(syscall.WaitStatus)
	return e.ExitCode() == 130 || ok && status.Signaled() && status.Signal() == s
}

// Account is a user of the vault.
type Account struct {
	Email, Password string
	// Token is an access token, good for some minutes.
	Token string
}

// Environ are the variables that the client commands read.
func (a Account) Environ() []string {
	return []string{"DOCUVAULT_EMAIL=" + a.Email, "DOCUVAULT_PASSWORD=" + a.Password}
}

// Register makes a user with a random password.
func (v *Vault) Register(ctx context.Context, email string) (Account, error) {
	a := Account{Email: email, Password: rand.Text()}
	var out struct {
		AccessToken string `json:"access_token"`
	}
	status, err := v.Call(ctx, http.MethodPost, "/v1/auth/register", "", map[string]string{"email": a.Email, "password": a.Password}, &out)
	if err != nil {
		return a, fmt.Errorf("register: %w", err)
	}
	if status != http.StatusCreated || out.AccessToken == "" {
		return a, fmt.Errorf("register: the vault answered %d without a token", status)
	}
	a.Token = out.AccessToken
	return a, nil
}

// Call sends a request with an optional token and JSON body, and reads a JSON
// answer into out unless it is nil. An answer of 400 or above is an error that
// holds its body.
func (v *Vault) Call(ctx context.Context, method, path, token string, in, out any) (int, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, v.URL+path, body)
	if err != nil {
		return 0, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := v.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return res.StatusCode, err
	}
	if res.StatusCode >= 400 {
		return res.StatusCode, fmt.Errorf("%s %s: %d: %s", method, path, res.StatusCode, strings.TrimSpace(string(answer)))
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			return res.StatusCode, fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	return res.StatusCode, nil
}
