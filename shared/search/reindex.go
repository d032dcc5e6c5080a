package search

import (
	"context"
	"fmt"

	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/lexeme"
)

// Reindex makes the tokens of a document anew if older rules made them: from
// its names and its text as they are sealed. One that is up to date, gone, or
// changed meanwhile is left alone, so that it may be called any number of
// times; the reconciler sends what is left again.
func (s *Searcher) Reindex(ctx context.Context, actor database.Actor, document id.ID) error {
	args := database.Args{"id": document, "version": lexeme.TermsVersion}
	var stale bool
	err := s.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		var part int
		b.Maybe(&stale, `SELECT part FROM tokens WHERE document_id = @id AND user_id = app_user() AND part = 0 AND version < @version::integer`, args, &part)
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
	switch fault.CodeOf(err) {
	case fault.NotFound, fault.PreconditionFailed:
		return nil
	}
	if err != nil {
		return fmt.Errorf("index anew: %w", err)
	}
	return nil
}
