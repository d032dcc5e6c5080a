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

// Prover checks the password, and the code where there is a second factor, of
// who is signed in already.
type Prover struct {
	db     *database.DB
	hasher *Hasher
	factor *Factor
}

// OpenProver returns the Env's one Prover.
func OpenProver(env *host.Env) (*Prover, error) {
	return host.Resource(env, func(env *host.Env) (*Prover, error) {
		factor, err := OpenFactor(env)
		if err != nil {
			return nil, err
		}
		hasher, err := OpenHasher(env)
		return &Prover{db: factor.db, hasher: hasher, factor: factor}, err
	})
}

// Reauthenticate checks the password and the code, and writes the proof into the session's
// row, where [database.Actor.Fresh] looks for it for the next 10 minutes. It
// returns fault.InvalidCredentials, fault.TOTPRequired and fault.RateLimited.
func (p *Prover) Reauthenticate(ctx context.Context, actor database.Actor, password, code secret.Text) error {
	if err := spend(ctx, p.db, bucket{limitReauth, actor.Session().String()}); err != nil {
		return err
	}
	phc, err := verifyOwn(ctx, p.db, p.hasher, actor, password)
	if err != nil {
		return err
	}
	proven, err := p.factor.prove(ctx, actor, code, bucket{limitCodeSession, actor.Session().String()})
	if fault.CodeOf(err) == fault.InvalidCredentials {
		return refusedAgain(ctx, p.db, actor, "code", err)
	}
	if err != nil {
		return err
	}
	entry := audit.Entry{Action: audit.Reauthenticated, Target: actor.Session()}
	args := entry.Into(ctx, actor, proven.into(database.Args{"session": actor.Session(), "phc": phc}))
	var written int64
	err = p.db.Do(ctx, actor, func(b *database.Batch) {
		// The password that was checked has to be the password still.
		b.Affected(&written, `WITH `+spendProof+`, proven AS (UPDATE sessions SET reauth_at = clock_timestamp()
		      WHERE id = @session AND user_id = app_user() AND EXISTS (SELECT FROM proof)
		        AND EXISTS (SELECT FROM credentials WHERE user_id = app_user() AND kind = 'password' AND phc = @phc) RETURNING id)
		    SELECT `+audit.Call+`, `+recoveryUsed+` FROM proven`, args)
	})
	if err != nil {
		return fmt.Errorf("write proof: %w", err)
	}
	if written == 0 && (proven.step != nil || proven.recovery != nil) {
		return refusedAgain(ctx, p.db, actor, "code", errCodeWrong)
	}
	if written == 0 {
		return fault.New(fault.InvalidCredentials, "The password was changed meanwhile. Try again.")
	}
	return nil
}

// verifyOwn checks the password of the acting user and returns its hash. It
// returns fault.InvalidCredentials.
func verifyOwn(ctx context.Context, db *database.DB, hasher *Hasher, actor database.Actor, password secret.Text) (phc string, err error) {
	var found, ok bool
	err = db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&found, `SELECT phc FROM credentials WHERE user_id = app_user() AND kind = 'password'`, nil, &phc)
	})
	if err != nil {
		return "", fmt.Errorf("read password hash: %w", err)
	}
	if found {
		if ok, _, err = hasher.Verify(ctx, password, phc); err != nil {
			return "", err
		}
	}
	if !ok {
		return "", refusedAgain(ctx, db, actor, "password", fault.New(fault.InvalidCredentials, "The password is wrong."))
	}
	return phc, nil
}

// refusedAgain writes down that whoever has the session could not prove to be
// its owner, and returns why.
func refusedAgain(ctx context.Context, db *database.DB, actor database.Actor, reason string, why error) error {
	entry := audit.Entry{Action: audit.ReauthRefused, Target: actor.Session(), Metadata: map[string]any{"reason": reason}}
	if err := audit.Write(ctx, db, actor, entry); err != nil {
		return err
	}
	return why
}
