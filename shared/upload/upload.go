// Package upload hands documents to storage and back: it reserves quota and
// signs the request with which a client sends the bytes, and signs downloads.
//
// Bytes never pass it. It promises that an upload is begun with its room
// reserved or not at all, and that the same bytes while they are pending are
// the same upload. What happens when the bytes have arrived is in package
// settle.
package upload

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"strings"
	"time"

	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/multipart"
	"docuvault/shared/objectkey"
	"docuvault/shared/quota"
	"docuvault/shared/storage"
	"docuvault/shared/telemetry"
	"docuvault/shared/vault"
)

// Config is what limits uploads.
type Config struct {
	// MaxBytes is the largest document, in bytes.
	MaxBytes int64 `env:"MAX_UPLOAD_BYTES" envDefault:"5368709120"`
	// URLTTL is how long a presigned PUT may be started.
	URLTTL time.Duration `env:"UPLOAD_URL_TTL" envDefault:"15m"`
	// MultipartThreshold is the largest document that is sent in one request,
	// in bytes.
	MultipartThreshold int64 `env:"MULTIPART_THRESHOLD" envDefault:"67108864"`
	// PartSize is the size of a part, in bytes, unless that makes too many.
	PartSize int64 `env:"MULTIPART_PART_SIZE" envDefault:"16777216"`
}

// Validate names the variable that is wrong and what would be right.
func (c *Config) Validate() error {
	if c.MaxBytes < 1 || c.MaxBytes > 5<<30 {
		return errors.New("MAX_UPLOAD_BYTES: from 1 to 5368709120 (5 GiB, what S3 takes in one request)")
	}
	if c.URLTTL < time.Minute || c.URLTTL > 24*time.Hour {
		return errors.New("UPLOAD_URL_TTL: from 1m to 24h")
	}
	if c.MultipartThreshold < 1 || c.MultipartThreshold > 5<<30 {
		return errors.New("MULTIPART_THRESHOLD: from 1 to 5368709120 bytes")
	}
	if c.PartSize < multipart.MinPartSize || c.PartSize > multipart.MaxPartSize {
		return errors.New("MULTIPART_PART_SIZE: from 5242880 (5 MiB, the smallest that S3 takes) to 5368709120 bytes")
	}
	return nil
}

// Uploads begins uploads.
type Uploads struct {
	cfg   Config
	vault *vault.Vault
	store *storage.Store

	refused telemetry.Count
}

// Open returns the Env's one Uploads.
func Open(env *host.Env) (*Uploads, error) { return host.Resource(env, open) }

func open(env *host.Env) (*Uploads, error) {
	cfg, err := host.Config[Config](env)
	if err != nil {
		return nil, err
	}
	v, err := vault.Open(env)
	if err != nil {
		return nil, err
	}
	store, err := storage.Open(env)
	if err != nil {
		return nil, err
	}
	measured, err := telemetry.Open(env)
	if err != nil {
		return nil, err
	}
	refused := measured.Counter("docuvault.quota.refusals", "Uploads that were refused, by what was used up: bytes, documents, open.")
	telemetry.Starting(refused, "reason", "bytes", "documents", "open")
	return &Uploads{cfg: cfg, vault: v, store: store, refused: refused}, nil
}

// Request is what a client wants to upload.
type Request struct {
	Filename           string     `json:"filename" doc:"Cleaned, never a reason to refuse."`
	Size               int64      `json:"size" minimum:"0" doc:"Exact number of bytes; 0 is an empty file."`
	ContentType        string     `json:"content_type" maxLength:"255" doc:"A media type (RFC 9110 section 8.3.1); empty: application/octet-stream."`
	SHA256             string     `json:"sha256" pattern:"^[0-9a-fA-F]{64}$" patternDescription:"64 hexadecimal digits" doc:"Hash of the bytes. Storage refuses others."`
	FolderID           id.ID      `json:"folder_id,omitempty" format:"uuid" doc:"One of your folders."`
	Path               string     `json:"path,omitempty" doc:"Folders below folder_id or the root, with slashes; missing ones are made. At most 32 deep."`
	Title              string     `json:"title,omitempty" maxLength:"500"`
	DocumentDate       vault.Date `json:"document_date,omitempty"`
	Correspondent      string     `json:"correspondent,omitempty" maxLength:"200"`
	Tags               []string   `json:"tags,omitempty" maxItems:"50"`
	OriginalModifiedAt time.Time  `json:"original_modified_at,omitempty" doc:"When the file was last changed on your side."`
	AllowDuplicate     bool       `json:"allow_duplicate,omitempty" doc:"Store these bytes although they are here already."`
	// Blind is a caller who may add and not read: the answer then tells nothing
	// of what is there already but its id and state.
	Blind bool `json:"-"`
}

// Instructions tell the client what to send to storage: one request, or
// Multipart alone.
type Instructions struct {
	Method    string            `json:"method,omitempty" enum:"PUT"`
	URL       string            `json:"url,omitempty" format:"uri" doc:"Send the bytes there. Keep it secret until it expires."`
	Headers   map[string]string `json:"headers,omitempty" doc:"Send exactly these; Host and Content-Length come from your HTTP stack."`
	ExpiresAt time.Time         `json:"expires_at,omitzero"`
	Multipart *InParts          `json:"multipart,omitempty" doc:"Set instead of all others for a large document: send it in parts."`
}

// Begun is the answer to a begin.
type Begun struct {
	Document vault.Document `json:"document"`
	Upload   Instructions   `json:"upload" doc:"Empty in the repeat of an answer, when nothing is to be sent any more."`
	// Again is true when these bytes were pending already.
	Again bool `json:"-"`
}

// Index adds the statement that makes a new document found by its names. Its
// caller brings it, so that this package, which signs downloads too, knows
// nothing of search.
type Index func(b *database.Batch, u *keys.User, document id.ID, in Request)

// Begin reserves quota, inserts the document and signs the PUT, for a client
// that reached us at reached; a document above the threshold is to be sent in
// parts, which [Uploads.SignParts] signs. The same bytes while pending: the same
// document and a fresh URL. It returns fault.ValidationFailed, fault.UploadTooLarge,
// fault.QuotaExceeded, fault.TooManyUploads, fault.DuplicateDocument and
// fault.FolderTooDeep.
func (u *Uploads) Begin(ctx context.Context, actor database.Actor, in Request, reached *url.URL, index Index) (Begun, error) {
	sha, err := hex.DecodeString(in.SHA256)
	if err != nil || len(sha) != 32 {
		return Begun{}, fault.New(fault.ValidationFailed, "sha256 is 64 hexadecimal digits.")
	}
	if in.Size < 0 {
		return Begun{}, fault.New(fault.ValidationFailed, "size is the number of bytes, 0 or more.")
	}
	if in.Size > u.cfg.MaxBytes {
		return Begun{}, fault.Newf(fault.UploadTooLarge, "A document has at most %d bytes.", u.cfg.MaxBytes).
			With("limit_bytes", u.cfg.MaxBytes).With("requested_bytes", in.Size)
	}
	if in.ContentType, err = mediaType(in.ContentType); err != nil {
		return Begun{}, err
	}
	signer, err := u.store.Signer(reached)
	if err != nil {
		return Begun{}, err
	}
	userKeys, err := u.vault.Keys(ctx, actor)
	if err != nil {
		return Begun{}, err
	}

	// Another request can settle or end the pending upload between two of our
	// statements; then what is true now decides.
	for range 3 {
		begun, settled, err := u.try(ctx, actor, userKeys, in, sha, signer, index)
		if err != nil || settled {
			return begun, err
		}
	}
	return Begun{}, fault.New(fault.Unavailable, "Another upload of these bytes is ending just now. Try again in a moment.")
}

// try is one attempt to begin; settled is false when the document with the same
// bytes changed its state while we looked.
func (u *Uploads) try(ctx context.Context, actor database.Actor, k *keys.User, in Request, sha []byte, signer storage.Presigner, index Index) (begun Begun, settled bool, err error) {
	document := id.New()
	var at opened
	inserted, err := u.insert(ctx, actor, k, document, in, sha, index, &at)
	again := false
	switch {
	case database.IsConflict(err, "documents_bytes"), err == nil && !inserted:
		// Either these bytes are here, or the quota is used up; an upload that
		// is pending already has its reservation, so that comes first.
		refused := err == nil
		existing, err := u.vault.BySHA256(ctx, actor, sha)
		switch {
		case refused && (in.AllowDuplicate || fault.CodeOf(err) == fault.NotFound):
			return Begun{}, false, u.refusal(ctx, actor, in.Size)
		case fault.CodeOf(err) == fault.NotFound:
			return Begun{}, false, nil
		case err != nil:
			return Begun{}, false, err
		case existing.Status != vault.Pending:
			return Begun{}, false, duplicate(existing, in.Blind)
		case existing.Size != in.Size:
			return Begun{}, false, fault.New(fault.ValidationFailed, "An upload with this hash is open, and announces another size. Abort it, or hash the file again.").
				With("document_id", existing.ID)
		}
		document, again = existing.ID, true
	case err != nil:
		return Begun{}, false, fmt.Errorf("begin upload: %w", err)
	}

	if again {
		// Settled or ended between the two statements: not pending any more.
		if pending, err := u.renew(ctx, actor, document, &at); err != nil || !pending {
			return Begun{}, false, err
		}
	}
	begun, err = u.instruct(ctx, k, at, signer, in.Blind)
	begun.Again = again
	return begun, err == nil, err
}

// instruct says what to send for an upload that waits for its bytes.
func (u *Uploads) instruct(ctx context.Context, k *keys.User, at opened, signer storage.Presigner, blind bool) (Begun, error) {
	doc, err := at.document.Document(k)
	if err != nil {
		return Begun{}, err
	}
	begun := Begun{Document: doc}
	if blind {
		begun.Document = doc.Blind()
	}
	if at.partSize > 0 { // decided when the document was made
		plan := multipart.Plan{Size: doc.Size, PartSize: at.partSize}
		begun.Upload.Multipart = &InParts{PartSize: at.partSize, PartCount: plan.Count(), ExpiresAt: at.expires.UTC()}
		return begun, nil
	}
	sha, err := hex.DecodeString(doc.SHA256)
	if err != nil {
		return Begun{}, fmt.Errorf("hash of document %s: %w", doc.ID, err)
	}
	signed, err := signer.PresignPut(ctx, at.key, storage.PutTerms{Size: doc.Size, ContentType: at.contentType, SHA256: sha, TTL: u.cfg.URLTTL})
	if err != nil {
		return Begun{}, fmt.Errorf("sign upload: %w", err)
	}
	begun.Upload = Instructions{Method: signed.Method, URL: signed.URL, Headers: signed.Headers, ExpiresAt: signed.ExpiresAt}
	return begun, nil
}

// Begun returns what [Uploads.Begin] made before: while the bytes have not come,
// with a fresh URL; afterwards the document as it is now, and nothing to send.
// It returns fault.NotFound.
func (u *Uploads) Begun(ctx context.Context, actor database.Actor, document id.ID, reached *url.URL, blind bool) (Begun, error) {
	signer, err := u.store.Signer(reached)
	if err != nil {
		return Begun{}, err
	}
	k, err := u.vault.Keys(ctx, actor)
	if err != nil {
		return Begun{}, err
	}
	var at opened
	pending, err := u.renew(ctx, actor, document, &at)
	if err != nil {
		return Begun{}, err
	}
	if pending {
		return u.instruct(ctx, k, at, signer, blind)
	}
	doc, err := at.document.Document(k)
	if blind {
		doc = doc.Blind()
	}
	return Begun{Document: doc}, err
}

// opened is an upload that waits for its bytes, as its row says.
type opened struct {
	key, contentType string
	partSize         int64 // 0: in one request
	expires          time.Time
	document         *vault.Reading
}

// openedColumns are what of a row [opened.fields] scans.
const openedColumns = `object_key, content_type, coalesce(part_size, 0), upload_expires_at`

func (o *opened) fields() []any { return []any{&o.key, &o.contentType, &o.partSize, &o.expires} }

// renew moves the deadline of a pending upload with each fresh URL, so that the
// reconciler waits for the newest one; false means that it is not pending.
func (u *Uploads) renew(ctx context.Context, actor database.Actor, document id.ID, at *opened) (bool, error) {
	var pending bool
	err := u.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&pending, `UPDATE documents
		     SET upload_expires_at = clock_timestamp() + CASE WHEN part_size IS NULL THEN @ttl::interval ELSE @parts_ttl::interval END
		   WHERE id = @id AND user_id = app_user() AND status = 'pending'
		   RETURNING `+openedColumns,
			database.Args{"id": document, "ttl": u.cfg.URLTTL, "parts_ttl": multipart.TTL}, at.fields()...)
		at.document = vault.Read(b, document)
	})
	if err != nil {
		return false, fmt.Errorf("begin upload: %w", err)
	}
	return pending, nil
}

// insert is the one statement that reserves quota and makes the document, and
// reads it back; false means that the reservation was refused.
func (u *Uploads) insert(ctx context.Context, actor database.Actor, k *keys.User, document id.ID, in Request, sha []byte, index Index, at *opened) (bool, error) {
	sealed, err := vault.SealNew(k, document, in.Filename, in.Title, in.Correspondent)
	if err != nil {
		return false, err
	}
	path, err := vault.SealPath(k, in.Path)
	if err != nil {
		return false, err
	}
	tags, err := vault.SealTags(k, in.Tags)
	if err != nil {
		return false, err
	}
	args := database.Args{
		"id": document, "size": in.Size, "max_open": quota.MaxOpenUploads,
		"key": objectkey.Key(actor.User(), document, in.Filename), "sha": sha, "allow_duplicate": in.AllowDuplicate,
		"content_type": in.ContentType, "ttl": u.cfg.URLTTL, "part_size": u.partSize(in.Size),
		"filename": sealed.Filename, "title": sealed.Title, "correspondent": sealed.Correspondent,
		"document_date": in.DocumentDate.Null(), "original_modified_at": nullTime(in.OriginalModifiedAt),
		"folder": database.NullID(in.FolderID), "trace": telemetry.TraceParent(ctx),
	}
	if u.partSize(in.Size) != nil {
		args["ttl"] = multipart.TTL
	}
	path.Into(args)
	entry := audit.Entry{Action: audit.UploadBegun, Target: document, Metadata: map[string]any{"size": in.Size}}
	var inserted bool
	err = u.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		if !in.FolderID.IsNil() || in.Path != "" {
			b.Exec(`SELECT lock_folders(false)`, nil)
		}
		// Document before quota: whoever settles these bytes has locked their
		// row and wants the quota next.
		b.Exec(`SELECT FROM documents WHERE user_id = app_user() AND sha256 = @sha AND NOT allow_duplicate
		         AND status NOT IN ('rejected', 'expired') FOR SHARE`, args)
		b.Maybe(&inserted, `WITH `+quota.Reserve+`, made AS (
		  INSERT INTO documents (id, user_id, status, next_due_at, object_key, size, sha256, allow_duplicate, content_type,
		    upload_expires_at, part_size, filename_sealed, title_sealed, correspondent_sealed, document_date, original_modified_at, traceparent, folder_id)
		  SELECT @id, user_id, 'pending', clock_timestamp() + interval '1 minute', @key, @size, @sha, @allow_duplicate, @content_type,
		    clock_timestamp() + @ttl, @part_size::bigint, @filename, @title, @correspondent, @document_date, @original_modified_at, NULLIF(@trace, ''),
		    `+vault.EnsureFolder+`
		    FROM reserved
		  RETURNING `+openedColumns+`)
		SELECT made.*, `+audit.Call+` FROM made`, entry.Into(ctx, actor, args), append(at.fields(), nil)...)
		if len(in.Tags) > 0 {
			tags.Replace(b, document)
		}
		index(b, k, document, in)
		at.document = vault.Read(b, document)
	})
	return inserted, err
}

// refusal says why a reservation was not granted. It reads after the fact, so
// that the figures are what the user will find.
func (u *Uploads) refusal(ctx context.Context, actor database.Actor, size int64) error {
	var limit, used, reserved, open, documents, documentLimit int64
	err := u.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		b.One(quota.Usage, nil, &limit, &used, &reserved, &open, &documents, &documentLimit)
	})
	switch {
	case err != nil:
		return fmt.Errorf("read quota: %w", err)
	case open >= quota.MaxOpenUploads:
		u.refused(ctx, 1, "reason", "open")
		return fault.Newf(fault.TooManyUploads, "At most %d uploads can be open at a time. Finish or abort some first.", quota.MaxOpenUploads)
	case documents+open >= documentLimit:
		u.refused(ctx, 1, "reason", "documents")
		return fault.Newf(fault.QuotaExceeded, "This account holds at most %d documents. Delete some, or ask the operator for more.", documentLimit).
			With("document_limit", documentLimit).With("documents", documents).
			With("limit_bytes", limit).With("used_bytes", used).With("reserved_bytes", reserved).With("requested_bytes", size)
	default:
		u.refused(ctx, 1, "reason", "bytes")
		return fault.New(fault.QuotaExceeded, "There is not enough room left. Delete documents for good, empty the trash, or ask the operator for more.").
			With("limit_bytes", limit).With("used_bytes", used).With("reserved_bytes", reserved).With("requested_bytes", size)
	}
}

func duplicate(d vault.Document, blind bool) error {
	detail := "You already have this document."
	switch d.Status {
	case vault.Purging: // it is not to be kept: the client tries again, and then it is gone
		return fault.New(fault.Unavailable, "A document with these bytes is being deleted for good. Try again in a moment.").With("retry_after", 5)
	case vault.Trashed:
		detail = "You already have this document, in the trash. Restore it from there."
	}
	refused := fault.New(fault.DuplicateDocument, detail).With("document_id", d.ID).With("trashed", d.Status == vault.Trashed)
	if blind {
		return refused
	}
	return refused.With("filename", d.Filename)
}

// mediaType returns a valid media type in its canonical form.
func mediaType(s string) (string, error) {
	if strings.TrimSpace(s) == "" {
		return "application/octet-stream", nil
	}
	t, params, err := mime.ParseMediaType(s)
	if err != nil || !strings.Contains(t, "/") || len(s) > 255 {
		return "", fault.New(fault.ValidationFailed, "content_type is a media type such as application/pdf, or empty.")
	}
	formatted := mime.FormatMediaType(t, params)
	// Signatures count runs of spaces as one (AWS Signature Version 4); not
	// every server does.
	if formatted == "" || strings.Contains(formatted, "  ") {
		return t, nil
	}
	for _, c := range formatted {
		if c < ' ' || c > '~' {
			return t, nil
		}
	}
	return formatted, nil
}

func nullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
