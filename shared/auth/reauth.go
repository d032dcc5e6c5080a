package auth

import (
	"context"
	"fmt"

	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/secret"
)

// Prover checks the password of who is signed in already. It needs no key.
type Prover struct {
	db     *database.DB
	hasher *Hasher
}

// OpenProver returns the Env's one Prover.
func OpenProver(env *host.Env) (*Prover, error) {
	return host.Resource(env, func(env *host.Env) (*Prover, error) {
		db, err := database.Open(env)
		if err != nil {
			return nil, err
		}
		hasher, err := OpenHasher(env)
		return &Prover{db: db, hasher: hasher}, err
	})
}

// Reauthenticate checks the password and writes the proof into the session's
// row, where [database.Actor.Fresh] looks for it for the next 10 minutes. It
// returns fault.InvalidCredentials and fault.RateLimited.
func (p *Prover) Reauthenticate(ctx context.Context, actor database.Actor, password secret.Text) error {
	if err := spend(ctx, p.db, bucket{limitReauth, actor.Session().String()}); err != nil {
		return err
	}
	var phc string
	var found bool
	err := p.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&found, `SELECT phc FROM credentials WHERE user_id = app_user() AND kind = 'password'`, nil, &phc)
	})
	if err != nil {
		return fmt.Errorf("read password hash: %w", err)
	}
	ok := false
	if found {
		if ok, _, err = p.hasher.Verify(ctx, password, phc); err != nil {
			return err
		}
	}
	if !ok {
		return fault.New(fault.InvalidCredentials, "The password is wrong.")
	}
	entry := audit.Entry{Action: audit.Reauthenticated, Target: actor.Session()}
	args := entry.Into(ctx, actor, database.Args{"session": actor.Session(), "phc": phc})
	var written int64
	err = p.db.Do(ctx, actor, func(b *database.Batch) {
		// The password that was checked has to be the password still.
		b.Affected(&written, `WITH proven AS (UPDATE sessions SET reauth_at = clock_timestamp()
		      WHERE id = @session AND user_id = app_user()
		        AND EXISTS (SELECT FROM credentials WHERE user_id = app_user() AND kind = 'password' AND phc = @phc) RETURNING id)
		    SELECT `+audit.Call+` FROM proven`, args)
	})
	if err != nil {
		return fmt.Errorf("write proof: %w", err)
	}
	if written == 0 {
		return fault.New(fault.InvalidCredentials, "The password was changed meanwhile. Try again.")
	}
	return nil
}
