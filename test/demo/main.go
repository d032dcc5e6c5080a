// Command demo shows the vault at work, on a throwaway one: it registers a user,
// pushes files with the client that people use, waits until each has reached an
// end, and prints what became of it.
//
//	go run ./test/demo [FILE|FOLDER]...
//
// Without arguments it pushes papers that it makes itself. It exits 0 only if
// all became ready. Processes and data are gone when it ends, also after Ctrl-C.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"docuvault/test/sample"
	"docuvault/test/throwaway"
)

func main() {
	flag.Usage = func() {
		_, _ = fmt.Fprintln(flag.CommandLine.Output(), "Usage: demo [FILE|FOLDER]...\n\nPushes the files, or made-up papers, into a throwaway vault and prints what became of them.")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, flag.Args())
	switch {
	case ctx.Err() != nil:
		_, _ = fmt.Fprintln(os.Stderr, "demo: interrupted; all is cleaned up")
		os.Exit(130)
	case err != nil:
		_, _ = fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, paths []string) (err error) {
	dir, err := throwaway.Folder()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if len(paths) == 0 {
		if paths, err = examples(filepath.Join(dir, "papers")); err != nil {
			return err
		}
	}

	began := time.Now()
	step := func(format string, args ...any) {
		_, _ = fmt.Fprintf(os.Stderr, "%5.1f s  "+format+"\n", append([]any{time.Since(began).Seconds()}, args...)...)
	}
	program, err := throwaway.Build(ctx, dir)
	if err != nil {
		return err
	}
	step("built")
	vault, err := throwaway.Start(ctx, program, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, vault.Stop()) }()
	step("the vault runs on %s", vault.URL)
	account, err := vault.Register(ctx, "demo@example.org")
	if err != nil {
		return err
	}
	step("%s is registered", account.Email)
	rows, err := push(ctx, program, vault, account, paths)
	if err != nil {
		return err
	}
	step("%d files are through\n", len(rows))
	table(os.Stdout, rows)
	return verdict(rows)
}

// examples writes the made-up papers, and returns their top folders.
func examples(dir string) ([]string, error) {
	if err := sample.Write(dir); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the papers: %w", err)
	}
	var paths []string
	for _, e := range entries {
		paths = append(paths, filepath.Join(dir, e.Name()))
	}
	return paths, nil
}
