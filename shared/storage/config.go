package storage

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"docuvault/shared/host"
	"docuvault/shared/secret"
)

// Config is the part of the environment that says where bytes go.
type Config struct {
	// Endpoint is the S3 API's address; empty means AWS S3 in Region.
	Endpoint string `env:"S3_ENDPOINT"`
	// PublicEndpoint is the same API as browsers see it; URLs are signed for
	// it. Empty means Endpoint; [SameOrigin] means the address by which a
	// client reached us.
	PublicEndpoint string `env:"S3_PUBLIC_ENDPOINT"`
	Region         string `env:"S3_REGION" envDefault:"us-east-1"`
	Bucket         string `env:"S3_BUCKET" envDefault:"docuvault"`
	// DerivedBucket holds what the vault itself makes (previews, exports).
	DerivedBucket string `env:"S3_DERIVED_BUCKET" envDefault:"docuvault-derived"`
	// AccessKey and SecretKey are set both or neither; without them the
	// platform's role credentials are used.
	AccessKey string      `env:"S3_ACCESS_KEY"`
	SecretKey secret.Text `env:"S3_SECRET_KEY"`

	// Platform is what the platform put into the environment for its own
	// clients; Lambda does. It is used where AccessKey is empty. Where it is
	// empty too, credentials come from the container's or machine's role, or
	// from Kubernetes' web identity.
	Platform Credentials
}

// SameOrigin is the value of S3_PUBLIC_ENDPOINT for a vault that serves its
// buckets on its own port: URLs are signed for the address of the request.
const SameOrigin = "same-origin"

// Credentials are temporary keys of a role.
type Credentials struct {
	AccessKey    string      `env:"AWS_ACCESS_KEY_ID"`
	SecretKey    secret.Text `env:"AWS_SECRET_ACCESS_KEY"`
	SessionToken secret.Text `env:"AWS_SESSION_TOKEN"`
}

// bucketName is S3's rule, without dots: a dot breaks the certificate of
// https://bucket.s3.region.amazonaws.com.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)

// Validate names the variable that is wrong and what would be right.
func (c *Config) Validate() error {
	for name, value := range map[string]string{"S3_ENDPOINT": c.Endpoint, "S3_PUBLIC_ENDPOINT": c.PublicEndpoint} {
		if value == "" || value == SameOrigin && name == "S3_PUBLIC_ENDPOINT" {
			continue
		}
		if _, err := parseBase(value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for name, value := range map[string]string{"S3_BUCKET": c.Bucket, "S3_DERIVED_BUCKET": c.DerivedBucket} {
		if !bucketName.MatchString(value) {
			return fmt.Errorf("%s: %q is no bucket name: 3 to 63 lower-case letters, digits and hyphens, beginning and ending with a letter or digit", name, value)
		}
	}
	switch {
	case c.Bucket == c.DerivedBucket:
		return fmt.Errorf("S3_BUCKET and S3_DERIVED_BUCKET are both %q: documents and what is derived from them need two buckets, since only the first sends notifications", c.Bucket)
	case c.AccessKey == "" && !c.SecretKey.IsZero():
		return errors.New("S3_SECRET_KEY is set and S3_ACCESS_KEY is not: set both, or neither to use the platform's role")
	case c.AccessKey != "" && c.SecretKey.IsZero():
		return errors.New("S3_ACCESS_KEY is set and S3_SECRET_KEY is not: set both, or neither to use the platform's role")
	case c.Region == "":
		return errors.New("S3_REGION is empty: leave it out for us-east-1, or name a region")
	}
	return nil
}

// parseBase parses an address of the form scheme://host[:port].
func parseBase(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	// The URL itself stays out of the message: it may hold a password.
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, errors.New("this has to be an address like https://s3.example.com or http://127.0.0.1:9000")
	}
	if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, errors.New("this has to be scheme, host and port only: no user, path or query")
	}
	return u, nil
}

// Store is the vault's two buckets.
type Store struct {
	// Documents holds what users uploaded; new objects are notified.
	Documents Backend
	// Derived holds what the vault itself makes.
	Derived Backend

	sameOrigin bool
	ensure     func(context.Context) error
	close      func()
}

// Buckets are both.
func (s *Store) Buckets() []Backend { return []Backend{s.Documents, s.Derived} }

// Signer returns what signs URLs of the documents' bucket for a client that
// reached us at reached (scheme and host): with [SameOrigin] for that address,
// else for the configured one.
func (s *Store) Signer(reached *url.URL) (Presigner, error) {
	return s.signer(s.Documents, reached)
}

// DerivedSigner is Signer for the bucket of what the vault itself makes.
func (s *Store) DerivedSigner(reached *url.URL) (Presigner, error) {
	return s.signer(s.Derived, reached)
}

func (s *Store) signer(bucket Backend, reached *url.URL) (Presigner, error) {
	p, err := As[Presigner](bucket)
	if err != nil || !s.sameOrigin {
		return p, err
	}
	return p.At(reached.Scheme + "://" + reached.Host)
}

// Open is the factory: it returns the process's Store, opened once by its
// configuration. It does not touch the network.
func Open(env *host.Env) (*Store, error) {
	return host.Resource(env, func(env *host.Env) (*Store, error) {
		cfg, err := host.Config[Config](env)
		if err != nil {
			return nil, err
		}
		return New(cfg)
	})
}

// New opens a Store without an Env: for the embedded server and for tests.
func New(cfg Config) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return openS3(cfg)
}

// EnsureBuckets makes the buckets that are missing: for embedded mode and
// development. A deployment makes its own.
func (s *Store) EnsureBuckets(ctx context.Context) error { return s.ensure(ctx) }

// Close drops idle connections.
func (s *Store) Close() error {
	s.close()
	return nil
}
