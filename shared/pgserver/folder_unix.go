//go:build unix

package pgserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// folderLock is held while a server of this process runs on a folder. The
// kernel gives it back when the process ends, however it ends.
type folderLock struct{ file *os.File }

func lockFolder(dir string) (*folderLock, error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock PostgreSQL's folder: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: another process uses %s", ErrRunning, dir)
		}
		return nil, fmt.Errorf("lock PostgreSQL's folder: %w", err)
	}
	return &folderLock{file}, nil
}

func (l *folderLock) unlock() { _ = l.file.Close() }

// settlePidFile deals with the postmaster.pid that an earlier server left.
// Three cases: its process is gone (PostgreSQL sees that itself); it is still
// a server on this folder (wait for it with patience, then refuse); or the number belongs to
// another program by now, and PostgreSQL would refuse for ever.
func settlePidFile(ctx context.Context, data string, patience time.Duration, log io.Writer) error {
	path := filepath.Join(data, "postmaster.pid")
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		content, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		first, rest, _ := bytes.Cut(content, []byte("\n"))
		pid, err := strconv.Atoi(strings.TrimSpace(string(first)))
		if err != nil || pid <= 0 || !alive(pid) {
			return nil
		}
		if !isServer(ctx, pid, data) {
			_, _ = fmt.Fprintf(log, "process %d of %s is another program by now: the file is stale\n", pid, path)
			// Not removed: its other lines let PostgreSQL see whether
			// backends of the dead server still use the memory. Its
			// parent's number is one that PostgreSQL takes as stale.
			return overwrite(path, append([]byte(strconv.Itoa(os.Getpid())+"\n"), rest...))
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return fmt.Errorf("%w: process %d, which this program did not start, uses %s", ErrRunning, pid, data)
		case <-ctx.Done():
			return fmt.Errorf("%w: process %d, which this program did not start, uses %s: %w", ErrRunning, pid, data, ctx.Err())
		}
	}
}

// overwrite keeps the file's owner and mode.
func overwrite(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return fmt.Errorf("mark a stale pid file: %w", err)
	}
	_, err = file.Write(content)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("mark a stale pid file: %w", err)
	}
	return nil
}

func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// isServer reports whether a process is a PostgreSQL server on a data folder.
// A postmaster's working directory is its data folder; where that cannot be
// read, its command line has to do.
func isServer(ctx context.Context, pid int, data string) bool {
	if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); err == nil {
		want, err := os.Stat(data)
		got, err2 := os.Stat(cwd)
		return err == nil && err2 == nil && os.SameFile(want, got)
	}
	out, err := exec.CommandContext(ctx, "ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && bytes.Contains(out, []byte("postgres"))
}
