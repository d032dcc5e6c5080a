package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"docuvault/cmd/docuvault/internal/embedded"
	"docuvault/functions"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/host/hostserver"
	"docuvault/shared/host/supervise"
	"docuvault/shared/storage"
	"docuvault/shared/telemetry"
)

type serveCmd struct {
	Listen string `placeholder:"ADDRESS" help:"Address to listen on (default: 127.0.0.1:8080, which only this machine reaches; with --tls-domain port 443 of all). For other machines name one of theirs, for example 0.0.0.0:8080."`
	Only   string `enum:",http,queue,schedule" default:"" placeholder:"KIND" help:"Run the functions of one kind only (http, queue or schedule), beside processes that run the others. All servers have to be named by the environment."`
	Data   string `placeholder:"DIR" env:"DOCUVAULT_DATA" help:"Folder of the embedded database, files and keys (default: ${data}). Not used where the environment names real servers."`
	tlsFlags
}

// Run serves all functions in one process until ctx ends.
func (c *serveCmd) Run(ctx context.Context) error {
	started := time.Now()
	vars := embedded.Environment(os.Environ())
	log, err := serveLog(vars["LOG_LEVEL"])
	if err != nil {
		return err
	}
	if c.Listen == "" {
		c.Listen = c.listen()
	}
	if dir := os.Getenv("TMPDIR"); dir != "" {
		// An image names one in its volume, which begins empty.
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("TMPDIR: %w", err)
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", c.Listen, err)
	}
	// The server closes it; this is for a start that fails.
	defer func() { _ = listener.Close() }()
	https, err := c.secure(ctx, vars, listener.Addr(), c.data(), log)
	if err != nil {
		return err
	}
	defer https.close()
	vars.Default("REGISTRATION", registrationFor(listener.Addr()))
	letters := letterboxFor(vars, c.reached(vars, listener.Addr()), listener.Addr(), c.data())

	parts, err := c.embed(ctx, vars, log)
	defer func() { parts.stop(log) }()
	if err != nil {
		return err
	}
	if err := embedded.DeriveJWKS(vars); err != nil {
		return err
	}
	env, err := host.NewEnv(vars.Environ(), log, time.Now)
	if err != nil {
		return err
	}
	defer func() {
		if err := env.Close(); err != nil {
			log.Error("not all was closed", "error", err)
		}
	}()
	if _, err := telemetry.Open(env); err != nil { // first, so that it is closed last
		return err
	}
	letters.provide(env, log)
	handler, err := c.handler(ctx, env, parts)
	if err != nil {
		return err
	}
	edge, err := hosthttp.OpenEdge(env)
	if err != nil {
		return err
	}
	// All constructors have run when the first request comes.
	workers, err := supervise.New(env, c.functions())
	if err != nil {
		return err
	}
	if err := env.Start(ctx); err != nil {
		return err
	}
	greet(c.reached(vars, listener.Addr()), parts, letters, time.Since(started))

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		workers.Run(ctx)
	}()
	go parts.watch(ctx, cancel, log)
	go https.run(ctx, log)
	err = (&hostserver.Server{Env: env, Handler: handler, Headers: edge.Headers}).Run(ctx, https.wrap(listener))
	cancel()
	<-drained
	return err
}

// functions are those that this process runs.
func (c *serveCmd) functions() []host.Function {
	return slices.DeleteFunc(slices.Clone(functions.All), func(fn host.Function) bool {
		return c.Only != "" && fn.Trigger.Kind() != c.Only
	})
}

// reached is the address by which people reach this vault, as far as it knows.
func (c *serveCmd) reached(vars embedded.Vars, addr net.Addr) string {
	switch {
	case c.on() && vars.Has("PUBLIC_URL"):
		return vars["PUBLIC_URL"]
	case c.on():
		return "https://" + readable(addr)
	default:
		return "http://" + readable(addr)
	}
}

// data is the folder of what this vault keeps itself.
func (c *serveCmd) data() string {
	path := c.Data
	if path == "" {
		path = defaultData()
	}
	if absolute, err := filepath.Abs(path); err == nil {
		return absolute // the embedded S3 server changes the working folder
	}
	return path
}

// parts are the embedded servers that run; nil where the environment names
// real ones.
type parts struct {
	folder   *embedded.Folder
	postgres interface {
		Stop(ctx context.Context) error
		Done() <-chan struct{}
	}
	storage *embedded.Storage
}

// embed starts what the environment does not name.
func (c *serveCmd) embed(ctx context.Context, vars embedded.Vars, log *slog.Logger) (*parts, error) {
	p := &parts{}
	if c.Only != "" {
		for _, name := range []string{"DATABASE_URL", "S3_BUCKET"} {
			if !vars.Has(name) {
				return p, usage("--only is for several processes on the same servers: %s has to be set", name)
			}
		}
	}
	needDatabase, needStorage := !vars.Has("DATABASE_URL"), !vars.Has("S3_ENDPOINT") && !vars.Has("S3_ACCESS_KEY") && !vars.Has("S3_BUCKET")
	if !needDatabase && !needStorage {
		return p, nil
	}
	folder, err := embedded.OpenFolder(c.data())
	if err != nil {
		return p, err
	}
	p.folder = &folder
	if needDatabase {
		fresh := !folder.HasData()
		if err := folder.Keys(vars, fresh); err != nil {
			return p, err
		}
		if fresh {
			fmt.Fprintln(os.Stderr, "Setting up a new vault …")
		}
		server, err := folder.StartPostgres(ctx, vars, io.Discard)
		if err != nil {
			return p, err
		}
		p.postgres = server
	}
	if needStorage {
		if p.storage, err = folder.StartStorage(ctx, vars, log); err != nil {
			return p, err
		}
	}
	return p, nil
}

// stop ends what runs, storage first: it reports to what needs the database.
func (p *parts) stop(log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if p.storage != nil {
		if err := p.storage.Close(); err != nil {
			log.Error("the embedded S3 server did not end cleanly", "error", err)
		}
	}
	if p.postgres != nil {
		if err := p.postgres.Stop(ctx); err != nil {
			log.Error("the embedded PostgreSQL did not end cleanly", "error", err)
		}
	}
}

// watch ends the vault when a part of it ends by itself: a supervisor, or its
// user, starts all of it again.
func (p *parts) watch(ctx context.Context, end context.CancelFunc, log *slog.Logger) {
	var postgres, store <-chan struct{}
	if p.postgres != nil {
		postgres = p.postgres.Done()
	}
	if p.storage != nil {
		store = p.storage.Done()
	}
	select {
	case <-ctx.Done():
		return
	case <-postgres:
		log.Error("the embedded PostgreSQL has ended; stopping")
	case <-store:
		log.Error("the embedded S3 server has ended; stopping", "error", p.storage.Err())
	}
	end()
}

// handler is everything on the one port: the functions, the page, and the
// buckets of the embedded storage.
func (c *serveCmd) handler(ctx context.Context, env *host.Env, p *parts) (http.Handler, error) {
	if c.Only != "" && c.Only != "http" {
		return nil, nil // health alone
	}
	api, err := hosthttp.Handler(env, functions.HTTP()...)
	if err != nil {
		return nil, err
	}
	page, err := withPage(env, api)
	if err != nil || p.storage == nil {
		return page, err
	}
	store, err := storage.Open(env)
	if err != nil {
		return nil, err
	}
	if err := store.EnsureBuckets(ctx); err != nil {
		return nil, fmt.Errorf("make the buckets: %w", err)
	}
	p.storage.DeliverTo(api)
	objects := p.storage.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if objects.Serves(r.URL.Path) {
			objects.ServeHTTP(w, r)
			return
		}
		page.ServeHTTP(w, r)
	}), nil
}

// greet says what runs, where the data lies, and what to back up.
func greet(reached string, p *parts, letters letterbox, took time.Duration) {
	fmt.Fprintf(os.Stderr, "\nDocuVault runs on %s (started in %.1f s). Ctrl-C stops it.\n", reached, took.Seconds())
	if letters.folder != "" {
		fmt.Fprintf(os.Stderr, "  Mails:       %s (SMTP_URL is not set)\n", letters.folder)
	}
	if p.folder == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "  Data:        %s\n", p.folder.Path())
	if p.postgres != nil {
		fmt.Fprintf(os.Stderr, "  Master keys: %s\n", p.folder.MasterKeys())
		fmt.Fprintln(os.Stderr, "  Back the master keys up apart from the data: without them nothing can be read,\n  and whoever has both can read everything.")
	}
	fmt.Fprintln(os.Stderr)
}

func readable(addr net.Addr) string {
	if a, err := netip.ParseAddrPort(addr.String()); err == nil && (a.Addr().IsLoopback() || a.Addr().IsUnspecified()) {
		return fmt.Sprintf("localhost:%d", a.Port())
	}
	return addr.String()
}

// registrationFor is the default of REGISTRATION: open where only this machine
// can come, else by invitation.
func registrationFor(addr net.Addr) string {
	if loopback(addr) {
		return "open"
	}
	return "invite"
}

// serveLog is the log of the one process: warnings and errors by default, so
// that a person at a terminal sees what matters.
func serveLog(level string) (*slog.Logger, error) {
	at := slog.LevelWarn
	if level != "" {
		if err := at.UnmarshalText([]byte(level)); err != nil {
			return nil, errors.New("LOG_LEVEL: one of debug, info, warn, error")
		}
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: at})), nil
}

// defaultData is the platform's folder for a user's data.
func defaultData() string {
	if os.Geteuid() == 0 && runtime.GOOS != "windows" {
		return "/var/lib/docuvault"
	}
	if xdg := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(xdg) {
		return filepath.Join(xdg, "docuvault")
	}
	home := os.Getenv("HOME")
	if u, err := user.Current(); err == nil && home == "" {
		home = u.HomeDir
	}
	switch runtime.GOOS {
	case "darwin":
		return filepath.Join(home, "Library", "Application Support", "docuvault")
	case "windows":
		if local := os.Getenv("LOCALAPPDATA"); local != "" {
			return filepath.Join(local, "docuvault")
		}
	}
	return filepath.Join(home, ".local", "share", "docuvault")
}
