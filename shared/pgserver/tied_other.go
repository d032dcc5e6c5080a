//go:build unix && !linux

package pgserver

import (
	"io"
	"os/exec"
)

func tiedCommand(program string, args []string) (*exec.Cmd, io.Closer, error) {
	return pipeTiedCommand(program, args)
}
