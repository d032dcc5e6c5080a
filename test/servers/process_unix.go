//go:build unix

package servers

import (
	"os"
	"os/exec"
	"syscall"
)

// apart keeps a Ctrl-C at the terminal from the keeper and its server: they end
// when the tests have.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func terminate(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
