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

// Passwords changes passwords. It needs no key.
type Passwords struct {
	db     *database.DB
	hasher *Hasher
}

// OpenPasswords returns the Env's one Passwords.
func OpenPasswords(env *host.Env) (*Passwords, error) {
	return host.Resource(env, func(env *host.Env) (*Passwords, error) {
		db, err := database.Open(env)
		if err != nil {
			return nil, err
		}
		hasher, err := OpenHasher(env)
		return &Passwords{db: db, hasher: hasher}, err
	})
}

// Change sets a new password for the acting user, who names the current one,
// and ends all other sessions (ASVS 5.0 items 6.2.2, 6.2.3, 7.4.3). With a
// second factor it wants besides a fresh proof, which holds a code. It returns
// fault.ValidationFailed, fault.InvalidCredentials, fault.ReauthRequired and
// fault.RateLimited.
func (p *Passwords) Change(ctx context.Context, actor database.Actor, current, next secret.Text) error {
	if err := CheckPassword(next); err != nil {
		return err
	}
	if err := spend(ctx, p.db, bucket{limitPassword, actor.Session().String()}); err != nil {
		return err
	}
	phc, err := verifyOwn(ctx, p.db, p.hasher, actor, current)
	if err != nil {
		return err
	}
	hash, err := p.hasher.Hash(ctx, next)
	if err != nil {
		return err
	}
	entry := audit.Entry{Action: audit.PasswordChanged, Target: actor.User()}
	args := entry.Into(ctx, actor, database.Args{"old": phc, "new": hash, "alert": id.New(), "mail": id.New(), "session": actor.Session()})
	var changed, same bool
	err = p.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&changed, `WITH changed AS (UPDATE credentials SET phc = @new, updated_at = clock_timestamp()
		        WHERE user_id = app_user() AND kind = 'password' AND phc = @old
		          AND (NOT EXISTS (SELECT FROM credentials WHERE `+factorOn+`)
		            OR EXISTS (SELECT FROM sessions WHERE id = @session AND user_id = app_user() AND reauth_at > clock_timestamp() - interval '10 minutes'))
		        RETURNING user_id),
		      alerted AS (INSERT INTO alerts (id, user_id, kind, session_id) SELECT @alert, user_id, 'password_changed', @session FROM changed),
      `+letter.Owed("told", letter.PasswordChanged, "@mail::uuid::text", "changed")+`
		    SELECT `+audit.Call+` FROM changed`, args, nil)
		// A statement of its own, so that it sees a login that was let through while
		// the first one waited for it.
		b.Exec(`UPDATE sessions SET revoked_at = clock_timestamp(), revoked_reason = 'password'
		         WHERE user_id = app_user() AND id <> @session AND revoked_at IS NULL
		           AND EXISTS (SELECT FROM credentials WHERE user_id = app_user() AND kind = 'password' AND phc = @new)`, args)
		b.One(`SELECT EXISTS (SELECT FROM credentials WHERE user_id = app_user() AND kind = 'password' AND phc = @old)`, args, &same)
	})
	switch {
	case err != nil:
		return fmt.Errorf("change password: %w", err)
	case !changed && same:
		return fault.New(fault.ReauthRequired, "This account has a second factor. Confirm your password with a code first.")
	case !changed:
		return fault.New(fault.InvalidCredentials, "The password was changed meanwhile. Try again.")
	}
	return nil
}
