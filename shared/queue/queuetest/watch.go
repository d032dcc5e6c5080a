package queuetest

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"docuvault/shared/queue"
	"docuvault/shared/telemetry"
)

// depth counts what waits and what is dead.
func depth(t *testing.T, s *suite) {
	q := s.Open(t)
	depths, ok := q.(queue.Depths)
	if !ok {
		t.Skip("the driver does not count")
	}
	look := func() queue.Depth {
		d, err := depths.Depth(t.Context(), s.name)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := look(); d.Waiting != 0 || d.Dead != 0 || d.Oldest > 0 {
		t.Errorf("of an empty queue: %+v", d)
	}
	s.sendBodies(t, q, "one", "two")
	until(t, "two messages are counted", func() bool { d := look(); return d.Waiting == 2 && d.Dead == 0 })
	if d := look(); d.Oldest == 0 || d.Oldest > time.Hour {
		t.Errorf("the oldest is %s old", d.Oldest)
	}
	s.consume(t, q, func(_ context.Context, m queue.Message) error {
		if string(m.Body) == "one" {
			return nil
		}
		return errAgain
	})
	until(t, "one is a dead letter", func() bool { d := look(); return d.Waiting == 0 && d.Dead == 1 })
	if _, err := depths.Depth(t.Context(), "No Name"); err == nil {
		t.Error("no error for what is no queue's name")
	}
}

// traced sends in a trace: each message has it, unless it brings its own or has
// no room, and what the caller gave stays as it was.
func traced(t *testing.T, s *suite) {
	q := s.Open(t)
	const here, own = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	full := map[string]string{}
	for i := range queue.MaxAttributes {
		full[fmt.Sprint("a", i)] = "x"
	}
	long := map[string]string{"long": strings.Repeat("x", queue.MaxAttributeBytes-20)}
	given := map[string]map[string]string{"none": nil, "some": {"k": "v"}, "own": {telemetry.Carrier: own}, "full": full, "long": long}
	var messages []queue.Message
	want := map[string]map[string]string{"none": {telemetry.Carrier: here}, "some": {"k": "v", telemetry.Carrier: here}, "own": {telemetry.Carrier: own}, "full": full, "long": long}
	for body, attributes := range given {
		messages = append(messages, queue.Message{Body: []byte(body), Attributes: attributes})
	}
	if err := q.Send(telemetry.From(t.Context(), here), s.name, messages...); err != nil {
		t.Fatal(err)
	}
	if len(given["some"]) != 1 {
		t.Error("the caller's attributes were changed")
	}
	got, handler := collect(9)
	s.consume(t, q, handler)
	for range messages {
		if m := wait(t, got, patience, "a message"); !maps.Equal(m.Attributes, want[string(m.Body)]) {
			t.Errorf("%s: attributes %v, want %v", m.Body, m.Attributes, want[string(m.Body)])
		}
	}
}
