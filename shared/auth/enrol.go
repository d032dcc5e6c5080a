package auth

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"image/png"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/secret"
)

const (
	secretSize    = 20 // bytes, as RFC 4226 section 4 recommends
	recoveryCodes = 10
	recoverySize  = 15 // bytes: 24 characters of base32
	qrSize        = 256
)

// Enrolment is a secret that does not count yet. It is shown once.
type Enrolment struct {
	Secret string `json:"secret" doc:"Base32, for apps without a camera."`
	URL    string `json:"otpauth_url" doc:"otpauth://totp/…: SHA-1, 6 digits, 30 seconds."`
	QR     []byte `json:"qr_png" doc:"The URL as a QR code: a PNG image in base64."`
}

// Recovery are fresh recovery codes. They are shown once.
type Recovery struct {
	Codes []string `json:"recovery_codes" doc:"Ten codes, each good once in place of a code. Those before no longer count."`
}

// FactorStatus says whether there is a second factor.
type FactorStatus struct {
	Enabled       bool       `json:"enabled"`
	ConfirmedAt   *time.Time `json:"confirmed_at,omitempty"`
	RecoveryCodes int        `json:"recovery_codes" doc:"How many are left."`
}

// Enrol makes a secret for the acting user, sealed, in place of one that was
// not confirmed. It wants a fresh proof. It returns fault.WrongState when there
// is a second factor already.
func (f *Factor) Enrol(ctx context.Context, actor database.Actor) (Enrolment, error) {
	var email string
	err := f.db.Do(ctx, actor.Fresh(), func(b *database.Batch) {
		b.One(`SELECT email FROM users WHERE id = app_user()`, nil, &email)
	})
	if err != nil {
		return Enrolment{}, fmt.Errorf("read account: %w", err)
	}
	raw := make([]byte, secretSize)
	_, _ = rand.Read(raw) // never fails
	key, err := totp.Generate(totp.GenerateOpts{
		Issuer: "DocuVault", AccountName: email, Secret: raw, Period: stepSeconds, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1,
	})
	if err != nil {
		return Enrolment{}, fmt.Errorf("make second factor: %w", err)
	}
	image, err := key.Image(qrSize, qrSize)
	if err != nil {
		return Enrolment{}, fmt.Errorf("draw QR code: %w", err)
	}
	var qr bytes.Buffer
	if err := png.Encode(&qr, image); err != nil {
		return Enrolment{}, fmt.Errorf("draw QR code: %w", err)
	}
	u, err := f.vault.Keys(ctx, actor)
	if err != nil {
		return Enrolment{}, err
	}
	sealed, err := u.Seal("credentials", "sealed", actor.User(), raw)
	if err != nil {
		return Enrolment{}, err
	}
	entry := audit.Entry{Action: audit.TOTPEnrolled, Target: actor.User()}
	var made bool
	err = f.db.Do(ctx, actor.Fresh(), func(b *database.Batch) {
		b.Maybe(&made, `WITH made AS (INSERT INTO credentials (user_id, kind, sealed) VALUES (app_user(), 'totp', @sealed)
		      ON CONFLICT (user_id, kind) DO UPDATE SET sealed = EXCLUDED.sealed, last_step = NULL, updated_at = clock_timestamp()
		        WHERE credentials.confirmed_at IS NULL RETURNING user_id)
		    SELECT `+audit.Call+` FROM made`, entry.Into(ctx, actor, database.Args{"sealed": sealed}), nil)
	})
	switch {
	case err != nil:
		return Enrolment{}, fmt.Errorf("write second factor: %w", err)
	case !made:
		return Enrolment{}, fault.New(fault.WrongState, "There is a second factor already. Remove it first.")
	}
	return Enrolment{Secret: key.Secret(), URL: key.URL(), QR: qr.Bytes()}, nil
}

// Confirm makes the secret count, for a code that it made, and returns the
// recovery codes. Proofs of other sessions, made without a code, end. It
// returns fault.WrongState, fault.InvalidCredentials and fault.RateLimited.
func (f *Factor) Confirm(ctx context.Context, actor database.Actor, code secret.Text) (Recovery, error) {
	if err := spend(ctx, f.db, bucket{limitCodeSession, actor.Session().String()}); err != nil {
		return Recovery{}, err
	}
	var sealed []byte
	var there bool
	err := f.db.Do(ctx, actor.Fresh(), func(b *database.Batch) {
		b.Maybe(&there, `SELECT sealed FROM credentials WHERE user_id = app_user() AND kind = 'totp' AND confirmed_at IS NULL`, nil, &sealed)
	})
	switch {
	case err != nil:
		return Recovery{}, fmt.Errorf("read second factor: %w", err)
	case !there:
		return Recovery{}, errNothingToConfirm
	}
	step, err := f.step(ctx, actor, sealed, cleanCode(code.Reveal()), 0)
	if err != nil {
		return Recovery{}, err
	}
	codes, hashes := newRecoveryCodes(actor.User())
	entry := audit.Entry{Action: audit.TOTPEnabled, Target: actor.User()}
	args := entry.Into(ctx, actor, database.Args{"sealed": sealed, "step": step, "alert": id.New(), "hashes": hashes, "session": actor.Session()})
	var confirmed bool
	err = f.db.Do(ctx, actor.Fresh(), func(b *database.Batch) {
		b.Maybe(&confirmed, `WITH confirmed AS (UPDATE credentials SET confirmed_at = clock_timestamp(), last_step = @step
		        WHERE user_id = app_user() AND kind = 'totp' AND confirmed_at IS NULL AND sealed = @sealed RETURNING user_id),
		      old AS (DELETE FROM recovery_codes r USING confirmed c WHERE r.user_id = c.user_id),
		      made AS (INSERT INTO recovery_codes (user_id, hash) SELECT c.user_id, h FROM confirmed c, unnest(@hashes::bytea[]) h),
		      alerted AS (INSERT INTO alerts (id, user_id, kind) SELECT @alert, user_id, 'totp_enabled' FROM confirmed),
		      aged AS (UPDATE sessions s SET reauth_at = to_timestamp(0) FROM confirmed c WHERE s.user_id = c.user_id AND s.id <> @session)
		    SELECT `+audit.Call+` FROM confirmed`, args, nil)
	})
	switch {
	case err != nil:
		return Recovery{}, fmt.Errorf("confirm second factor: %w", err)
	case !confirmed:
		return Recovery{}, errNothingToConfirm
	}
	return Recovery{Codes: codes}, nil
}

var errNothingToConfirm = fault.New(fault.WrongState, "There is nothing to confirm. Begin with POST /v1/me/totp.")

// SecondFactor reads and removes second factors. It needs no key.
type SecondFactor struct{ db *database.DB }

// OpenSecondFactor returns the Env's one SecondFactor.
func OpenSecondFactor(env *host.Env) (*SecondFactor, error) {
	return host.Resource(env, func(env *host.Env) (*SecondFactor, error) {
		db, err := database.Open(env)
		return &SecondFactor{db: db}, err
	})
}

// Status says whether the acting user has a second factor.
func (s *SecondFactor) Status(ctx context.Context, actor database.Actor) (FactorStatus, error) {
	var status FactorStatus
	err := s.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&status.Enabled, `SELECT confirmed_at FROM credentials WHERE `+factorOn, nil, &status.ConfirmedAt)
		b.One(`SELECT count(*) FROM recovery_codes WHERE user_id = app_user() AND used_at IS NULL`, nil, &status.RecoveryCodes)
	})
	if err != nil {
		return FactorStatus{}, fmt.Errorf("read second factor: %w", err)
	}
	return status, nil
}

// Remove takes the second factor away, with its recovery codes. It wants a
// fresh proof, which with a second factor holds a code. It returns
// fault.NotFound, and fault.WrongState where only a recovery code can set a new
// password.
func (s *SecondFactor) Remove(ctx context.Context, actor database.Actor) error {
	entry := audit.Entry{Action: audit.TOTPDisabled, Target: actor.User()}
	var gone, there bool
	err := s.db.Do(ctx, actor.Fresh(), func(b *database.Batch) {
		// Against one who switches reset by mail off meanwhile.
		b.Exec(`SELECT FROM users WHERE id = app_user() FOR NO KEY UPDATE`, nil)
		b.Maybe(&gone, `WITH gone AS (DELETE FROM credentials WHERE `+factorOn+`
		        AND EXISTS (SELECT FROM users WHERE id = app_user() AND password_reset_by_mail) RETURNING user_id),
		      codes AS (DELETE FROM recovery_codes r USING gone g WHERE r.user_id = g.user_id),
		      alerted AS (INSERT INTO alerts (id, user_id, kind) SELECT @alert, user_id, 'totp_disabled' FROM gone)
		    SELECT `+audit.Call+` FROM gone`, entry.Into(ctx, actor, database.Args{"alert": id.New()}), nil)
		b.Maybe(&there, `SELECT FROM credentials WHERE `+factorOn, nil)
	})
	switch {
	case err != nil:
		return fmt.Errorf("remove second factor: %w", err)
	case there:
		return fault.New(fault.WrongState, "Switch the reset by mail on first: without recovery codes nobody could set a new password for you.")
	case !gone:
		return fault.New(fault.NotFound, "There is no second factor.")
	}
	return nil
}

// NewRecoveryCodes replaces the recovery codes. It wants a fresh proof. It
// returns fault.NotFound where there is no second factor.
func (s *SecondFactor) NewRecoveryCodes(ctx context.Context, actor database.Actor) (Recovery, error) {
	codes, hashes := newRecoveryCodes(actor.User())
	entry := audit.Entry{Action: audit.RecoveryMade, Target: actor.User()}
	var made bool
	err := s.db.Do(ctx, actor.Fresh(), func(b *database.Batch) {
		// The lock makes two callers take turns, so that ten codes are left.
		b.Exec(`SELECT FROM credentials WHERE `+factorOn+` FOR UPDATE`, nil)
		b.Exec(`DELETE FROM recovery_codes WHERE user_id = app_user()`, nil)
		b.Maybe(&made, `WITH made AS (INSERT INTO recovery_codes (user_id, hash)
		      SELECT c.user_id, h FROM credentials c, unnest(@hashes::bytea[]) h WHERE `+factorOn+` RETURNING user_id)
		    SELECT `+audit.Call+` FROM made LIMIT 1`, entry.Into(ctx, actor, database.Args{"hashes": hashes}), nil)
	})
	switch {
	case err != nil:
		return Recovery{}, fmt.Errorf("make recovery codes: %w", err)
	case !made:
		return Recovery{}, fault.New(fault.NotFound, "There is no second factor.")
	}
	return Recovery{Codes: codes}, nil
}

// newRecoveryCodes makes codes, in groups of four characters, and their hashes.
func newRecoveryCodes(user id.ID) (codes []string, hashes [][]byte) {
	for range recoveryCodes {
		raw := make([]byte, recoverySize)
		_, _ = rand.Read(raw) // never fails
		text := base32.StdEncoding.EncodeToString(raw)
		hashes = append(hashes, recoveryHash(user, text))
		grouped := text[:4]
		for i := 4; i < len(text); i += 4 {
			grouped += "-" + text[i:i+4]
		}
		codes = append(codes, grouped)
	}
	return codes, hashes
}
