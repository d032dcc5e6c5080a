package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/secret"
	"docuvault/shared/vault"
)

const (
	// stepSeconds is RFC 6238's time step; one before and one after the current
	// one are accepted, since clocks differ (section 5.2).
	stepSeconds = 30
	codeDigits  = 6
)

// Factor checks the codes of second factors. It opens sealed secrets, so it
// needs MASTER_KEYS: only login, reauth and enrolling have it.
type Factor struct {
	db    *database.DB
	vault *vault.Vault
	now   func() time.Time
}

// OpenFactor returns the Env's one Factor.
func OpenFactor(env *host.Env) (*Factor, error) {
	return host.Resource(env, func(env *host.Env) (*Factor, error) {
		v, err := vault.Open(env)
		if err != nil {
			return nil, err
		}
		return &Factor{db: v.DB(), vault: v, now: env.Now}, nil
	})
}

var (
	errCodeWanted = fault.New(fault.TOTPRequired, "This account has a second factor. Send the code that your app shows, or a recovery code, as totp_code.")
	errCodeWrong  = fault.New(fault.InvalidCredentials, "The code is wrong, or was used before. Wait for the next one.")
)

// proof is a code that was right when it was looked at. Whether it is still
// unused is decided by the statement that it is for, with [spendProof].
type proof struct {
	step     *int64 // of a TOTP code
	recovery []byte // the hash of a recovery code
	sealed   []byte // the secret that the step was checked with
}

// prove looks at the code of a user whose password was right. A user without a
// second factor needs none. The buckets limit guessing. It returns
// fault.TOTPRequired, fault.InvalidCredentials and fault.RateLimited.
func (f *Factor) prove(ctx context.Context, actor database.Actor, code secret.Text, buckets ...bucket) (proof, error) {
	var p proof
	var on bool
	var last int64
	err := f.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&on, `SELECT sealed, coalesce(last_step, 0) FROM credentials WHERE `+factorOn, nil, &p.sealed, &last)
	})
	switch {
	case err != nil:
		return proof{}, fmt.Errorf("read second factor: %w", err)
	case !on:
		return proof{}, nil
	case code.IsZero():
		return proof{}, errCodeWanted
	}
	text := cleanCode(code.Reveal())
	if len(text) != codeDigits {
		// 120 random bits: nobody guesses them, so that whoever uses up the tries
		// at codes does not take this way from the owner.
		p.recovery = recoveryHash(actor.User(), text)
		return p, nil
	}
	if err := spend(ctx, f.db, buckets...); err != nil {
		return proof{}, err
	}
	step, err := f.step(ctx, actor, p.sealed, text, last)
	if err != nil {
		return proof{}, err
	}
	p.step = &step
	return p, nil
}

// step returns the time step that the code belongs to, after the last one that
// was accepted (RFC 6238 section 5.2: no code is accepted twice).
func (f *Factor) step(ctx context.Context, actor database.Actor, sealed []byte, code string, last int64) (int64, error) {
	u, err := f.vault.Keys(ctx, actor)
	if err != nil {
		return 0, err
	}
	raw, err := u.Open("credentials", "sealed", actor.User(), sealed)
	if err != nil {
		return 0, fmt.Errorf("second factor: %w", err)
	}
	key := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw)
	now, found := f.now().Unix()/stepSeconds, int64(0)
	for step := now - 1; step <= now+1; step++ {
		want, err := hotp.GenerateCodeCustom(key, uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, fmt.Errorf("second factor: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && step > last && found == 0 {
			found = step
		}
	}
	if found == 0 {
		return 0, errCodeWrong
	}
	return found, nil
}

// factorOn picks the confirmed second factor of the acting user.
const factorOn = `user_id = app_user() AND kind = 'totp' AND confirmed_at IS NOT NULL`

// spendProof is a list of common table expressions that use a proof up, once:
// "proof" has a row only if the code was unused until now, or if the account
// has no second factor. [recoveryUsed] is the audit entry of a recovery code.
const spendProof = `stepped AS (UPDATE credentials SET last_step = @proof_step::bigint
    WHERE ` + factorOn + ` AND sealed = @proof_sealed AND @proof_step::bigint > coalesce(last_step, 0) RETURNING user_id),
  recovered AS (UPDATE recovery_codes SET used_at = clock_timestamp()
    WHERE user_id = app_user() AND hash = @proof_recovery AND used_at IS NULL
      AND EXISTS (SELECT FROM credentials WHERE ` + factorOn + `) RETURNING user_id),
  warned AS (INSERT INTO alerts (id, user_id, kind) SELECT @proof_alert, user_id, 'recovery_code_used' FROM recovered),
  proof AS (SELECT user_id FROM stepped UNION ALL SELECT user_id FROM recovered
    UNION ALL SELECT app_user() WHERE NOT EXISTS (SELECT FROM credentials WHERE ` + factorOn + `) LIMIT 1)`

const recoveryUsed = `(SELECT audit_write('user', '` + string(audit.RecoveryUsed) + `', app_user(), '{}', NULL, NULL, NULL) FROM recovered)`

// into adds the arguments of [spendProof].
func (p proof) into(args database.Args) database.Args {
	args["proof_step"], args["proof_sealed"], args["proof_recovery"], args["proof_alert"] = p.step, p.sealed, p.recovery, id.New()
	return args
}

// cleanCode is a code without the spaces and hyphens that people type.
func cleanCode(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, strings.ToUpper(s))
}

// recoveryHash is what is stored of a recovery code; a code of another user has
// another.
func recoveryHash(user id.ID, code string) []byte {
	sum := sha256.Sum256([]byte("docuvault recovery code\x00" + user.String() + "\x00" + code))
	return sum[:]
}
