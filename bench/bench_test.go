package main

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"docuvault/shared/testenv"
)

// Every measure runs, with small numbers: each gives figures, or says which
// server is missing.
func TestQuick(t *testing.T) {
	if testing.Short() {
		t.Skip("starts all servers")
	}
	t.Parallel()
	report, err := run(t.Context(), &bench{quick: true, log: io.Discard}, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Results) != len(measures) {
		t.Errorf("%d results of %d measures", len(report.Results), len(measures))
	}
	missing := []string{}
	for _, r := range report.Results {
		if r.NotRun != "" {
			missing = append(missing, r.Name+": "+r.NotRun)
			continue
		}
		goals := 0
		for _, f := range r.Figures {
			if f.Value <= 0 && f.Unit != "MiB" && f.Unit != "ms each" || f.Unit == "" {
				t.Errorf("%s: %s is %v %s (%s)", r.Name, f.Name, f.Value, f.Unit, f.Note)
			}
			if f.Goal != nil {
				goals++
			}
		}
		if len(r.Figures) < 2 || goals == 0 && r.Name != "pdf" && r.Name != "lambda" {
			t.Errorf("%s has %d figures, %d with a goal", r.Name, len(r.Figures), goals)
		}
	}
	// A quick run prints, and writes no results.
	dir := t.TempDir()
	var text strings.Builder
	if err := report.write(dir, &text); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "the figures say nothing") {
		t.Error("a quick run does not say so")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("a quick run left %v, %v", entries, err)
	}
	if len(missing) > 0 {
		testenv.NotRun(t, strings.Join(missing, "; "))
	}
}

// A real run's figures stand in both files, each goal beside its figure.
func TestReportIsWritten(t *testing.T) {
	t.Parallel()
	r := Report{Results: []Result{
		{Name: "one", Figures: []Figure{{Name: "fast", Value: 0.4, Unit: "ratio", Goal: atLeast(0.5)}, {Name: "small", Value: 4, Unit: "MiB", Goal: atMost(5)}}},
		{Name: "two", NotRun: "no server"},
	}}
	dir := t.TempDir()
	if err := r.write(dir, io.Discard); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(dir + "/latest.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| fast | 0.400 ratio | at least 0.500 | no |", "| small | 4 MiB | at most 5 | yes |", "NOT RUN: no server"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in:\n%s", want, text)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("files: %v, %v", entries, err)
	}
}

// A name that is none is said, before anything starts.
func TestOnlyKnowsItsMeasures(t *testing.T) {
	t.Parallel()
	_, err := run(t.Context(), &bench{log: io.Discard}, "begin,nonsense")
	if err == nil || errors.Unwrap(err) != nil && !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("got %v", err)
	}
}
