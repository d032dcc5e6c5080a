package push

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"
)

// Output says where a push reports and how.
type Output struct {
	// Results gets one line a file: for people or, with JSON, for programs.
	Results io.Writer
	// Messages gets progress, errors and the summary for people.
	Messages io.Writer
	JSON     bool
	// Bars draws moving bars on Messages, which then is a terminal.
	Bars bool
	// Colour marks what failed, in lines for people on Results.
	Colour bool
	// Shared says that Results and Messages are the same terminal.
	Shared bool
	// Paths are counted beside the push, for the total of the bars.
	Paths []string
}

// Screen is a Reporter with an end.
type Screen interface {
	Reporter
	// Say shows a sentence.
	Say(string)
	// Close shows the summary.
	Close(Summary)
}

// NewScreen returns the Screen that fits the output.
func NewScreen(o Output) Screen {
	if o.Bars {
		return newBars(o)
	}
	return &lines{out: o}
}

// lines reports without bars. It is the whole of what a log gets.
type lines struct {
	out Output
	mu  sync.Mutex
}

type noTrack struct{}

func (noTrack) Phase(string) {}
func (noTrack) Set(int64)    {}
func (noTrack) End()         {}

// Start implements Reporter.
func (l *lines) Start(string, int64) Track { return noTrack{} }

// Done implements Reporter.
func (l *lines) Done(r Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out.write(r)
}

// Say implements Screen.
func (l *lines) Say(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintln(l.out.Messages, printable(s))
}

// Close implements Screen.
func (l *lines) Close(s Summary) { l.out.summary(s) }

// write is one result.
func (o Output) write(r Result) {
	if o.JSON {
		o.encode(r)
		return
	}
	_, _ = io.WriteString(o.Results, o.line(r)+"\n")
}

func (o Output) encode(v any) {
	e := json.NewEncoder(o.Results)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
}

func (o Output) summary(s Summary) {
	if o.JSON {
		o.encode(struct {
			Summary Summary `json:"summary"`
		}{s})
	}
	_, _ = fmt.Fprintln(o.Messages, s.String())
}

// words are the statuses for people, of one width.
var words = map[Status]string{
	Uploaded: "uploaded    ", AlreadyHere: "already here", InTrash: "in the trash", Skipped: "skipped     ", Failed: "FAILED      ",
}

var colours = map[Status]string{Uploaded: "32", InTrash: "33", Skipped: "33", Failed: "31"}

// line is a result for people.
func (o Output) line(r Result) string {
	word := words[r.Status]
	if r.Code == "interrupted" {
		word = "interrupted "
	}
	if c := colours[r.Status]; o.Colour && c != "" {
		word = "\x1b[" + c + "m" + word + "\x1b[0m"
	}
	s := word + "  " + printable(r.Path)
	if r.Status == Uploaded {
		s += fmt.Sprintf("  (%s, %.1f s)", Bytes(r.Size), r.Seconds)
	}
	if r.Detail != "" {
		s += ": " + printable(r.Detail)
	}
	if d := r.Document; d != nil && r.Status != Failed {
		s += "  " + d.Status
		if d.Failure != "" {
			s += " (" + printable(d.Failure) + ")"
		} else if d.Topic != "" {
			s += " (" + printable(d.Topic) + ")"
		}
	}
	return s
}

// String is the summary for people.
func (s Summary) String() string {
	parts := []string{fmt.Sprintf("%d uploaded (%s)", s.Uploaded, Bytes(s.BytesSent))}
	for _, p := range []struct {
		n    int
		text string
	}{{s.AlreadyHere, "already here"}, {s.InTrash, "in the trash"}, {s.Skipped, "skipped"}, {s.Failed, "failed"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.text))
		}
	}
	files := "files"
	if s.Files == 1 {
		files = "file"
	}
	return fmt.Sprintf("%d %s: %s. %s.", s.Files, files, strings.Join(parts, ", "),
		time.Duration(s.Seconds*float64(time.Second)).Round(100*time.Millisecond))
}

// printable keeps a name from steering the terminal: control and format
// characters become a replacement character.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
