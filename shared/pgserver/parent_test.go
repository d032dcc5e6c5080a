//go:build unix

package pgserver

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"docuvault/shared/testenv"
)

// parent starts a server and says where, then waits to be killed.
func parent(mode string) {
	if os.Getenv("PGSERVER_TEST_TIE") == "pipe" {
		tied = pipeTiedCommand
	}
	opts := Options{Settings: quick}
	if mode == "throwaway" {
		opts.Throwaway = true
	} else {
		opts.Dir = mode
	}
	s, err := Start(context.Background(), opts)
	if err != nil {
		_, _ = os.Stdout.WriteString("error: " + err.Error() + "\n")
		os.Exit(1)
	}
	_, _ = os.Stdout.WriteString(s.Dir() + "\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

func TestServerEndsWithItsParent(t *testing.T) {
	t.Parallel()
	if _, err := Find(t.Context(), 0); err != nil {
		testenv.NotRun(t, err.Error())
	}
	for _, test := range []struct {
		name string
		end  syscall.Signal
		tie  string
		tmp  bool
	}{
		{name: "killed", end: syscall.SIGKILL},
		{name: "interrupted", end: syscall.SIGINT},
		{name: "killed, tied by a pipe", end: syscall.SIGKILL, tie: "pipe"},
		{name: "killed, throwaway", end: syscall.SIGKILL, tmp: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			mode := folder(t)
			if test.tmp {
				mode = "throwaway"
			}
			exe, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(exe)
			cmd.Env = append(os.Environ(), "PGSERVER_TEST_PARENT="+mode, "PGSERVER_TEST_TIE="+test.tie)
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = stdin.Close() }()
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line := make([]byte, 500)
			n, err := stdout.Read(line)
			if err != nil || strings.HasPrefix(string(line[:n]), "error") {
				t.Fatalf("the parent: %v %s", err, line[:n])
			}
			dir := strings.TrimSpace(string(line[:n]))
			pid := postmaster(t, dir)
			if !alive(pid) {
				t.Fatal("no server runs: this test looks at nothing")
			}
			if err := cmd.Process.Signal(test.end); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			wait(t, "the server to end with its parent", func() bool { return !alive(pid) })
			if test.tmp {
				wait(t, "the folder to go", func() bool { _, err := os.Stat(dir); return errors.Is(err, os.ErrNotExist) })
				return
			}
			start(t, Options{Dir: dir})
		})
	}
}

// While the old server still shuts down, a restart waits for it.
func TestRestartRightAfterTheParentDied(t *testing.T) {
	t.Parallel()
	if _, err := Find(t.Context(), 0); err != nil {
		testenv.NotRun(t, err.Error())
	}
	dir := folder(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), "PGSERVER_TEST_PARENT="+dir)
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, 500)
		n, err := stdout.Read(line)
		if err != nil || strings.HasPrefix(string(line[:n]), "error") {
			t.Fatalf("the parent: %v %s", err, line[:n])
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = stdin.Close()
	}
	start(t, Options{Dir: dir})
}
