//go:build !unix

package main

import (
	"os"
	"os/exec"
)

var stopSignals = []os.Signal{os.Interrupt}

func ownGroup(*exec.Cmd) {}

// forward: a console's Ctrl-C reaches the tests without our doing.
func forward(*exec.Cmd, os.Signal) {}
