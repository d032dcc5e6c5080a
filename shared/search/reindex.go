package search

import (
	"context"
	"fmt"

	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/lexeme"
)

// Reindex makes the tokens of a document anew if older rules made them: from its
// names and its text as they are sealed. One that is up to date, gone, or
// changed meanwhile is left alone, so that it may be called any number of
// times; the reconciler sends what is left again.
func (s *Searcher) Reindex(ctx context.Context, actor database.Actor, document id.ID) error {
	return s.reindex(ctx, actor, document, false)
}

// Rebuild is Reindex whatever rules made the tokens: after a change of a name
// that many documents have. It returns fault.Unavailable for a document that was
// changed meanwhile.
func (s *Searcher) Rebuild(ctx context.Context, actor database.Actor, document id.ID) error {
	return s.reindex(ctx, actor, document, true)
}

func (s *Searcher) reindex(ctx context.Context, actor database.Actor, document id.ID, force bool) error {
	args := database.Args{"id": document, "version": lexeme.TermsVersion, "force": force}
	var stale bool
	err := s.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		var part int
		b.Maybe(&stale, `SELECT part FROM tokens WHERE document_id = @id AND user_id = app_user() AND part = 0 AND (@force OR version < @version::integer)`, args, &part)
	})
	if err != nil || !stale {
		return err
	}
	found, err := s.vault.Found(ctx, actor, []id.ID{document}, maxOpened)
	if err != nil {
		return fmt.Errorf("index anew: %w", err)
	}
	f, ok := found[document]
	if !ok {
		return nil
	}
	u, err := s.vault.Keys(ctx, actor)
	if err != nil {
		return err
	}
	err = s.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		// A change of names or text is a new version of the document.
		b.Exec(`SELECT lock_document(@id, @seen)`, database.Args{"id": document, "seen": f.Version})
		IndexNames(b, u, document, Names{
			Filename: &f.Filename, Title: &f.Title, Correspondent: &f.Correspondent, Reference: &f.Reference,
			Notes: &f.Notes, Topic: &f.Topic, Tags: &f.Tags,
		})
		IndexText(b, u, document, f.Text, f.Language)
		b.Exec(`UPDATE tokens SET version = @version::integer WHERE document_id = @id AND user_id = app_user()`, args)
	})
	switch code := fault.CodeOf(err); {
	case code == fault.PreconditionFailed && force:
		return fault.New(fault.Unavailable, "The document was changed just now. Try again in a moment.")
	case code == fault.NotFound, code == fault.PreconditionFailed:
		return nil
	}
	if err != nil {
		return fmt.Errorf("index anew: %w", err)
	}
	return nil
}
