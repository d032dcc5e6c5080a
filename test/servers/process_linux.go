package servers

import (
	"os/exec"
	"runtime"
	"syscall"
)

// withParent ends the server when its keeper is killed. The signal comes when
// the starting thread ends, so that thread is kept.
func withParent(cmd *exec.Cmd) {
	runtime.LockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
