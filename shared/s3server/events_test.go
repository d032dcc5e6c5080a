package s3server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestEventForm(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 24, 10, 0, 0, 123e6, time.UTC)
	got, err := json.Marshal(newNotification(at, "eu-central-1", "ObjectCreated:Put", "docuvault", "u/ä +1.pdf", "abc", "", 7))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"eu-central-1","eventTime":"2026-11-24T10:00:00.123Z","eventName":"ObjectCreated:Put",` +
		`"s3":{"s3SchemaVersion":"1.0","configurationId":"embedded","bucket":{"name":"docuvault","arn":"arn:aws:s3:::docuvault"},` +
		`"object":{"key":"u%2F%C3%A4+%2B1.pdf","size":7,"eTag":"abc","sequencer":"18EAF2D5786E14C0"}}}]}`
	if string(got) != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

// Whatever the callback does, emit returns at once and the next event is sent.
func TestCallbackCannotHarm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		calls := 0
		e := newEmitter(Config{
			EventBuckets: []string{"docuvault"}, Now: time.Now, Log: slog.New(slog.NewTextHandler(&log, nil)),
			Events: func(ctx context.Context, body []byte) error {
				calls++
				switch {
				case strings.Contains(string(body), "panics"):
					panic("callback")
				case strings.Contains(string(body), "fails"):
					return errors.New("queue is down")
				default: // hangs
					<-ctx.Done()
					return ctx.Err()
				}
			},
		})
		start := time.Now()
		for _, key := range []string{"panics", "fails", "hangs"} {
			e.emit("ObjectCreated:Put", "docuvault", key, "", "", 1)
			synctest.Wait()
		}
		e.emit("ObjectCreated:Put", "docuvault-derived", "elsewhere", "", "", 1)
		if took := time.Since(start); took != 0 {
			t.Errorf("emit waited %s for the callback", took)
		}
		e.wait()
		if calls != 3 {
			t.Errorf("%d calls, want 3: one an event, none for the other bucket", calls)
		}
		if took := time.Since(start); took != eventTimeout {
			t.Errorf("a callback that hangs was given %s", took)
		}
		if n := strings.Count(log.String(), "storage event lost"); n != 3 {
			t.Errorf("%d lost events were logged, want 3:\n%s", n, log.String())
		}
	})
}

func TestFormatFileIsChecked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := openDirs(dir, false); err != nil {
		t.Fatal(err)
	}
	if err := writeFormat(dir, "paper"); err != nil {
		t.Fatal(err)
	}
	if _, err := openDirs(dir, false); err == nil || !strings.Contains(err.Error(), `"paper"`) {
		t.Errorf("an unknown format: %v", err)
	}
}

func writeFormat(dir, format string) error {
	return os.WriteFile(filepath.Join(dir, formatFile), []byte(format), 0o600)
}
