package servers

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// keeperVariable makes a process a keeper: it holds a program.
const keeperVariable = "DOCUVAULT_SERVERS_KEEPER"

// stopWithin is how long a server may take to end before it is killed.
const stopWithin = 10 * time.Second

// The keeper has to become one before the test binary's main runs.
func init() {
	what, is := os.LookupEnv(keeperVariable)
	if !is {
		return
	}
	if err := keepRunning(what); err != nil {
		fmt.Fprintln(os.Stderr, "keeper of a test server:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// keepRunning runs the program until standard input ends, which is when whoever
// wants the server has, or until it ends itself.
func keepRunning(what string) error {
	var p program
	if err := json.Unmarshal([]byte(what), &p); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(p.Dir, logName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := exec.Command(p.Args[0], p.Args[1:]...) // what the parent says
	cmd.Env, cmd.Dir = p.Env, p.Dir
	cmd.Stdout, cmd.Stderr = log, log
	withParent(cmd)
	if err := cmd.Start(); err != nil {
		_, _ = fmt.Fprintln(log, err)
		return err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	parent := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(parent)
	}()
	select {
	case <-ended:
		// The log stays until the parent has read it.
		<-parent
	case <-parent:
		if err := terminate(cmd.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
			_ = cmd.Process.Kill()
		}
		late := time.AfterFunc(stopWithin, func() { _ = cmd.Process.Kill() })
		<-ended
		late.Stop()
	}
	_ = log.Close()
	return os.RemoveAll(p.Dir)
}
