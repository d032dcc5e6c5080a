package auth

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/secret"
)

const (
	// AccessTokenTTL is how long an access token is good for.
	AccessTokenTTL = 10 * time.Minute

	// algorithm is the only one that is signed and believed (RFC 8725
	// sections 3.1 and 3.2).
	algorithm = "EdDSA"
	// tokenType keeps access tokens apart from every other JWT (RFC 9068
	// section 2.1, RFC 8725 section 3.11).
	tokenType = "at+jwt"
	audience  = "docuvault"

	// leeway is how far the clock of the signer may be ahead. It applies to
	// iat and nbf; expiry has none.
	leeway = 30 * time.Second

	maxTokenSize = 4 << 10
)

var (
	errUnauthenticated = fault.New(fault.Unauthenticated, "Sign in: this needs a valid access token.")
	errTokenExpired    = fault.New(fault.TokenExpired, "The access token has expired. Refresh it and try again.")
)

// accessClaims are those of RFC 9068 without client_id and jti, which nobody
// would read: issuer and audience are the same vault. There is no role in
// them: roles are looked up, so that one that is taken away is gone.
type accessClaims struct {
	jwt.RegisteredClaims
	Session    string `json:"sid"`
	Generation int64  `json:"gen"`
	AuthTime   int64  `json:"auth_time"`
}

// SignerConfig is what opening a [Signer] reads from the environment.
type SignerConfig struct {
	SigningKeys secret.Text `env:"JWT_SIGNING_KEYS"`
	PublicKeys  string      `env:"JWT_PUBLIC_KEYS"`
	PublicURL   string      `env:"PUBLIC_URL"`

	set keys.Set
}

// Validate parses the keys. Where JWT_PUBLIC_KEYS is set too, the key that
// signs must be in it: a new key is published before it is used.
func (c *SignerConfig) Validate() (err error) {
	if c.set, err = keys.ParseSet("JWT_SIGNING_KEYS", c.SigningKeys); err != nil {
		return err
	}
	if c.PublicKeys == "" {
		return nil
	}
	published, err := parseJWKS(c.PublicKeys)
	if err != nil {
		return err
	}
	primary := c.set.Primary()
	for _, k := range published {
		if k.id == primary.ID() && k.public.Equal(primary.Ed25519().Public()) {
			return nil
		}
	}
	return fmt.Errorf("JWT_SIGNING_KEYS: the public key of the first one, %q, is not in JWT_PUBLIC_KEYS: publish it there first", primary.ID())
}

// Signer makes access tokens. Only register, login and refresh have one.
type Signer struct {
	keyID   string
	private func() ed25519.PrivateKey // a closure, so that nothing prints it
	issuer  string
	now     func() time.Time
}

// OpenSigner returns the process's one Signer, from JWT_SIGNING_KEYS and
// PUBLIC_URL.
func OpenSigner(env *host.Env) (*Signer, error) {
	return host.Resource(env, func(env *host.Env) (*Signer, error) {
		cfg, err := host.Config[SignerConfig](env)
		if err != nil {
			return nil, err
		}
		return NewSigner(cfg.set, cfg.PublicURL, env.Now), nil
	})
}

// NewSigner makes a Signer that signs with the primary key of the set.
func NewSigner(signing keys.Set, publicURL string, now func() time.Time) *Signer {
	private := signing.Primary().Ed25519()
	return &Signer{
		keyID:   signing.Primary().ID(),
		private: func() ed25519.PrivateKey { return private },
		issuer:  issuerOf(publicURL),
		now:     now,
	}
}

// Format prints no key material, whatever the verb.
func (s *Signer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "auth.Signer([redacted])") }

// Sign makes an access token that expires after [AccessTokenTTL].
func (s *Signer) Sign(who Identity) (secret.Text, error) {
	if err := who.check(); err != nil {
		return secret.Text{}, err
	}
	now := s.now()
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, accessClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    s.issuer,
			Audience:  jwt.ClaimStrings{audience},
			Subject:   who.User.String(),
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(AccessTokenTTL)),
		},
		Session:    who.Session.String(),
		Generation: who.Generation,
		AuthTime:   who.AuthTime.Unix(),
	})
	token.Header["typ"] = tokenType
	token.Header["kid"] = s.keyID
	signed, err := token.SignedString(s.private())
	if err != nil {
		return secret.Text{}, fmt.Errorf("auth: signing an access token: %w", err)
	}
	return secret.New(signed), nil
}

// VerifierConfig is what opening a [Verifier] reads from the environment.
type VerifierConfig struct {
	PublicKeys string `env:"JWT_PUBLIC_KEYS"`
	PublicURL  string `env:"PUBLIC_URL"`

	list []namedKey
}

// Validate parses the document; its errors name JWT_PUBLIC_KEYS and what would
// be right.
func (c *VerifierConfig) Validate() (err error) {
	c.list, err = parseJWKS(c.PublicKeys)
	return err
}

// Verifier believes access tokens, or not. It is safe for concurrent use.
type Verifier struct {
	list   []namedKey
	parser *jwt.Parser
	issuer string
	now    func() time.Time
}

// OpenVerifier returns the process's one Verifier, from JWT_PUBLIC_KEYS and
// PUBLIC_URL. Keys are configured, never fetched.
func OpenVerifier(env *host.Env) (*Verifier, error) {
	return host.Resource(env, func(env *host.Env) (*Verifier, error) {
		cfg, err := host.Config[VerifierConfig](env)
		if err != nil {
			return nil, err
		}
		return newVerifier(cfg.list, cfg.PublicURL, env.Now), nil
	})
}

// NewVerifier makes a Verifier from a JWKS document.
func NewVerifier(jwks []byte, publicURL string, now func() time.Time) (*Verifier, error) {
	list, err := parseJWKS(string(jwks))
	if err != nil {
		return nil, err
	}
	return newVerifier(list, publicURL, now), nil
}

func newVerifier(list []namedKey, publicURL string, now func() time.Time) *Verifier {
	return &Verifier{
		list:   list,
		issuer: issuerOf(publicURL),
		now:    now,
		// Claims are checked in Verify: the library's leeway would apply to
		// expiry too, and its errors do not say what came first.
		parser: jwt.NewParser(jwt.WithValidMethods([]string{algorithm}), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation()),
	}
}

// JWKS returns the document of the keys that are believed, for
// /.well-known/jwks.json.
func (v *Verifier) JWKS() []byte { return writeJWKS(v.list) }

// Verify returns what an access token says (RFC 9068 section 4, RFC 8725). It
// fails with fault token_expired for a token that is only too old, and with
// unauthenticated for everything else; the cause, for the log, holds nothing
// of the token.
func (v *Verifier) Verify(token secret.Text) (Identity, error) {
	who, expires, err := v.read(token.Reveal())
	if err != nil {
		return Identity{}, errUnauthenticated.Because(err)
	}
	if !v.now().Before(expires) {
		return Identity{}, errTokenExpired
	}
	return who, nil
}

// The reasons for the log.
var (
	errTokenSize      = errors.New("access token: empty or too long")
	errTokenAlphabet  = errors.New("access token: a character that no JWT has")
	errTokenSignature = errors.New("access token: malformed, another algorithm, or a wrong signature")
	errTokenHeader    = errors.New("access token: not exactly alg, typ at+jwt and kid in the header")
	errTokenKey       = errors.New("access token: unknown kid")
	errTokenIssuer    = errors.New("access token: another issuer")
	errTokenAudience  = errors.New("access token: another audience")
	errTokenClaims    = errors.New("access token: a claim is missing or malformed")
	errTokenFuture    = errors.New("access token: from the future")
	errTokenLifetime  = errors.New("access token: a longer life than we give")
)

// read checks everything but the expiry, which it returns.
func (v *Verifier) read(token string) (Identity, time.Time, error) {
	none := func(err error) (Identity, time.Time, error) { return Identity{}, time.Time{}, err }

	if token == "" || len(token) > maxTokenSize {
		return none(errTokenSize)
	}
	// Go's base64 skips line breaks: without this, one token had many forms.
	for _, c := range []byte(token) {
		if !isBase64URL(c) && c != '.' {
			return none(errTokenAlphabet)
		}
	}
	var claims accessClaims
	_, err := v.parser.ParseWithClaims(token, &claims, v.key)
	switch {
	case errors.Is(err, errTokenHeader):
		return none(errTokenHeader)
	case errors.Is(err, errTokenKey):
		return none(errTokenKey)
	case err != nil:
		// The library's text can quote the header.
		return none(errTokenSignature)
	}

	if claims.Issuer != v.issuer {
		return none(errTokenIssuer)
	}
	if len(claims.Audience) != 1 || claims.Audience[0] != audience {
		return none(errTokenAudience)
	}
	user, userErr := id.Parse(claims.Subject)
	session, sessionErr := id.Parse(claims.Session)
	who := Identity{User: user, Session: session, Generation: claims.Generation, AuthTime: time.Unix(claims.AuthTime, 0).UTC()}
	if userErr != nil || sessionErr != nil || who.check() != nil || claims.IssuedAt == nil || claims.ExpiresAt == nil {
		return none(errTokenClaims)
	}
	latest := v.now().Add(leeway)
	if claims.IssuedAt.After(latest) || claims.NotBefore != nil && claims.NotBefore.After(latest) {
		return none(errTokenFuture)
	}
	if claims.ExpiresAt.Sub(claims.IssuedAt.Time) > AccessTokenTTL {
		return none(errTokenLifetime)
	}
	return who, claims.ExpiresAt.Time, nil
}

// key finds the key that the header names. Three members and no more: a crit
// that we do not understand must be refused (RFC 7515 section 4.1.11), and a
// key in the header (jwk, jku, x5c) must not be used.
func (v *Verifier) key(token *jwt.Token) (any, error) {
	keyID, ok := token.Header["kid"].(string)
	if !ok || token.Header["typ"] != tokenType || len(token.Header) != 3 {
		return nil, errTokenHeader
	}
	for _, k := range v.list {
		if k.id == keyID {
			return k.public, nil
		}
	}
	return nil, errTokenKey
}

func isBase64URL(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}
