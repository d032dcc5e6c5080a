package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"docuvault/test/servers"
)

// Figure is one number, with the goal beside it where there is one.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Goal  *Goal   `json:"goal,omitempty"`
	// Note says how it was taken, where that is not plain.
	Note string `json:"note,omitempty"`
}

// Goal is what a figure should reach.
type Goal struct {
	Value  float64 `json:"value"`
	AtMost bool    `json:"at_most,omitempty"` // else at least
}

func atLeast(v float64) *Goal { return &Goal{Value: v} }
func atMost(v float64) *Goal  { return &Goal{Value: v, AtMost: true} }

func (g *Goal) reached(v float64) bool {
	if g.AtMost {
		return v <= g.Value
	}
	return v >= g.Value
}

// Result is one measure.
type Result struct {
	Name    string   `json:"name"`
	About   string   `json:"about"`
	Figures []Figure `json:"figures,omitempty"`
	NotRun  string   `json:"not_run,omitempty"`
	Load    string   `json:"load_before,omitempty"` // of the machine, before it
	Seconds float64  `json:"seconds"`
}

// Report is a run.
type Report struct {
	At       time.Time         `json:"at"`
	Quick    bool              `json:"quick,omitempty"`
	Machine  Machine           `json:"machine"`
	Versions map[string]string `json:"versions"`
	Results  []Result          `json:"results"`
}

// Machine is where it ran: what it can do, not whose it is.
type Machine struct {
	OS        string `json:"os"`
	Arch      string `json:"arch"`
	CPUs      int    `json:"cpus"`
	Processor string `json:"processor,omitempty"`
}

func newReport(b *bench) Report {
	r := Report{
		At: time.Now().UTC(), Quick: b.quick,
		Machine:  Machine{runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), processor()},
		Versions: map[string]string{"go": runtime.Version(), "postgres": b.postgres.Binaries().Version, "minio": servers.MinIOVersion},
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if strings.HasPrefix(s.Key, "vcs.") && s.Key != "vcs" {
				r.Versions[s.Key] = s.Value
			}
		}
		for _, dep := range info.Deps {
			switch dep.Path {
			case "github.com/jackc/pgx/v5", "github.com/minio/minio-go/v7", "github.com/riverqueue/river",
				"github.com/danielgtaylor/huma/v2", "github.com/tetratelabs/wazero", "github.com/klippa-app/go-pdfium":
				r.Versions[dep.Path] = dep.Version
			}
		}
	}
	return r
}

// write prints the report and writes it into dir: as JSON under its date, and
// as latest.md. A quick run is printed only.
func (r Report) write(dir string, out io.Writer) error {
	text := r.markdown()
	if _, err := io.WriteString(out, text); err != nil || r.Quick {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s-%s-%s-%dcpu.json", r.At.Format("2006-01-02-1504"), r.Machine.OS, r.Machine.Arch, r.Machine.CPUs)
	if err := os.WriteFile(filepath.Join(dir, name), append(content, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "latest.md"), []byte(text), 0o644)
}

func (r Report) markdown() string {
	var s strings.Builder
	_, _ = fmt.Fprintf(&s, "# Measured on %s\n\n%s/%s, %d CPUs (%s), %s, PostgreSQL %s.\n", r.At.Format("2 January 2006, 15:04 MST"),
		r.Machine.OS, r.Machine.Arch, r.Machine.CPUs, r.Machine.Processor, r.Versions["go"], r.Versions["postgres"])
	s.WriteString("Clients, servers and database share this machine. Ratios are of figures taken in turns.\n")
	if r.Quick {
		s.WriteString("\nA quick run: the figures say nothing.\n")
	}
	for _, m := range r.Results {
		_, _ = fmt.Fprintf(&s, "\n## %s\n\n%s; %.0f s, load before it %s.\n", m.Name, m.About, m.Seconds, m.Load)
		if m.NotRun != "" {
			_, _ = fmt.Fprintf(&s, "\nNOT RUN: %s\n", m.NotRun)
			continue
		}
		s.WriteString("\n| figure | value | goal | |\n|---|---|---|---|\n")
		for _, f := range m.Figures {
			goal, reached := "", ""
			if f.Goal != nil {
				goal, reached = "at least "+number(f.Goal.Value), "no"
				if f.Goal.AtMost {
					goal = "at most " + number(f.Goal.Value)
				}
				if f.Goal.reached(f.Value) {
					reached = "yes"
				}
			}
			name := f.Name
			if f.Note != "" {
				name += " (" + f.Note + ")"
			}
			_, _ = fmt.Fprintf(&s, "| %s | %s %s | %s | %s |\n", name, number(f.Value), f.Unit, goal, reached)
		}
	}
	return s.String()
}

func number(v float64) string {
	switch {
	case v >= 100 || v == float64(int64(v)):
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}
