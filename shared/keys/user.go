package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"docuvault/shared/id"
	"docuvault/shared/seal"
)

// TokenSize is the length of a keyed token in characters (72 bits of an
// HMAC-SHA256).
const TokenSize = 12

// User holds what is derived from one user's data key. It never prints, and
// none of its keys can be read back. It is safe for concurrent use.
type User struct {
	id            id.ID
	sealing       seal.Key
	lookup        hidden
	search, learn tokenizer
}

// tokenizer keys tokens. A document has up to some 100,000 of them; a pooled
// HMAC keeps its keyed inner and outer state.
type tokenizer struct{ pool *sync.Pool }

func newTokenizer(key *[KeySize]byte) tokenizer {
	return tokenizer{&sync.Pool{New: func() any { return hmac.New(sha256.New, key[:]) }}}
}

func (t tokenizer) token(word string) string {
	h := t.pool.Get().(hash.Hash)
	defer t.pool.Put(h)
	h.Reset()
	_, _ = io.WriteString(h, word)
	var sum [sha256.Size]byte
	return base64.RawURLEncoding.EncodeToString(h.Sum(sum[:0])[:TokenSize*3/4])
}

func newUser(user id.ID, number uint32, dek *[KeySize]byte) (*User, error) {
	sealing, err := seal.NewKey(number, derive(dek, purposeSeal)[:])
	if err != nil {
		return nil, err
	}
	return &User{
		id:      user,
		sealing: sealing,
		lookup:  hide(derive(dek, purposeLookup)),
		search:  newTokenizer(derive(dek, purposeSearch)),
		learn:   newTokenizer(derive(dek, purposeLearn)),
	}, nil
}

// ID returns whose keys these are.
func (u *User) ID() id.ID { return u.id }

// Format prints no key material, whatever the verb.
func (u *User) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "keys.User([redacted])") }

// Seal encrypts a value for one column of one record of this user. See
// [seal.Seal].
func (u *User) Seal(table, column string, record id.ID, plaintext []byte) ([]byte, error) {
	sealed, err := seal.Seal(u.sealing, u.place(table, column, record), plaintext)
	if err != nil {
		return nil, fmt.Errorf("sealing %s.%s of %s: %w", table, column, record, err)
	}
	return sealed, nil
}

// Open decrypts what Seal made for the same column and record. Every failure
// is a [seal.ErrSealed], and returns nil.
func (u *User) Open(table, column string, record id.ID, sealed []byte) ([]byte, error) {
	plaintext, err := seal.Open(func(number uint32) (seal.Key, bool) { return u.sealing, number == u.sealing.Number() },
		u.place(table, column, record), sealed)
	if err != nil {
		return nil, fmt.Errorf("opening %s.%s of %s: %w", table, column, record, err)
	}
	return plaintext, nil
}

func (u *User) place(table, column string, record id.ID) seal.Place {
	return seal.Place{Table: table, Column: column, User: u.id, Record: record}
}

// NameKey returns the 32 bytes by which a sealed name is found and held unique:
// an HMAC-SHA256 of the name without the white space around it, case-folded, in
// NFC. "Straße " and "STRASSE" have the same key; another user's is another.
func (u *User) NameKey(name string) []byte {
	return mac(u.lookup(), []byte(FoldName(name)))
}

// FoldName is the form in which names are the same: Unicode's canonical caseless form (Unicode 16, D145), kept in
// NFC: decomposed before folding, because folding a composed character can
// miss a mark. Lower case comes first because x/text's Fold swaps the two cases
// of Cherokee instead of folding them together.
func FoldName(name string) string {
	decomposed := norm.NFD.String(strings.TrimSpace(name))
	return norm.NFC.String(cases.Fold().String(strings.ToLower(decomposed)))
}

// SearchToken returns the keyed form of one search token: [TokenSize]
// characters A-Z, a-z, 0-9, - and _.
func (u *User) SearchToken(token string) string { return u.search.token(token) }

// LearnToken is SearchToken for what the classifier counts, under a key of its
// own: its rows cannot be matched with the search index.
func (u *User) LearnToken(token string) string { return u.learn.token(token) }
