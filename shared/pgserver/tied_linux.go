package pgserver

import (
	"io"
	"os/exec"
	"syscall"
)

// tiedCommand asks the kernel to send the server a fast shutdown when this
// process dies. Its own process group keeps a terminal's Ctrl-C from it: it has
// to outlive the requests that this process still answers.
func tiedCommand(program string, args []string) (*exec.Cmd, io.Closer, error) {
	cmd := exec.Command(program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGINT, Setpgid: true}
	return cmd, nil, nil
}
