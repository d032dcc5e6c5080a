// Package seal encrypts what must not be readable in a stolen database: file
// names, titles, notes, texts, topic names and credentials.
//
// It promises three things. A sealed value opens only with the key that made
// it and only in the place it was made for: another user, record, column or
// table, another header, one flipped bit or a missing byte end in a typed
// error. A failure never returns plaintext, not even a part of it. No error
// holds content. Every AEAD call of the project is in this file.
//
// A sealed value is
//
//	version (1) | algorithm (1) | key number (4, big endian) | nonce (12) | ciphertext | tag (16)
//
// with version 1 and algorithm 1, AES-256-GCM (NIST SP 800-38D). The
// additional data binds the six header bytes, table, user, record and column.
//
// # Why random nonces are safe here
//
// Nonces are 96 random bits. SP 800-38D section 8.3 allows 2^32 values under
// one key with them; the chance of one repeated nonce is then below 2^-32.
// There is no counter because nothing lives in a process between two requests.
// What bounds the count is that every user has an own key: a vault of 100,000
// documents with ten sealed fields each is 2^20 values, and one user who
// rewrote values without a pause, as fast as a single PostgreSQL row took
// updates when we measured it (4,200 a second), would need twelve days. A
// repeat would concern two values of that same user. A data key of the next
// number starts the count anew. The keys that wrap data keys seal one value of
// 32 bytes for each user and rotation.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"docuvault/shared/id"
)

const (
	version   = 1
	aes256gcm = 1

	headerSize = 1 + 1 + 4
	nonceSize  = 12
	tagSize    = 16

	// KeySize is the length of a key in bytes.
	KeySize = 32
	// Overhead is by how many bytes a sealed value is longer than what is in it.
	Overhead = headerSize + nonceSize + tagSize
)

// The reasons why a value does not open. Each one is also an [ErrSealed]. None
// of them tells a client more than "internal": they mean damage, tampering or a
// missing key.
var (
	ErrSealed          = errors.New("sealed value does not open")
	ErrSealedMalformed = fmt.Errorf("%w: not in a known form", ErrSealed)
	ErrSealedKey       = fmt.Errorf("%w: its key is not here", ErrSealed)
	ErrSealedForged    = fmt.Errorf("%w: it is damaged or belongs to another place", ErrSealed)
)

// ErrPlace is what Seal and Open return for a place with an empty part: a
// value that is not bound to its user and record could be moved.
var ErrPlace = errors.New("seal: the place needs table, column, user and record")

// Place is where a sealed value lives. It is not stored with the value; who
// opens it must name the same place.
type Place struct {
	Table, Column string
	User, Record  id.ID
}

// Key is one AES-256 key with the number that the header names. It never
// prints, and the key's bytes cannot be read back.
type Key struct {
	number uint32
	// A closure, because fmt does not call Format on the unexported field of
	// another struct, and follows a pointer there for a verb like %s.
	aead func() cipher.AEAD
}

// NewKey makes a key of exactly [KeySize] bytes.
func NewKey(number uint32, raw []byte) (Key, error) {
	if len(raw) != KeySize {
		return Key{}, fmt.Errorf("seal: a key has %d bytes, not %d", KeySize, len(raw))
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return Key{}, fmt.Errorf("seal: AES: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return Key{}, fmt.Errorf("seal: GCM: %w", err)
	}
	return Key{number: number, aead: func() cipher.AEAD { return aead }}, nil
}

// Number returns the number that headers name.
func (k Key) Number() uint32 { return k.number }

// Format prints no key material, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "seal.Key(%d)", k.number) }

// Seal encrypts plaintext for its place under a fresh random nonce. The result
// is [Overhead] bytes longer than plaintext; nil and empty are sealed alike.
func Seal(key Key, place Place, plaintext []byte) ([]byte, error) {
	return sealWith(rand.Reader, key, place, plaintext)
}

// sealWith is Seal with the source of the nonce, which only the test vector
// chooses: a caller that could pass one could repeat it.
func sealWith(random io.Reader, key Key, place Place, plaintext []byte) ([]byte, error) {
	if key.aead == nil {
		return nil, errors.New("seal: the key is empty")
	}
	if !place.valid() {
		return nil, ErrPlace
	}
	sealed := make([]byte, headerSize+nonceSize, len(plaintext)+Overhead)
	sealed[0], sealed[1] = version, aes256gcm
	binary.BigEndian.PutUint32(sealed[2:], key.number)
	nonce := sealed[headerSize:]
	if _, err := io.ReadFull(random, nonce); err != nil {
		return nil, fmt.Errorf("seal: reading a nonce: %w", err)
	}
	return key.seal(sealed, nonce, plaintext, place.bind(sealed[:headerSize])), nil
}

// seal appends ciphertext and tag to dst.
func (k Key) seal(dst, nonce, plaintext, additional []byte) []byte {
	return k.aead().Seal(dst, nonce, plaintext, additional)
}

// Open decrypts a sealed value. keys returns the key of a number, and false if
// there is none. Any failure is an [ErrSealed] and returns nil; an empty value
// opens as an empty, non-nil slice.
func Open(keys func(number uint32) (Key, bool), place Place, sealed []byte) ([]byte, error) {
	if !place.valid() {
		return nil, ErrPlace
	}
	if len(sealed) < Overhead || sealed[0] != version || sealed[1] != aes256gcm {
		return nil, ErrSealedMalformed
	}
	header, nonce, body := sealed[:headerSize], sealed[headerSize:headerSize+nonceSize], sealed[headerSize+nonceSize:]
	number := binary.BigEndian.Uint32(header[2:])
	key, ok := keys(number)
	if !ok || key.aead == nil || key.number != number {
		return nil, ErrSealedKey
	}
	return key.open(nonce, body, place.bind(header))
}

// open returns what a ciphertext with its tag holds, never nil without an error.
func (k Key) open(nonce, body, additional []byte) ([]byte, error) {
	if len(nonce) != nonceSize || len(body) < tagSize {
		return nil, ErrSealedMalformed
	}
	plaintext, err := k.aead().Open(make([]byte, 0, len(body)-tagSize), nonce, body, additional)
	if err != nil {
		return nil, ErrSealedForged
	}
	return plaintext, nil
}

func (p Place) valid() bool {
	return p.Table != "" && p.Column != "" && !p.User.IsNil() && !p.Record.IsNil()
}

// bind returns the additional data: everything the value must not be moved
// away from.
func (p Place) bind(header []byte) []byte {
	return AppendParts(nil, header, []byte(p.Table), p.User[:], p.Record[:], []byte(p.Column))
}

// AppendParts appends each part with its length before it (4 bytes, big
// endian). Two different lists of parts never make the same bytes, so what is
// authenticated or derived from them cannot be cut at another place.
func AppendParts(dst []byte, parts ...[]byte) []byte {
	for _, part := range parts {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(part)))
		dst = append(dst, part...)
	}
	return dst
}
