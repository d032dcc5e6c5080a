//go:build unix

package pgserver

import (
	"io"
	"os"
	"os/exec"
	"syscall"
)

// pipeTiedCommand ties the server to this process where the kernel has no
// death signal. A shell starts a watcher that reads from a pipe of which this
// process holds the other end, and then becomes the server, keeping its process
// id. When this process dies, however it does, the pipe closes, and the watcher
// sends the server a fast shutdown. A line in the pipe sends the watcher home.
func pipeTiedCommand(program string, args []string) (*exec.Cmd, io.Closer, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	const script = `(read -r line <&3 || kill -INT $$) >/dev/null 2>&1 & exec "$0" "$@" 3<&-`
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, program}, args...)...)
	cmd.ExtraFiles = []*os.File{read} // descriptor 3
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd, &pipeTie{read, write}, nil
}

type pipeTie struct{ read, write *os.File }

func (t *pipeTie) Close() error {
	_, _ = t.write.WriteString("\n")
	_ = t.read.Close()
	return t.write.Close()
}
