// Command docuvault is the vault for people: it serves it, sends papers to it,
// and looks after it.
//
// Exit codes: 0 all is well, 1 something failed, 2 the command was used wrongly,
// 130 interrupted. Results go to stdout, progress and errors to stderr.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

// The exit codes, documented in --help.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// commands are all commands; each type lives in its own file.
type commands struct {
	Serve     serveCmd     `cmd:"" help:"Run the whole vault in one process."`
	Push      pushCmd      `cmd:"" help:"Send files and folders to a vault."`
	Bootstrap bootstrapCmd `cmd:"" help:"Prepare a database's roles, make the vault's keys, and print what to store."`
	Migrate   migrateCmd   `cmd:"" help:"Bring the database's schema up to date."`
	Verify    verifyCmd    `cmd:"" help:"Check the invariants of a live vault."`
	Backup    backupCmd    `cmd:"" help:"Write a vault into a folder."`
	Restore   restoreCmd   `cmd:"" help:"Make a vault of a backup."`
	Audit     auditCmd     `cmd:"" help:"Check the audit log."`
	Admin     adminCmd     `cmd:"" help:"Manage administrators."`
	Keys      keysCmd      `cmd:"" help:"Rotate master keys."`
	Queue     queueCmd     `cmd:"" help:"Look at the messages that failed, and send them again."`
	Health    healthCmd    `cmd:"" help:"Ask a vault whether it can work."`
	Run       runCmd       `cmd:"" help:"Run one function, as its own program would."`
	Functions functionsCmd `cmd:"" help:"List the functions of the system and what starts them."`

	Version kong.VersionFlag `help:"Print the version and end."`
}

const description = `A privacy-first document vault.

Exit codes: 0 all is well, 1 something failed, 2 wrong usage, 130 interrupted.
Results go to stdout, progress and errors to stderr. NO_COLOR is respected.`

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// exitError ends a command with a code of its own. What went wrong was already
// told when the cause is nil.
type exitError struct {
	code  int
	cause error
}

func (e *exitError) Error() string {
	if e.cause == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.cause.Error()
}

func (e *exitError) Unwrap() error { return e.cause }

// usage is an error in how the command was called.
func usage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// errInterrupted is the cause of a context that a signal ended.
var errInterrupted = errors.New("interrupted")

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		// A second signal ends the process at once, as it would any other.
		signal.Stop(signals)
		cancel(errInterrupted)
	}()
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// run is the command line without the process around it.
func run(ctx context.Context, args []string, s streams) int {
	var cli commands
	ended, code := false, exitOK
	parser, err := kong.New(&cli,
		kong.Name("docuvault"),
		kong.Description(description),
		kong.Vars{"version": version(), "data": defaultData(), "authority": authority},
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(s),
		kong.Writers(s.out, s.err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Exit(func(c int) { ended, code = true, c }), // --help and --version
	)
	if err != nil {
		_, _ = fmt.Fprintln(s.err, "docuvault:", err)
		return exitFailed
	}
	call, err := parser.Parse(args)
	if ended {
		return code
	}
	if err != nil {
		_, _ = fmt.Fprintf(s.err, "docuvault: %v\n", err)
		_, _ = fmt.Fprintf(s.err, "Run \"%s --help\" to see what is right.\n", commandOf(err))
		return exitUsage
	}
	return report(ctx, call.Run(), s)
}

// commandOf is the command whose help explains a wrong call.
func commandOf(err error) string {
	if p, ok := errors.AsType[*kong.ParseError](err); ok && p.Context != nil {
		if node := p.Context.Selected(); node != nil {
			return "docuvault " + node.Path()
		}
	}
	return "docuvault"
}

// report turns what a command returned into an exit code, and says what failed.
func report(ctx context.Context, err error, s streams) int {
	if err == nil {
		return exitOK
	}
	code := exitFailed
	if e, ok := errors.AsType[*exitError](err); ok {
		code = e.code
		if e.cause == nil {
			return code
		}
	} else if errors.Is(context.Cause(ctx), errInterrupted) {
		code = exitInterrupted
	}
	_, _ = fmt.Fprintf(s.err, "docuvault: %v\n", err)
	return code
}

// release is the version of a release, which its build sets.
var release string

// version is what the build recorded: a release's version, or the commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "docuvault (unknown version)"
	}
	if release != "" {
		return "docuvault " + release + " " + info.GoVersion
	}
	v := "docuvault " + info.Main.Version
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && (info.Main.Version == "" || info.Main.Version == "(devel)") {
			v += " " + setting.Value[:min(12, len(setting.Value))]
		}
	}
	return v + " " + info.GoVersion
}
