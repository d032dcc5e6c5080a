package vault

import (
	"context"
	"fmt"

	"docuvault/shared/database"
	"docuvault/shared/id"
)

// Found is a document with its text, opened.
type Found struct {
	Document
	Text string
}

// Found returns those of the documents that are there. Texts are opened in the
// order of the ids, until together they have maxText bytes; the others stay
// empty.
func (v *Vault) Found(ctx context.Context, actor database.Actor, documents []id.ID, maxText int) (map[id.ID]Found, error) {
	var rows []*row
	texts := map[id.ID][]byte{}
	args := database.Args{"ids": documents, "max": maxText}
	err := v.db.Do(ctx, actor, func(b *database.Batch) {
		b.Each(`SELECT `+columns+` FROM documents d WHERE d.user_id = app_user() AND d.id = ANY (@ids::uuid[])`, args,
			func(scan func(...any) error) error {
				r := &row{}
				rows = append(rows, r)
				return scan(r.fields()...)
			})
		b.Each(`SELECT x.document_id, x.sealed FROM (
		          SELECT t.document_id, t.sealed, sum(octet_length(t.sealed)) OVER (ORDER BY i.place) AS bytes
		            FROM unnest(@ids::uuid[]) WITH ORDINALITY i(id, place) JOIN texts t ON t.document_id = i.id
		           WHERE t.user_id = app_user()) x
		         WHERE x.bytes <= @max`, args,
			func(scan func(...any) error) error {
				var document id.ID
				var sealed []byte
				err := scan(&document, &sealed)
				texts[document] = sealed
				return err
			})
	})
	if err != nil {
		return nil, fmt.Errorf("read what was found: %w", err)
	}
	u, err := v.Keys(ctx, actor)
	if err != nil {
		return nil, err
	}
	found := make(map[id.ID]Found, len(rows))
	for _, r := range rows {
		d, err := r.open(u)
		if err != nil {
			return nil, err
		}
		f := Found{Document: d}
		if sealed := texts[d.ID]; sealed != nil {
			text, err := u.Open("texts", "sealed", d.ID, sealed)
			if err != nil {
				return nil, fmt.Errorf("text of document %s: %w", d.ID, err)
			}
			f.Text = string(text)
		}
		found[d.ID] = f
	}
	return found, nil
}
