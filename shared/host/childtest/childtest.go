// Package childtest runs the test binary again as a child process, to test what
// a whole process does: its signals, its exit code, its last words.
//
// The package under test has a TestMain that runs a program instead of tests
// when [Program] names one.
package childtest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const variable = "CHILDTEST_PROGRAM"

// Program is the program that this process is to run; "" in the parent, which
// runs tests.
func Program() string { return os.Getenv(variable) }

// Process is a running child.
type Process struct {
	cmd    *exec.Cmd
	output output
	exited chan struct{}
}

// patience is how long a test waits for something that happens in milliseconds.
const patience = 20 * time.Second

// Start runs the program with only these variables ("NAME=value") and kills it
// at the end of the test.
func Start(t testing.TB, program string, environ ...string) *Process {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatalf("find the test binary: %v", err)
	}
	p := &Process{cmd: exec.Command(binary), exited: make(chan struct{})}
	p.output.grown = make(chan struct{})
	p.cmd.Env = append([]string{variable + "=" + program, "GOCOVERDIR=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}, environ...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start child: %v", err)
	}
	go func() {
		_ = p.cmd.Wait() // the state says it all
		close(p.exited)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.exited
	})
	return p
}

// Terminate sends SIGTERM.
func (p *Process) Terminate(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("signal child: %v", err)
	}
}

// Kill sends SIGKILL: the child does nothing more.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatalf("kill child: %v", err)
	}
}

// Exit waits for the end and returns the exit code, -1 if a signal killed it.
func (p *Process) Exit(t testing.TB) int {
	t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("the child does not end; it wrote:\n%s", p.Output())
		return 0
	}
}

// Output is what the child has written so far.
func (p *Process) Output() string { return p.output.String() }

// Await waits until the child has written text, and returns the line with it.
func (p *Process) Await(t testing.TB, text string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		grown := p.output.changed()
		for line := range strings.Lines(p.Output()) {
			if strings.Contains(line, text) && strings.HasSuffix(line, "\n") {
				return line
			}
		}
		select {
		case <-grown:
		case <-ctx.Done():
			t.Fatalf("the child does not write %q; it wrote:\n%s", text, p.Output())
		case <-p.exited:
			if !strings.Contains(p.Output(), text) {
				t.Fatalf("the child ended without writing %q; it wrote:\n%s", text, p.Output())
			}
		}
	}
}

type output struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	grown chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.grown)
	o.grown = make(chan struct{})
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func (o *output) changed() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.grown
}
