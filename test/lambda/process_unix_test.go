//go:build unix

package lambda

import (
	"os/exec"
	"syscall"
)

// end makes the program a group of its own, which ends as one: the emulator
// leaves the function behind.
func end(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
