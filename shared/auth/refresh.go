package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"

	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/secret"
)

// A signed token, which only we read, is base64url without padding of
//
//	version (1) | length of key id (1) | key id | body | HMAC-SHA256 (32) over all before it
//
// The body of a refresh token is user (16) | session (16) | generation (8, big
// endian), and its HMAC key belongs to that one session.
const (
	signedVersion = 1
	macSize       = sha256.Size
	idSize        = len(id.ID{})

	refreshBodySize = idSize + idSize + 8

	// maxSignedSize is the longest token with a key id of 32 characters, in
	// base64, and some more: nothing longer is decoded.
	maxSignedSize = 200
)

// Refresh is what a refresh token says. That it is genuine does not mean that
// it is still good: the session's row decides.
type Refresh struct {
	User       id.ID
	Session    id.ID
	Generation int64
}

// CodecConfig is what opening a [Codec] reads from the environment.
type CodecConfig struct {
	SessionKeys secret.Text `env:"SESSION_KEYS"`

	set keys.Set
}

// Validate parses the keys; its errors name SESSION_KEYS and what would be right.
func (c *CodecConfig) Validate() (err error) {
	c.set, err = keys.ParseSet("SESSION_KEYS", c.SessionKeys)
	return err
}

// Codec mints and reads refresh tokens and device cookies. Only register,
// login and refresh have one. It is safe for concurrent use.
type Codec struct {
	set keys.Set
	now func() time.Time
}

// OpenCodec returns the process's one Codec, from SESSION_KEYS.
func OpenCodec(env *host.Env) (*Codec, error) {
	return host.Resource(env, func(env *host.Env) (*Codec, error) {
		cfg, err := host.Config[CodecConfig](env)
		if err != nil {
			return nil, err
		}
		return NewCodec(cfg.set, env.Now), nil
	})
}

// NewCodec makes a Codec: new tokens are made with the primary key, and those
// of every key of the set are read.
func NewCodec(session keys.Set, now func() time.Time) *Codec { return &Codec{set: session, now: now} }

// Format prints no key material, whatever the verb.
func (c *Codec) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "auth.Codec([redacted])") }

// Mint returns the refresh token of one generation of a session. The same
// generation has the same token under the same key: that is how a client whose
// answer was lost gets the same successor again, with nothing secret stored.
func (c *Codec) Mint(r Refresh) (secret.Text, error) {
	if r.User.IsNil() || r.Session.IsNil() || r.Generation < 1 {
		return secret.Text{}, errors.New("auth: a refresh token needs user, session and a generation from 1")
	}
	body := make([]byte, 0, refreshBodySize)
	body = append(body, r.User[:]...)
	body = append(body, r.Session[:]...)
	body = binary.BigEndian.AppendUint64(body, uint64(r.Generation))
	return c.sign(body, func(key keys.Key, message []byte) []byte { return key.RefreshMAC(r.User, r.Session, message) }), nil
}

var errRefreshInvalid = fault.New(fault.RefreshInvalid, "The session cannot be continued. Sign in again.")

// Parse reads a refresh token that this vault minted. Anything else fails with
// fault refresh_invalid: malformed, not canonical, of an unknown key, or with
// one bit changed.
func (c *Codec) Parse(token secret.Text) (Refresh, error) {
	var r Refresh
	_, err := c.verify(token.Reveal(), refreshBodySize, func(key keys.Key, body, message []byte) []byte {
		r.User, r.Session = id.ID(body[:idSize]), id.ID(body[idSize:2*idSize])
		return key.RefreshMAC(r.User, r.Session, message)
	}, func(body []byte) bool {
		generation := binary.BigEndian.Uint64(body[2*idSize:])
		r.Generation = int64(generation & math.MaxInt64)
		return generation >= 1 && generation <= math.MaxInt64 && !r.User.IsNil() && !r.Session.IsNil()
	})
	if err != nil {
		return Refresh{}, errRefreshInvalid.Because(err)
	}
	return r, nil
}

func (c *Codec) sign(body []byte, mac func(keys.Key, []byte) []byte) secret.Text {
	key := c.set.Primary()
	raw := make([]byte, 0, 2+len(key.ID())+len(body)+macSize)
	raw = append(raw, signedVersion, byte(len(key.ID())))
	raw = append(raw, key.ID()...)
	raw = append(raw, body...)
	raw = append(raw, mac(key, raw)...)
	return secret.New(base64.RawURLEncoding.EncodeToString(raw))
}

// The reasons for the log.
var (
	errSignedForm = errors.New("signed token: malformed")
	errSignedKey  = errors.New("signed token: made with a key that is not in SESSION_KEYS")
	errSignedMAC  = errors.New("signed token: not ours, or changed")
)

// verify returns the body of a signed token. Which key made it, and for whom,
// is public; only the comparison of the MACs must not tell how far they agree.
func (c *Codec) verify(token string, bodySize int, mac func(key keys.Key, body, message []byte) []byte, sound func(body []byte) bool) ([]byte, error) {
	if len(token) > maxSignedSize {
		return nil, errSignedForm
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || base64.RawURLEncoding.EncodedLen(len(raw)) != len(token) { // Go's decoder skips line breaks
		return nil, errSignedForm
	}
	if len(raw) < 2 || raw[0] != signedVersion || len(raw) != 2+int(raw[1])+bodySize+macSize {
		return nil, errSignedForm
	}
	keyID := string(raw[2 : 2+int(raw[1])])
	body, message, got := raw[2+len(keyID):len(raw)-macSize], raw[:len(raw)-macSize], raw[len(raw)-macSize:]
	key, ok := c.set.Find(keyID)
	if !ok {
		return nil, errSignedKey
	}
	if !hmac.Equal(got, mac(key, body, message)) {
		return nil, errSignedMAC
	}
	if !sound(body) {
		return nil, errSignedForm
	}
	return body, nil
}

// RefreshCookieName returns the name of the refresh cookie. Over https the
// prefix makes browsers hold it to this host, Secure and Path=/ (RFC 6265bis
// section 4.1.3.2).
func RefreshCookieName(https bool) string {
	if https {
		return "__Host-docuvault_refresh"
	}
	return "docuvault_refresh"
}

// RefreshCookie carries a refresh token for so long: HttpOnly, SameSite=Strict,
// and over https Secure.
func RefreshCookie(token secret.Text, https bool, maxAge time.Duration) *http.Cookie {
	return cookie(RefreshCookieName(https), token.Reveal(), https, int(maxAge/time.Second))
}

// ClearRefreshCookie makes the browser forget the refresh token.
func ClearRefreshCookie(https bool) *http.Cookie {
	return cookie(RefreshCookieName(https), "", https, -1)
}

func cookie(name, value string, https bool, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge,
		Secure: https, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}
