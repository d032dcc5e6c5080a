// Package keys holds the keys of the vault: master keys that wrap one random
// data key for each user, and what is derived from both.
//
//	MASTER_KEYS ── HKDF(purpose, user) ──> KEK of a user ── wraps ──> DEK of a user (random, in user_keys)
//	DEK of a user ── HKDF(purpose) ──> sealing, names, search tokens, idempotent requests
//	SESSION_KEYS ── HKDF(purpose, user, session) ──> refresh tokens
//
// It promises that every HKDF call and label of the project is in derive.go;
// that no type here prints key material, whatever the verb; that a process
// keeps at most 1,000 unwrapped data keys for at most 5 minutes; and that
// deleting a user's row of user_keys makes everything sealed for that user
// unreadable, as soon as those minutes are over.
//
// It does not promise to wipe memory. Go's garbage collector copies and frees
// as it likes, so whoever can read the memory of a process can read the keys in
// it; SECURITY.md says so.
package keys

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/seal"
	"docuvault/shared/secret"
)

// ErrMasterMissing is in the chain of an error about a data key whose master
// key the process does not have. The error's text names the id.
var ErrMasterMissing = errors.New("the master key is not in MASTER_KEYS")

// firstNumber is the number of a user's first data key.
const firstNumber = 1

// Config is what opening a [Ring] reads from the environment.
type Config struct {
	MasterKeys secret.Text `env:"MASTER_KEYS"`

	set Set
}

// Validate parses the keys; its errors name MASTER_KEYS and what would be right.
func (c *Config) Validate() (err error) {
	c.set, err = ParseSet("MASTER_KEYS", c.MasterKeys)
	return err
}

// Ring wraps and unwraps users' data keys. It is safe for concurrent use.
type Ring struct {
	masters Set
	cache   *Cache
}

// Open returns the process's one Ring, from MASTER_KEYS.
func Open(env *host.Env) (*Ring, error) { return host.Resource(env, open) }

func open(env *host.Env) (*Ring, error) {
	cfg, err := host.Config[Config](env)
	if err != nil {
		return nil, err
	}
	return NewRing(cfg.set, env.Now), nil
}

// NewRing makes a Ring over parsed master keys, with its own empty cache.
func NewRing(masters Set, now func() time.Time) *Ring {
	return &Ring{masters: masters, cache: NewCache(now)}
}

// Format prints no key material, whatever the verb.
func (r *Ring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "keys.Ring([redacted])") }

// Primary is the id of the master key that new data keys are wrapped under.
func (r *Ring) Primary() string { return r.masters.Primary().id }

// Has reports whether MASTER_KEYS holds the key of that id.
func (r *Ring) Has(keyID string) bool {
	_, ok := r.masters.Find(keyID)
	return ok
}

// Wrapped is a user's data key as the table user_keys holds it.
type Wrapped struct {
	// MasterID names the master key it is wrapped under.
	MasterID string
	// Number is the number of the data key, which sealed values name.
	Number uint32
	// Bytes is the sealed data key.
	Bytes []byte
}

// Store reads and writes the rows of user_keys.
type Store interface {
	// Load returns the user's wrapped data key; false if there is none yet.
	Load(ctx context.Context, user id.ID) (Wrapped, bool, error)
	// Create inserts w unless the user has a row (ON CONFLICT DO NOTHING), and
	// returns the row that is there afterwards: of two processes that create
	// at once, both get the same.
	Create(ctx context.Context, user id.ID, w Wrapped) (Wrapped, error)
}

// For returns the user's keys: from the cache, else from the store, else newly
// made and stored. It returns the store's errors as they are.
func (r *Ring) For(ctx context.Context, store Store, user id.ID) (*User, error) {
	if u, ok := r.cache.Get(user); ok {
		return u, nil
	}
	wrapped, ok, err := store.Load(ctx, user)
	if err != nil {
		return nil, err
	}
	if !ok {
		fresh, err := r.NewWrapped(user)
		if err != nil {
			return nil, err
		}
		if wrapped, err = store.Create(ctx, user, fresh); err != nil {
			return nil, err
		}
	}
	u, err := r.Unwrap(user, wrapped)
	if err != nil {
		return nil, err
	}
	r.cache.Put(u)
	return u, nil
}

// Forget drops the user's keys from the cache of this process: for the one
// that has just deleted the user's row of user_keys.
func (r *Ring) Forget(user id.ID) { r.cache.Drop(user) }

// NewWrapped makes a random data key for the user, wrapped under the primary
// master key.
func (r *Ring) NewWrapped(user id.ID) (Wrapped, error) {
	var dek [KeySize]byte
	if _, err := rand.Read(dek[:]); err != nil {
		return Wrapped{}, fmt.Errorf("keys: making a data key: %w", err)
	}
	return r.wrap(user, firstNumber, &dek)
}

// Unwrap opens the user's data key and derives what is needed from it. An
// error is [ErrMasterMissing] or a [seal.ErrSealed].
func (r *Ring) Unwrap(user id.ID, w Wrapped) (*User, error) {
	dek, err := r.unwrap(user, w)
	if err != nil {
		return nil, err
	}
	return newUser(user, w.Number, dek)
}

// Rewrap returns the same data key wrapped under the primary master key, and
// whether anything had to change. The caller writes it by compare-and-set on
// the old row.
func (r *Ring) Rewrap(user id.ID, w Wrapped) (Wrapped, bool, error) {
	if w.MasterID == r.masters.Primary().id {
		return w, false, nil
	}
	dek, err := r.unwrap(user, w)
	if err != nil {
		return Wrapped{}, false, err
	}
	rewrapped, err := r.wrap(user, w.Number, dek)
	if err != nil {
		return Wrapped{}, false, err
	}
	return rewrapped, true, nil
}

func (r *Ring) wrap(user id.ID, number uint32, dek *[KeySize]byte) (Wrapped, error) {
	master := r.masters.Primary()
	kek, err := kekOf(master, user)
	if err != nil {
		return Wrapped{}, err
	}
	sealed, err := seal.Seal(kek, wrapPlace(user, number), dek[:])
	if err != nil {
		return Wrapped{}, fmt.Errorf("keys: wrapping a data key: %w", err)
	}
	return Wrapped{MasterID: master.id, Number: number, Bytes: sealed}, nil
}

func (r *Ring) unwrap(user id.ID, w Wrapped) (*[KeySize]byte, error) {
	master, ok := r.masters.Find(w.MasterID)
	if !ok {
		return nil, fmt.Errorf("keys: the data key of user %s is wrapped under %q: %w; put it back, after the primary key",
			user, w.MasterID, ErrMasterMissing)
	}
	kek, err := kekOf(master, user)
	if err != nil {
		return nil, err
	}
	raw, err := seal.Open(func(number uint32) (seal.Key, bool) { return kek, number == kek.Number() },
		wrapPlace(user, w.Number), w.Bytes)
	if err != nil {
		return nil, fmt.Errorf("keys: unwrapping the data key of user %s with master key %q: %w", user, master.id, err)
	}
	if len(raw) != KeySize {
		return nil, fmt.Errorf("keys: the data key of user %s has %d bytes: %w", user, len(raw), seal.ErrSealedMalformed)
	}
	return (*[KeySize]byte)(raw), nil
}

// kekOf derives the key that wraps one user's data key.
func kekOf(master Key, user id.ID) (seal.Key, error) {
	return seal.NewKey(masterNumber(master.id), derive(master.secret(), purposeWrap, user)[:])
}

// wrapPlace binds a wrapped key to its row. user_keys has one row for each user
// and data key, so the record is made of the number.
func wrapPlace(user id.ID, number uint32) seal.Place {
	var record id.ID
	binary.BigEndian.PutUint32(record[len(record)-4:], number)
	return seal.Place{Table: "user_keys", Column: "wrapped", User: user, Record: record}
}

// masterNumber is the key number that the header of a wrapped key holds: the
// start of the SHA-256 of the master's id. Master keys have names, not
// numbers, and a position in MASTER_KEYS changes when a key is added.
func masterNumber(keyID string) uint32 {
	sum := sha256.Sum256([]byte(keyID))
	return binary.BigEndian.Uint32(sum[:4])
}
