package storage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"github.com/minio/minio-go/v7"
)

// errBucketMissing stands in for what S3 says in three ways.
var errBucketMissing = fmt.Errorf("the bucket does not exist: %w", ErrUnavailable)

// translate turns an error of minio-go into one of this package: the kind, what
// was being done, and the server's words, but never the library's type or a
// URL, which may be presigned.
func translate(doing string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		kind := context.Canceled
		if errors.Is(err, context.DeadlineExceeded) {
			kind = context.DeadlineExceeded
		}
		return fmt.Errorf("storage %s: %w", doing, kind)
	}
	if errors.Is(err, ErrUnavailable) {
		return fmt.Errorf("storage %s: %w", doing, err)
	}
	var response minio.ErrorResponse
	if errors.As(err, &response) {
		return translateResponse(doing, response)
	}
	var broken *url.Error
	if errors.As(err, &broken) {
		err = broken.Err // without the URL
	}
	var network net.Error
	var op *net.OpError
	if errors.As(err, &network) || errors.As(err, &op) || broken != nil {
		return fmt.Errorf("storage %s: %w: %s", doing, ErrUnavailable, err)
	}
	return fmt.Errorf("storage %s: %s", doing, err)
}

func translateResponse(doing string, r minio.ErrorResponse) error {
	words := fmt.Sprintf("%s (%d %s)", r.Message, r.StatusCode, r.Code)
	switch {
	case r.Code == minio.NoSuchBucket:
		return fmt.Errorf("storage %s: %w", doing, errBucketMissing)
	case isNotFound(r):
		return fmt.Errorf("storage %s: %w", doing, ErrNotFound)
	case r.StatusCode == http.StatusPreconditionFailed:
		return fmt.Errorf("storage %s: %w", doing, ErrExists)
	// 409 is "a conditional write to this key is under way": ask again.
	case r.StatusCode >= 500, r.StatusCode == http.StatusTooManyRequests, r.StatusCode == http.StatusConflict:
		return fmt.Errorf("storage %s: %w: %s", doing, ErrUnavailable, words)
	case r.StatusCode == http.StatusForbidden:
		return fmt.Errorf("storage %s: the server refuses our credentials or lacks a permission: %s", doing, words)
	default:
		return fmt.Errorf("storage %s: %s", doing, words)
	}
}

func isNotFound(err error) bool {
	r := minio.ToErrorResponse(err)
	return r.Code != minio.NoSuchBucket && (r.Code == minio.NoSuchKey || r.Code == minio.NoSuchVersion || r.Code == minio.NoSuchUpload || r.StatusCode == http.StatusNotFound)
}
