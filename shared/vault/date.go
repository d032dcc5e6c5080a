package vault

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Date is a calendar day, written 2006-01-02 (RFC 3339 full-date), from year 1
// to 9999.
type Date struct{ year, month, day int }

// DateOf returns the day of t in t's own location.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, int(m), d}
}

// ParseDate reads the RFC 3339 full-date form.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1 {
		return Date{}, fmt.Errorf("not a day as 2006-01-02")
	}
	return DateOf(t), nil
}

// String returns the RFC 3339 full-date form.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.year, d.month, d.day) }

// MarshalText returns the RFC 3339 full-date form.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the RFC 3339 full-date form.
func (d *Date) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDate(string(b))
	return err
}

// Schema tells openapi.yaml what a Date is.
func (Date) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date"}
}

// Field is a member of a PATCH body, which may be absent (leave it), null
// (clear it) or have a value (RFC 7396).
type Field[T any] struct {
	Present, Null bool
	Value         T
}

// Set makes a Field with a value.
func Set[T any](value T) Field[T] { return Field[T]{Present: true, Value: value} }

// Clear makes a Field that is null.
func Clear[T any]() Field[T] { return Field[T]{Present: true, Null: true} }

// UnmarshalJSON is called only for a member that is present.
func (f *Field[T]) UnmarshalJSON(b []byte) error {
	f.Present = true
	if string(b) == "null" {
		f.Null = true
		return nil
	}
	return json.Unmarshal(b, &f.Value)
}

// Schema tells openapi.yaml that the member is a T or null.
func (Field[T]) Schema(r huma.Registry) *huma.Schema {
	s := *r.Schema(reflect.TypeFor[T](), true, "")
	s.Nullable = true
	return &s
}

// time is midnight UTC, the form in which a date column is sent.
func (d Date) time() time.Time {
	return time.Date(d.year, time.Month(d.month), d.day, 0, 0, 0, 0, time.UTC)
}

// Null is the date as a nullable parameter: NULL for the zero Date.
func (d Date) Null() *time.Time {
	if d == (Date{}) {
		return nil
	}
	t := d.time()
	return &t
}
