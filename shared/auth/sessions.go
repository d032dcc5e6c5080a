package auth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"docuvault/shared/account"
	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/letter"
	"docuvault/shared/secret"
	"docuvault/shared/telemetry"
)

// How long sessions live.
const (
	// SessionIdle ends a session that was not refreshed for so long.
	SessionIdle = 14 * 24 * time.Hour
	// SessionMax ends every session.
	SessionMax = 90 * 24 * time.Hour
	// unusedSuccessor is how long the previous token works at most while its
	// successor was never used.
	unusedSuccessor = 24 * time.Hour
)

// SessionsConfig is what register, login and refresh read.
type SessionsConfig struct {
	// RefreshGrace is how long the previous refresh token still gives the same
	// successor after that was first used: for a second tab. 0 to 1m.
	RefreshGrace time.Duration `env:"REFRESH_GRACE" envDefault:"10s"`
	// Registration is who may register.
	Registration string `env:"REGISTRATION" envDefault:"invite"`
	// EmailVerification is whether an address has to be proven first: required or
	// off; by default required where the vault sends mail.
	EmailVerification string `env:"EMAIL_VERIFICATION"`
	// Mail is whether it does.
	Mail letter.Config
	// DefaultQuota is the limit of a new account, in bytes.
	DefaultQuota int64 `env:"DEFAULT_QUOTA_BYTES" envDefault:"10737418240"`
}

// Validate names the variable that is wrong and what would be right.
func (c *SessionsConfig) Validate() error {
	switch {
	case c.RefreshGrace < 0 || c.RefreshGrace > time.Minute:
		return errors.New("REFRESH_GRACE: from 0s to 1m")
	case c.Registration != "open" && c.Registration != "invite" && c.Registration != "closed":
		return errors.New("REGISTRATION: one of open, invite, closed")
	case c.EmailVerification != "" && c.EmailVerification != "required" && c.EmailVerification != "off":
		return errors.New("EMAIL_VERIFICATION: required, off, or unset: then it is required where the vault sends mail")
	case c.EmailVerification == "required" && !c.Mail.On():
		return errors.New("EMAIL_VERIFICATION: required needs mail: set SMTP_URL, or MAIL=on where only the mail worker has that")
	case c.DefaultQuota < 0:
		return errors.New("DEFAULT_QUOTA_BYTES: a number of bytes, 0 or more")
	}
	return c.Mail.Validate()
}

// verifies reports whether an address has to be proven before its account can
// be used.
func (c *SessionsConfig) verifies() bool {
	return c.EmailVerification == "required" || c.EmailVerification == "" && c.Mail.On()
}

// Sessions begins and continues sessions. Only register, login and refresh have
// it: it holds the signing and session keys.
type Sessions struct {
	cfg    SessionsConfig
	db     *database.DB
	codec  *Codec
	signer *Signer
	hasher *Hasher
	now    func() time.Time

	logins, replays telemetry.Count
}

// OpenSessions returns the Env's one Sessions.
func OpenSessions(env *host.Env) (*Sessions, error) { return host.Resource(env, openSessions) }

func openSessions(env *host.Env) (*Sessions, error) {
	cfg, err := host.Config[SessionsConfig](env)
	if err != nil {
		return nil, err
	}
	s := &Sessions{cfg: cfg, now: env.Now}
	if s.db, err = database.Open(env); err != nil {
		return nil, err
	}
	if s.codec, err = OpenCodec(env); err != nil {
		return nil, err
	}
	if s.signer, err = OpenSigner(env); err != nil {
		return nil, err
	}
	if s.hasher, err = OpenHasher(env); err != nil {
		return nil, err
	}
	measured, err := telemetry.Open(env)
	if err != nil {
		return nil, err
	}
	s.logins = measured.Counter("docuvault.logins", "Sign-ins, by outcome: ok, refused, limited, broken.")
	telemetry.Starting(s.logins, "outcome", "ok", "refused", "limited", "broken")
	s.replays = measured.Counter("docuvault.refresh.replays", "Sessions that were ended because an old refresh token came again.")
	s.replays(context.Background(), 0)
	return s, nil
}

// Signed is a session that has begun or goes on.
type Signed struct {
	Account account.Account
	Access  secret.Text
	Refresh secret.Text
	Device  secret.Text // of the known device; empty after a refresh
	// RefreshTTL is how long the refresh token can be used from now.
	RefreshTTL time.Duration
}

var errCredentials = fault.New(fault.InvalidCredentials, "Email or password is wrong.")

// Logins begins sessions for a password and, where there is one, the code of a
// second factor.
type Logins struct {
	*Sessions
	factor *Factor
}

// OpenLogins returns the Env's one Logins.
func OpenLogins(env *host.Env) (*Logins, error) {
	return host.Resource(env, func(env *host.Env) (*Logins, error) {
		sessions, err := OpenSessions(env)
		if err != nil {
			return nil, err
		}
		factor, err := OpenFactor(env)
		return &Logins{Sessions: sessions, factor: factor}, err
	})
}

// Login checks a password and, where the account has a second factor, a code,
// and begins a session. Unknown accounts cost what known ones cost, and answer
// the same. known is the device cookie, if any. It returns
// fault.InvalidCredentials, fault.EmailUnverified, fault.TOTPRequired and
// fault.RateLimited.
func (s *Logins) Login(ctx context.Context, address string, password, code, known secret.Text, origin audit.Origin) (Signed, error) {
	signed, err := s.login(ctx, address, password, code, known, origin)
	outcome := "ok"
	switch status := fault.CodeOf(err).Status(); {
	case err == nil:
	case fault.CodeOf(err) == fault.RateLimited:
		outcome = "limited"
	case status < 500:
		outcome = "refused"
	default:
		outcome = "broken"
	}
	s.logins(ctx, 1, "outcome", outcome)
	return signed, err
}

func (s *Logins) login(ctx context.Context, address string, password, code, known secret.Text, origin audit.Origin) (Signed, error) {
	email, err := account.NormalEmail(address)
	if err != nil {
		email = "" // no account: the same work, the same answer
	}
	var user id.ID
	var phc string
	var disabled, verified, found bool
	err = s.db.Do(ctx, database.Actor{}, func(b *database.Batch) {
		b.Maybe(&found, `SELECT user_id, phc, disabled, verified FROM login_lookup(@email)`, database.Args{"email": email}, &user, &phc, &disabled, &verified)
	})
	if err != nil {
		return Signed{}, fmt.Errorf("look up account: %w", err)
	}
	buckets := []bucket{{limitLoginAccount, email + "\x00" + origin.Network}, {limitLoginNetwork, origin.Network}}
	device, codes, stranger := id.New(), bucket{limitCodeAccount, user.String()}, true
	if d, ok := s.codec.ParseDevice(known); ok && found && d.User == user {
		stranger = false
		device, buckets = d.ID, []bucket{{limitLoginDevice, d.ID.String()}}
		codes = bucket{limitCodeDevice, d.ID.String()}
	}
	if err := spend(ctx, s.db, buckets...); err != nil {
		return Signed{}, err
	}
	if !found {
		if err := s.hasher.VerifyDummy(ctx, password); err != nil {
			return Signed{}, err
		}
		return Signed{}, s.refused(ctx, id.Nil, audit.Origin{}, "account", errCredentials)
	}
	ok, rehash, err := s.hasher.Verify(ctx, password, phc)
	switch {
	case err != nil:
		return Signed{}, err
	case !ok:
		return Signed{}, s.refused(ctx, user, origin, "password", errCredentials)
	case disabled:
		return Signed{}, s.refused(ctx, user, origin, "disabled", errCredentials)
	case s.cfg.verifies() && !verified:
		return Signed{}, s.refused(ctx, user, origin, "unverified", s.remind(ctx, user, origin))
	}
	proven, err := s.factor.prove(ctx, database.OnBehalfOf(user), code, codes)
	if fault.CodeOf(err) == fault.InvalidCredentials {
		return Signed{}, s.refused(ctx, user, origin, "code", err)
	}
	if err != nil {
		return Signed{}, err
	}
	var renewed string
	if rehash {
		if renewed, err = s.hasher.Hash(ctx, password); err != nil {
			return Signed{}, err
		}
	}
	args := proven.into(database.Args{"phcs": []string{phc, renewed}})
	signed, err := s.begin(ctx, user, device, origin, gate{with: stillProven, used: recoveryUsed, stranger: stranger, args: args}, func(b *database.Batch) {
		// A password that is changed just now waits for us, and then ends this
		// session with the others; or we wait for it, and find another hash.
		b.Exec(`SELECT FROM credentials WHERE user_id = app_user() AND kind = 'password' FOR UPDATE`, nil)
		if renewed != "" {
			b.Exec(`UPDATE credentials SET phc = @new, updated_at = clock_timestamp() WHERE user_id = app_user() AND kind = 'password' AND phc = @old`,
				database.Args{"new": renewed, "old": phc})
		}
	})
	if errors.Is(err, database.ErrNoRows) {
		if proven.step != nil || proven.recovery != nil {
			return Signed{}, s.refused(ctx, user, origin, "code", errCodeWrong)
		}
		return Signed{}, s.refused(ctx, user, origin, "password", errCredentials)
	}
	return signed, err
}

// refused writes down that a sign-in was refused, with the same work for an
// account that there is none of, and returns why.
func (s *Logins) refused(ctx context.Context, user id.ID, origin audit.Origin, reason string, why error) error {
	entry := audit.Entry{Action: audit.LoginRefused, Target: user, Metadata: map[string]any{"reason": reason}}
	if err := audit.Write(audit.WithOrigin(ctx, origin), s.db, database.OnBehalfOf(user), entry); err != nil {
		return err
	}
	return why
}

// gate is what a session is made for: with is a list of common table
// expressions that ends in one called "gate", which has a row if it may be made.
type gate struct {
	with, used string
	stranger   bool // on a device that is not known
	args       database.Args
}

// open is the gate of a new account, which has just been made.
var open = gate{with: `gate AS (SELECT)`, used: `NULL`}

const stillProven = spendProof + `,
  gate AS (SELECT FROM proof WHERE EXISTS (SELECT FROM credentials
    WHERE user_id = app_user() AND kind = 'password' AND phc = ANY (@phcs::text[])))`

// newDevice tells of a session on a device that was not known: not of an
// account's first one, and for the same kind of device in the same network by
// mail once a day. (A statement does not see the session that it makes.)
var newDevice = `alerted AS (INSERT INTO alerts (id, user_id, kind, session_id) SELECT @alert::uuid, user_id, 'new_device', id FROM made
    WHERE @stranger::boolean AND EXISTS (SELECT FROM sessions WHERE user_id = app_user()) RETURNING user_id, session_id),
  ` + letter.Owed("told", letter.NewDevice, "session_id::text", `alerted WHERE NOT EXISTS (SELECT FROM mails m JOIN sessions s ON s.id::text = m.dedupe AND s.user_id = app_user()
    WHERE m.user_id = app_user() AND m.kind = 'new_device' AND m.created_at > clock_timestamp() - interval '1 day' AND s.device = @device AND s.network = @network)`)

// byPerson marks an entry as a person's own act, which it is though there is no
// session yet.
func byPerson(args database.Args) database.Args {
	args["audit_actor"] = "user"
	return args
}

// begin inserts a session, after the statements of before, and makes its
// tokens.
func (s *Sessions) begin(ctx context.Context, user, device id.ID, origin audit.Origin, g gate, before func(b *database.Batch)) (Signed, error) {
	session := id.New()
	actor := database.OnBehalfOf(user)
	entry := audit.Entry{Action: audit.LoggedIn, Target: session}
	args := byPerson(entry.Into(audit.WithOrigin(ctx, origin), actor, database.Args{
		"alert": id.New(), "mail": id.New(), "stranger": g.stranger,
		"session": session, "device": origin.Device, "network": origin.Network, "max": SessionMax, "idle": SessionIdle,
	}))
	maps.Copy(args, g.args)
	var signed Signed
	var authTime time.Time
	err := s.db.Do(ctx, actor, func(b *database.Batch) {
		before(b)
		b.One(`WITH `+g.with+`, made AS (INSERT INTO sessions (id, user_id, device, network, expires_at, idle_timeout)
		         SELECT @session, app_user(), @device, @network, clock_timestamp() + @max::interval, @idle::interval FROM gate RETURNING id, user_id, auth_time),
		         `+newDevice+`
		       SELECT auth_time, `+audit.Call+`, `+g.used+` FROM made`, args, &authTime, nil, nil)
		account.Read(b, &signed.Account)
	})
	if err != nil {
		return Signed{}, fmt.Errorf("begin session: %w", err)
	}
	if signed.Device, err = s.codec.MintDevice(user, device); err != nil {
		return Signed{}, err
	}
	return s.sign(signed, Identity{User: user, Session: session, Generation: 1, AuthTime: authTime}, SessionIdle)
}

func (s *Sessions) sign(signed Signed, who Identity, ttl time.Duration) (_ Signed, err error) {
	if signed.Access, err = s.signer.Sign(who); err != nil {
		return Signed{}, err
	}
	signed.RefreshTTL = ttl
	signed.Refresh, err = s.codec.Mint(Refresh{User: who.User, Session: who.Session, Generation: who.Generation})
	return signed, err
}
