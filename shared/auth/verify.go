package auth

import (
	"context"
	"fmt"

	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/letter"
	"docuvault/shared/secret"
)

// Addresses believes in addresses that were proven. It needs no key.
type Addresses struct{ db *database.DB }

// OpenAddresses returns the Env's one Addresses.
func OpenAddresses(env *host.Env) (*Addresses, error) {
	return host.Resource(env, func(env *host.Env) (*Addresses, error) {
		db, err := database.Open(env)
		return &Addresses{db: db}, err
	})
}

// prove uses a link up. If it is the link of a registration that found the
// account unused, the password is that registration's: it counts only while the
// account is unused still.
const prove = `WITH link AS (SELECT id, user_id, phc FROM mails
      WHERE user_id = app_user() AND kind = 'verify' AND token_hash = @proof AND expires_at > clock_timestamp() FOR UPDATE),
    used AS (UPDATE mails m SET token_hash = NULL, expires_at = NULL, phc = NULL FROM link l WHERE m.id = l.id),
    proven AS (UPDATE users u SET email_verified_at = clock_timestamp() FROM link l
      WHERE u.id = l.user_id AND u.email_verified_at IS NULL AND u.disabled_at IS NULL RETURNING u.id),
    changed AS (UPDATE credentials c SET phc = l.phc, updated_at = clock_timestamp() FROM link l, proven p
      WHERE c.user_id = p.id AND c.kind = 'password' AND l.phc IS NOT NULL AND NOT EXISTS (SELECT FROM sessions WHERE user_id = app_user()))
  SELECT ` + audit.Call + ` FROM proven`

// Prove takes the token of a link as proof of the address, once, and ends all
// other such links. It returns fault.RateLimited and fault.LinkInvalid.
func (a *Addresses) Prove(ctx context.Context, token secret.Text, origin audit.Origin) error {
	if err := spend(ctx, a.db, bucket{limitVerify, origin.Network}); err != nil {
		return err
	}
	user, proof, ok := letter.ParseToken(token)
	if !ok {
		return errLink
	}
	actor := database.OnBehalfOf(user)
	entry := audit.Entry{Action: audit.EmailVerified, Target: user}
	args := byPerson(entry.Into(audit.WithOrigin(ctx, origin), actor, database.Args{"proof": proof}))
	var proven bool
	err := a.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&proven, prove, args, nil)
		const done = ` WHERE user_id = app_user() AND kind = 'verify' AND EXISTS (SELECT FROM users WHERE id = app_user() AND email_verified_at IS NOT NULL)`
		b.Exec(`DELETE FROM mails`+done+` AND claimed_at IS NULL`, nil)
		b.Exec(`UPDATE mails SET token_hash = NULL, expires_at = NULL, phc = NULL`+done+` AND (token_hash IS NOT NULL OR phc IS NOT NULL)`, nil)
	})
	switch {
	case err != nil:
		return fmt.Errorf("verify address: %w", err)
	case !proven:
		return errLink
	}
	return nil
}

// remind owes the link once more to somebody who knows the password, at most
// once in five minutes, and says what to do.
func (s *Sessions) remind(ctx context.Context, user id.ID, origin audit.Origin) error {
	actor := database.OnBehalfOf(user)
	entry := audit.Entry{Action: audit.VerificationSent, Target: user}
	args := byPerson(entry.Into(audit.WithOrigin(ctx, origin), actor, database.Args{"mail": id.New()}))
	err := s.db.Do(ctx, actor, func(b *database.Batch) {
		b.Exec(`WITH told AS (INSERT INTO mails (id, user_id, kind, dedupe) SELECT @mail::uuid, id, 'verify', @mail::uuid::text FROM users
		      WHERE id = app_user() AND NOT EXISTS (SELECT FROM mails WHERE user_id = app_user() AND kind = 'verify' AND created_at > clock_timestamp() - interval '5 minutes')
		      RETURNING user_id)
		    SELECT `+audit.Call+` FROM told`, args)
	})
	if err != nil {
		return fmt.Errorf("send the link again: %w", err)
	}
	return fault.New(fault.EmailUnverified, "Confirm your address first: follow the link in the mail that we have sent. A new one is on its way if the last one is older than five minutes.")
}
