package push

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// bars draws a bar for each file on the line and one for all.
type bars struct {
	out      Output
	progress *mpb.Progress
	total    *mpb.Bar
	stop     context.CancelFunc
	counting sync.WaitGroup

	known atomic.Int64 // bytes of the files found so far
	over  atomic.Int64 // bytes of the files that are through, however they ended
	moved atomic.Int64 // bytes on the other side, of files on the line
	speed speed
	mu    sync.Mutex
}

// newBars starts drawing, and counts the files beside the push: a total that
// grew with each file would say nothing.
func newBars(o Output) *bars {
	ctx, cancel := context.WithCancel(context.Background())
	b := &bars{out: o, stop: cancel, speed: speed{now: time.Now}}
	b.progress = mpb.New(mpb.WithOutput(o.Messages), mpb.WithRefreshRate(150*time.Millisecond))
	b.total = b.progress.New(0, style(), mpb.BarPriority(1<<30), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name("total", decor.WC{W: nameWidth, C: decor.DindentRight})),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return b.figures() })))
	b.counting.Go(func() {
		_ = walk(ctx, o.Paths, func(i item) error {
			if i.verdict == "" {
				b.known.Add(i.size)
				b.refresh()
			}
			return ctx.Err()
		})
	})
	return b
}

const nameWidth = 30

func style() mpb.BarFillerBuilder { return mpb.BarStyle().Lbound("[").Rbound("]").Tip(">") }

// refresh brings the total's bar up to date.
func (b *bars) refresh() {
	done := b.over.Load() + b.moved.Load()
	b.total.SetTotal(max(b.known.Load(), done, 1), false)
	b.total.SetCurrent(done)
}

// figures are what stands behind the total's bar.
func (b *bars) figures() string {
	done, known, rate := b.over.Load()+b.moved.Load(), b.known.Load(), b.speed.rate()
	s := fmt.Sprintf(" %s of %s", Bytes(done), Bytes(max(known, done)))
	if rate > 0 {
		s += fmt.Sprintf("  %s/s", Bytes(int64(rate)))
		if left := float64(known-done) / rate; left >= 0 {
			s += fmt.Sprintf("  %s left", (time.Duration(left) * time.Second).String())
		}
	}
	return s
}

// Start implements Reporter.
func (b *bars) Start(path string, size int64) Track {
	t := &barTrack{all: b, size: size}
	t.phase.Store("hash")
	t.bar = b.progress.New(max(size, 1), style(), mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(shorten(printable(path), nameWidth), decor.WC{W: nameWidth, C: decor.DindentRight})),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string {
			switch t.phase.Load() {
			case "hash":
				return " reading " + Bytes(size)
			case "wait":
				return " waiting for the analysis"
			default:
				return fmt.Sprintf(" %s of %s", Bytes(t.at.Load()), Bytes(size))
			}
		})))
	return t
}

// Done implements Reporter.
func (b *bars) Done(r Result) {
	if r.Status != Skipped || r.Code == "quota_exceeded" {
		b.over.Add(r.Size)
	}
	b.refresh()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.out.Shared {
		b.out.write(r)
		return
	}
	o := b.out
	o.Results = b.above()
	o.write(r)
}

// above writes above the bars.
func (b *bars) above() io.Writer { return aboveBars{b} }

type aboveBars struct{ b *bars }

func (a aboveBars) Write(p []byte) (int, error) {
	if n, err := a.b.progress.Write(p); err == nil {
		return n, nil
	}
	return a.b.out.Messages.Write(p) // the bars have ended
}

// Say implements Screen.
func (b *bars) Say(s string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, _ = fmt.Fprintln(b.above(), printable(s))
}

// Close implements Screen.
func (b *bars) Close(s Summary) {
	b.stop()
	b.counting.Wait()
	b.total.Abort(true)
	b.progress.Wait()
	b.out.summary(s)
}

type barTrack struct {
	all   *bars
	bar   *mpb.Bar
	size  int64
	at    atomic.Int64
	phase atomic.Value
	ended atomic.Bool
}

// Phase implements Track.
func (t *barTrack) Phase(p string) { t.phase.Store(p) }

// Set implements Track.
func (t *barTrack) Set(n int64) {
	if t.ended.Load() {
		return
	}
	delta := n - t.at.Swap(n)
	t.all.moved.Add(delta)
	if delta > 0 {
		t.all.speed.add(delta)
	}
	t.bar.SetCurrent(min(n, max(t.size-1, 0))) // its end is told by End
	t.all.refresh()
}

// End implements Track.
func (t *barTrack) End() {
	if t.ended.Swap(true) {
		return
	}
	t.all.moved.Add(-t.at.Load())
	t.bar.Abort(true)
}

// speed is a rate over the last seconds.
type speed struct {
	now     func() time.Time
	mu      sync.Mutex
	samples []sample
	total   int64
}

type sample struct {
	at    time.Time
	total int64
}

// window is over how long the speed is measured.
const window = 8 * time.Second

func (s *speed) add(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.total += n
	if last := len(s.samples) - 1; last >= 1 && now.Sub(s.samples[last-1].at) < 100*time.Millisecond {
		s.samples[last] = sample{now, s.total} // at most ten a second are kept
		return
	}
	s.samples = append(s.samples, sample{now, s.total})
	for len(s.samples) > 2 && now.Sub(s.samples[1].at) > window {
		s.samples = s.samples[1:]
	}
}

// rate is in bytes a second; 0 while it is not known.
func (s *speed) rate() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.samples) < 2 {
		return 0
	}
	first := s.samples[0]
	took := s.now().Sub(first.at).Seconds()
	if took < 0.2 {
		return 0
	}
	return float64(s.total-first.total) / took
}

// shorten keeps the end of a path, which says more than its start.
func shorten(s string, width int) string {
	if runewidth.StringWidth(s) <= width {
		return s
	}
	r := []rune(s)
	for len(r) > 0 && runewidth.StringWidth(string(r)) > width-1 {
		r = r[1:]
	}
	return "…" + string(r)
}
