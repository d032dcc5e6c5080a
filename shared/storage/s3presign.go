package storage

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/minio/minio-go/v7"
)

// checksumHeader carries a SHA-256 in base64. As a header it is enforced; as a
// query parameter versitygw and MinIO ignore it.
const checksumHeader = "X-Amz-Checksum-Sha256"

// At implements Presigner.
func (b *bucket) At(base string) (Presigner, error) {
	u, err := parseBase(base)
	if err != nil {
		return nil, fmt.Errorf("storage sign for another address: %w", err)
	}
	client, err := b.at(u)
	if err != nil {
		return nil, err
	}
	c := *b
	c.signer = client
	return &c, nil
}

// PresignPut implements Presigner.
func (b *bucket) PresignPut(ctx context.Context, key string, t PutTerms) (Request, error) {
	if t.ContentType == "" {
		return Request{}, errors.New("storage presign put: the content type is missing")
	}
	headers, err := bodyHeaders(t.Size, t.SHA256)
	if err != nil {
		return Request{}, fmt.Errorf("storage presign put: %w", err)
	}
	headers.Set("Content-Type", t.ContentType)
	headers.Set("If-None-Match", "*")
	return b.presign(ctx, http.MethodPut, key, t.TTL, nil, headers)
}

// PresignPart implements Presigner.
func (b *bucket) PresignPart(ctx context.Context, key, uploadID string, t PartTerms) (Request, error) {
	if t.Number < 1 || t.Number > 10_000 {
		return Request{}, fmt.Errorf("storage presign part: number %d is not from 1 to 10000", t.Number)
	}
	headers, err := bodyHeaders(t.Size, t.SHA256)
	if err != nil {
		return Request{}, fmt.Errorf("storage presign part: %w", err)
	}
	query := url.Values{"uploadId": {uploadID}, "partNumber": {strconv.Itoa(t.Number)}}
	return b.presign(ctx, http.MethodPut, key, t.TTL, query, headers)
}

// PresignGet implements Presigner.
func (b *bucket) PresignGet(ctx context.Context, key string, t GetTerms) (Request, error) {
	query := url.Values{}
	if t.ContentType != "" {
		query.Set("response-content-type", t.ContentType)
	}
	if t.Disposition != "" {
		query.Set("response-content-disposition", t.Disposition)
	}
	if t.CacheControl != "" {
		query.Set("response-cache-control", t.CacheControl)
	}
	return b.presign(ctx, http.MethodGet, key, t.TTL, query, nil)
}

// bodyHeaders are the signed headers that bind a body.
func bodyHeaders(size int64, sum []byte) (http.Header, error) {
	if size < 0 {
		return nil, fmt.Errorf("size %d is negative", size)
	}
	if len(sum) != sha256.Size {
		return nil, fmt.Errorf("a SHA-256 has %d bytes, this one %d", sha256.Size, len(sum))
	}
	return http.Header{
		"Content-Length": {strconv.FormatInt(size, 10)},
		checksumHeader:   {base64.StdEncoding.EncodeToString(sum)},
	}, nil
}

func (b *bucket) presign(ctx context.Context, method, key string, ttl time.Duration, query url.Values, headers http.Header) (Request, error) {
	u, err := b.signer.PresignHeader(ctx, method, b.name, key, ttl, query, headers)
	if err != nil {
		return Request{}, translate("presign", err)
	}
	// The end is what the signature itself says, by the signing clock.
	signed := u.Query()
	at, err := time.Parse("20060102T150405Z", signed.Get("X-Amz-Date"))
	if err != nil {
		return Request{}, errors.New("storage presign: the URL came back without its date: are there credentials?")
	}
	seconds, err := strconv.Atoi(signed.Get("X-Amz-Expires"))
	if err != nil {
		return Request{}, errors.New("storage presign: the URL came back without its lifetime")
	}
	r := Request{Method: method, URL: u.String(), Headers: map[string]string{}, ExpiresAt: at.Add(time.Duration(seconds) * time.Second)}
	for name := range headers {
		// Signed, but not for the client to set: browsers refuse to, and a
		// copied length would hide that the body has another one.
		if name != "Content-Length" {
			r.Headers[name] = headers.Get(name)
		}
	}
	return r, nil
}

// multipartOptions are for a multipart upload whose parts carry SHA-256.
func multipartOptions(opt PutOptions) minio.PutObjectOptions {
	return minio.PutObjectOptions{
		ContentType:  opt.ContentType,
		UserMetadata: map[string]string{"X-Amz-Checksum-Algorithm": "SHA256"},
	}
}
