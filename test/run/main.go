// Command run runs the project's tests: go run ./test/run [go test flags] [packages].
//
// It starts one PostgreSQL server for all packages, runs "go test" with the
// given arguments (flags with a value as -run=NAME; without packages: ./...),
// and prints one line a package, the output of what failed, the NOT RUN lines
// last, and as its very last line
//
//	12 passed, 0 failed, 1 skipped
//
// It fails when a test or a build fails, and when not a single test passed.
// With REQUIRE=all in the environment, what would be NOT RUN fails.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"time"

	"docuvault/shared/dbtest"
	"docuvault/shared/pgserver"
)

func main() {
	code, err := run(os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "test/run:", err)
	}
	os.Exit(code)
}

// run starts the server, runs the tests and returns the exit code.
func run(args []string, out io.Writer) (code int, err error) {
	// From here on a signal goes to the tests, and the run ends when they
	// have: every way out passes the deferred stop of the server.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, stopSignals...)
	defer signal.Stop(signals)

	environment := os.Environ()
	if os.Getenv(dbtest.ServerVariable) == "" {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		server, startErr := pgserver.Start(ctx, pgserver.Options{
			Throwaway: true,
			Settings:  map[string]string{"max_connections": "400", "shared_buffers": "256MB"},
		})
		if startErr != nil {
			// Suites that need it say NOT RUN themselves, or fail.
			_, _ = fmt.Fprintln(out, "No PostgreSQL for the tests:", startErr)
		} else {
			defer func() {
				ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
				defer cancel()
				if stopErr := server.Stop(ctx); stopErr != nil && err == nil {
					code, err = 1, stopErr
				}
			}()
			_, _ = fmt.Fprintf(out, "PostgreSQL %s (%s)\n", server.Binaries().Version, server.Binaries().Dir)
			environment = append(environment, dbtest.ServerVariable+"="+server.DSN("postgres").Reveal())
		}
	}
	cmd := exec.Command("go", goTestArgs(args)...)
	cmd.Env = environment
	return goTest(cmd, signals, out)
}

// goTest runs "go test -json" and reports on it.
func goTest(cmd *exec.Cmd, signals <-chan os.Signal, out io.Writer) (code int, err error) {
	out = &shared{out: out}
	cmd.Stderr = out
	ownGroup(cmd)
	events, err := cmd.StdoutPipe()
	if err != nil {
		return 1, err
	}
	if err := cmd.Start(); err != nil {
		return 1, fmt.Errorf("start go test: %w", err)
	}
	report := newReport(out)
	read := make(chan error, 1)
	go func() { read <- report.read(events) }()
	interrupted := false
	var readErr error
	for reading := true; reading; {
		select {
		case sig := <-signals:
			interrupted = true
			forward(cmd, sig)
		case readErr = <-read:
			reading = false
		}
	}
	waitErr := cmd.Wait()
	report.close(waitErr != nil)
	var exit *exec.ExitError
	switch {
	case interrupted:
		return 130, errors.New("interrupted")
	case readErr != nil:
		return 1, fmt.Errorf("read what go test says: %w", readErr)
	case waitErr != nil && !errors.As(waitErr, &exit):
		return 1, waitErr
	case report.failed > 0:
		return 1, nil
	case report.passed == 0:
		return 1, errors.New("no test ran")
	}
	return 0, nil
}

// shared lets the report and go's own messages write in turn.
type shared struct {
	mu  sync.Mutex
	out io.Writer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

// goTestArgs adds what is missing: -json, ./... where no argument looks like a
// package, and more time for a package than Go's ten minutes: the crash tests
// take most of that when two cores run all packages at once.
func goTestArgs(args []string) []string {
	list := []string{"test", "-json"}
	if !slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "-timeout") }) {
		list = append(list, "-timeout=30m")
	}
	list = append(list, args...)
	isPackage := func(arg string) bool {
		return !strings.HasPrefix(arg, "-") && (strings.HasPrefix(arg, ".") || strings.HasPrefix(arg, "docuvault/"))
	}
	if !slices.ContainsFunc(args, isPackage) {
		list = append(list, "./...")
	}
	return list
}
