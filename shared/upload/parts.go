package upload

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"time"

	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/multipart"
	"docuvault/shared/storage"
	"docuvault/shared/vault"
)

// MaxPartsAtOnce is how many parts one request signs.
const MaxPartsAtOnce = 100

// InParts is how a large document is cut.
type InParts struct {
	PartSize  int64     `json:"part_size" doc:"Bytes of every part but the last, which has the exact rest."`
	PartCount int       `json:"part_count" doc:"Parts are numbered from 1 to this."`
	ExpiresAt time.Time `json:"expires_at" doc:"Until then the upload can be resumed; each begin and each request for parts moves it on."`
}

// Part announces one part.
type Part struct {
	Number int    `json:"number" minimum:"1" maximum:"10000"`
	Size   int64  `json:"size" minimum:"1" doc:"Exact number of bytes: part_size, for the last part the rest."`
	SHA256 string `json:"sha256" pattern:"^[0-9a-fA-F]{64}$" patternDescription:"64 hexadecimal digits" doc:"Hash of the part's bytes. Storage refuses others."`
}

// SignedPart is where to send one part.
type SignedPart struct {
	Number    int               `json:"number"`
	Method    string            `json:"method" enum:"PUT"`
	URL       string            `json:"url" format:"uri" doc:"Send the part there. Keep it secret until it expires."`
	Headers   map[string]string `json:"headers" doc:"Send exactly these; Host and Content-Length come from your HTTP stack."`
	ExpiresAt time.Time         `json:"expires_at"`
}

// StoredPart is a part that storage has.
type StoredPart struct {
	Number int    `json:"number"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256,omitempty" doc:"As storage checked it; absent where it keeps none."`
}

// partSize is the part size of a new document, nil for one that is sent in one
// request.
func (u *Uploads) partSize(size int64) *int64 {
	if size <= u.cfg.MultipartThreshold {
		return nil
	}
	part := multipart.PartSize(size, u.cfg.PartSize)
	return &part
}

// partsRow is a document that is being sent in parts.
type partsRow struct {
	key, contentType string
	uploadID         string // "" until storage began it
	plan             multipart.Plan
	expires          time.Time
}

// partsOf reads a pending document in parts; with move it moves the deadline.
// It returns fault.NotFound, fault.UploadExpired, fault.UploadRejected and
// fault.WrongState.
func (u *Uploads) partsOf(ctx context.Context, actor database.Actor, document id.ID, move bool) (partsRow, error) {
	var r partsRow
	var status vault.Status
	var there, moved bool
	args := database.Args{"id": document, "ttl": multipart.TTL}
	err := u.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		if move {
			b.Maybe(&moved, `UPDATE documents SET upload_expires_at = clock_timestamp() + @ttl::interval
			  WHERE id = @id AND user_id = app_user() AND status = 'pending' AND part_size IS NOT NULL RETURNING true`, args, &moved)
		}
		b.Maybe(&there, `SELECT status, object_key, content_type, coalesce(upload_id, ''), size, coalesce(part_size, 0), upload_expires_at
		  FROM documents WHERE id = @id AND user_id = app_user() AND status <> 'purging'`, args,
			&status, &r.key, &r.contentType, &r.uploadID, &r.plan.Size, &r.plan.PartSize, &r.expires)
	})
	switch {
	case err != nil:
		return r, fmt.Errorf("read parts: %w", err)
	case !there:
		return r, vault.ErrNoDocument
	case status == vault.Expired:
		return r, fault.New(fault.UploadExpired, "This upload was aborted or has expired. Begin again.")
	case status == vault.Rejected:
		return r, fault.New(fault.UploadRejected, "The bytes in storage were not the announced ones and have been deleted. Hash the file again and begin anew.")
	case status != vault.Pending:
		return r, fault.New(fault.WrongState, "The upload is complete.").With("document_status", status)
	case r.plan.PartSize == 0:
		return r, fault.New(fault.WrongState, "This document is sent in one request: begin again for its URL.").With("document_status", status)
	}
	return r, nil
}

// SignParts signs up to [MaxPartsAtOnce] parts, each for its exact length and
// hash, for a client that reached us at reached, and moves the deadline of the
// upload. The first call begins the upload in storage. It returns
// fault.ValidationFailed, fault.NotFound, fault.UploadExpired,
// fault.UploadRejected and fault.WrongState.
func (u *Uploads) SignParts(ctx context.Context, actor database.Actor, document id.ID, parts []Part, reached *url.URL) ([]SignedPart, error) {
	signer, err := u.store.Signer(reached)
	if err != nil {
		return nil, err
	}
	row, err := u.partsOf(ctx, actor, document, true)
	if err != nil {
		return nil, err
	}
	sums, err := checkParts(row.plan, parts)
	if err != nil {
		return nil, err
	}
	if row.uploadID == "" {
		if row.uploadID, err = u.beginInStorage(ctx, actor, document, row); err != nil {
			return nil, err
		}
	}
	signed := make([]SignedPart, len(parts))
	for i, p := range parts {
		r, err := signer.PresignPart(ctx, row.key, row.uploadID, storage.PartTerms{Number: p.Number, Size: p.Size, SHA256: sums[i], TTL: u.cfg.URLTTL})
		if err != nil {
			return nil, fmt.Errorf("sign part: %w", err)
		}
		signed[i] = SignedPart{Number: p.Number, Method: r.Method, URL: r.URL, Headers: r.Headers, ExpiresAt: r.ExpiresAt}
	}
	return signed, nil
}

// checkParts returns the parts' hashes, or fault.ValidationFailed.
func checkParts(plan multipart.Plan, parts []Part) ([][]byte, error) {
	if len(parts) == 0 || len(parts) > MaxPartsAtOnce {
		return nil, fault.Newf(fault.ValidationFailed, "parts are 1 to %d at a time.", MaxPartsAtOnce)
	}
	sums := make([][]byte, len(parts))
	seen := map[int]bool{}
	for i, p := range parts {
		sum, err := hex.DecodeString(p.SHA256)
		want := plan.Part(p.Number)
		switch {
		case want == 0:
			return nil, fault.Newf(fault.ValidationFailed, "There is no part %d: this document has parts 1 to %d.", p.Number, plan.Count())
		case seen[p.Number]:
			return nil, fault.Newf(fault.ValidationFailed, "Part %d stands in the request twice.", p.Number)
		case p.Size != want:
			return nil, fault.Newf(fault.ValidationFailed, "Part %d has %d bytes, not %d.", p.Number, want, p.Size)
		case err != nil || len(sum) != 32:
			return nil, fault.New(fault.ValidationFailed, "sha256 is 64 hexadecimal digits.")
		}
		seen[p.Number], sums[i] = true, sum
	}
	return sums, nil
}

// beginInStorage begins the upload in storage, once: of several at once the
// first one's id stays in the row, and the others drop their own. If this
// process dies in between, the reconciler aborts what no row knows.
func (u *Uploads) beginInStorage(ctx context.Context, actor database.Actor, document id.ID, row partsRow) (string, error) {
	parts, err := storage.As[storage.Multipart](u.store.Documents)
	if err != nil {
		return "", err
	}
	uploadID, err := parts.NewMultipart(ctx, row.key, storage.PutOptions{ContentType: row.contentType})
	if err != nil {
		return "", fmt.Errorf("begin parts: %w", err)
	}
	var won, there bool
	var now string
	args := database.Args{"id": document, "upload": uploadID}
	err = u.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&won, `UPDATE documents SET upload_id = @upload
		  WHERE id = @id AND user_id = app_user() AND status = 'pending' AND upload_id IS NULL RETURNING true`, args, &won)
		b.Maybe(&there, `SELECT upload_id FROM documents
		  WHERE id = @id AND user_id = app_user() AND status = 'pending' AND upload_id IS NOT NULL`, args, &now)
	})
	if err != nil {
		// Whether it was committed is not known, so it stays: in the row, or
		// for the reconciler.
		return "", fmt.Errorf("begin parts: %w", err)
	}
	if won {
		return uploadID, nil
	}
	if err := parts.Abort(ctx, row.key, uploadID); err != nil {
		return "", fmt.Errorf("drop a second upload: %w", err)
	}
	if !there {
		return "", fault.New(fault.UploadExpired, "This upload has just ended. Begin again.")
	}
	return now, nil
}

// ListParts returns the parts that storage has, by number. When the object is
// assembled already these are all. It returns fault.NotFound,
// fault.UploadExpired, fault.UploadRejected and fault.WrongState.
//
// An upload that storage has forgotten (some drop stale ones by themselves) is
// taken out of the row, so that the next request for parts begins another.
func (u *Uploads) ListParts(ctx context.Context, actor database.Actor, document id.ID) ([]StoredPart, error) {
	row, err := u.partsOf(ctx, actor, document, false)
	if err != nil {
		return nil, err
	}
	list := []StoredPart{}
	if row.uploadID == "" {
		return list, nil
	}
	parts, err := storage.As[storage.Multipart](u.store.Documents)
	if err != nil {
		return nil, err
	}
	have, err := parts.ListParts(ctx, row.key, row.uploadID)
	if errors.Is(err, storage.ErrNotFound) {
		return u.assembledOrForgotten(ctx, actor, document, row)
	}
	if err != nil {
		return nil, fmt.Errorf("list parts: %w", err)
	}
	for _, p := range have {
		list = append(list, StoredPart{Number: p.Number, Size: p.Size, SHA256: hex.EncodeToString(p.SHA256)})
	}
	return list, nil
}

func (u *Uploads) assembledOrForgotten(ctx context.Context, actor database.Actor, document id.ID, row partsRow) ([]StoredPart, error) {
	list := []StoredPart{}
	// While storage assembles, it may show neither parts nor object.
	var held bool
	err := u.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		b.One(`SELECT EXISTS (SELECT FROM documents WHERE id = @id AND user_id = app_user() AND verify_until > clock_timestamp())`,
			database.Args{"id": document}, &held)
	})
	if err != nil {
		return nil, fmt.Errorf("read parts: %w", err)
	}
	if !held {
		_, err = u.store.Documents.Stat(ctx, row.key)
	}
	switch {
	case err == nil:
		for n := 1; n <= row.plan.Count(); n++ {
			list = append(list, StoredPart{Number: n, Size: row.plan.Part(n)})
		}
		return list, nil
	case !errors.Is(err, storage.ErrNotFound):
		return nil, fmt.Errorf("stat upload: %w", err)
	}
	err = u.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		b.Exec(`UPDATE documents SET upload_id = NULL WHERE id = @id AND user_id = app_user() AND status = 'pending' AND upload_id = @upload`,
			database.Args{"id": document, "upload": row.uploadID})
	})
	if err != nil {
		return nil, fmt.Errorf("forget an upload: %w", err)
	}
	return list, nil
}
