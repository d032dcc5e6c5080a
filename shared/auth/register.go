package auth

import (
	"context"
	"fmt"

	"docuvault/shared/account"
	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/job"
	"docuvault/shared/secret"
)

// Registration is a new account.
type Registration struct {
	Email, DisplayName string
	Password           secret.Text
	// Invite is used up where REGISTRATION=invite, and ignored where it is open.
	Invite secret.Text
}

// Registered is what became of a registration: a session, or, where addresses
// have to be proven, the message about the mail that proves this one.
type Registered struct {
	Signed
	Letter job.Letter
}

// Pending reports whether there is no session, because the address has to be
// proven first.
func (r Registered) Pending() bool { return !r.Letter.Mail.IsNil() }

// Register makes an account with its quota, password and first session, in one
// transaction. It never grants a role. Where addresses have to be proven, it
// makes no session, and for an address that is taken it does the same work and
// returns the same: what there is to know is in a mail to that address. It
// returns fault.RegistrationClosed, fault.InviteInvalid, fault.ValidationFailed,
// fault.RateLimited and, where addresses are not proven, fault.EmailTaken.
func (s *Sessions) Register(ctx context.Context, r Registration, origin audit.Origin) (Registered, error) {
	switch {
	case s.cfg.Registration == "closed":
		return Registered{}, fault.New(fault.RegistrationClosed, "This vault takes no new accounts.")
	case s.cfg.Registration == "invite" && r.Invite.IsZero():
		return Registered{}, fault.New(fault.InviteInvalid, "This vault takes new accounts by invitation only. Ask its operator.")
	}
	email, err := account.NormalEmail(r.Email)
	if err != nil {
		return Registered{}, err
	}
	if err := CheckPassword(r.Password); err != nil {
		return Registered{}, err
	}
	buckets := []bucket{{limitRegister, origin.Network}}
	if s.cfg.verifies() {
		buckets = append(buckets, bucket{limitRegisterAddress, email + "\x00" + origin.Network})
	}
	if err := spend(ctx, s.db, buckets...); err != nil {
		return Registered{}, err
	}
	hash, err := s.hasher.Hash(ctx, r.Password)
	if err != nil {
		return Registered{}, err
	}
	if s.cfg.verifies() {
		return s.registerUnproven(ctx, r, email, hash, origin)
	}
	user := id.New()
	actor := database.OnBehalfOf(user)
	entry := audit.Entry{Action: audit.Registered, Target: user}
	args := byPerson(entry.Into(audit.WithOrigin(ctx, origin), actor, database.Args{
		"user": user, "email": email, "name": account.CleanName(r.DisplayName), "limit": s.cfg.DefaultQuota, "phc": hash,
		"invite": account.InviteHash(r.Invite.Reveal()),
	}))
	signed, err := s.begin(ctx, user, id.New(), origin, open, func(b *database.Batch) {
		if s.cfg.Registration == "invite" {
			b.Exec(`SELECT redeem_invite(@invite, @email)`, args)
		}
		b.Exec(`INSERT INTO users (id, email, display_name) VALUES (@user, @email, @name)`, args)
		b.Exec(`INSERT INTO quotas (user_id, limit_bytes) VALUES (@user, @limit)`, args)
		b.Exec(`INSERT INTO credentials (user_id, kind, phc) VALUES (@user, 'password', @phc)`, args)
		b.Exec(`SELECT `+audit.Call, args)
	})
	if database.IsConflict(err, "users_email_key") {
		return Registered{}, fault.New(fault.EmailTaken, "There is an account with this address already. Sign in instead.")
	}
	return Registered{Signed: signed}, err
}

// registerUnproven makes an account whose address is to be proven, or tells the
// owner of a taken one. Both are one statement after the same two, and one
// message. An account that was never used is nobody's yet: whoever registers its
// address again gets a link as well, which sets the password of that try. So a
// stranger who was here first has won nothing.
func (s *Sessions) registerUnproven(ctx context.Context, r Registration, email, hash string, origin audit.Origin) (Registered, error) {
	for {
		user, found := id.New(), false
		err := s.db.Do(ctx, database.Actor{}, func(b *database.Batch) {
			b.Maybe(&found, `SELECT user_id FROM login_lookup(@email)`, database.Args{"email": email}, &user)
		})
		if err != nil {
			return Registered{}, fmt.Errorf("look up account: %w", err)
		}
		out := Registered{Letter: job.Letter{User: user, Mail: id.New()}}
		actor := database.OnBehalfOf(user)
		action, statement := audit.Registered, registerNew
		if found {
			action, statement = audit.RegisterRepeated, registerAgain
		}
		entry := audit.Entry{Action: action, Target: user}
		args := entry.Into(audit.WithOrigin(ctx, origin), actor, database.Args{
			"email": email, "name": account.CleanName(r.DisplayName), "limit": s.cfg.DefaultQuota, "phc": hash, "mail": out.Letter.Mail,
			"invite": account.InviteHash(r.Invite.Reveal()),
		})
		if !found {
			args = byPerson(args)
		}
		err = s.db.Do(ctx, actor, func(b *database.Batch) {
			if s.cfg.Registration == "invite" {
				b.Exec(`SELECT redeem_invite(@invite, @email)`, args)
			}
			b.Exec(statement, args)
		})
		switch {
		case database.IsConflict(err, "users_email_key"):
			continue // somebody was faster: now it is taken
		case err != nil:
			return Registered{}, fmt.Errorf("register: %w", err)
		default:
			return out, nil
		}
	}
}

const (
	registerNew = `WITH made AS (INSERT INTO users (id, email, display_name) VALUES (app_user(), @email, @name) RETURNING id),
	    quota AS (INSERT INTO quotas (user_id, limit_bytes) SELECT id, @limit::bigint FROM made),
	    password AS (INSERT INTO credentials (user_id, kind, phc) SELECT id, 'password', @phc::text FROM made),
	    told AS (INSERT INTO mails (id, user_id, kind, dedupe) SELECT @mail::uuid, id, 'verify', @mail::uuid::text FROM made)
	  SELECT ` + audit.Call + ` FROM made`

	// An owner hears of it once an hour at most. A link is never kept from
	// somebody because others have asked for theirs: their networks are limited.
	registerAgain = `WITH owner AS (SELECT id, email_verified_at IS NULL AND NOT EXISTS (SELECT FROM sessions WHERE user_id = app_user()) AS unused
	      FROM users WHERE id = app_user() AND disabled_at IS NULL),
	    told AS (INSERT INTO mails (id, user_id, kind, dedupe, phc)
	      SELECT @mail::uuid, id, CASE WHEN unused THEN 'verify' ELSE 'register_repeated' END, @mail::uuid::text, CASE WHEN unused THEN @phc::text END FROM owner
	       WHERE unused OR NOT EXISTS (SELECT FROM mails WHERE user_id = app_user() AND kind = 'register_repeated' AND created_at > clock_timestamp() - interval '1 hour')
	      RETURNING user_id)
	  SELECT ` + audit.Call + ` FROM told`
)
