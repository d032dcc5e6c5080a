package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/secret"
)

const (
	// Lengths of a password in characters (NIST SP 800-63B-4 section 3.1.1,
	// ASVS 6.2.1 and 6.2.9). There are no rules about which characters.
	minPassword = 8
	maxPassword = 128
	// maxPasswordBytes bounds the work before characters are counted.
	maxPasswordBytes = maxPassword * utf8.UTFMax
)

// CheckPassword says whether a new password is acceptable: 8 to 128 characters
// (code points) of valid Unicode, whichever they are, counted after NFC, and
// none that many people have. Nothing is cut or trimmed. It is the one rule for
// every way to set a password. Otherwise it fails with fault validation_failed,
// whose detail says what would be right.
func CheckPassword(password secret.Text) error {
	text := password.Reveal()
	if len(text) > maxPasswordBytes {
		return fault.Newf(fault.ValidationFailed, "Choose a password of at most %d characters.", maxPassword)
	}
	if !utf8.ValidString(text) {
		return fault.New(fault.ValidationFailed, "The password is not valid UTF-8.")
	}
	switch n := utf8.RuneCountInString(norm.NFC.String(text)); {
	case n < minPassword:
		return fault.Newf(fault.ValidationFailed, "Choose a password of at least %d characters.", minPassword)
	case n > maxPassword:
		return fault.Newf(fault.ValidationFailed, "Choose a password of at most %d characters.", maxPassword)
	}
	if isCommon(norm.NFC.String(text)) {
		return fault.New(fault.ValidationFailed, "Many people have this password, so it is guessed first. Choose another one.")
	}
	return nil
}

// cost is what one argon2id hash takes (RFC 9106).
type cost struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

// current is what new hashes take: OWASP's first recommendation for argon2id,
// 21 to 23 ms on the machine it was measured on.
var current = cost{memory: 19 << 10, passes: 2, threads: 1}

// What a stored hash may ask for. A hostile or damaged string cannot make us
// allocate more than 64 MiB or compute for seconds.
var (
	least = cost{memory: 8, passes: 1, threads: 1}
	most  = cost{memory: 64 << 10, passes: 8, threads: 4}
)

const (
	saltSize    = 16
	hashSize    = 32
	minSaltSize = 8
	maxSaltSize = 64
	minHashSize = 16
	maxHashSize = 64
)

// ErrHashMalformed means that a stored password hash is not one of ours, or
// asks for more than we compute.
var ErrHashMalformed = errors.New("auth: the stored password hash is malformed")

var errHasherBusy = fault.New(fault.Unavailable, "Too many people are signing in right now. Try again in a moment.")

// Hasher hashes passwords, a limited number at once: each takes 19 MiB and a
// core. It is safe for concurrent use.
type Hasher struct {
	slots chan struct{}
	calls atomic.Int64
	// key is argon2.IDKey.
	key func(password, salt []byte, passes, memory uint32, threads uint8, size uint32) []byte
}

// OpenHasher returns the process's one Hasher, which runs as many hashes at
// once as there are cores.
func OpenHasher(env *host.Env) (*Hasher, error) {
	return host.Resource(env, func(*host.Env) (*Hasher, error) { return NewHasher(runtime.GOMAXPROCS(0)), nil })
}

// NewHasher makes a Hasher that runs at most so many hashes at once, at least 1.
func NewHasher(atOnce int) *Hasher {
	return &Hasher{slots: make(chan struct{}, max(atOnce, 1)), key: argon2.IDKey}
}

// Calls returns how many hashes were computed so far.
func (h *Hasher) Calls() int64 { return h.calls.Load() }

// Hash returns the hash of a new password as a PHC string
// ($argon2id$v=19$m=…,t=…,p=…$salt$hash). The caller has asked [CheckPassword].
// It fails with fault unavailable when ctx ends before its turn.
func (h *Hasher) Hash(ctx context.Context, password secret.Text) (string, error) {
	var salt [saltSize]byte
	if _, err := rand.Read(salt[:]); err != nil {
		return "", fmt.Errorf("auth: reading a salt: %w", err)
	}
	sum, err := h.compute(ctx, password, phc{current, salt[:], make([]byte, hashSize)})
	if err != nil {
		return "", err
	}
	return phc{current, salt[:], sum}.String(), nil
}

// Verify reports whether the password is the one that was hashed, and if so
// whether it should be hashed anew, because the stored cost is not today's. It
// fails with [ErrHashMalformed], or with fault unavailable when ctx ends before
// its turn.
func (h *Hasher) Verify(ctx context.Context, password secret.Text, stored string) (ok, rehash bool, err error) {
	parsed, err := parsePHC(stored)
	if err != nil {
		return false, false, err
	}
	sum, err := h.compute(ctx, password, parsed)
	if err != nil {
		return false, false, err
	}
	if subtle.ConstantTimeCompare(sum, parsed.hash) != 1 {
		return false, false, nil
	}
	return true, parsed.cost != current || len(parsed.salt) != saltSize || len(parsed.hash) != hashSize, nil
}

// VerifyDummy costs what Verify costs and never succeeds: for an account that
// does not exist, so that the time of the answer does not tell.
func (h *Hasher) VerifyDummy(ctx context.Context, password secret.Text) error {
	dummy := phc{current, make([]byte, saltSize), make([]byte, hashSize)}
	sum, err := h.compute(ctx, password, dummy)
	if err != nil {
		return err
	}
	_ = subtle.ConstantTimeCompare(sum, dummy.hash)
	return nil
}

// compute waits for its turn and hashes the NFC form of the password: the same
// letters typed on another system may arrive composed in another way (NIST SP
// 800-63B-4 section 3.1.1.2).
func (h *Hasher) compute(ctx context.Context, password secret.Text, p phc) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, errHasherBusy.Because(err)
	}
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, errHasherBusy.Because(ctx.Err())
	}
	defer func() { <-h.slots }()
	h.calls.Add(1)
	return h.key(norm.NFC.Bytes([]byte(password.Reveal())), p.salt,
		p.cost.passes, p.cost.memory, p.cost.threads, uint32(len(p.hash))), nil
}

// phc is a parsed hash string (github.com/P-H-C/phc-string-format).
type phc struct {
	cost       cost
	salt, hash []byte
}

func (p phc) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.cost.memory, p.cost.passes, p.cost.threads,
		base64.RawStdEncoding.EncodeToString(p.salt), base64.RawStdEncoding.EncodeToString(p.hash))
}

func parsePHC(s string) (phc, error) {
	parts := strings.Split(s, "$")
	if len(s) > 300 || len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return phc{}, ErrHashMalformed
	}
	var p phc
	var err error
	if _, err = fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.cost.memory, &p.cost.passes, &p.cost.threads); err != nil {
		return phc{}, ErrHashMalformed
	}
	if p.salt, err = base64.RawStdEncoding.Strict().DecodeString(parts[4]); err != nil {
		return phc{}, ErrHashMalformed
	}
	if p.hash, err = base64.RawStdEncoding.Strict().DecodeString(parts[5]); err != nil {
		return phc{}, ErrHashMalformed
	}
	if !p.bounded() || p.String() != s { // one hash, one form
		return phc{}, ErrHashMalformed
	}
	return p, nil
}

func (p phc) bounded() bool {
	c := p.cost
	return c.memory >= least.memory*uint32(c.threads) && c.memory <= most.memory &&
		c.passes >= least.passes && c.passes <= most.passes &&
		c.threads >= least.threads && c.threads <= most.threads &&
		len(p.salt) >= minSaltSize && len(p.salt) <= maxSaltSize &&
		len(p.hash) >= minHashSize && len(p.hash) <= maxHashSize
}
