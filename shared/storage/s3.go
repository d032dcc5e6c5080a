package storage

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"go.opentelemetry.io/otel/trace"

	"docuvault/shared/telemetry"
)

// retries is how often a request is tried in all when storage does not answer;
// minio-go waits at most a second between two. A function has seconds, not the
// ten tries of the library's default.
const retries = 3

// bucket is the S3 driver: one bucket of one server.
type bucket struct {
	core *minio.Core
	name string
	// signer is core, or a client for the address that clients see.
	signer *minio.Client
	at     func(base *url.URL) (*minio.Client, error)
}

var (
	_ Backend   = (*bucket)(nil)
	_ Presigner = (*bucket)(nil)
	_ Lister    = (*bucket)(nil)
	_ Multipart = (*bucket)(nil)
)

// openS3 builds the clients; none of this connects.
func openS3(cfg Config) (*Store, error) {
	endpoint := cfg.Endpoint
	if endpoint == "" {
		endpoint = "https://s3." + cfg.Region + ".amazonaws.com"
	}
	base, err := parseBase(endpoint)
	if err != nil {
		return nil, fmt.Errorf("S3_ENDPOINT: %w", err)
	}
	transport, err := minio.DefaultTransport(base.Scheme == "https")
	if err != nil {
		return nil, fmt.Errorf("storage transport: %w", err)
	}
	creds := roleOrStatic(cfg)
	client := func(base *url.URL) (*minio.Client, error) {
		c, err := minio.New(base.Host, &minio.Options{
			Creds: creds, Secure: base.Scheme == "https", Transport: transport,
			// With a region the client never asks the server for one.
			Region: cfg.Region, MaxRetries: retries,
		})
		if err != nil {
			// Text only: minio-go's own errors stay here.
			return nil, errors.New("storage client: " + err.Error())
		}
		return c, nil
	}
	direct, err := client(base)
	if err != nil {
		return nil, err
	}
	signer := direct
	if cfg.PublicEndpoint != "" && cfg.PublicEndpoint != SameOrigin {
		public, err := parseBase(cfg.PublicEndpoint)
		if err != nil {
			return nil, fmt.Errorf("S3_PUBLIC_ENDPOINT: %w", err)
		}
		if signer, err = client(public); err != nil {
			return nil, err
		}
	}
	open := func(name string) *bucket {
		return &bucket{core: &minio.Core{Client: direct}, name: name, signer: signer, at: client}
	}
	documents, derived := open(cfg.Bucket), open(cfg.DerivedBucket)
	return &Store{
		Documents: documents, Derived: derived,
		sameOrigin: cfg.PublicEndpoint == SameOrigin,
		ensure: func(ctx context.Context) error {
			return errors.Join(documents.ensure(ctx, cfg.Region), derived.ensure(ctx, cfg.Region))
		},
		close: transport.CloseIdleConnections,
	}, nil
}

// roleOrStatic returns the configured keys, the platform's, or what the
// machine's role gives when it is first asked.
func roleOrStatic(cfg Config) *credentials.Credentials {
	switch {
	case cfg.AccessKey != "":
		return credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey.Reveal(), "")
	case cfg.Platform.AccessKey != "":
		return credentials.NewStaticV4(cfg.Platform.AccessKey, cfg.Platform.SecretKey.Reveal(), cfg.Platform.SessionToken.Reveal())
	default:
		return credentials.New(&role{credentials.IAM{Region: cfg.Region}})
	}
}

// role asks the platform for credentials when they are first needed, and again
// before they end: containers (ECS, EKS pod identity), web identity (IRSA), EC2.
type role struct{ credentials.IAM }

// RetrieveWithCredContext says what to do where there are none.
func (r *role) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	v, err := r.IAM.RetrieveWithCredContext(cc)
	if err != nil {
		err = fmt.Errorf("S3_ACCESS_KEY is not set, and the platform gives no role credentials: %w", err)
	}
	return v, err
}

// Put implements Backend. It is one PUT whatever the size (S3 takes 5 GiB). The
// SHA-256 goes ahead as a signed header, so that storage itself checks the bytes
// and Stat knows it.
func (b *bucket) Put(ctx context.Context, key string, body io.Reader, size int64, opt PutOptions) (err error) {
	ctx, end := called(ctx, "PutObject")
	defer func() { end(err) }()
	measured, err := measure(body, size)
	if err != nil {
		return fmt.Errorf("storage put: %w", err)
	}
	defer measured.drop()
	options := minio.PutObjectOptions{
		ContentType: opt.ContentType, DisableMultipart: true,
		// The body is bound by the checksum instead of the signature.
		DisableContentSha256: true,
		UserMetadata:         map[string]string{checksumHeader: base64.StdEncoding.EncodeToString(measured.sum)},
	}
	if opt.IfAbsent {
		options.SetMatchETagExcept("*")
	}
	_, err = b.core.Client.PutObject(ctx, b.name, key, measured.body, size, options)
	return translate("put", err)
}

// Get implements Backend.
func (b *bucket) Get(ctx context.Context, key string) (_ io.ReadCloser, _ Info, err error) {
	ctx, end := called(ctx, "GetObject")
	defer func() { end(err) }()
	body, info, _, err := b.core.GetObject(ctx, b.name, key, minio.GetObjectOptions{Checksum: true})
	if err != nil {
		return nil, Info{}, translate("get", err)
	}
	// The library's info of a GET has no key.
	info.Key = key
	return &reader{body}, infoOf(info), nil
}

// reader keeps the driver's errors in.
type reader struct{ io.ReadCloser }

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = translate("read", err)
	}
	return n, err
}

// Stat implements Backend.
func (b *bucket) Stat(ctx context.Context, key string) (_ Info, err error) {
	ctx, end := called(ctx, "HeadObject")
	defer func() { end(err) }()
	info, err := b.core.StatObject(ctx, b.name, key, minio.StatObjectOptions{Checksum: true})
	if err != nil {
		if isNotFound(err) && b.lost(ctx) {
			err = errBucketMissing
		}
		return Info{}, translate("stat", err)
	}
	info.Key = key
	return infoOf(info), nil
}

// Delete implements Backend. A bucket without versioning lists each object as
// its one version "null".
func (b *bucket) Delete(ctx context.Context, key string) (err error) {
	ctx, end := called(ctx, "DeleteObject")
	defer func() { end(err) }()
	var gone error
	for range deleteRounds {
		versions, err := b.versions(ctx, key)
		if err != nil {
			return err
		}
		gone = nil
		for _, version := range versions {
			err := b.core.RemoveObject(ctx, b.name, key, minio.RemoveObjectOptions{VersionID: version})
			switch {
			case err == nil || isNotFound(err):
			case version != "" && minio.ToErrorResponse(err).Code == "InvalidArgument":
				// versitygw's answer to a version that somebody else deleted since
				// it was listed: looked up again.
				gone = err
			default:
				return translate("delete", err)
			}
		}
		if gone == nil {
			return nil
		}
	}
	return translate("delete", gone)
}

// deleteRounds is how often Delete looks which versions are left.
const deleteRounds = 3

// versions lists the ids of an object's versions and delete markers; one empty
// id where the server knows no versions.
func (b *bucket) versions(ctx context.Context, key string) ([]string, error) {
	var versions []string
	for v := range b.core.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{Prefix: key, Recursive: true, WithVersions: true}) {
		if v.Err != nil {
			if minio.ToErrorResponse(v.Err).StatusCode != http.StatusNotImplemented {
				return nil, translate("list versions", v.Err)
			}
			return []string{""}, nil
		}
		// A key sorts before all that it is a prefix of.
		if v.Key != key {
			break
		}
		versions = append(versions, v.VersionID)
	}
	// The library ends the listing without an error when the context ends.
	if err := ctx.Err(); err != nil {
		return nil, translate("list versions", err)
	}
	return versions, nil
}

// Health implements Backend.
func (b *bucket) Health(ctx context.Context) error {
	found, err := b.core.BucketExists(ctx, b.name)
	if err == nil && !found {
		err = errBucketMissing
	}
	return translate("health", err)
}

// called starts the span of a call, if there is one to be part of. It has the
// operation's name; an object's key would tell of whom it is.
func called(ctx context.Context, operation string) (context.Context, telemetry.Ended) {
	ctx, end := telemetry.Span(ctx, "S3 "+operation, trace.SpanKindClient)
	return ctx, func(err error) {
		if errors.Is(err, ErrNotFound) || errors.Is(err, ErrExists) {
			err = nil // answers, not failures
		}
		end(err)
	}
}

// List implements Lister.
func (b *bucket) List(ctx context.Context, prefix, after string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		ctx, end := called(ctx, "ListObjects")
		defer end(nil)
		for info := range b.core.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{Prefix: prefix, StartAfter: after, Recursive: true}) {
			if info.Err != nil {
				yield(Info{}, translate("list", info.Err))
				return
			}
			if !yield(infoOf(info), nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(Info{}, translate("list", err))
		}
	}
}

// ensure makes the bucket if it is missing.
func (b *bucket) ensure(ctx context.Context, region string) error {
	found, err := b.core.BucketExists(ctx, b.name)
	if err == nil && !found {
		err = b.core.MakeBucket(ctx, b.name, minio.MakeBucketOptions{Region: region})
		if code := minio.ToErrorResponse(err).Code; code == minio.BucketAlreadyOwnedByYou {
			err = nil // another instance was faster
		}
	}
	return translate("make bucket "+b.name, err)
}

// lost reports whether the bucket itself is missing: the answer to a HEAD has
// no body that would tell an absent object from an absent bucket.
func (b *bucket) lost(ctx context.Context) bool {
	found, err := b.core.BucketExists(ctx, b.name)
	return err == nil && !found
}

// infoOf translates. A checksum "…-3" is one over the checksums of three parts
// and says nothing about the bytes as such.
func infoOf(o minio.ObjectInfo) Info {
	info := Info{Key: o.Key, Size: o.Size, ETag: o.ETag, ContentType: o.ContentType, Modified: o.LastModified}
	info.SHA256 = decodeSum(o.ChecksumSHA256)
	return info
}

func decodeSum(sum string) []byte {
	raw, err := base64.StdEncoding.DecodeString(sum)
	if err != nil || len(raw) != sha256.Size {
		return nil
	}
	return raw
}
