//go:build unix

package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

const supported = true

// child is the server's process.
type child struct {
	cmd  *exec.Cmd
	tie  io.Closer // what ties it to this process, besides the kernel
	done chan struct{}
}

// tied is tiedCommand, except in the test of the other platforms' way.
var tied = tiedCommand

// startChild starts the server so that it ends with this process.
func startChild(program string, args []string, user *osUser, log io.Writer) (*child, error) {
	c := &child{done: make(chan struct{})}
	var err error
	if c.cmd, c.tie, err = tied(program, args); err != nil {
		return nil, err
	}
	c.cmd.Stdout, c.cmd.Stderr = log, log
	// Backends hold the log's pipe a moment longer than a killed postmaster.
	c.cmd.WaitDelay = 5 * time.Second
	user.apply(c.cmd)
	started := make(chan error, 1)
	go func() {
		// The kernel's death signal comes when the *thread* that forked
		// ends: keep this one as long as the server lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = c.cmd.Wait() // the state is kept in cmd.ProcessState
		if c.tie != nil {
			_ = c.tie.Close()
		}
		close(c.done)
	}()
	if err := <-started; err != nil {
		if c.tie != nil {
			_ = c.tie.Close()
		}
		return nil, err
	}
	return c, nil
}

// state says how the process ended; call it after done.
func (c *child) state() string { return c.cmd.ProcessState.String() }

// signal reaches this child alone: os.Process knows when it was reaped.
func (c *child) signal(sig os.Signal) error {
	if err := c.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

func (c *child) kill() error { return c.signal(syscall.SIGKILL) }

// stop is PostgreSQL's fast shutdown; when ctx ends first, the immediate one;
// after five more seconds the kernel's.
func (c *child) stop(ctx context.Context) error {
	if err := c.signal(syscall.SIGINT); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
	}
	_ = c.signal(syscall.SIGQUIT)
	select {
	case <-c.done:
	case <-time.After(5 * time.Second):
		_ = c.kill()
		<-c.done
	}
	return fmt.Errorf("PostgreSQL did not stop in time and was cut off; its next start recovers: %w", ctx.Err())
}
