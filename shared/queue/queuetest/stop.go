package queuetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"docuvault/shared/queue"
)

func stopWaits(t *testing.T, s *suite) {
	q := s.Open(t)
	s.sendBodies(t, q, "running")
	running, finish := make(chan struct{}), make(chan struct{})
	c := s.consume(t, q, func(ctx context.Context, m queue.Message) error {
		close(running) // a second delivery panics here
		<-finish
		return ctx.Err()
	})
	wait(t, running, patience, "the handler")
	c.stop()
	s.sendBodies(t, q, "later")
	select {
	case err := <-c.done:
		t.Fatalf("Consume returned %v while its handler ran", err)
	case <-time.After(s.Drain / 10): // long enough to see a Consume that does not wait
	}
	close(finish)
	c.await(t)

	got, handler := collect(9)
	s.consume(t, q, handler)
	s.afterStop(t, got, "later", 1)
	s.nothingMore(t, q, got)
}

func stopEnds(t *testing.T, s *suite) {
	q := s.Open(t)
	s.sendBodies(t, q, "long")
	running := make(chan struct{})
	ended := make(chan time.Time, 1)
	c := s.consume(t, q, func(ctx context.Context, m queue.Message) error {
		if err := m.Extend(ctx, time.Hour); err != nil {
			t.Errorf("Extend: %v", err)
		}
		close(running)
		<-ctx.Done()
		ended <- time.Now()
		return ctx.Err()
	})
	wait(t, running, patience, "the handler")
	stopped := time.Now()
	c.stop()
	if after := wait(t, ended, patience, "the end of the context").Sub(stopped); after < s.Drain {
		t.Errorf("the handler's context ended %s after the stop, want %s at least", after, s.Drain)
	}
	c.await(t)

	got, handler := collect(9)
	s.consume(t, q, handler)
	s.afterStop(t, got, "long", 2)
}

// afterStop waits for the message that a stopped consumer left. It is the
// count'th delivery, or the one after when the consumer has given it back.
func (s *suite) afterStop(t *testing.T, got <-chan queue.Message, body string, count int) {
	t.Helper()
	m := wait(t, got, patience, "what the stopped consumer left")
	if more := m.ReceiveCount - count; string(m.Body) != body || more != 0 && (more != 1 || !s.GivesBack) {
		t.Errorf("delivered: %q, receive count %d, want %q, %d", m.Body, m.ReceiveCount, body, count)
	}
}

func stopLeaves(t *testing.T, s *suite) {
	q := s.Open(t)
	s.sendBodies(t, q, "deaf")
	running, finish := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(finish) })
	c := s.consume(t, q, func(context.Context, queue.Message) error {
		close(running)
		<-finish
		return nil
	})
	wait(t, running, patience, "the handler")
	c.stop()
	c.await(t)
}

func refuses(t *testing.T, s *suite) {
	q := s.Open(t)
	ctx := context.Background()
	fine := queue.Message{Body: []byte("fine")}
	tooMany := map[string]string{}
	for i := range queue.MaxAttributes + 1 {
		tooMany[fmt.Sprintf("n%d", i)] = "v"
	}
	for name, c := range map[string]struct {
		m    queue.Message
		want error
	}{
		"body too large":       {queue.Message{Body: make([]byte, queue.MaxBody+1)}, queue.ErrTooLarge},
		"too many attributes":  {queue.Message{Attributes: tooMany}, queue.ErrTooLarge},
		"attributes too large": {queue.Message{Attributes: map[string]string{"a": strings.Repeat("x", queue.MaxAttributeBytes)}}, queue.ErrTooLarge},
		"no attribute name":    {queue.Message{Attributes: map[string]string{"": "v"}}, queue.ErrInvalid},
		"attribute name":       {queue.Message{Attributes: map[string]string{"a b": "v"}}, queue.ErrInvalid},
		"no value":             {queue.Message{Attributes: map[string]string{"a": ""}}, queue.ErrInvalid},
		"zero in a value":      {queue.Message{Attributes: map[string]string{"a": "v\x00"}}, queue.ErrInvalid},
		"value not utf-8":      {queue.Message{Attributes: map[string]string{"a": "\xff"}}, queue.ErrInvalid},
	} {
		if err := q.Send(ctx, s.name, fine, c.m); !errors.Is(err, c.want) {
			t.Errorf("%s: Send = %v, want %v", name, err, c.want)
		}
	}
	for _, name := range []string{"", "a", "Upper", "under_score", "dot.", "a/b", "é-é", strings.Repeat("a", 65)} {
		if err := q.Send(ctx, name, fine); !errors.Is(err, queue.ErrName) {
			t.Errorf("Send to %q = %v, want ErrName", name, err)
		}
		if err := q.Consume(ctx, name, func(context.Context, queue.Message) error { return nil }); !errors.Is(err, queue.ErrName) {
			t.Errorf("Consume of %q = %v, want ErrName", name, err)
		}
		if d, ok := q.(queue.DeadLetters); ok {
			if _, err := d.Dead(ctx, name, 1); !errors.Is(err, queue.ErrName) {
				t.Errorf("Dead of %q = %v, want ErrName", name, err)
			}
			if _, err := d.Redrive(ctx, name); !errors.Is(err, queue.ErrName) {
				t.Errorf("Redrive of %q = %v, want ErrName", name, err)
			}
		}
	}
	// Nothing of a refused Send was sent.
	got, handler := collect(99)
	s.consume(t, q, handler)
	s.nothingMore(t, q, got)
}

func endedContext(t *testing.T, s *suite) {
	q := s.Open(t)
	ended, end := context.WithCancel(context.Background())
	end()
	err := q.Send(ended, s.name, queue.Message{})
	if !errors.Is(err, queue.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("Send = %v, want ErrUnavailable and Canceled", err)
	}
	if err := q.Consume(ended, s.name, func(context.Context, queue.Message) error { return nil }); err != nil {
		t.Errorf("Consume = %v, want nil", err)
	}
}

func drains(t *testing.T, s *suite) {
	messages := 10_000
	if testing.Short() {
		messages = 1_000
	}
	q := s.Open(t)
	var bodies []string
	for i := range messages {
		bodies = append(bodies, fmt.Sprint(i))
	}
	start := time.Now()
	s.sendBodies(t, q, bodies...)
	sent := time.Since(start)

	got := make(chan string, 2*messages)
	start = time.Now()
	s.consume(t, q, func(_ context.Context, m queue.Message) error {
		got <- string(m.Body)
		return nil
	})
	missing := make(map[string]bool, messages)
	for _, body := range bodies {
		missing[body] = true
	}
	twice := 0
	for len(missing) > 0 {
		body := wait(t, got, patience, "a message")
		if !missing[body] {
			twice++ // allowed: at least once
		}
		delete(missing, body)
	}
	took := time.Since(start)
	t.Logf("%d messages: sent in %s (%.0f/s), handled in %s (%.0f/s), %d of them twice", messages,
		sent.Round(time.Millisecond), float64(messages)/sent.Seconds(),
		took.Round(time.Millisecond), float64(messages)/took.Seconds(), twice)
}
