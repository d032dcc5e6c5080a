// Package chain is the byte form of the audit log's chain: leaves, trees, seals
// and heads.
//
// It holds no state and reads nothing. The database makes seals by the same
// form in SQL (db/migrations, audit_seal), so that no process can seal what is
// not in the log; this package checks them, and both meet in the vectors of
// testdata. docs/audit.md describes it for somebody who writes a third.
package chain

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"docuvault/shared/id"
)

// The forms' names, the first field of what is hashed.
const (
	EntryForm = "docuvault-audit-v1"
	SealForm  = "docuvault-seal-v1"
	headForm  = "docuvault-head-v1"
)

// Hash is a SHA-256. Its text form is lower-case hexadecimal.
type Hash [sha256.Size]byte

// String is the text form.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText returns the text form.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads the text form, in either case.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != 2*len(h) {
		return fmt.Errorf("a hash has %d hexadecimal digits", 2*len(h))
	}
	if _, err := hex.Decode(h[:], text); err != nil {
		return errors.New("a hash has hexadecimal digits only")
	}
	return nil
}

// ParseHash reads a hash's text form.
func ParseHash(text string) (h Hash, err error) {
	err = h.UnmarshalText([]byte(text))
	return h, err
}

// fields hashes values, each behind its length in four bytes, big-endian; nil
// is the length 0xFFFFFFFF and nothing.
func fields(prefix []byte, values ...[]byte) (h Hash) {
	var b []byte
	b = append(b, prefix...)
	for _, v := range values {
		if v == nil {
			b = binary.BigEndian.AppendUint32(b, 0xFFFFFFFF)
			continue
		}
		b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
		b = append(b, v...)
	}
	return sha256.Sum256(b)
}

func number[T int64 | uint64](n T) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func optional(i id.ID) []byte {
	if i.IsNil() {
		return nil
	}
	return i[:]
}

// Entry is one entry of the audit log, as far as its leaf covers it.
type Entry struct {
	ID           int64
	XID          uint64    // the transaction that wrote it
	At           time.Time // in microseconds
	User, Target id.ID     // Nil: none
	Actor        string
	Action       string
	PersonalMAC  []byte // nil: the entry has no personal part
	Metadata     string // as PostgreSQL prints jsonb
}

// Leaf is the entry's hash in its seal's tree.
func (e Entry) Leaf() Hash {
	return fields([]byte{0}, []byte(EntryForm), number(e.ID), number(e.XID), number(e.At.UnixMicro()), optional(e.User),
		[]byte(e.Actor), []byte(e.Action), optional(e.Target), e.PersonalMAC, []byte(e.Metadata))
}

// node is an inner node of a tree (RFC 6962 section 2.1).
func node(left, right Hash) Hash {
	var b [1 + 2*sha256.Size]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// Root is the Merkle tree hash of the leaves (RFC 6962 section 2.1).
func Root(leaves []Hash) Hash {
	switch n := len(leaves); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leaves[0]
	default:
		k := split(n)
		return node(Root(leaves[:k]), Root(leaves[k:]))
	}
}

// split is the largest power of two below n, which is 2 or more.
func split(n int) int { return 1 << (bits.Len(uint(n-1)) - 1) }

// Path proves that leaf index is in the tree (RFC 6962 section 2.1.1).
func Path(leaves []Hash, index int) []Hash {
	if len(leaves) <= 1 {
		return []Hash{}
	}
	k := split(len(leaves))
	if index < k {
		return append(Path(leaves[:k], index), Root(leaves[k:]))
	}
	return append(Path(leaves[k:], index-k), Root(leaves[:k]))
}

// Included reports whether path proves that leaf is number index of the count
// leaves of root (RFC 9162 section 2.1.3.2).
func Included(leaf Hash, index, count int, path []Hash, root Hash) bool {
	if index < 0 || index >= count {
		return false
	}
	at, last, hash := index, count-1, leaf
	for _, p := range path {
		if last == 0 {
			return false
		}
		if at&1 == 1 || at == last {
			hash = node(p, hash)
			for at&1 == 0 && at != 0 {
				at, last = at>>1, last>>1
			}
		} else {
			hash = node(hash, p)
		}
		at, last = at>>1, last>>1
	}
	return last == 0 && hash == root
}

// Seal covers some entries and all seals before it.
type Seal struct {
	Number   int64     `json:"number"`
	Previous Hash      `json:"previous" doc:"Hash of the seal before; zeros for the first."`
	Jump     Hash      `json:"jump" doc:"Hash of the seal whose number is this one's less its lowest bit; zeros for number 0."`
	Ranges   Hash      `json:"ranges_sha256" doc:"SHA-256 of the ranges of ids that it covers."`
	Count    int32     `json:"count" doc:"Its entries."`
	Root     Hash      `json:"root" doc:"Of their tree (RFC 6962)."`
	At       time.Time `json:"at"`
	MarkXID  uint64    `json:"mark_xid"`
	MarkID   int64     `json:"mark_id"`
}

// RangesHash is [Seal.Ranges] for the ranges as PostgreSQL prints them.
func RangesHash(ranges string) Hash { return sha256.Sum256([]byte(ranges)) }

// Hash is what the next seal links to, and what a head is.
func (s Seal) Hash() Hash {
	return fields(nil, []byte(SealForm), number(s.Number), s.Previous[:], s.Jump[:], s.Ranges[:],
		binary.BigEndian.AppendUint32(nil, uint32(s.Count)), s.Root[:], number(s.At.UnixMicro()), number(s.MarkXID), number(s.MarkID))
}

// Jump is the number of the seal that seal n jumps back to; 0: none.
func Jump(n int64) int64 { return n - n&-n }

// Way returns the numbers of seals that lead from one back to another, both
// included: each links to the next by its Previous or its Jump. It is at most
// about the square of the logarithm long.
func Way(from, to int64) (numbers []int64) {
	for n := from; n >= to && n > 0; {
		numbers = append(numbers, n)
		if j := Jump(n); j >= to && j < n {
			n = j
		} else {
			n--
		}
	}
	return numbers
}

// Head is the newest seal at some time: it stands for all entries up to it.
type Head struct {
	Number int64     `json:"number"`
	Hash   Hash      `json:"hash" doc:"Keep it: whoever changes or removes an entry that it covers cannot make this hash again."`
	At     time.Time `json:"at"`
}

const headTime = "2006-01-02T15:04:05.000000Z"

// HeadSize is the length of every head's text, in bytes.
const HeadSize = 132

// Text is the head as it lies in storage: one line of HeadSize bytes.
func (h Head) Text() string {
	return fmt.Sprintf("%s %020d %s %s\n", headForm, h.Number, h.Hash, h.At.UTC().Format(headTime))
}

// ParseHead reads a head's text.
func ParseHead(text string) (h Head, err error) {
	parts := strings.Split(strings.TrimSuffix(text, "\n"), " ")
	if len(text) != HeadSize || len(parts) != 4 || parts[0] != headForm {
		return Head{}, errors.New("this is no head")
	}
	if h.Number, err = strconv.ParseInt(parts[1], 10, 64); err == nil {
		if h.Hash, err = ParseHash(parts[2]); err == nil {
			h.At, err = time.Parse(headTime, parts[3])
		}
	}
	if err != nil {
		return Head{}, errors.New("this is no head")
	}
	return h, nil
}

// HeadFolder is where heads lie in the derived bucket, an object a day.
const HeadFolder = "audit/head/"

// HeadKey is the object of a day's last head; the day is "2006-01-02", in UTC.
func HeadKey(day string) string { return HeadFolder + day }
