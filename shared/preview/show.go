package preview

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/storage"
	"docuvault/shared/vault"
)

// URLs live for ten minutes from the begin of the five in which they are signed:
// five at least, and the same one for all who ask in that time, so that a list
// that is read again is the same to the byte.
const (
	life   = 10 * time.Minute
	window = 5 * time.Minute
)

// terms are how storage serves a picture.
var terms = storage.GetTerms{
	ContentType: contentType, Disposition: "inline", TTL: life, Window: window,
	CacheControl: storage.NotKept,
}

// Size is one of the two of a preview.
type Size string

// The sizes; package picture has their pixels.
const (
	Small Size = "small"
	Large Size = "large"
)

// Shelf signs the URLs of previews.
type Shelf struct {
	db    *database.DB
	store *storage.Store
}

// OpenShelf returns the Env's one Shelf.
func OpenShelf(env *host.Env) (*Shelf, error) { return host.Resource(env, openShelf) }

func openShelf(env *host.Env) (*Shelf, error) {
	db, err := database.Open(env)
	if err != nil {
		return nil, err
	}
	store, err := storage.Open(env)
	if err != nil {
		return nil, err
	}
	return &Shelf{db: db, store: store}, nil
}

// Add gives those of the documents that have a preview the URL of the small
// picture, for a client that reached us at reached. It asks no server.
func (s *Shelf) Add(ctx context.Context, reached *url.URL, documents ...*vault.Document) error {
	var keys []string
	var with []*vault.Document
	for _, d := range documents {
		if key := d.PreviewKey(); key != "" {
			keys, with = append(keys, key), append(with, d)
		}
	}
	signed, err := s.sign(ctx, reached, keys)
	if err != nil {
		return err
	}
	for i, d := range with {
		d.ShowPreview(signed[i].URL, signed[i].ExpiresAt)
	}
	return nil
}

func (s *Shelf) sign(ctx context.Context, reached *url.URL, keys []string) ([]storage.Request, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	signer, err := s.store.DerivedSigner(reached)
	if err != nil {
		return nil, err
	}
	signed, err := signer.PresignGets(ctx, keys, terms)
	if err != nil {
		return nil, fmt.Errorf("sign preview: %w", err)
	}
	return signed, nil
}

// Why a document has no preview, beside the codes of failures.
const (
	reasonPending = "pending" // it is being made, or will be
	reasonNone    = "none"    // nobody tried: a type without pictures, or not read yet
)

// Sign returns one size of a document's preview, for a client that reached us at
// reached. It returns fault.NotFound, and fault.NoPreview with why there is none.
func (s *Shelf) Sign(ctx context.Context, actor database.Actor, document id.ID, size Size, reached *url.URL) (vault.Preview, error) {
	var found bool
	var key, reason string
	var p vault.Preview
	err := s.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&found, `SELECT CASE WHEN p.made_at IS NULL THEN '' WHEN @large THEN p.large_key ELSE p.small_key END,
		    coalesce(CASE WHEN @large THEN p.large_width ELSE p.small_width END, 0),
		    coalesce(CASE WHEN @large THEN p.large_height ELSE p.small_height END, 0),
		    CASE WHEN p.document_id IS NULL THEN @none ELSE coalesce(p.failure, @pending) END
		   FROM documents d LEFT JOIN previews p ON p.document_id = d.id
		  WHERE d.id = @id AND d.user_id = app_user() AND d.status <> 'purging'`,
			database.Args{"id": document, "large": size == Large, "none": reasonNone, "pending": reasonPending},
			&key, &p.Width, &p.Height, &reason)
	})
	switch {
	case err != nil:
		return vault.Preview{}, fmt.Errorf("read preview: %w", err)
	case !found:
		return vault.Preview{}, vault.ErrNoDocument
	case key == "":
		return vault.Preview{}, fault.New(fault.NoPreview, "There is no preview of this document.").With("reason", reason)
	}
	signed, err := s.sign(ctx, reached, []string{key})
	if err != nil {
		return vault.Preview{}, err
	}
	p.URL, p.ExpiresAt = signed[0].URL, signed[0].ExpiresAt
	return p, nil
}
