package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"docuvault/shared/id"
	"docuvault/shared/seal"
	"docuvault/shared/secret"
)

// KeySize is the length of every symmetric key and of every signing seed, in
// bytes.
const KeySize = seal.KeySize

const setForm = "want id:base64,id:base64,… with the primary key first, ids of 1 to 32 characters a-z, 0-9 and -, " +
	"and 32 random bytes each in standard base64 (openssl rand -base64 32)"

var idForm = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// ValidID reports whether s can be the id of a key: 1 to 32 characters a-z,
// 0-9 and hyphen.
func ValidID(s string) bool { return idForm.MatchString(s) }

// Key is one named key of a [Set]: a master key, a session key or a signing
// seed. It never prints, and its bytes cannot be read back.
type Key struct {
	id     string
	secret hidden
}

// hidden keeps 32 secret bytes where fmt cannot follow. It is a closure,
// because fmt does not call Format on the unexported field of another struct,
// and follows a pointer there for a verb like %s.
type hidden func() *[KeySize]byte

func hide(b *[KeySize]byte) hidden { return func() *[KeySize]byte { return b } }

// ID returns the name under which tokens and rows refer to the key.
func (k Key) ID() string { return k.id }

// Format prints no key material, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "keys.Key([redacted])") }

// Ed25519 returns the signing key whose seed this key is (RFC 8032). Keys of
// JWT_SIGNING_KEYS are used like this, and no other way.
func (k Key) Ed25519() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(k.secret()[:]) }

// RefreshMAC authenticates a refresh token under a key of that one session.
func (k Key) RefreshMAC(user, session id.ID, message []byte) []byte {
	return mac(derive(k.secret(), purposeRefresh, user, session), message)
}

// DeviceMAC authenticates the cookie by which a known device is recognised.
func (k Key) DeviceMAC(user id.ID, message []byte) []byte {
	return mac(derive(k.secret(), purposeDevice, user), message)
}

func mac(key *[KeySize]byte, message []byte) []byte {
	h := hmac.New(sha256.New, key[:])
	_, _ = h.Write(message)
	return h.Sum(nil)
}

// Set is a list of named keys; the first is the primary one, which makes what
// is new, and the others only read what is old. A Set never prints.
type Set struct{ keys []Key }

// Format prints no key material, whatever the verb.
func (s Set) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "keys.Set([redacted])") }

// Primary returns the first key.
func (s Set) Primary() Key { return s.keys[0] }

// All returns every key, primary first.
func (s Set) All() []Key { return append([]Key(nil), s.keys...) }

// Find returns the key of that id.
func (s Set) Find(keyID string) (Key, bool) {
	for _, k := range s.keys {
		if k.id == keyID {
			return k, true
		}
	}
	return Key{}, false
}

// ParseSet reads a variable of the form id:base64,id:base64,… Errors start
// with the variable's name, count entries from 1 and never repeat what they
// found: an entry written the wrong way round has the key where the id should
// be.
func ParseSet(variable string, value secret.Text) (Set, error) {
	text := strings.TrimSpace(value.Reveal())
	if text == "" {
		return Set{}, fmt.Errorf("%s is not set: %s", variable, setForm)
	}
	var set Set
	for i, entry := range strings.Split(text, ",") {
		key, err := parseEntry(strings.TrimSpace(entry))
		if err != nil {
			return Set{}, fmt.Errorf("%s: entry %d %w: %s", variable, i+1, err, setForm)
		}
		for j, earlier := range set.keys {
			if err := earlier.conflict(key); err != nil {
				return Set{}, fmt.Errorf("%s: entries %d and %d %w", variable, j+1, i+1, err)
			}
		}
		set.keys = append(set.keys, key)
	}
	return set, nil
}

func parseEntry(entry string) (Key, error) {
	if entry == "" {
		return Key{}, errors.New("is empty")
	}
	keyID, encoded, ok := strings.Cut(entry, ":")
	if !ok {
		return Key{}, errors.New("has no colon between id and key")
	}
	if !ValidID(keyID) {
		return Key{}, errors.New("has no valid id")
	}
	// Go's decoder skips line breaks inside; we do not.
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") {
		return Key{}, errors.New("is not standard base64 after the colon")
	}
	if len(raw) != KeySize {
		return Key{}, fmt.Errorf("has a key of %d bytes", len(raw))
	}
	if bytes.Count(raw, raw[:1]) == KeySize {
		return Key{}, errors.New("has a key of one repeated byte, which is a placeholder")
	}
	return Key{id: keyID, secret: hide((*[KeySize]byte)(raw))}, nil
}

// conflict tells why two keys cannot be in one set.
func (k Key) conflict(other Key) error {
	switch {
	case k.id == other.id:
		return errors.New("have the same id")
	case *k.secret() == *other.secret():
		return errors.New("hold the same key, so changing over would change nothing")
	case masterNumber(k.id) == masterNumber(other.id):
		return errors.New("have ids with the same number in sealed headers: rename the newer one")
	default:
		return nil
	}
}

// Prepend is the text of a set with a fresh random key in front of it, which is
// the primary one then. Text that is no set is an error.
func Prepend(keyID string, set secret.Text) (secret.Text, error) {
	fresh, err := Generate(keyID)
	if err != nil {
		return secret.Text{}, err
	}
	all := secret.New(fresh.Reveal() + "," + strings.TrimSpace(set.Reveal()))
	_, err = ParseSet("keys", all)
	return all, err
}

// Generate makes a set of one fresh random key in the form that [ParseSet]
// reads: what embedded mode writes on its first start.
func Generate(keyID string) (secret.Text, error) {
	if !ValidID(keyID) {
		return secret.Text{}, fmt.Errorf("keys: %q is no key id", keyID)
	}
	var raw [KeySize]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return secret.Text{}, fmt.Errorf("keys: making a key: %w", err)
	}
	return secret.New(keyID + ":" + base64.StdEncoding.EncodeToString(raw[:])), nil
}
