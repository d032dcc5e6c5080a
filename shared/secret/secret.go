// Package secret holds the one type in which passwords, keys and tokens travel.
//
// It promises that no formatting verb, no JSON encoder and no structured logger
// prints what is inside: they all see "[redacted]". Reading the value takes an
// explicit call to [Text.Reveal], which is easy to find in a review.
package secret

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Text is a secret string. The zero value is an empty, unset secret. It holds a
// closure rather than the string: fmt calls no method on an unexported field of
// a struct, and would print a string that lies there. So it has no ==.
type Text struct{ value func() string }

// New wraps value.
func New(value string) Text {
	if value == "" {
		return Text{}
	}
	return Text{func() string { return value }}
}

// Reveal returns the secret itself. Call it where the value is used, never
// where it is stored or passed on.
func (t Text) Reveal() string {
	if t.value == nil {
		return ""
	}
	return t.value()
}

// IsZero reports whether the secret is unset.
func (t Text) IsZero() bool { return t.value == nil }

// UnmarshalText lets configuration parsers fill a Text.
func (t *Text) UnmarshalText(b []byte) error {
	*t = New(string(b))
	return nil
}

// MarshalText never reveals the value.
func (t Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// String never reveals the value.
func (t Text) String() string { return redacted }

// Format never reveals the value, whatever the verb: without it %d would print
// the field inside.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue never reveals the value (log/slog).
func (t Text) LogValue() slog.Value { return slog.StringValue(redacted) }
