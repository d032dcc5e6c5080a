// Package id is the type of every identifier in the system: a UUIDv7 (RFC 9562
// section 5.7) that orders by creation time and has one text form.
package id

import (
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// ID is a UUID. Its text form is the lower-case canonical one with hyphens.
type ID uuid.UUID

// Nil is the zero ID; it names nothing.
var Nil ID

// New makes an ID from the current time and fresh randomness.
func New() ID { return ID(uuid.Must(uuid.NewV7())) }

// ErrMalformed is what Parse returns for anything but the canonical form.
var ErrMalformed = errors.New("not a canonical UUID")

// Parse reads the canonical text form (36 characters) and nothing else: no
// braces, no URN prefix.
func Parse(s string) (ID, error) {
	if len(s) != 36 {
		return Nil, ErrMalformed
	}
	u, err := uuid.Parse(s)
	if err != nil {
		return Nil, ErrMalformed
	}
	return ID(u), nil
}

// String returns the canonical text form.
func (i ID) String() string { return uuid.UUID(i).String() }

// IsNil reports whether i names nothing.
func (i ID) IsNil() bool { return i == Nil }

// MarshalText returns the canonical text form.
func (i ID) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads the canonical text form.
func (i *ID) UnmarshalText(b []byte) error {
	parsed, err := Parse(string(b))
	if err != nil {
		return err
	}
	*i = parsed
	return nil
}

// UUIDValue is how pgx sends an ID.
func (i ID) UUIDValue() (pgtype.UUID, error) {
	return pgtype.UUID{Bytes: i, Valid: true}, nil
}

// ScanUUID is how pgx reads an ID; NULL becomes Nil.
func (i *ID) ScanUUID(v pgtype.UUID) error {
	if !v.Valid {
		*i = Nil
		return nil
	}
	*i = v.Bytes
	return nil
}

// Value lets database/sql send an ID (tests and migrations use it).
func (i ID) Value() (driver.Value, error) { return i.String(), nil }

// Scan lets database/sql read an ID.
func (i *ID) Scan(src any) error {
	switch v := src.(type) {
	case string:
		return i.UnmarshalText([]byte(v))
	case nil:
		*i = Nil
		return nil
	default:
		return fmt.Errorf("id: cannot scan %T", src)
	}
}
