package storage

import (
	"context"
	"encoding/base64"
	"errors"
	"iter"
	"time"

	"github.com/minio/minio-go/v7"
)

// NewMultipart implements Multipart. opt.IfAbsent is ignored: Complete always
// demands a free key.
func (b *bucket) NewMultipart(ctx context.Context, key string, opt PutOptions) (_ string, err error) {
	ctx, end := called(ctx, "CreateMultipartUpload")
	defer func() { end(err) }()
	id, err := b.core.NewMultipartUpload(ctx, b.name, key, multipartOptions(opt))
	return id, translate("begin multipart", err)
}

// ListParts implements Multipart.
func (b *bucket) ListParts(ctx context.Context, key, uploadID string) (_ []Part, err error) {
	ctx, end := called(ctx, "ListParts")
	defer func() { end(err) }()
	byNumber := map[int]int{} // number -> index: SeaweedFS lists a re-sent part twice
	parts := []Part{}
	for marker := 0; ; {
		page, err := b.core.ListObjectParts(ctx, b.name, key, uploadID, marker, 1000)
		if err != nil {
			return nil, translate("list parts", err)
		}
		for _, p := range page.ObjectParts {
			part := Part{Number: p.PartNumber, Size: p.Size, ETag: p.ETag, SHA256: decodeSum(p.ChecksumSHA256), Modified: p.LastModified}
			if i, twice := byNumber[part.Number]; twice {
				if parts[i].Modified.Before(part.Modified) {
					parts[i] = part
				}
				continue
			}
			byNumber[part.Number] = len(parts)
			parts = append(parts, part)
		}
		// A server that repeats its marker would keep us here for ever.
		if !page.IsTruncated || page.NextPartNumberMarker <= marker {
			return parts, nil
		}
		marker = page.NextPartNumberMarker
	}
}

// Complete implements Multipart.
func (b *bucket) Complete(ctx context.Context, key, uploadID string, parts []Part) (err error) {
	ctx, end := called(ctx, "CompleteMultipartUpload")
	defer func() { end(err) }()
	if len(parts) == 0 {
		return errors.New("storage complete multipart: no parts")
	}
	list := make([]minio.CompletePart, len(parts))
	for i, p := range parts {
		list[i] = minio.CompletePart{PartNumber: p.Number, ETag: p.ETag}
		if p.SHA256 != nil {
			// AWS demands the checksums again.
			list[i].ChecksumSHA256 = base64.StdEncoding.EncodeToString(p.SHA256)
		}
	}
	var options minio.PutObjectOptions
	options.SetMatchETagExcept("*")
	_, err = b.core.CompleteMultipartUpload(ctx, b.name, key, uploadID, list, options)
	return translate("complete multipart", err)
}

// Abort implements Multipart.
func (b *bucket) Abort(ctx context.Context, key, uploadID string) (err error) {
	ctx, end := called(ctx, "AbortMultipartUpload")
	defer func() { end(err) }()
	err = translate("abort multipart", b.core.AbortMultipartUpload(ctx, b.name, key, uploadID))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// ListStale implements Multipart.
func (b *bucket) ListStale(ctx context.Context, before time.Time) iter.Seq2[Upload, error] {
	return func(yield func(Upload, error) bool) {
		var keyMarker, idMarker string
		for {
			page, err := b.core.ListMultipartUploads(ctx, b.name, "", keyMarker, idMarker, "", 1000)
			if err != nil {
				yield(Upload{}, translate("list multiparts", err))
				return
			}
			for _, u := range page.Uploads {
				if u.Initiated.Before(before) && !yield(Upload{Key: u.Key, ID: u.UploadID, Started: u.Initiated}, nil) {
					return
				}
			}
			if !page.IsTruncated || (page.NextKeyMarker == keyMarker && page.NextUploadIDMarker == idMarker) {
				return
			}
			keyMarker, idMarker = page.NextKeyMarker, page.NextUploadIDMarker
		}
	}
}
