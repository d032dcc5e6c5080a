package verify

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// WriteText writes the report for a person: a line an invariant, what is wrong
// below it, and one sentence at the end.
func (r Report) WriteText(w io.Writer) error {
	var b strings.Builder
	broken, skipped := 0, 0
	for _, i := range r.Invariants {
		status, what := "ok", i.Checked
		switch {
		case i.Status == Broken:
			broken++
			status, what = "BROKEN", plural(int64(i.Found), "problem")
			if i.Reason != "" {
				what += "; the rest was not checked: " + i.Reason
			}
		case i.Status == NotChecked:
			skipped++
			status, what = "not checked", i.Reason
		}
		_, _ = fmt.Fprintf(&b, "%2d  %-40s  %-11s  %s\n", i.Number, i.Name, status, what)
		for _, p := range i.Problems {
			_, _ = fmt.Fprintf(&b, "      %s\n", p)
		}
		if more := i.Found - len(i.Problems); more > 0 {
			_, _ = fmt.Fprintf(&b, "      and %d more\n", more)
		}
		for _, note := range i.Notes {
			_, _ = fmt.Fprintf(&b, "      note: %s\n", note)
		}
	}
	if !r.Begun.IsZero() {
		_, _ = fmt.Fprintf(&b, "\nContinued: what was looked at before is of %s and after.\n", r.Begun.Format(time.RFC3339))
	}
	switch {
	case broken == 1:
		b.WriteString("\n1 invariant is broken.\n")
	case broken > 1:
		_, _ = fmt.Fprintf(&b, "\n%d invariants are broken.\n", broken)
	case skipped > 0:
		_, _ = fmt.Fprintf(&b, "\nNothing is broken; %d of %d not checked.\n", skipped, len(r.Invariants))
	default:
		b.WriteString("\nNothing is broken.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// String is the problem in one line.
func (p Problem) String() string {
	parts := []string{p.Code}
	for _, part := range []struct{ name, value string }{
		{"table", p.Table}, {"user", text(p.User)}, {"document", text(p.Document)}, {"session", text(p.Session)},
		{"record", text(p.Record)}, {"object", p.Object},
	} {
		if part.value != "" {
			parts = append(parts, part.name+" "+part.value)
		}
	}
	if p.Entry != 0 {
		parts = append(parts, fmt.Sprintf("audit entry %d", p.Entry))
	}
	line := strings.Join(parts, "  ")
	if p.Detail != "" {
		line += "  (" + strings.TrimPrefix(p.Detail, ", ") + ")"
	}
	return line
}

func text(i interface {
	IsNil() bool
	String() string
}) string {
	if i.IsNil() {
		return ""
	}
	return i.String()
}
