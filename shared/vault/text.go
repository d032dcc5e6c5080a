package vault

import (
	"context"
	"crypto/sha256"
	"fmt"

	"docuvault/shared/database"
	"docuvault/shared/id"
	"docuvault/shared/keys"
)

// Text is what the analysis read out of a document.
type Text struct {
	Text      string `json:"text"`
	Source    string `json:"source" doc:"Where it comes from: pdf, text, html, csv, email, office; ocr: recognized in pictures; none when there is none."`
	Truncated bool   `json:"truncated" doc:"True when the paper had more than the 4 MiB that are kept, or more pages of pictures than could be read."`
	Note      string `json:"note,omitempty" doc:"Why a paper has no text or not all of it. Of pictures: ocr_not_installed, ocr_partial (time ended before the last page), ocr_no_words. Of other files: kind_not_read (nothing here reads such files), too_large."`
}

// Lesson is a text to learn from.
type Lesson struct {
	Text, Language string
	// Stamp is for the SQL function require_text: nil without a text, and
	// another one each time that a text is written.
	Stamp []byte
}

// TextForLearning returns the text of a document in any state, also of one that
// is being deleted; an empty text when there is none. It returns
// fault.NotFound.
func (v *Vault) TextForLearning(ctx context.Context, actor database.Actor, u *keys.User, document id.ID) (l Lesson, err error) {
	var there bool
	var sealed []byte
	err = v.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&there, `SELECT coalesce(d.language, ''), t.sealed FROM documents d LEFT JOIN texts t ON t.document_id = d.id
		  WHERE d.id = @id AND d.user_id = app_user()`, database.Args{"id": document}, &l.Language, &sealed)
	})
	switch {
	case err != nil:
		return l, fmt.Errorf("read text: %w", err)
	case !there:
		return l, ErrNoDocument
	case sealed == nil:
		return l, nil
	}
	plain, err := u.Open("texts", "sealed", document, sealed)
	if err != nil {
		return l, fmt.Errorf("text of document %s: %w", document, err)
	}
	stamp := sha256.Sum256(sealed)
	l.Text, l.Stamp = string(plain), stamp[:]
	return l, nil
}

// Text returns the text of a document that is not being deleted; source "none"
// and an empty text when there is none or it was not read yet. It returns
// fault.NotFound.
func (v *Vault) Text(ctx context.Context, actor database.Actor, document id.ID) (Text, error) {
	var there bool
	var t Text
	var sealed []byte
	err := v.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&there, `SELECT coalesce(t.source, 'none'), coalesce(t.truncated, false), coalesce(t.note, ''), t.sealed
		   FROM documents d LEFT JOIN texts t ON t.document_id = d.id
		  WHERE d.id = @id AND d.user_id = app_user() AND d.status <> 'purging'`,
			database.Args{"id": document}, &t.Source, &t.Truncated, &t.Note, &sealed)
	})
	switch {
	case err != nil:
		return Text{}, fmt.Errorf("read text: %w", err)
	case !there:
		return Text{}, ErrNoDocument
	case sealed == nil:
		return t, nil
	}
	u, err := v.Keys(ctx, actor)
	if err != nil {
		return Text{}, err
	}
	plain, err := u.Open("texts", "sealed", document, sealed)
	if err != nil {
		return Text{}, fmt.Errorf("text of document %s: %w", document, err)
	}
	t.Text = string(plain)
	return t, nil
}
