package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"text/tabwriter"
	"time"

	"docuvault/test/throwaway"
)

// row is one line of the push's JSON.
type row struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	Status string `json:"status"`
	Detail string `json:"detail"`
	Steps  struct {
		Hash, Send, Store, Ready float64
	} `json:"steps"`
	Document *struct {
		Status      string `json:"status"`
		Failure     string `json:"failure"`
		Topic       string `json:"topic"`
		Suggestions []struct {
			Kind       string  `json:"kind"`
			Value      string  `json:"value"`
			Confidence float64 `json:"confidence"`
		} `json:"suggestions"`
	} `json:"document"`
	Summary json.RawMessage `json:"summary"`
}

// push runs the client and reads what it says of each file.
func push(ctx context.Context, program string, v *throwaway.Vault, a throwaway.Account, paths []string) ([]row, error) {
	args := append([]string{"push", "--json", "--wait", "--url", v.URL, "--"}, paths...)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = throwaway.Environ(a.Environ()...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("run push: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("run push: %w", err)
	}
	var rows []row
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	summed := false
	for lines.Scan() {
		var r row
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, errors.Join(fmt.Errorf("push printed %q: %w", lines.Text(), err), cmd.Wait())
		}
		if r.Summary != nil {
			summed = true
			continue
		}
		rows = append(rows, r)
	}
	err = errors.Join(lines.Err(), cmd.Wait())
	if !summed {
		return nil, fmt.Errorf("push ended early: %w\n%s", err, v.Tail())
	}
	return rows, nil // a file that failed is in its row
}

// state is what became of a file, in one word.
func (r row) state() string {
	if r.Document != nil {
		return r.Document.Status
	}
	return r.Status
}

// topic is the document's topic and how sure the analysis was of it.
func (r row) topic() (string, string) {
	if r.Document == nil {
		return "", ""
	}
	for _, s := range r.Document.Suggestions {
		if s.Kind == "topic" {
			name := r.Document.Topic
			if name == "" {
				name = s.Value
			}
			return name, fmt.Sprintf("%.2f", s.Confidence)
		}
	}
	return r.Document.Topic, ""
}

func table(w io.Writer, rows []row) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "NAME\tSIZE\tSTATUS\tTOPIC\tCONFIDENCE\tSENT\tSTORED\tREADY\t")
	for _, r := range rows {
		topic, confidence := r.topic()
		note := r.Detail
		if r.Document != nil && r.Document.Failure != "" {
			note = r.Document.Failure
		}
		_, _ = fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%.3f s\t%.3f s\t%.3f s\t%s\n",
			filepath.Base(r.Path), r.Size, r.state(), topic, confidence, r.Steps.Send, r.Steps.Store, r.Steps.Ready, note)
	}
	_ = t.Flush()
}

// verdict is nil when all files that were sent became ready.
func verdict(rows []row) error {
	ready, sent := 0, 0
	for _, r := range rows {
		if r.Status == "skipped" {
			continue
		}
		sent++
		if r.state() == "ready" {
			ready++
		}
	}
	switch {
	case sent == 0:
		return errors.New("there was nothing to push")
	case ready < sent:
		return fmt.Errorf("%d of %d files became ready", ready, sent)
	}
	return nil
}
