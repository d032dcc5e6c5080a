package push

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"docuvault/cmd/docuvault/internal/client"
)

func TestJSON(t *testing.T) {
	t.Parallel()
	var results, messages bytes.Buffer
	screen := NewScreen(Output{Results: &results, Messages: &messages, JSON: true})
	screen.Start("a", 1).End()
	screen.Done(Result{Path: "a<b>\n.pdf", Size: 7, SHA256: "ff", Status: Uploaded, DocumentID: "id", Seconds: 1.5, Steps: Steps{Hash: 1}})
	screen.Done(Result{Path: "c", Status: Failed, Code: "unreadable", Detail: "permission denied"})
	screen.Close(Summary{Files: 2, Uploaded: 1, Failed: 1, BytesSent: 7})
	want := []string{
		`{"path":"a<b>\n.pdf","size":7,"sha256":"ff","status":"uploaded","document_id":"id","seconds":1.5,"steps":{"hash":1}}`,
		`{"path":"c","size":0,"status":"failed","code":"unreadable","detail":"permission denied","seconds":0}`,
		`{"summary":{"files":2,"uploaded":1,"already_here":0,"in_trash":0,"skipped":0,"failed":1,"bytes_sent":7,"seconds":0,"interrupted":false}}`,
	}
	if got := strings.TrimSpace(results.String()); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s", got)
	}
	for line := range strings.Lines(results.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

func TestLinesForPeople(t *testing.T) {
	t.Parallel()
	o := Output{}
	for want, r := range map[string]Result{
		"uploaded      a.pdf  (2.0 KiB, 0.5 s)":                 {Path: "a.pdf", Size: 2048, Status: Uploaded, Seconds: 0.5},
		"already here  b":                                       {Path: "b", Status: AlreadyHere},
		"interrupted   g: run again":                            {Path: "g", Status: Failed, Code: "interrupted", Detail: "run again"},
		"FAILED        c: permission denied":                    {Path: "c", Status: Failed, Detail: "permission denied"},
		"uploaded      d  (0 B, 0.0 s)  ready (invoice)":        {Path: "d", Status: Uploaded, Document: &client.Document{Status: "ready", Topic: "invoice"}},
		"skipped       evil\uFFFD[2J\uFFFD.txt: a pipe":         {Path: "evil\x1b[2J\u202e.txt", Status: Skipped, Detail: "a pipe"},
		"uploaded      e  (0 B, 0.0 s)  failed (pdf_encrypted)": {Path: "e", Status: Uploaded, Document: &client.Document{Status: "failed", Failure: "pdf_encrypted"}},
		"in the trash  f":                                       {Path: "f", Status: InTrash},
	} {
		if got := o.line(r); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	if got := (Output{Colour: true}).line(Result{Path: "c", Status: Failed}); !strings.HasPrefix(got, "\x1b[31mFAILED") {
		t.Errorf("%q", got)
	}
	s := Summary{Files: 4, Uploaded: 1, AlreadyHere: 1, Skipped: 1, Failed: 1, BytesSent: 1 << 20, Seconds: 2.04}
	if got := s.String(); got != "4 files: 1 uploaded (1.0 MiB), 1 already here, 1 skipped, 1 failed. 2s." {
		t.Error(got)
	}
}

func TestBars(t *testing.T) {
	t.Parallel()
	var results, messages bytes.Buffer
	dir := t.TempDir()
	make1(t, dir, "a", "b")
	screen := NewScreen(Output{Results: &results, Messages: &messages, Bars: true, Paths: []string{dir}})
	track := screen.Start("a", 100)
	track.Phase("send")
	track.Set(60)
	track.Set(0) // a new try
	track.Set(100)
	track.End()
	track.Set(100) // a body that lingers
	screen.Done(Result{Path: "a", Size: 100, Status: Uploaded})
	screen.Say("something")
	empty := screen.Start("b", 0)
	empty.Set(0)
	empty.End()
	screen.Done(Result{Path: "b", Status: Skipped})
	screen.(*bars).counting.Wait()
	screen.Close(Summary{Files: 2})
	if got := results.String(); !strings.Contains(got, "uploaded      a") || !strings.Contains(got, "skipped       b") {
		t.Errorf("%q", got)
	}
	if b := screen.(*bars); b.moved.Load() != 0 || b.over.Load() != 100 || b.known.Load() != 2 {
		t.Errorf("moved %d, over %d, known %d", b.moved.Load(), b.over.Load(), b.known.Load())
	}
}

func TestSpeed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := speed{now: time.Now}
		if s.rate() != 0 {
			t.Error("a rate out of nothing")
		}
		for range 200 { // 20 s at 1000 bytes a second
			s.add(100)
			time.Sleep(100 * time.Millisecond)
		}
		if r := s.rate(); r < 950 || r > 1050 {
			t.Errorf("%.0f bytes/s", r)
		}
		if len(s.samples) > 100 {
			t.Errorf("%d samples kept", len(s.samples))
		}
		time.Sleep(time.Minute)
		if r := s.rate(); r > 150 {
			t.Errorf("%.0f bytes/s after a minute of nothing", r)
		}
	})
}

func TestShorten(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"short": "short", "0123456789": "…56789", "日本語の名前": "…名前"} {
		if got := shorten(in, 6); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}
