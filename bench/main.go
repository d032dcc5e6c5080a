// Command bench measures the vault against its goals, and against what the
// parts below it can do at best, in one run on one machine:
//
//	go run ./bench [-quick] [-only name,name] [-out bench/results] [-profile DIR]
//
// Every ratio is of two figures that were taken one after the other, in turns,
// so that a busy machine slows both. PostgreSQL runs with its defaults, syncing
// included; the functions and the workers run in processes of their own, with
// real servers named in their environment, so that their time and memory are
// theirs alone. A measure whose server is missing says NOT RUN.
//
// Figures are written with the machine and all versions to -out, as JSON and as
// latest.md, with each goal beside its figure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// measure is one benchmark.
type measure struct {
	name  string
	about string
	run   func(ctx context.Context, b *bench) ([]Figure, error)
}

var measures = []measure{
	{"begin", "begin-upload over HTTP against pgbench on the bare statement", beginUpload},
	{"memory", "memory of the API while clients send to MinIO", apiMemory},
	{"whole", "whole upload and download against raw presigned requests", wholeUpload},
	{"ready", "notification to ready, without analysis", notificationToReady},
	{"sessions", "refresh and login", sessions},
	{"find", "list and search, small account against large", listAndSearch},
	{"cold", "cold start of a function of Lambda, under AWS's runtime emulator", coldLambda},
	{"lambda", "requests a second of one instance of Lambda, under AWS's runtime emulator", lambdaRate},
	{"pdf", "text and preview of a PDF page, and the worker's cold start", pdfText},
}

func main() {
	quick := flag.Bool("quick", false, "small numbers, to see that all of it works; the figures say nothing")
	only := flag.String("only", "", "measures to run, by commas (default: all of "+names()+")")
	out := flag.String("out", "bench/results", "folder of the results")
	profile := flag.String("profile", "", "folder for CPU profiles of the API and the workers, one for each measure")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := run(ctx, &bench{quick: *quick, profile: *profile, log: os.Stderr}, *only)
	// What was measured before something went wrong is worth keeping.
	if len(report.Results) > 0 {
		err = errors.Join(err, report.write(*out, os.Stdout))
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func names() string {
	all := make([]string, len(measures))
	for i, m := range measures {
		all[i] = m.name
	}
	return strings.Join(all, ", ")
}

// run takes the measures that only names, or all of them. What it started has
// ended when it returns.
func run(ctx context.Context, b *bench, only string) (r Report, err error) {
	chosen := measures
	if only != "" {
		chosen = nil
		for name := range strings.SplitSeq(only, ",") {
			i := slices.IndexFunc(measures, func(m measure) bool { return m.name == name })
			if i < 0 {
				return r, fmt.Errorf("-only: there is no measure %q, only %s", name, names())
			}
			chosen = append(chosen, measures[i])
		}
	}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.open(ctx); err != nil {
		return r, err
	}
	r = newReport(b)
	for _, m := range chosen {
		_, _ = fmt.Fprintf(b.log, "%s: %s\n", m.name, m.about)
		result := Result{Name: m.name, About: m.about, Load: loadAverage()}
		begun := time.Now()
		result.Figures, err = m.run(ctx, b)
		var missing *notRun
		switch {
		case errors.As(err, &missing):
			result.NotRun = missing.Error()
		case err != nil:
			return r, fmt.Errorf("%s: %w%s", m.name, err, b.problems())
		}
		result.Seconds = time.Since(begun).Seconds()
		r.Results = append(r.Results, result)
	}
	return r, b.closeMeasures()
}

// notRun says which server is missing.
type notRun struct{ reason error }

func (n *notRun) Error() string { return n.reason.Error() }
func (n *notRun) Unwrap() error { return n.reason }
