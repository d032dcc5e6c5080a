package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/id"
	"docuvault/shared/secret"
)

// Scope is what an API token may do.
type Scope string

// The scopes. Each operation names those that it takes, with [Accepts]; one that
// names none takes no API token at all.
const (
	// ScopeUpload adds documents and learns nothing of what is there, but whether
	// bytes that it has already are.
	ScopeUpload Scope = "upload"
	// ScopeRead reads documents and searches.
	ScopeRead Scope = "read"
	// ScopeWrite does what both of the others do, and changes and deletes.
	ScopeWrite Scope = "write"
)

// Accepts is the Security of an operation that takes API tokens of any of these
// scopes besides access tokens. [Required] reads it, and so does openapi.yaml.
func Accepts(scopes ...Scope) []map[string][]string {
	security := []map[string][]string{{hosthttp.AccessToken: {}}}
	for _, scope := range scopes {
		security = append(security, map[string][]string{hosthttp.APIToken: {string(scope)}})
	}
	return security
}

// accepted are the scopes of an operation's Security.
func accepted(security []map[string][]string) (scopes []string) {
	for _, alternative := range security {
		scopes = append(scopes, alternative[hosthttp.APIToken]...)
	}
	return scopes
}

// tokenPrefix makes a token recognisable: to us, to people, and to programs
// that look for secrets where none should be.
const tokenPrefix = "dvt_"

const tokenSize = 32 // bytes

// newToken makes a token of 256 random bits, and what is stored of it.
func newToken() (token string, hash []byte) {
	raw := make([]byte, tokenSize)
	_, _ = rand.Read(raw) // never fails
	token = tokenPrefix + base64.RawURLEncoding.EncodeToString(raw)
	return token, tokenHash(token)
}

// tokenHash is a plain hash: nobody guesses 256 random bits.
func tokenHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

func isAPIToken(token secret.Text) bool { return strings.HasPrefix(token.Reveal(), tokenPrefix) }

var (
	errTokenUnknown = fault.New(fault.Unauthenticated, "This API token is not known. Make a new one.")
	errTokenScope   = fault.New(fault.Forbidden, "This API token may not do this. Its scopes do not allow it, or the route takes none.")
)

// identify finds out whose token it is, for an operation that takes these
// scopes. Whether it still counts is asked in the batch of the operation's own
// statements. It returns fault.Unauthenticated and fault.Forbidden.
func identify(ctx context.Context, db *database.DB, token secret.Text, scopes []string) (Identity, error) {
	if len(scopes) == 0 {
		return Identity{}, errTokenScope
	}
	if len(token.Reveal()) != len(tokenPrefix)+base64.RawURLEncoding.EncodedLen(tokenSize) {
		return Identity{}, errTokenUnknown
	}
	var who Identity
	var held []string
	var found bool
	err := db.Do(ctx, database.Actor{}, func(b *database.Batch) {
		b.Maybe(&found, `SELECT token_id, user_id, scopes FROM token_lookup(@hash)`,
			database.Args{"hash": tokenHash(token.Reveal())}, &who.Token, &who.User, &held)
	})
	switch {
	case err != nil:
		return Identity{}, fmt.Errorf("look up API token: %w", err)
	case !found:
		return Identity{}, errTokenUnknown
	case !slices.ContainsFunc(held, func(scope string) bool { return slices.Contains(scopes, scope) }):
		return Identity{}, errTokenScope
	}
	who.blind = !slices.Contains(held, string(ScopeRead)) && !slices.Contains(held, string(ScopeWrite))
	return who, nil
}

// Blind reports whether the caller may add but not read: an answer then holds
// nothing of what is in the vault but ids, sizes, hashes and states.
func Blind(ctx context.Context) bool { return From(ctx).blind }

// actorOf is the database's view of an identity.
func actorOf(who Identity) database.Actor {
	if who.Token != id.Nil {
		return database.ByToken(who.User, who.Token)
	}
	return database.SignedIn(who.User, who.Session, who.Generation)
}
