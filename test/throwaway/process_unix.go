//go:build unix

package throwaway

import (
	"os"
	"os/exec"
	"syscall"
)

// apart keeps a Ctrl-C at the terminal from the child: its parent ends it, in
// order.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func interrupt(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
