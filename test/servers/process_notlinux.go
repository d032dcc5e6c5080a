//go:build !linux

package servers

import "os/exec"

// withParent does nothing here: a killed keeper leaves its server behind.
func withParent(*exec.Cmd) {}
