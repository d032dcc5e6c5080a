// Package queue carries hints between functions: "look at this row".
//
// Nothing depends on a message. State lives in PostgreSQL, every consumer is
// guarded by it, and the reconciler sends again what got lost; so a queue
// promises little, and every driver promises the same:
//
//   - at least once: a message may come twice, and comes again when its
//     consumer dies;
//   - no order;
//   - a message that fails [MaxReceives] times is set aside as a dead letter,
//     which only an operator looks at.
//
// Messages hold ids, never names, texts or credentials. The package logs a
// message's id and queue, never its body or attributes.
package queue

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"docuvault/shared/telemetry"
)

// Limits that hold for every driver. They are those of Amazon SQS, where that
// has one.
const (
	// MaxReceives is how often a message is delivered before it is a dead letter.
	MaxReceives = 5
	// MaxBody is the largest body of a message, in bytes.
	MaxBody = 256 << 10
	// MaxAttributes is the largest number of attributes of a message.
	MaxAttributes = 10
	// MaxAttributeBytes is the largest sum of the lengths of a message's
	// attribute names and values.
	MaxAttributeBytes = 4 << 10
	// MaxExtend is the longest time that a message can be held from now on.
	MaxExtend = 12 * time.Hour
)

// Message is what a handler gets and, with Body and Attributes alone, what a
// sender gives. Senders leave the other fields zero; they are ignored.
type Message struct {
	// ID names this message in its queue and in logs. The driver makes it. It
	// stays the same when the message is delivered again.
	ID string
	// Body is any bytes, none included; up to [MaxBody].
	Body []byte
	// Attributes travel beside the body (trace context), up to
	// [MaxAttributes]. Names are [A-Za-z0-9_-]{1,64}; values are not empty,
	// valid UTF-8, and without control characters but tab, CR and LF.
	Attributes map[string]string
	// ReceiveCount is 1 for the first delivery, 2 for the next, and so on.
	ReceiveCount int
	// Sent is when it was sent, of a dead letter ([DeadLetters]); zero otherwise.
	Sent time.Time
	// Extend asks for d more time, counted from now, before the message counts
	// as lost and is delivered again; the deadline of the handler's context
	// moves with it. d is above 0 and up to [MaxExtend], else [ErrInvalid]. It
	// never shortens. [ErrNotHeld] says that the message is not this
	// consumer's any more; [ErrUnavailable] that nothing is known.
	Extend func(ctx context.Context, d time.Duration) error
}

// Messages makes a message of each body.
func Messages(bodies [][]byte) []Message {
	all := make([]Message, len(bodies))
	for i, body := range bodies {
		all[i] = Message{Body: body}
	}
	return all
}

// Handler does the work that a message asks for, and is safe to call from
// several goroutines and with a message that it has done before.
//
// nil means done: the message is gone. An error or a panic means: again, after
// a backoff, and after [MaxReceives] times it is a dead letter. The context
// ends (context.Canceled; its Cause is context.DeadlineExceeded) when the time
// for which the message is held is over: 30 s, unless extended; and when a
// stopping consumer's drain time is over. The text of an error is logged, and
// stored nowhere.
type Handler func(ctx context.Context, m Message) error

// Queue sends and consumes. Every method may be called from many goroutines.
// Queue names are [a-z0-9-]{2,64}; another name is [ErrName].
type Queue interface {
	// Send puts messages into a queue and returns once they are durable. It
	// checks all of them first: [ErrTooLarge] and [ErrInvalid] mean that none
	// was sent. [ErrUnavailable] means that some, all or none were sent: send
	// all of them again (when ctx has ended, its error is in the chain too).
	// Sending none is no error.
	Send(ctx context.Context, queue string, messages ...Message) error

	// Consume gives the queue's messages to h, several at a time, until ctx
	// ends; then it starts no handler, waits for running ones up to the drain
	// time, ends the contexts of those that are left (their messages are
	// delivered again) and returns nil. It returns an error only if it cannot
	// start: [ErrName], or [ErrUnavailable] when the queue cannot be reached
	// at all. Outages later are waited out.
	Consume(ctx context.Context, queue string, h Handler) error
}

// DeadLetters is for an operator, and for tests. Drivers that can, implement
// it beside [Queue].
type DeadLetters interface {
	// Dead returns up to limit dead letters, oldest first, and leaves them
	// where they are. Extend is nil. ErrName, ErrUnavailable.
	Dead(ctx context.Context, queue string, limit int) ([]Message, error)
	// Redrive puts every dead letter back into its queue, with a receive count
	// that starts again, and returns how many they were. ErrName, ErrUnavailable.
	Redrive(ctx context.Context, queue string) (int, error)
}

// Error is the kind of failure. No error of a database or a cloud's library
// leaves this package; what they said is in the message, for the log.
type Error string

// The kinds of failure. Match them with errors.Is.
const (
	// ErrTooLarge: the body or the attributes are over a limit.
	ErrTooLarge = Error("the message is too large")
	// ErrInvalid: an attribute that could not be carried unchanged.
	ErrInvalid = Error("the message cannot be sent")
	// ErrName: not a queue's name.
	ErrName = Error("a queue's name is 2 to 64 characters of a-z, 0-9 and hyphen")
	// ErrUnavailable: the queue cannot be reached, or did not answer in time.
	ErrUnavailable = Error("the queue is not available")
	// ErrNotHeld: the message is no longer this consumer's.
	ErrNotHeld = Error("the message is not held any more")
)

// Error is the kind in words.
func (e Error) Error() string { return string(e) }

var (
	nameForm      = regexp.MustCompile(`^[a-z0-9-]{2,64}$`)
	attributeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

// checkName returns ErrName unless queue is a name that every driver takes.
func checkName(queue string) error {
	if !nameForm.MatchString(queue) {
		return fmt.Errorf("queue %q: %w", queue, ErrName)
	}
	return nil
}

// outgoing checks messages, and gives each the trace context of ctx unless it
// has one: that is how a trace goes on in whoever consumes it. A message whose
// attributes are full goes without.
func outgoing(ctx context.Context, messages []Message) ([]Message, error) {
	for i, m := range messages {
		if err := check(m); err != nil {
			return nil, fmt.Errorf("message %d of %d: %w", i+1, len(messages), err)
		}
	}
	trace := telemetry.TraceParent(ctx)
	if trace == "" {
		return messages, nil
	}
	traced := slices.Clone(messages)
	for i, m := range traced {
		if _, has := m.Attributes[telemetry.Carrier]; has {
			continue
		}
		attributes := maps.Clone(m.Attributes)
		if attributes == nil {
			attributes = map[string]string{}
		}
		attributes[telemetry.Carrier] = trace
		if m.Attributes = attributes; check(m) == nil {
			traced[i] = m
		}
	}
	return traced, nil
}

// check returns ErrTooLarge or ErrInvalid unless every driver can carry m
// unchanged. It names attributes, never their values.
func check(m Message) error {
	if len(m.Body) > MaxBody {
		return fmt.Errorf("a body of %d bytes, the limit is %d: %w", len(m.Body), MaxBody, ErrTooLarge)
	}
	if len(m.Attributes) > MaxAttributes {
		return fmt.Errorf("%d attributes, the limit is %d: %w", len(m.Attributes), MaxAttributes, ErrTooLarge)
	}
	size := 0
	for name, value := range m.Attributes {
		size += len(name) + len(value)
		if !attributeForm.MatchString(name) {
			return fmt.Errorf("attribute name %.70q: %w", name, ErrInvalid)
		}
		if value == "" || !utf8.ValidString(value) || strings.ContainsFunc(value, notCarried) {
			return fmt.Errorf("the value of attribute %q: %w", name, ErrInvalid)
		}
	}
	if size > MaxAttributeBytes {
		return fmt.Errorf("attributes of %d bytes, the limit is %d: %w", size, MaxAttributeBytes, ErrTooLarge)
	}
	return nil
}

// notCarried is what SQS refuses in a text, which covers what jsonb refuses.
func notCarried(r rune) bool {
	return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
}
