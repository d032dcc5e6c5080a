// Package ocr reads the words in a picture of a page, with the program
// tesseract where that is installed.
//
// The program knows many formats of images and is written in C++, so it is shown
// none of them: what it gets on its standard input are gray pixels that our own
// decoders made. It runs with one thread, bounded memory and processor time,
// none of our environment, and is killed when the context ends. What it is not
// sure of is left out, so that a photograph of a wood says nothing.
package ocr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"log/slog"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"docuvault/shared/host"
)

// Bounds of one picture. A page of A4 at 300 dots an inch needs some 250 MB and
// two seconds.
const (
	// MaxSide is the longest side that is read, in pixels: A4 at 300 dots an inch.
	MaxSide = 3508
	// Memory is the address space of the program, in bytes.
	Memory = 1 << 30
	// Time is how long one picture may take.
	Time = 30 * time.Second
	// Output is how much the program may print, in bytes.
	Output = 16 << 20
)

// Confidences in percent: words below sure are left out, and all of a picture is
// if those that are left are fewer than what was left out, or are on the mean
// below surePage.
const (
	sure     = 40
	surePage = 60
)

// ErrUnreadable is a picture that the program gave up on: too much time or
// memory, or a crash. Trying again does not help.
var ErrUnreadable = errors.New("the page cannot be read")

// standard are the languages that are read if OCR_LANGUAGES names none, as far
// as they are installed.
var standard = []string{"deu", "eng"}

// Reader reads pictures. It is safe for concurrent use; it runs as many programs
// at a time as half the processors, and at least one.
type Reader struct {
	program   string
	languages string
	layout    string // how it looks for lines
	slots     chan struct{}
}

// config is the package's part of the environment.
type config struct {
	// Languages are tesseract's names, joined by "+" ("deu+eng+fra"), or "off".
	// Unset: German and English, as far as they are installed. A language that is
	// named and not installed stops the start.
	Languages string `env:"OCR_LANGUAGES"`
	// Path is where programs are looked for.
	Path string `env:"PATH"`
}

// Open returns the Env's one Reader; nil means that there is no OCR: tesseract is
// not on PATH, or OCR_LANGUAGES is "off".
func Open(env *host.Env) (*Reader, error) { return host.Resource(env, open) }

func open(env *host.Env) (*Reader, error) {
	cfg, err := host.Config[config](env)
	if err != nil {
		return nil, err
	}
	if cfg.Languages == "off" {
		return nil, nil
	}
	program := find(cfg.Path)
	if program == "" {
		if cfg.Languages != "" {
			return nil, errors.New("OCR_LANGUAGES: needs the program tesseract on PATH, which has none; install it, or unset the variable")
		}
		return nil, nil
	}
	r, err := New(program, cfg.Languages)
	if err != nil {
		return nil, err
	}
	env.Log.Debug("scans are read", slog.String("program", program), slog.String("languages", r.languages))
	return r, nil
}

// find returns the program's absolute path, or "".
func find(path string) string {
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue // not what lies in the current folder
		}
		if program, err := exec.LookPath(filepath.Join(dir, "tesseract")); err == nil {
			return program
		}
	}
	return ""
}

// New makes a Reader of a program and its languages, joined by "+"; "" is the
// standard ones. It asks the program which it has.
func New(program, languages string) (*Reader, error) {
	ctx, cancel := context.WithTimeout(context.Background(), Time)
	defer cancel()
	r := &Reader{program: program, slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
	out, err := r.run(ctx, nil, "--list-langs")
	if err != nil {
		return nil, fmt.Errorf("asking %s for its languages: %w", program, err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	installed := lines[1:] // after a line of words
	wanted := strings.Split(languages, "+")
	if languages == "" {
		wanted = slices.DeleteFunc(slices.Clone(standard), func(l string) bool { return !slices.Contains(installed, l) })
		if len(wanted) == 0 {
			return nil, fmt.Errorf("OCR_LANGUAGES: tesseract has neither German (deu) nor English (eng); say which of its languages to read: %s, or off", strings.Join(installed, ", "))
		}
	}
	for _, l := range wanted {
		if l == "" || !slices.Contains(installed, l) {
			return nil, fmt.Errorf("OCR_LANGUAGES: %q is no language that tesseract has; it has %s", l, strings.Join(installed, ", "))
		}
	}
	r.languages = strings.Join(wanted, "+")
	r.layout = "3" // the page as it stands
	if slices.Contains(installed, "osd") {
		r.layout = "1" // turned, if the letters are
	}
	return r, nil
}

// Read returns the words of a picture, lines ended by \n and paragraphs by an
// empty line; "" when there are none. Its sides are at most [MaxSide] pixels.
//
// Errors: [ErrUnreadable]; the context's error; any other is about us.
func (r *Reader) Read(ctx context.Context, m *image.Gray) (string, error) {
	if m.Rect.Empty() || max(m.Rect.Dx(), m.Rect.Dy()) > MaxSide {
		return "", fmt.Errorf("ocr: a picture of %d x %d pixels", m.Rect.Dx(), m.Rect.Dy())
	}
	if blank(m) {
		return "", nil
	}
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	limited, cancel := context.WithTimeout(ctx, Time)
	defer cancel()
	out, err := r.run(limited, pgm(m), "stdin", "stdout", "-l", r.languages, "--psm", r.layout, "tsv")
	if err != nil && r.layout == "1" && errors.Is(err, ErrUnreadable) && limited.Err() == nil {
		// Too few letters to tell how the page is turned is an error to it.
		out, err = r.run(limited, pgm(m), "stdin", "stdout", "-l", r.languages, "--psm", "3", "tsv")
	}
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case limited.Err() != nil:
		return "", fmt.Errorf("%w: over the limit of time", ErrUnreadable)
	case err != nil:
		return "", err
	}
	return words(string(out)), nil
}

// limits is the shell's part: it bounds the program's memory (in KiB, where the
// system can) and processor time (in seconds), and becomes the program.
const limits = `ulimit -v "$1" 2>/dev/null; ulimit -t "$2" && ulimit -c 0 && shift 2 && exec "$@"`

func (r *Reader) run(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	all := append([]string{"-c", limits, "sh", strconv.Itoa(Memory >> 10), strconv.Itoa(int(Time / time.Second)), r.program}, args...)
	cmd := exec.CommandContext(ctx, "/bin/sh", all...) // #nosec G204 -- the program is the operator's, and no word of a user's is among the arguments
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "OMP_THREAD_LIMIT=1"}
	cmd.Dir = "/"
	cmd.Stdin = stdin
	cmd.WaitDelay = time.Second
	out := bounded{limit: Output}
	cmd.Stdout = &out
	err := cmd.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); ended || out.full {
		return nil, ErrUnreadable
	}
	if err != nil {
		return nil, fmt.Errorf("run tesseract: %w", err)
	}
	return out.kept.Bytes(), nil
}

// bounded keeps what fits, and refuses the rest, which ends the program. It does
// not embed the buffer, whose ReadFrom takes everything.
type bounded struct {
	kept  bytes.Buffer
	limit int
	full  bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.kept.Len()+len(p) > b.limit {
		b.full = true
		return 0, io.ErrShortWrite
	}
	return b.kept.Write(p)
}

// Gray is the picture in gray (ITU-R BT.601), without its opacity.
func Gray(m *image.RGBA) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, m.Rect.Dx(), m.Rect.Dy()))
	for y := range m.Rect.Dy() {
		row := m.Pix[y*m.Stride:][:4*m.Rect.Dx()]
		to := out.Pix[y*out.Stride:]
		for x := range m.Rect.Dx() {
			p := row[4*x:][:3]
			to[x] = uint8((19595*uint32(p[0]) + 38470*uint32(p[1]) + 7471*uint32(p[2]) + 1<<15) >> 16)
		}
	}
	return out
}

// blank reports whether all pixels are nearly the same.
func blank(m *image.Gray) bool {
	const noise = 24
	low, high := uint8(255), uint8(0)
	for y := range m.Rect.Dy() {
		for _, v := range m.Pix[y*m.Stride:][:m.Rect.Dx()] {
			low, high = min(low, v), max(high, v)
		}
		if high > low && high-low > noise {
			return false
		}
	}
	return true
}

// pgm is the picture as a portable graymap (netpbm's pgm(5)), without a copy of
// its pixels.
func pgm(m *image.Gray) io.Reader {
	width, height := m.Rect.Dx(), m.Rect.Dy()
	parts := []io.Reader{strings.NewReader(fmt.Sprintf("P5\n%d %d\n255\n", width, height))}
	if m.Stride == width {
		return io.MultiReader(append(parts, bytes.NewReader(m.Pix[:width*height]))...)
	}
	for y := range height {
		parts = append(parts, bytes.NewReader(m.Pix[y*m.Stride:][:width]))
	}
	return io.MultiReader(parts...)
}
