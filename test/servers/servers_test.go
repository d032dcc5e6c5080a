package servers_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"docuvault/shared/queue/queuetest"
	"docuvault/shared/testenv"
	"docuvault/test/servers"
)

// starterVariable makes this binary a process that starts a server, says where
// it is, and waits to be killed.
const starterVariable = "SERVERS_TEST_STARTER"

func TestMain(m *testing.M) {
	queuetest.Child(queuetest.SQSChild)
	if os.Getenv(starterVariable) != "" {
		s, err := servers.Ministack(context.Background())
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		fmt.Println(s.URL, s.Dir)
		select {}
	}
	os.Exit(m.Run())
}

func gone(address, dir string) bool {
	resp, err := http.Get(address)
	if err == nil {
		_ = resp.Body.Close()
		return false
	}
	_, err = os.Stat(dir)
	return errors.Is(err, os.ErrNotExist)
}

func TestStopEndsTheServer(t *testing.T) {
	t.Parallel()
	s := running(t, servers.Ministack)
	if gone(s.URL, s.Dir) {
		t.Fatal("it does not run")
	}
	for range 2 {
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if !gone(s.URL, s.Dir) {
		t.Error("it is still there")
	}
}

func TestServerEndsWithAKilledStarter(t *testing.T) {
	t.Parallel()
	running(t, servers.Ministack) // or NOT RUN
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), starterVariable+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	address, dir, ok := strings.Cut(strings.TrimSpace(line), " ")
	if !ok || !strings.HasPrefix(address, "http://") {
		t.Fatalf("the starter said %q", line)
	}
	testenv.Eventually(t, time.Minute, "the server of a killed process ends, and its folder goes", func() bool { return gone(address, dir) })
}

func TestMissingProgramIsSaid(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	if _, err := servers.MinIO(t.Context(), ""); !errors.Is(err, servers.ErrMissing) || !strings.Contains(err.Error(), "make tools") {
		t.Errorf("without a binary: %v", err)
	}
	t.Setenv("PATH", "")
	t.Setenv("PYENV_ROOT", t.TempDir())
	if _, err := servers.Ministack(t.Context()); !errors.Is(err, servers.ErrMissing) || !strings.Contains(err.Error(), "Python") {
		t.Errorf("without Python: %v", err)
	}
}
