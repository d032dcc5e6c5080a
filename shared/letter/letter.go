// Package letter is about mails that an account is owed: their kinds, the rows
// that owe them, and the tokens in their links. Package mail sends them; HTTP
// functions, which never do, have this one alone.
//
// A row of mails is written by the statement of the event ([Owed]), so there is
// one for each event, or none if the event did not happen. Delivery is at most
// once: the worker claims the row before it hands the mail over, and what was
// claimed is not sent again unless the server certainly took nothing. If the
// process dies between the two, that mail is lost. That is the better loss: a
// link can be asked for again, and what a notice says stands among the alerts
// as well, while a warning that comes twice teaches people to ignore it.
//
// A row names a user and an event, and holds no address and no word.
package letter

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"

	"docuvault/shared/id"
	"docuvault/shared/secret"
)

// Kind is what a mail is about. Kinds are stored, and never renamed.
type Kind string

// The kinds.
const (
	Verify           Kind = "verify"            // prove the address; has a link with a token
	RegisterRepeated Kind = "register_repeated" // somebody registered with an address that has an account
	Reset            Kind = "reset"             // choose a new password; has a link with a token
	ResetOff         Kind = "reset_off"         // somebody asked for that, and the user has switched it off
	PasswordChanged  Kind = "password_changed"
	PasswordReset    Kind = "password_reset"
	NewDevice        Kind = "new_device"       // somebody signed in on an unknown device
	Replayed         Kind = "refresh_replayed" // an old refresh token came again
	Quota80          Kind = "quota_80"
	Quota95          Kind = "quota_95"
)

// Kinds are all of them.
var Kinds = []Kind{Verify, RegisterRepeated, Reset, ResetOff, PasswordChanged, PasswordReset, NewDevice, Replayed, Quota80, Quota95}

const (
	// ResetTTL is how long the token of [Reset] works.
	ResetTTL = 10 * time.Minute
	// VerifyTTL is how long the token of [Verify] works.
	VerifyTTL = 24 * time.Hour
	// Keep is how long a row is kept, so that its event is not told again.
	Keep = 30 * 24 * time.Hour
)

// Owed is a common table expression that owes a mail to each user of the FROM
// item from, which has a column user_id: the event's own CTE. dedupe is the SQL
// expression (of type text) that names the event. The argument @mail is the
// mail's id.
func Owed(name string, kind Kind, dedupe, from string) string {
	return name + ` AS (INSERT INTO mails (id, user_id, kind, dedupe) SELECT @mail::uuid, user_id, '` + string(kind) + `', ` + dedupe +
		` FROM ` + from + ` ON CONFLICT DO NOTHING RETURNING id)`
}

// Config says whether this vault sends mail. Only the worker has the server's
// address and password; all others need to know that there is one.
type Config struct {
	// Mail is on or off; by default on where SMTP_URL is set.
	Mail string `env:"MAIL"`
	// URL is read by package mail.
	URL secret.Text `env:"SMTP_URL"`
}

// Validate names the variable and what would be right.
func (c *Config) Validate() error {
	if c.Mail != "" && c.Mail != "on" && c.Mail != "off" {
		return errors.New("MAIL: on (the mail worker has SMTP_URL), off, or unset: then it is on where SMTP_URL is set")
	}
	return nil
}

// On reports whether mails are sent.
func (c *Config) On() bool { return c.Mail == "on" || c.Mail == "" && !c.URL.IsZero() }

const secretSize = 32 // bytes

// NewToken returns a token for a link, and what is stored of it. Its form is
// base64url (RFC 4648 section 5, no padding) of the user's id and 32 random
// bytes; the id says whose row to look at, and proves nothing.
func NewToken(user id.ID) (token secret.Text, hash []byte) {
	raw := make([]byte, len(user)+secretSize)
	copy(raw, user[:])
	_, _ = rand.Read(raw[len(user):]) // never fails
	return secret.New(base64.RawURLEncoding.EncodeToString(raw)), hashOf(raw)
}

// ParseToken returns whose token it says it is, and the hash by which the row
// is found. false: it is not one of ours.
func ParseToken(token secret.Text) (user id.ID, hash []byte, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token.Reveal())
	if err != nil || len(raw) != len(user)+secretSize {
		return id.ID{}, nil, false
	}
	copy(user[:], raw)
	return user, hashOf(raw), !user.IsNil()
}

func hashOf(raw []byte) []byte {
	sum := sha256.Sum256(raw)
	return sum[:]
}
