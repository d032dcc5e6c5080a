//go:build !unix

package lambda

import "os/exec"

// end leaves the program as it is: there is no emulator here.
func end(*exec.Cmd) {}
