package auth

import (
	"context"
	"fmt"

	"docuvault/shared/account"
	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/job"
	"docuvault/shared/letter"
	"docuvault/shared/secret"
)

// Resets sets new passwords for people who have lost theirs. It needs no key.
type Resets struct {
	db     *database.DB
	hasher *Hasher
	mail   bool
}

// OpenResets returns the Env's one Resets.
func OpenResets(env *host.Env) (*Resets, error) {
	return host.Resource(env, func(env *host.Env) (*Resets, error) {
		cfg, err := host.Config[letter.Config](env)
		if err != nil {
			return nil, err
		}
		db, err := database.Open(env)
		if err != nil {
			return nil, err
		}
		hasher, err := OpenHasher(env)
		return &Resets{db: db, hasher: hasher, mail: cfg.On()}, err
	})
}

// askReset owes a mail to the acting user, if there is one, with a link or with
// the news that this user has switched links off: at most one in five minutes,
// whoever asks. That locks nobody out: a link works for ten, so the one that
// was sent then is still good. The limits are spent in the same statement, so
// that there is a write to commit for accounts that do not exist as well.
const askReset = `WITH ` + spending + `,
  owner AS (SELECT u.id, u.password_reset_by_mail FROM users u, verdict v WHERE u.id = app_user() AND u.disabled_at IS NULL AND v.granted = v.wanted
    AND NOT EXISTS (SELECT FROM mails WHERE user_id = app_user() AND kind IN ('reset', 'reset_off') AND created_at > clock_timestamp() - interval '5 minutes')),
  told AS (INSERT INTO mails (id, user_id, kind, dedupe)
    SELECT @mail::uuid, id, CASE WHEN password_reset_by_mail THEN 'reset' ELSE 'reset_off' END, @mail::uuid::text FROM owner RETURNING user_id)
SELECT granted, wait, (SELECT ` + audit.Call + ` FROM told) FROM verdict`

// Ask has a link sent to an address, if it has an account, and returns the
// message that tells the mail worker. It does the same work and returns the same
// whether there is an account or not: the message of one that is not there
// names nobody. It returns fault.MailUnavailable, fault.ValidationFailed and
// fault.RateLimited.
func (r *Resets) Ask(ctx context.Context, address string, origin audit.Origin) (job.Letter, error) {
	if !r.mail {
		return job.Letter{}, fault.New(fault.MailUnavailable, "This vault sends no mail. If you have a recovery code, set a new password with it; else ask its operator.")
	}
	email, err := account.NormalEmail(address)
	if err != nil {
		return job.Letter{}, err
	}
	user, err := r.owner(ctx, email)
	if err != nil {
		return job.Letter{}, err
	}
	message := job.Letter{User: user, Mail: id.New()}
	entry := audit.Entry{Action: audit.ResetRequested, Target: user}
	buckets := []bucket{{limitForgotAddress, email + "\x00" + origin.Network}, {limitForgotNetwork, origin.Network}}
	actor := database.OnBehalfOf(user)
	args := spendArgs(entry.Into(audit.WithOrigin(ctx, origin), actor, database.Args{"mail": message.Mail}), buckets...)
	var granted int
	var wait float64
	err = r.db.Do(ctx, actor, func(b *database.Batch) { b.One(askReset, args, &granted, &wait, nil) })
	if err != nil {
		return job.Letter{}, fmt.Errorf("ask for a reset: %w", err)
	}
	return message, refusal(granted, wait, buckets...)
}

// owner is the user of an address, or one that is not there.
func (r *Resets) owner(ctx context.Context, email string) (id.ID, error) {
	user, found := id.New(), false
	err := r.db.Do(ctx, database.Actor{}, func(b *database.Batch) {
		b.Maybe(&found, `SELECT user_id FROM login_lookup(@email)`, database.Args{"email": email}, &user)
	})
	if err != nil {
		return id.Nil, fmt.Errorf("look up account: %w", err)
	}
	return user, nil
}

var errLink = fault.New(fault.LinkInvalid, "This link was used before, is too old, or was never ours. Ask for another one.")

const (
	linkGood = `m.user_id = app_user() AND m.kind = 'reset' AND m.token_hash = @proof AND m.expires_at > clock_timestamp()
      AND u.id = m.user_id AND u.disabled_at IS NULL AND u.password_reset_by_mail`
	byLink = `proof AS (UPDATE mails m SET token_hash = NULL, expires_at = NULL FROM users u WHERE ` + linkGood + ` RETURNING m.user_id)`
	byCode = `proof AS (UPDATE recovery_codes r SET used_at = clock_timestamp() FROM users u
    WHERE r.user_id = app_user() AND r.hash = @proof AND r.used_at IS NULL
      AND u.id = r.user_id AND u.disabled_at IS NULL AND NOT u.password_reset_by_mail
      AND EXISTS (SELECT FROM credentials WHERE ` + factorOn + `) RETURNING r.user_id)`
)

// ByLink sets a new password for the token of a link, once, and ends all
// sessions. The second factor stays as it is, and the next login wants it. It
// returns fault.ValidationFailed, fault.RateLimited and fault.LinkInvalid.
func (r *Resets) ByLink(ctx context.Context, token, next secret.Text, origin audit.Origin) error {
	if err := CheckPassword(next); err != nil {
		return err
	}
	if err := spend(ctx, r.db, bucket{limitReset, origin.Network}); err != nil {
		return err
	}
	user, proof, ok := letter.ParseToken(token)
	if !ok {
		return errLink
	}
	// Before the hash, which is the expensive part. What counts is asked again.
	var good bool
	err := r.db.Do(ctx, database.OnBehalfOf(user), func(b *database.Batch) {
		b.One(`SELECT EXISTS (SELECT FROM mails m, users u WHERE `+linkGood+`)`, database.Args{"proof": proof}, &good)
	})
	switch {
	case err != nil:
		return fmt.Errorf("look at the link: %w", err)
	case !good:
		return errLink
	}
	hash, err := r.hasher.Hash(ctx, next)
	if err != nil {
		return err
	}
	changed, err := r.set(ctx, user, "mail", byLink, proof, hash, origin)
	if err == nil && !changed {
		return errLink
	}
	return err
}

// ByCode sets a new password for an address and a recovery code, which is then
// used up, of a user who has switched reset by mail off, and ends all sessions.
// It takes the same work and says the same for addresses without an account. It
// returns fault.ValidationFailed, fault.RateLimited and fault.InvalidCredentials.
func (r *Resets) ByCode(ctx context.Context, address string, code, next secret.Text, origin audit.Origin) error {
	if err := CheckPassword(next); err != nil {
		return err
	}
	email, err := account.NormalEmail(address)
	if err != nil {
		return err
	}
	if err := spend(ctx, r.db, bucket{limitResetAddress, email + "\x00" + origin.Network}, bucket{limitReset, origin.Network}); err != nil {
		return err
	}
	user, err := r.owner(ctx, email)
	if err != nil {
		return err
	}
	hash, err := r.hasher.Hash(ctx, next)
	if err != nil {
		return err
	}
	changed, err := r.set(ctx, user, "recovery_code", byCode, recoveryHash(user, cleanCode(code.Reveal())), hash, origin)
	if err == nil && !changed {
		return fault.New(fault.InvalidCredentials, "Address or recovery code is wrong, or this account resets its password by mail.")
	}
	return err
}

// set uses a proof up and sets the password, and with it ends every session and
// every other link; all or nothing.
func (r *Resets) set(ctx context.Context, user id.ID, by, with string, proof []byte, hash string, origin audit.Origin) (changed bool, err error) {
	actor := database.OnBehalfOf(user)
	entry := audit.Entry{Action: audit.PasswordReset, Target: user, Metadata: map[string]any{"by": by}}
	args := byPerson(entry.Into(audit.WithOrigin(ctx, origin), actor, database.Args{
		"proof": proof, "new": hash, "alert": id.New(), "mail": id.New(), "mailed": by == "mail",
	}))
	const ours = `EXISTS (SELECT FROM credentials WHERE user_id = app_user() AND kind = 'password' AND phc = @new)`
	err = r.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&changed, `WITH `+with+`,
		      changed AS (UPDATE credentials c SET phc = @new, updated_at = clock_timestamp() FROM proof p
		        WHERE c.user_id = p.user_id AND c.kind = 'password' RETURNING c.user_id),
		      verified AS (UPDATE users u SET email_verified_at = clock_timestamp() FROM changed c
		        WHERE u.id = c.user_id AND u.email_verified_at IS NULL AND @mailed::boolean),
		      alerted AS (INSERT INTO alerts (id, user_id, kind) SELECT @alert::uuid, user_id, 'password_reset' FROM changed),
		      `+letter.Owed("told", letter.PasswordReset, "@mail::uuid::text", "changed")+`
		    SELECT `+audit.Call+` FROM changed`, args, nil)
		// Statements of their own, so that they see what a login or a worker did
		// while the first one waited for it.
		b.Exec(`UPDATE sessions SET revoked_at = clock_timestamp(), revoked_reason = 'password'
		         WHERE user_id = app_user() AND revoked_at IS NULL AND `+ours, args)
		b.Exec(`UPDATE mails SET token_hash = NULL, expires_at = NULL, phc = NULL
		         WHERE user_id = app_user() AND (token_hash IS NOT NULL OR phc IS NOT NULL) AND `+ours, args)
	})
	if err != nil {
		return false, fmt.Errorf("reset password: %w", err)
	}
	return changed, nil
}
