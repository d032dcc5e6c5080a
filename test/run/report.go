package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// event is a line of "go test -json" (go doc test2json).
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build-output and build-fail
	Test        string
	Output      string
	Elapsed     float64 // seconds
	FailedBuild string
}

// report turns events into lines for people, and counts.
type report struct {
	out                     io.Writer
	passed, failed, skipped int
	packages                map[string]*pkg
	builds                  map[string][]string // output by import path
	notRun                  []string
}

// pkg is what is known of a package while it runs.
type pkg struct {
	output  map[string][]string // by test; "" is the package's own
	results map[string]string   // pass, fail, skip
	order   []string
}

func newReport(out io.Writer) *report {
	return &report{out: out, packages: map[string]*pkg{}, builds: map[string][]string{}}
}

// read takes events until the stream ends. Lines that are no events (go's own
// messages) are passed on.
func (r *report) read(stream io.Reader) error {
	reader := bufio.NewReader(stream)
	for {
		line, err := reader.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil || e.Action == "" {
				_, _ = r.out.Write(line)
			} else {
				r.take(e)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) take(e event) {
	if e.ImportPath != "" {
		if e.Action == "build-output" {
			r.builds[e.ImportPath] = append(r.builds[e.ImportPath], e.Output)
		}
		return
	}
	p := r.packages[e.Package]
	if p == nil {
		p = &pkg{output: map[string][]string{}, results: map[string]string{}}
		r.packages[e.Package] = p
	}
	switch e.Action {
	case "run":
		p.order = append(p.order, e.Test)
	case "output":
		p.output[e.Test] = append(p.output[e.Test], e.Output)
		if _, text, found := strings.Cut(e.Output, "NOT RUN: "); found {
			if text = "NOT RUN: " + strings.TrimSpace(text); !slices.Contains(r.notRun, text) {
				r.notRun = append(r.notRun, text)
			}
		}
	case "pass", "fail", "skip":
		if e.Test != "" {
			p.results[e.Test] = e.Action
			return
		}
		r.finish(e, p)
		delete(r.packages, e.Package)
	}
}

// finish counts and prints a package that has ended.
func (r *report) finish(e event, p *pkg) {
	failed := 0
	for _, test := range p.order {
		result := p.results[test]
		if result == "" {
			result = "fail" // it ran and never ended: the process died
		}
		// A test with subtests is counted by them, unless it failed alone.
		if p.hasSubtests(test) && (result != "fail" || p.subtestFailed(test)) {
			continue
		}
		switch result {
		case "pass":
			r.passed++
		case "skip":
			r.skipped++
		default:
			failed++
			r.print("--- FAIL: %s %s\n", e.Package, test)
			r.lines(p.output[test])
		}
	}
	switch {
	case e.FailedBuild != "":
		failed++
		r.print("--- FAIL: %s does not build\n", e.Package)
		r.lines(r.builds[e.FailedBuild])
	case e.Action == "fail" && failed == 0:
		failed++
		r.print("--- FAIL: %s\n", e.Package)
		r.lines(p.output[""])
	case failed > 0:
		r.lines(p.output[""]) // a panic or a race is reported here
	}
	r.failed += failed
	switch {
	case failed > 0:
		r.print("FAIL  %s  %.1fs\n", e.Package, e.Elapsed)
	case len(p.order) > 0:
		r.print("ok    %s  %.1fs\n", e.Package, e.Elapsed)
	}
}

func (p *pkg) hasSubtests(test string) bool {
	return slices.ContainsFunc(p.order, func(other string) bool { return strings.HasPrefix(other, test+"/") })
}

func (p *pkg) subtestFailed(test string) bool {
	return slices.ContainsFunc(p.order, func(other string) bool {
		result := p.results[other]
		return strings.HasPrefix(other, test+"/") && (result == "fail" || result == "")
	})
}

// close prints what belongs at the end. A package that never ended counts as
// failed, and so does a go command that failed for a reason of its own.
func (r *report) close(goFailed bool) {
	for name, p := range r.packages {
		r.finish(event{Action: "fail", Package: name}, p)
	}
	if goFailed && r.failed == 0 {
		r.failed = 1
	}
	for _, line := range r.notRun {
		r.print("%s\n", line)
	}
	r.print("%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
}

func (r *report) print(format string, args ...any) { _, _ = fmt.Fprintf(r.out, format, args...) }

// lines prints output without the lines that only say what runs.
func (r *report) lines(output []string) {
	for _, line := range output {
		if !strings.HasPrefix(line, "=== ") {
			r.print("    %s", line)
		}
	}
}
