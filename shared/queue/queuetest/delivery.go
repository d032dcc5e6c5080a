package queuetest

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"docuvault/shared/queue"
)

func carries(t *testing.T, s *suite) {
	q := s.Open(t)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	full := make([]byte, queue.MaxBody)
	if _, err := rand.Read(full); err != nil {
		t.Fatal(err)
	}
	many := map[string]string{}
	for i := range queue.MaxAttributes - 1 {
		many[fmt.Sprintf("name-%d", i)] = fmt.Sprintf("value %d: <é> \"日本\" \\u0000 \t\r\n", i)
	}
	sent := map[string]queue.Message{
		"no-body":        {},
		"every-byte":     {Body: every, Attributes: map[string]string{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}},
		"zero-byte":      {Body: []byte{0}},
		"not-utf-8":      {Body: []byte{0xff, 0xfe, 0x80}},
		"json":           {Body: []byte(`{"user_id":"…","document_id":"…"}`), Attributes: many},
		"largest":        {Body: full},
		"spaces":         {Body: []byte(" \n ")},
		"attribute-size": {Attributes: map[string]string{"a": strings.Repeat("x", queue.MaxAttributeBytes-100)}},
	}
	for label, m := range sent {
		m.Attributes = maps.Clone(m.Attributes)
		if m.Attributes == nil {
			m.Attributes = map[string]string{}
		}
		m.Attributes["which"] = label
		sent[label] = m
		s.send(t, q, m)
	}
	// Without any attribute, which is how most senders are.
	s.sendBodies(t, q, "")
	sent[""] = queue.Message{}

	got, handler := collect(len(sent) + 3)
	s.consume(t, q, handler)
	ids, seen := map[string]bool{}, map[string]bool{}
	for len(seen) < len(sent) {
		m := wait(t, got, patience, "a message")
		if seen[m.Attributes["which"]] && !s.Doubles {
			t.Errorf("%s came twice", m.Attributes["which"])
		}
		seen[m.Attributes["which"]] = true
		label := m.Attributes["which"]
		want := sent[label]
		if !slices.Equal(m.Body, want.Body) {
			t.Errorf("%s: a body of %d bytes came as another of %d bytes", label, len(want.Body), len(m.Body))
		}
		if !maps.Equal(m.Attributes, want.Attributes) {
			t.Errorf("%s: attributes = %q, want %q", label, m.Attributes, want.Attributes)
		}
		if m.ID == "" || ids[m.ID] {
			t.Errorf("%s: id %q is empty or another message's", label, m.ID)
		}
		if m.ReceiveCount != 1 {
			t.Errorf("%s: receive count %d, want 1", label, m.ReceiveCount)
		}
		ids[m.ID] = true
	}
	s.nothingMore(t, q, got)
}

func batch(t *testing.T, s *suite) {
	q := s.Open(t)
	s.send(t, q) // none is no error
	var bodies []string
	for i := range 25 {
		bodies = append(bodies, fmt.Sprintf("number %02d", i))
	}
	s.sendBodies(t, q, bodies...)
	got, handler := collect(len(bodies))
	s.consume(t, q, handler)
	var received []string
	for range bodies {
		received = append(received, string(wait(t, got, patience, "a message").Body))
	}
	slices.Sort(received)
	if !slices.Equal(received, bodies) {
		t.Errorf("received %q", received)
	}
	s.nothingMore(t, q, got)
}

func again(t *testing.T, s *suite) {
	q := s.Open(t)
	s.sendBodies(t, q, "a")
	got := make(chan queue.Message, 9)
	s.consume(t, q, func(_ context.Context, m queue.Message) error {
		got <- m
		if string(m.Body) == "a" && m.ReceiveCount < 3 {
			return errAgain
		}
		return nil
	})
	first := wait(t, got, patience, "the first delivery")
	for want := 2; want <= 3; want++ {
		m := wait(t, got, patience, "another delivery")
		if m.ReceiveCount != want || m.ID != first.ID || string(m.Body) != "a" {
			t.Errorf("delivery %d: id %s, receive count %d, body %q", want, m.ID, m.ReceiveCount, m.Body)
		}
	}
	s.nothingMore(t, q, got)
}

func panics(t *testing.T, s *suite) {
	q := s.Open(t)
	s.sendBodies(t, q, "a", "b")
	got := make(chan queue.Message, 9)
	s.consume(t, q, func(_ context.Context, m queue.Message) error {
		if m.ReceiveCount == 1 {
			panic("a handler that panics")
		}
		got <- m
		return nil
	})
	var bodies []string
	for range 2 {
		bodies = append(bodies, string(wait(t, got, patience, "the delivery after a panic").Body))
	}
	slices.Sort(bodies)
	if !slices.Equal(bodies, []string{"a", "b"}) {
		t.Errorf("received %q", bodies)
	}
}

func deadLetters(t *testing.T, s *suite) {
	q := s.Open(t)
	dead, ok := q.(queue.DeadLetters)
	if !ok {
		t.Skip("the driver has no dead letters of its own")
	}
	ctx := context.Background()
	s.send(t, q, queue.Message{Body: []byte{0, 1}, Attributes: map[string]string{"k": "v"}})

	var (
		mu     sync.Mutex
		counts []int
		refuse = true
	)
	done := make(chan queue.Message, 9)
	s.consume(t, q, func(_ context.Context, m queue.Message) error {
		mu.Lock()
		defer mu.Unlock()
		if refuse {
			counts = append(counts, m.ReceiveCount)
			return errAgain
		}
		done <- m
		return nil
	})
	var letters []queue.Message
	until(t, "the message is a dead letter", func() bool {
		var err error
		if letters, err = dead.Dead(ctx, s.name, 10); err != nil {
			t.Fatal(err)
		}
		return len(letters) > 0
	})
	mu.Lock()
	if !slices.Equal(counts, []int{1, 2, 3, 4, 5}) {
		t.Errorf("receive counts before the end: %v", counts)
	}
	refuse = false
	mu.Unlock()
	if l := letters[0]; len(letters) != 1 || !slices.Equal(l.Body, []byte{0, 1}) || l.Attributes["k"] != "v" || l.ReceiveCount != queue.MaxReceives {
		t.Errorf("dead letters: %+v", letters)
	} else if age := time.Since(l.Sent); age > time.Hour || age < -time.Hour {
		t.Errorf("a message of this test was sent %s ago", age)
	}
	if none, err := dead.Dead(ctx, s.name, 0); err != nil || len(none) != 0 {
		t.Errorf("Dead(limit 0) = %d, %v", len(none), err)
	}

	if n, err := dead.Redrive(ctx, s.name); n != 1 || err != nil {
		t.Fatalf("Redrive = %d, %v", n, err)
	}
	if m := wait(t, done, patience, "the redriven message"); m.ReceiveCount != 1 || !slices.Equal(m.Body, []byte{0, 1}) {
		t.Errorf("redriven: %+v", m)
	}
	if left, err := dead.Dead(ctx, s.name, 10); err != nil || len(left) != 0 {
		t.Errorf("dead letters after Redrive: %d, %v", len(left), err)
	}
	if n, err := dead.Redrive(ctx, s.name); n != 0 || err != nil {
		t.Errorf("second Redrive = %d, %v", n, err)
	}
}

// extends holds two messages past their time, one of them extended. That the
// other comes again proves that the driver has looked for lost ones meanwhile.
func extends(t *testing.T, s *suite) {
	q := s.Open(t)
	s.sendBodies(t, q, "extended", "lost")
	seen := make(chan queue.Message, 9)
	finish := make(chan struct{})
	ended := make(chan error, 1)
	s.consume(t, q, func(ctx context.Context, m queue.Message) error {
		if string(m.Body) == "extended" {
			if err := m.Extend(ctx, s.Visibility/2); err != nil {
				t.Errorf("Extend by less: %v", err)
			}
			if err := m.Extend(ctx, time.Hour); err != nil {
				t.Errorf("Extend: %v", err)
			}
			for _, d := range []time.Duration{0, -time.Second, queue.MaxExtend + 1} {
				if err := m.Extend(ctx, d); !errors.Is(err, queue.ErrInvalid) {
					t.Errorf("Extend by %s: %v, want ErrInvalid", d, err)
				}
			}
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) < 50*time.Minute {
				t.Errorf("deadline after Extend: %s, %v", deadline, ok)
			}
			seen <- m
			<-finish
			if ctx.Err() != nil {
				t.Errorf("the extended handler's context ended: %v", context.Cause(ctx))
			}
			return nil
		}
		seen <- m
		if string(m.Body) == "lost" && m.ReceiveCount == 1 {
			<-ctx.Done()
			ended <- context.Cause(ctx)
			if err := m.Extend(context.WithoutCancel(ctx), time.Hour); !errors.Is(err, queue.ErrNotHeld) {
				t.Errorf("Extend after the end: %v, want ErrNotHeld", err)
			}
			<-finish // deaf to the end of its context
		}
		return nil
	})
	first := []string{string(wait(t, seen, patience, "a message").Body), string(wait(t, seen, patience, "a message").Body)}
	slices.Sort(first)
	if !slices.Equal(first, []string{"extended", "lost"}) {
		t.Fatalf("first deliveries: %q", first)
	}
	if cause := wait(t, ended, patience, "the end of the context"); !errors.Is(cause, context.DeadlineExceeded) {
		t.Errorf("cause = %v, want DeadlineExceeded", cause)
	}
	if m := wait(t, seen, s.Found, "the lost message"); string(m.Body) != "lost" || m.ReceiveCount != 2 {
		t.Errorf("delivered again: %q, receive count %d", m.Body, m.ReceiveCount)
	}
	// Were the extended one lost too, it would come with or right after the other.
	s.nothingMore(t, q, seen)
	close(finish)
}

func share(t *testing.T, s *suite) {
	const messages = 200
	q := s.Open(t)
	var bodies []string
	for i := range messages {
		bodies = append(bodies, fmt.Sprintf("%03d", i))
	}
	s.sendBodies(t, q, bodies...)

	got := make(chan string, 2*messages)
	var started [2]chan struct{}
	for i := range started {
		started[i] = make(chan struct{})
		var once sync.Once
		s.consume(t, s.Open(t), func(ctx context.Context, m queue.Message) error {
			once.Do(func() { close(started[i]) })
			// Nobody goes on before both have work.
			for _, both := range started {
				select {
				case <-both:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			got <- string(m.Body)
			return nil
		})
	}
	received := map[string]int{}
	for range messages {
		received[wait(t, got, patience, "a message")]++
	}
	for _, body := range bodies {
		if received[body] != 1 {
			t.Errorf("message %s was handled %d times", body, received[body])
		}
	}
}

func killed(t *testing.T, s *suite) {
	q := s.Open(t)
	s.sendBodies(t, q, "held")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(self, "-test.run=^$")
	child.Env = append(os.Environ(), append([]string{childQueue + "=" + s.name}, s.ChildEnv...)...)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	_ = child.Process.Kill() // SIGKILL
	_ = child.Wait()
	if strings.TrimSpace(line) != childHolds {
		t.Fatalf("the child said %q", line)
	}
	dead := time.Now()
	got, handler := collect(9)
	s.consume(t, q, handler)
	if m := wait(t, got, s.Found, "what the killed consumer held"); m.ReceiveCount != 2 || string(m.Body) != "held" {
		t.Errorf("delivered again: %q, receive count %d", m.Body, m.ReceiveCount)
	}
	t.Logf("a message whose consumer was killed came again after %s", time.Since(dead).Round(time.Millisecond))
}
