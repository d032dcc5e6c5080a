// Package fault is the one kind of error that reaches a client.
//
// A fault has a stable code, a sentence that tells the user what to do, and
// fields that the code promises. Anything that is not a fault is internal: it
// is logged with its cause and answered as code "internal" without detail. The
// table from code to HTTP status is in codes.go and nowhere else.
package fault

import (
	"errors"
	"fmt"
	"maps"
)

// Error is an immutable value. Its cause, if any, is for the log only.
type Error struct {
	code   Code
	detail string
	fields map[string]any
	cause  error
}

// New makes a fault. The detail is shown to users: it says what to do next and
// never holds another user's data, a file name, a token or an internal cause.
func New(code Code, detail string) *Error { return &Error{code: code, detail: detail} }

// Newf is New with formatting.
func Newf(code Code, format string, args ...any) *Error {
	return New(code, fmt.Sprintf(format, args...))
}

// With returns a copy that carries a field in the problem document.
func (e *Error) With(name string, value any) *Error {
	c := *e
	c.fields = maps.Clone(e.fields)
	if c.fields == nil {
		c.fields = map[string]any{}
	}
	c.fields[name] = value
	return &c
}

// Because returns a copy that carries a cause for the log.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// Code returns the stable code.
func (e *Error) Code() Code { return e.code }

// Detail returns the sentence for the user.
func (e *Error) Detail() string { return e.detail }

// Fields returns the extra members of the problem document.
func (e *Error) Fields() map[string]any { return maps.Clone(e.fields) }

// Error is for the log: code, detail and cause.
func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.code, e.detail, e.cause)
	}
	return fmt.Sprintf("%s: %s", e.code, e.detail)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is match two faults of the same code.
func (e *Error) Is(target error) bool {
	var other *Error
	return errors.As(target, &other) && other.code == e.code
}

// From returns the fault in err's chain, or an internal one that hides err.
// From(nil) is nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return New(Internal, "Something went wrong on our side. Try again; if it persists, tell the operator the request id.").Because(err)
}

// CodeOf returns the code of err, Internal for an error that is no fault, and
// "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	return From(err).code
}
