// Package queuetest is the conformance suite of queue drivers: what package
// queue promises, each promise with a test that every driver passes.
//
// A driver's tests call [Run], and [Child] first thing in TestMain: the suite
// starts the test binary a second time, as a consumer that is killed.
package queuetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"docuvault/shared/queue"
)

// Driver is what the suite needs of a driver.
type Driver struct {
	// Open opens another handle on the same queues, with Visibility and Drain,
	// and with backoffs of a few milliseconds.
	Open func(t testing.TB) queue.Queue
	// Queue makes a queue with this name, if queues have to be made.
	Queue func(t testing.TB, name string)
	// Visibility is for how long a message is held without Extend.
	Visibility time.Duration
	// Drain is for how long a stopping consumer waits for its handlers.
	Drain time.Duration
	// Found is the longest time from the death of a consumer to the next
	// delivery of what it held.
	Found time.Duration
	// GivesBack says that a stopping consumer may fetch one more time and give
	// that back, which counts as a delivery; also of what its own handler left.
	GivesBack bool
	// Doubles says that the driver sends again when the answer to a send is
	// lost, so that a message may be there twice, each with its own id.
	Doubles bool
	// ChildEnv is what the function given to Child needs in its environment to
	// open the same queues.
	ChildEnv []string
}

// Run runs the suite. Subtests are parallel and use queues of their own.
func Run(t *testing.T, d Driver) {
	for name, test := range map[string]func(*testing.T, *suite){
		"carries body and attributes unchanged":                carries,
		"sends a batch":                                        batch,
		"delivers again after an error, and counts":            again,
		"survives a panic":                                     panics,
		"sets aside after the last receive, and drives again":  deadLetters,
		"holds what is extended, delivers again what is not":   extends,
		"two consumers share the work":                         share,
		"stop waits for the running handler":                   stopWaits,
		"stop ends the handler's context after the drain time": stopEnds,
		"stop leaves a deaf handler behind":                    stopLeaves,
		"delivers again what a killed consumer held":           killed,
		"refuses what it cannot carry":                         refuses,
		"an ended context is said so":                          endedContext,
		"drains many":                                          drains,
		"says how deep it is":                                  depth,
		"hands the trace on":                                   traced,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &suite{Driver: d, name: "t-" + strings.ToLower(rand.Text())}
			if d.Queue != nil {
				d.Queue(t, s.name)
			}
			test(t, s)
		})
	}
}

const (
	childQueue = "QUEUETEST_CHILD_QUEUE"
	childHolds = "the child holds a message"
	// patience is for what should happen at once, on a busy machine.
	patience = 30 * time.Second
)

// Child does nothing, unless this process is the suite's child: then it
// consumes with what open opens, holds one message, and waits to be killed.
func Child(open func() (queue.Queue, error)) {
	name := os.Getenv(childQueue)
	if name == "" {
		return
	}
	q, err := open()
	if err == nil {
		err = q.Consume(context.Background(), name, func(context.Context, queue.Message) error {
			fmt.Println(childHolds)
			select {}
		})
	}
	fmt.Println("the child could not consume:", err)
	os.Exit(1)
}

// suite is one test's queue.
type suite struct {
	Driver
	name string
}

// consumer is a running Consume.
type consumer struct {
	stop context.CancelFunc
	done chan error
}

// consume starts a consumer; it is stopped and awaited when the test ends, if
// the test did not.
func (s *suite) consume(t *testing.T, q queue.Queue, h queue.Handler) *consumer {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	c := &consumer{stop: stop, done: make(chan error, 1)}
	go func() {
		c.done <- q.Consume(ctx, s.name, h)
		close(c.done)
	}()
	t.Cleanup(func() {
		stop()
		for range c.done { // until it is closed; whoever cares has read the error
		}
	})
	return c
}

// await waits for the stopped consumer's end, which is nil.
func (c *consumer) await(t *testing.T) {
	t.Helper()
	if err := wait(t, c.done, patience, "the consumer's end"); err != nil {
		t.Fatalf("Consume = %v, want nil", err)
	}
}

// collect is a handler that passes every message on and is content.
func collect(capacity int) (chan queue.Message, queue.Handler) {
	got := make(chan queue.Message, capacity)
	return got, func(_ context.Context, m queue.Message) error {
		got <- m
		return nil
	}
}

func (s *suite) send(t *testing.T, q queue.Queue, messages ...queue.Message) {
	t.Helper()
	if err := q.Send(context.Background(), s.name, messages...); err != nil {
		t.Fatalf("Send: %v", err)
	}
}

func (s *suite) sendBodies(t *testing.T, q queue.Queue, bodies ...string) {
	t.Helper()
	messages := make([]queue.Message, len(bodies))
	for i, body := range bodies {
		messages[i] = queue.Message{Body: []byte(body)}
	}
	s.send(t, q, messages...)
}

func wait[T any](t *testing.T, c <-chan T, d time.Duration, what string) T {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case v := <-c:
		return v
	case <-timer.C:
		t.Fatalf("waited %s in vain for %s", d, what)
		panic("unreachable")
	}
}

// until asks every few milliseconds, for what no channel tells.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	end := time.Now().Add(patience)
	for range ticker.C {
		if happened() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("waited %s in vain until %s", patience, what)
		}
	}
}

// nothingMore proves that no delivery is outstanding: it sends a last message
// and fails if anything else comes before it.
func (s *suite) nothingMore(t *testing.T, q queue.Queue, got <-chan queue.Message) {
	t.Helper()
	for i := range 3 {
		last := fmt.Sprintf("last %d", i)
		s.sendBodies(t, q, last)
		m := wait(t, got, patience, "the last message")
		for doubles := 0; s.Doubles && m.ReceiveCount == 1 && string(m.Body) != last && doubles < 3; doubles++ {
			m = wait(t, got, patience, "the last message")
		}
		if string(m.Body) != last {
			t.Errorf("delivered once more: %.100q, receive %d", m.Body, m.ReceiveCount)
		}
	}
}

var errAgain = errors.New("not now")
