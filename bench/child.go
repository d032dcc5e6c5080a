package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"time"

	"docuvault/functions"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/host/hostserver"
	"docuvault/shared/host/supervise"
	"docuvault/test/throwaway"
)

// What a child of the bench does, and where it writes its CPU profile, if
// anywhere.
const (
	roleVariable    = "DOCUVAULT_BENCH_ROLE"
	profileVariable = "DOCUVAULT_BENCH_PROFILE"
	readyPrefix     = "READY "
)

// The child has to become one before main, or a test binary's, runs.
func init() {
	role := os.Getenv(roleVariable)
	if role == "" {
		return
	}
	if err := serveRole(role); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "bench child:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serveRole serves all HTTP functions ("api") or runs all consumers
// ("workers"), until standard input ends, which is when the parent has.
func serveRole(role string) (err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if path := os.Getenv(profileVariable); path != "" {
		file, err := os.Create(path)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer func() {
			pprof.StopCPUProfile()
			_ = file.Close()
		}()
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	env, err := host.NewEnv(os.Environ(), log, time.Now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.Close()) }()
	if role == "workers" {
		group, err := supervise.New(env, functions.Queue())
		if err != nil {
			return err
		}
		fmt.Println(readyPrefix)
		group.Run(ctx)
		return nil
	}
	handler, err := hosthttp.Handler(env, functions.HTTP()...)
	if err != nil {
		return err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(readyPrefix + "http://" + ln.Addr().String())
	return (&hostserver.Server{Env: env, Handler: handler}).Run(ctx, ln)
}

// child is a process of the vault.
type child struct {
	url   string // of the API
	cmd   *exec.Cmd
	stdin io.Closer
	log   string
}

// start starts a child with these variables and none of ours.
func (b *bench) start(role, name string, vars map[string]string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(self), log: filepath.Join(b.dir, name+"-"+role+".log")}
	env := []string{roleVariable + "=" + role}
	if b.profile != "" {
		path, err := filepath.Abs(filepath.Join(b.profile, name+"-"+role+".pprof"))
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(b.profile, 0o750); err != nil {
			return nil, err
		}
		env = append(env, profileVariable+"="+path)
	}
	for key, value := range vars {
		env = append(env, key+"="+value)
	}
	c.cmd.Env = throwaway.Environ(env...)
	log, err := os.Create(c.log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own handle
	c.cmd.Stderr = log
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	c.stdin = stdin
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	b.after(c.stop)
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if address, ok := strings.CutPrefix(lines.Text(), readyPrefix); ok {
			c.url = address
			return c, nil
		}
	}
	return nil, fmt.Errorf("%s did not start: %s", role, c.tail())
}

// stop lets the child drain and end. It may be called again.
func (c *child) stop() error {
	if c.cmd.ProcessState != nil {
		return nil
	}
	_ = c.stdin.Close()
	late := time.AfterFunc(40*time.Second, func() { _ = c.cmd.Process.Kill() })
	defer late.Stop()
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("a child ended badly: %w: %s", err, c.tail())
	}
	return nil
}

func (c *child) tail() string {
	content, _ := os.ReadFile(c.log)
	return string(content[max(0, len(content)-2000):])
}

// problems are the last errors that the children logged.
func (b *bench) problems() string {
	paths, _ := filepath.Glob(filepath.Join(b.dir, "*.log"))
	text := ""
	for _, path := range paths {
		content, _ := os.ReadFile(path)
		var lines []string
		for line := range strings.Lines(string(content)) {
			if strings.Contains(line, `"level":"ERROR"`) {
				lines = append(lines, line)
			}
		}
		text += "\n" + strings.Join(lines[max(0, len(lines)-3):], "")
	}
	return strings.TrimRight(text, "\n")
}
