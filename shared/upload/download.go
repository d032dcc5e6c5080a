package upload

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/storage"
	"docuvault/shared/vault"
)

// downloadTTL is how long a download may be started.
const downloadTTL = 60 * time.Second

// Download is a URL that reads a document's bytes.
type Download struct {
	URL       string    `json:"url" format:"uri" doc:"Keep it secret until it expires."`
	ExpiresAt time.Time `json:"expires_at"`
}

// inline are the types that a browser may show by itself; the value is the
// Content-Type that is signed, whatever the client once announced.
var inline = map[string]string{
	"application/pdf": "application/pdf",
	"image/png":       "image/png",
	"image/jpeg":      "image/jpeg",
	"image/webp":      "image/webp",
	"text/plain":      "text/plain; charset=utf-8",
}

// Downloads signs downloads.
type Downloads struct {
	vault *vault.Vault
	store *storage.Store
}

// OpenDownloads returns the Env's one Downloads.
func OpenDownloads(env *host.Env) (*Downloads, error) { return host.Resource(env, openDownloads) }

func openDownloads(env *host.Env) (*Downloads, error) {
	v, err := vault.Open(env)
	if err != nil {
		return nil, err
	}
	store, err := storage.Open(env)
	if err != nil {
		return nil, err
	}
	return &Downloads{vault: v, store: store}, nil
}

// Sign returns a URL for the document's bytes, for a client that reached us at
// reached, and writes the audit entry. It serves inline only what a browser
// shows without running anything, by the type that the bytes have; all else is
// an attachment of bytes. It returns fault.NotFound and, before the bytes are
// there or while they are being deleted, fault.WrongState.
func (d *Downloads) Sign(ctx context.Context, actor database.Actor, document id.ID, wantInline bool, reached *url.URL) (Download, error) {
	signer, err := d.store.Signer(reached)
	if err != nil {
		return Download{}, err
	}
	doc, err := d.vault.Get(ctx, actor, document)
	if err != nil {
		return Download{}, err
	}
	var key string
	var entryID int64
	var readable bool
	entry := audit.Entry{Action: audit.Downloaded, Target: document}
	err = d.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&readable, `WITH d AS (SELECT object_key FROM documents WHERE id = @id AND user_id = app_user()
		    AND status IN ('stored', 'processing', 'ready', 'failed', 'trashed'))
		  SELECT d.object_key, `+audit.Call+` FROM d`,
			entry.Into(ctx, actor, database.Args{"id": document}), &key, &entryID)
	})
	if err != nil {
		return Download{}, fmt.Errorf("sign download: %w", err)
	}
	if !readable {
		return Download{}, fault.Newf(fault.WrongState, "The document is %s, so there is nothing to download.", doc.Status).With("document_status", doc.Status)
	}
	contentType, ok := inline[doc.SniffedType]
	disposition := "inline"
	if !ok {
		contentType = "application/octet-stream"
	}
	if !ok || !wantInline {
		disposition = "attachment"
	}
	signed, err := signer.PresignGet(ctx, key, storage.GetTerms{
		ContentType: contentType, Disposition: disposition + "; " + dispositionName(doc.Filename), TTL: downloadTTL, CacheControl: storage.NotKept,
	})
	if err != nil {
		return Download{}, fmt.Errorf("sign download: %w", err)
	}
	return Download{URL: signed.URL, ExpiresAt: signed.ExpiresAt}, nil
}

// dispositionName is a file name in both forms of RFC 6266: one of plain ASCII
// for old clients, one with all characters (RFC 8187).
func dispositionName(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' || r == '%' {
			return '_'
		}
		return r
	}, name)
	return fmt.Sprintf(`filename="%s"; filename*=UTF-8''%s`, plain, encode8187(name))
}

func encode8187(s string) string {
	const safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&+-.^_`|~"
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(safe, s[i]) >= 0 {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
	}
	return b.String()
}
