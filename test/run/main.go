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
	var runs []*exec.Cmd
	for _, m := range modules(args) {
		cmd := exec.Command("go", m.args...)
		cmd.Dir, cmd.Env = m.dir, environment
		runs = append(runs, cmd)
	}
	return goTest(runs, signals, out)
}

// goTest runs every "go test -json", one after the other, and reports on them
// all.
func goTest(runs []*exec.Cmd, signals <-chan os.Signal, out io.Writer) (code int, err error) {
	out = &shared{out: out}
	report := newReport(out)
	goFailed := false
	for _, cmd := range runs {
		failed, err := goTestOne(cmd, signals, report, out)
		if goFailed = goFailed || failed; err != nil {
			report.close(goFailed)
			if errors.Is(err, errInterrupted) {
				return 130, err
			}
			return 1, err
		}
	}
	report.close(goFailed)
	switch {
	case report.failed > 0:
		return 1, nil
	case report.passed == 0:
		return 1, errors.New("no test ran")
	}
	return 0, nil
}

var errInterrupted = errors.New("interrupted")

// goTestOne runs one of them; failed is what the go command says.
func goTestOne(cmd *exec.Cmd, signals <-chan os.Signal, report *report, out io.Writer) (failed bool, err error) {
	cmd.Stderr = out
	ownGroup(cmd)
	events, err := cmd.StdoutPipe()
	if err != nil {
		return true, err
	}
	if err := cmd.Start(); err != nil {
		return true, fmt.Errorf("start go test: %w", err)
	}
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
	var exit *exec.ExitError
	switch {
	case interrupted:
		return waitErr != nil, errInterrupted
	case readErr != nil:
		return true, fmt.Errorf("read what go test says: %w", readErr)
	case waitErr != nil && !errors.As(waitErr, &exit):
		return true, waitErr
	}
	return waitErr != nil, nil
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

// vectors is the folder of the module that holds the test vectors, which has a
// build tag of its own.
const vectors = "test/wycheproof"

// module is one "go test": where, and with which arguments.
type module struct {
	dir  string
	args []string
}

// modules says what to run: -json is added, ./... where no argument looks like a
// package, and more time for a package than Go's ten minutes: the crash tests
// take most of that when two cores run all packages at once. All packages are
// those of the module of test vectors too.
func modules(args []string) []module {
	var flags, packages []string
	if !slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "-timeout") }) {
		flags = append(flags, "-timeout=30m")
	}
	all, own := true, false
	for _, arg := range args {
		switch {
		case strings.HasPrefix(arg, "-") || !strings.HasPrefix(arg, ".") && !strings.HasPrefix(arg, "docuvault/"):
			flags = append(flags, arg)
		case strings.HasPrefix(strings.TrimPrefix(strings.TrimPrefix(arg, "./"), "docuvault/"), vectors):
			all, own = false, true
		default:
			all = false
			own = own || arg == "./..." || arg == "docuvault/..."
			packages = append(packages, arg)
		}
	}
	test := func(args ...string) []string { return slices.Concat([]string{"test", "-json"}, flags, args) }
	var list []module
	if all {
		packages, own = []string{"./..."}, true
	}
	if len(packages) > 0 {
		list = append(list, module{args: test(packages...)})
	}
	if own {
		list = append(list, module{dir: vectors, args: test("-tags=wycheproof", "./...")})
	}
	return list
}
