package auth

import (
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"docuvault/shared/account"
	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/vault"
)

const (
	maxTokens    = 50
	tokenTTL     = 365 * 24 * time.Hour
	maxTokenTTL  = 5 * 365 * 24 * time.Hour
	maxTokenName = 100 // characters
)

// Token is an API token as its user sees it, without its secret.
type Token struct {
	ID         id.ID      `json:"id" format:"uuid"`
	Name       string     `json:"name"`
	Scopes     []string   `json:"scopes" enum:"upload,read,write"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  time.Time  `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty" doc:"To about a minute; absent if never."`
}

// NewToken is a token that was just made.
type NewToken struct {
	Token
	Secret string `json:"token" doc:"Shown once. Send it as Authorization: Bearer, or give it to docuvault push as DOCUVAULT_TOKEN."`
}

// TokenRequest is what a token is to be.
type TokenRequest struct {
	Name      string     `json:"name" minLength:"1" maxLength:"100" doc:"What it is for, for people; sealed."`
	Scopes    []string   `json:"scopes" minItems:"1" maxItems:"3" uniqueItems:"true" enum:"upload,read,write" doc:"upload adds and reads nothing; read reads and searches; write does both, changes and deletes."`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"At most five years ahead; absent: in a year."`
}

// TokenList makes and lists API tokens. It seals their names.
type TokenList struct {
	vault *vault.Vault
	now   func() time.Time
}

// OpenTokenList returns the Env's one TokenList.
func OpenTokenList(env *host.Env) (*TokenList, error) {
	return host.Resource(env, func(env *host.Env) (*TokenList, error) {
		v, err := vault.Open(env)
		return &TokenList{vault: v, now: env.Now}, err
	})
}

// Create makes a token for the acting user. It wants a fresh proof. It returns
// fault.ValidationFailed and fault.WrongState.
func (l *TokenList) Create(ctx context.Context, actor database.Actor, in TokenRequest) (NewToken, error) {
	name := account.CleanName(in.Name)
	expires := l.now().Add(tokenTTL)
	if in.ExpiresAt != nil {
		expires = *in.ExpiresAt
	}
	switch {
	case name == "" || utf8.RuneCountInString(name) > maxTokenName:
		return NewToken{}, fault.Newf(fault.ValidationFailed, "The name of a token has 1 to %d characters.", maxTokenName)
	case !expires.After(l.now()) || expires.After(l.now().Add(maxTokenTTL)):
		return NewToken{}, fault.New(fault.ValidationFailed, "expires_at lies ahead, by at most five years.")
	}
	scopes := slices.Clone(in.Scopes)
	slices.Sort(scopes)
	made := NewToken{Token: Token{ID: id.New(), Name: name, Scopes: scopes}}
	var hash []byte
	made.Secret, hash = newToken()
	u, err := l.vault.Keys(ctx, actor)
	if err != nil {
		return NewToken{}, err
	}
	sealed, err := u.Seal("api_tokens", "name_sealed", made.ID, []byte(name))
	if err != nil {
		return NewToken{}, err
	}
	entry := audit.Entry{Action: audit.TokenCreated, Target: made.ID, Metadata: map[string]any{"scopes": scopes}}
	args := entry.Into(ctx, actor, database.Args{
		"id": made.ID, "name": sealed, "hash": hash, "scopes": scopes, "expires": expires, "max": maxTokens, "alert": id.New(),
	})
	var inserted bool
	err = l.vault.DB().Do(ctx, actor.Fresh(), func(b *database.Batch) {
		// The lock makes two callers take turns, so that the count holds.
		b.Exec(`SELECT FROM users WHERE id = app_user() FOR UPDATE`, nil)
		b.Exec(`DELETE FROM api_tokens WHERE user_id = app_user() AND expires_at < clock_timestamp() - interval '30 days'`, nil)
		b.Maybe(&inserted, `WITH made AS (INSERT INTO api_tokens (id, user_id, name_sealed, hash, scopes, expires_at)
		        SELECT @id, app_user(), @name, @hash, @scopes::text[], @expires
		         WHERE (SELECT count(*) FROM api_tokens WHERE user_id = app_user()) < @max::integer RETURNING user_id, created_at, expires_at),
		      alerted AS (INSERT INTO alerts (id, user_id, kind) SELECT @alert, user_id, 'token_created' FROM made)
		    SELECT created_at, expires_at, `+audit.Call+` FROM made`, args, &made.CreatedAt, &made.ExpiresAt, nil)
	})
	switch {
	case err != nil:
		return NewToken{}, fmt.Errorf("make API token: %w", err)
	case !inserted:
		return NewToken{}, fault.Newf(fault.WrongState, "There are %d API tokens already. Revoke some first.", maxTokens)
	}
	return made, nil
}

// List returns the acting user's tokens, newest first: at most 50, also those
// that expired within the last 30 days.
func (l *TokenList) List(ctx context.Context, actor database.Actor) ([]Token, error) {
	tokens, names := []Token{}, [][]byte{}
	err := l.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		b.Each(`SELECT id, name_sealed, scopes, created_at, expires_at, last_used_at FROM api_tokens
		         WHERE user_id = app_user() ORDER BY id DESC`, nil, func(scan func(...any) error) error {
			var t Token
			var name []byte
			err := scan(&t.ID, &name, &t.Scopes, &t.CreatedAt, &t.ExpiresAt, &t.LastUsedAt)
			tokens, names = append(tokens, t), append(names, name)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list API tokens: %w", err)
	}
	u, err := l.vault.Keys(ctx, actor)
	if err != nil {
		return nil, err
	}
	for i := range tokens {
		name, err := u.Open("api_tokens", "name_sealed", tokens[i].ID, names[i])
		if err != nil {
			return nil, fmt.Errorf("API token %s: %w", tokens[i].ID, err)
		}
		tokens[i].Name = string(name)
	}
	return tokens, nil
}

// TokenEnder revokes API tokens. It needs no key.
type TokenEnder struct{ db *database.DB }

// OpenTokenEnder returns the Env's one TokenEnder.
func OpenTokenEnder(env *host.Env) (*TokenEnder, error) {
	return host.Resource(env, func(env *host.Env) (*TokenEnder, error) {
		db, err := database.Open(env)
		return &TokenEnder{db: db}, err
	})
}

// Revoke ends one token of the acting user; it stops at its next request. It
// returns fault.NotFound.
func (e *TokenEnder) Revoke(ctx context.Context, actor database.Actor, token id.ID) error {
	entry := audit.Entry{Action: audit.TokenRevoked, Target: token}
	var gone bool
	err := e.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&gone, `WITH gone AS (DELETE FROM api_tokens WHERE id = @id AND user_id = app_user() RETURNING id)
		    SELECT `+audit.Call+` FROM gone`, entry.Into(ctx, actor, database.Args{"id": token}), nil)
	})
	switch {
	case err != nil:
		return fmt.Errorf("revoke API token: %w", err)
	case !gone:
		return fault.New(fault.NotFound, "There is no such API token.")
	}
	return nil
}
