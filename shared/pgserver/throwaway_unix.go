//go:build unix

package pgserver

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const throwawayPrefix = "docuvault-postgres-"

// reap starts a small process that removes dir when this process has ended and
// the server, if one is left, has gone too.
func reap(dir string) (io.Closer, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	const script = `cat >/dev/null
n=0
while [ "$n" -lt 100 ] && pid=$(head -n 1 "$0/data/postmaster.pid" 2>/dev/null) && kill -0 "$pid" 2>/dev/null; do
  n=$((n + 1)); sleep 0.1
done
rm -rf "$0"`
	cmd := exec.Command("/bin/sh", "-c", script, dir)
	cmd.Stdin = read
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	_ = read.Close()
	if err != nil {
		_ = write.Close()
		return nil, err
	}
	return &reaper{write, cmd}, nil
}

type reaper struct {
	write *os.File
	cmd   *exec.Cmd
}

func (r *reaper) Close() error {
	_ = r.write.Close()
	return r.cmd.Wait()
}

// sweep removes throwaway folders whose process and reaper were both killed.
func sweep() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), throwawayPrefix+"*"))
	for _, dir := range dirs {
		// A fresh folder may not have its lock yet.
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < time.Hour {
			continue
		}
		lock, err := lockFolder(dir)
		if err != nil {
			continue
		}
		_ = os.RemoveAll(dir)
		lock.unlock()
	}
}
