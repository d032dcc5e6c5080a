// Package learning keeps what the local classifier learns from a user's
// corrections: counts of keyed tokens by topic. The folders in which a person
// puts documents teach as well.
//
// It promises that a document counts for at most one topic, the one a person
// gave it: documents.learned_topic_id says which, and moves in the same
// transaction as the counts. Counts hold no words, only hashes under the
// user's own key.
package learning

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"docuvault/shared/ai"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/vault"
)

// Learner learns and forgets.
type Learner struct{ vault *vault.Vault }

// Open returns the Env's one Learner.
func Open(env *host.Env) (*Learner, error) { return host.Resource(env, open) }

func open(env *host.Env) (*Learner, error) {
	v, err := vault.Open(env)
	if err != nil {
		return nil, err
	}
	return &Learner{vault: v}, nil
}

// Change is [vault.Vault.Change] for a change of topic, and makes the document
// count for the topic that it then has, in the same transaction. A document
// without text teaches nothing. Besides the faults of Change it returns
// fault.Unavailable when the text was replaced again and again meanwhile. also
// adds statements that belong to the same transaction.
func (l *Learner) Change(ctx context.Context, actor database.Actor, document id.ID, version *int64, c vault.Changes, also ...func(b *database.Batch)) (vault.Document, error) {
	for range 3 {
		tokens, stamp, err := l.tokens(ctx, actor, document)
		if err != nil {
			return vault.Document{}, err
		}
		d, err := l.vault.Change(ctx, actor, document, version, c, func(b *database.Batch) {
			b.Exec(`SELECT require_text(@id, @stamp)`, database.Args{"id": document, "stamp": stamp})
			move(b, document, tokens, false)
			for _, add := range also {
				add(b)
			}
		})
		if fault.CodeOf(err) != fault.WrongState {
			return d, err
		}
	}
	return vault.Document{}, fault.New(fault.Unavailable, "The document is being analyzed just now. Try again in a moment.")
}

// Follow makes a document count for the topic that it has, after a change that
// did not: one of many documents at once. One that is not there (any more) is
// left alone. It may be called any number of times.
func (l *Learner) Follow(ctx context.Context, actor database.Actor, document id.ID) error {
	for range 3 {
		tokens, stamp, err := l.tokens(ctx, actor, document)
		if err == nil {
			err = l.vault.DB().Do(ctx, actor, func(b *database.Batch) {
				b.Exec(`SELECT lock_document(@id, NULL)`, database.Args{"id": document})
				b.Exec(`SELECT require_text(@id, @stamp)`, database.Args{"id": document, "stamp": stamp})
				move(b, document, tokens, false)
			})
		}
		switch fault.CodeOf(err) {
		case fault.NotFound:
			return nil
		case fault.WrongState:
			continue // analyzed anew meanwhile
		}
		if err != nil {
			return fmt.Errorf("learn from document: %w", err)
		}
		return nil
	}
	return fault.New(fault.Unavailable, "The document is being analyzed just now. Try again in a moment.")
}

// Forget takes a purging document out of the counts, before it is deleted; one
// in another state is left alone. It may be called any number of times.
func (l *Learner) Forget(ctx context.Context, actor database.Actor, document id.ID) error {
	var learned bool
	var topic id.ID
	err := l.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&learned, `SELECT learned_topic_id FROM documents WHERE id = @id AND user_id = app_user()
		   AND status = 'purging' AND learned_topic_id IS NOT NULL`,
			database.Args{"id": document}, &topic)
	})
	if err != nil || !learned {
		return err
	}
	tokens, _, err := l.tokens(ctx, actor, document)
	if fault.CodeOf(err) == fault.NotFound {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	if err := l.vault.DB().Do(ctx, actor, func(b *database.Batch) { move(b, document, tokens, true) }); err != nil {
		return fmt.Errorf("forget document: %w", err)
	}
	return nil
}

// Replace adds the statements for a document whose text changes from old to
// new: what the old text taught is taken back, the new one counts for the topic
// that a person gave, if any.
func Replace(b *database.Batch, u *keys.User, document id.ID, oldText, oldLanguage, newText, newLanguage string) {
	if oldText != "" && (oldText != newText || oldLanguage != newLanguage) {
		move(b, document, features(u, oldText, oldLanguage), true)
	}
	move(b, document, features(u, newText, newLanguage), false)
}

// filed is how many documents of a folder are looked at: the newest.
const filed = 1000

// Recall reads what was learned about the tokens of a document's text, and what
// a person said of the documents beside it in its folder: which is in no counts,
// so that a document that is moved counts in its new folder at once.
func (l *Learner) Recall(ctx context.Context, actor database.Actor, u *keys.User, document id.ID, text, language string) (ai.Learned, error) {
	learned := ai.Learned{Topics: map[string]ai.Counts{}}
	err := l.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		b.Each(`SELECT f.topic_id, count(*) FROM (
		          SELECT d.topic_id FROM documents d
		           WHERE d.user_id = app_user() AND d.folder_id = (SELECT folder_id FROM documents WHERE id = @id AND user_id = app_user())
		             AND d.id <> @id AND d.topic_source = 'user' AND d.topic_id IS NOT NULL AND d.status IN `+vault.Shown+`
		           ORDER BY d.created_at DESC LIMIT @filed) f GROUP BY f.topic_id`, database.Args{"id": document, "filed": filed},
			func(scan func(...any) error) error {
				var topic id.ID
				var n int
				err := scan(&topic, &n)
				if learned.Folder == nil {
					learned.Folder = map[string]int{}
				}
				learned.Folder[topic.String()] = n
				return err
			})
		b.Each(`SELECT topic_id, documents, size FROM classifier_topics WHERE user_id = app_user() AND documents > 0`, nil,
			func(scan func(...any) error) error {
				var topic id.ID
				c := ai.Counts{Tokens: map[string]int{}}
				err := scan(&topic, &c.Documents, &c.Size)
				learned.Topics[topic.String()] = c
				return err
			})
		b.Each(`SELECT topic_id, token, count FROM classifier_tokens
		         WHERE user_id = app_user() AND token = ANY (@tokens::text[]) AND count > 0`,
			database.Args{"tokens": features(u, text, language)},
			func(scan func(...any) error) error {
				var topic id.ID
				var token string
				var count int
				if err := scan(&topic, &token, &count); err != nil {
					return err
				}
				if c, ok := learned.Topics[topic.String()]; ok {
					c.Tokens[token] = count
				}
				return nil
			})
	})
	if err != nil {
		return ai.Learned{}, fmt.Errorf("recall what was learned: %w", err)
	}
	return learned, nil
}

// tokens returns the keyed tokens by which a document is learned, and the stamp
// of the text that they are from.
func (l *Learner) tokens(ctx context.Context, actor database.Actor, document id.ID) (tokens []string, stamp []byte, err error) {
	u, err := l.vault.Keys(ctx, actor)
	if err != nil {
		return nil, nil, err
	}
	text, err := l.vault.TextForLearning(ctx, actor, u, document)
	if err != nil {
		return nil, nil, err
	}
	return features(u, text.Text, text.Language), text.Stamp, nil
}

// features are sorted, so that statements lock rows in one order.
func features(u *keys.User, text, language string) []string {
	return slices.Sorted(maps.Keys(ai.Features(text, language, u.LearnToken)))
}

// target is the topic that document d should count for.
const target = `CASE WHEN NOT @forget AND d.topic_source = 'user' THEN d.topic_id END`

// move makes the document count for its target and for no other topic. The
// user's corrections are made one after the other (the first statement), since
// they touch many of the same rows.
func move(b *database.Batch, document id.ID, tokens []string, forget bool) {
	if len(tokens) == 0 {
		return
	}
	args := database.Args{"id": document, "tokens": tokens, "forget": forget}
	const moved = ` d.id = @id AND d.user_id = app_user() AND d.learned_topic_id IS DISTINCT FROM (` + target + `)`
	b.Exec(`SELECT FROM users WHERE id = app_user() FOR NO KEY UPDATE`, nil)
	b.Exec(`UPDATE classifier_tokens t SET count = GREATEST(t.count - 1, 0) FROM documents d
	         WHERE `+moved+` AND t.user_id = d.user_id AND t.topic_id = d.learned_topic_id AND t.token = ANY (@tokens::text[])`, args)
	b.Exec(`DELETE FROM classifier_tokens WHERE user_id = app_user() AND token = ANY (@tokens::text[]) AND count = 0`, args)
	b.Exec(`UPDATE classifier_topics c SET documents = GREATEST(c.documents - 1, 0), size = GREATEST(c.size - cardinality(@tokens::text[]), 0) FROM documents d
	         WHERE `+moved+` AND c.user_id = d.user_id AND c.topic_id = d.learned_topic_id`, args)
	b.Exec(`INSERT INTO classifier_topics (user_id, topic_id, documents, size)
	        SELECT d.user_id, `+target+`, 1, cardinality(@tokens::text[]) FROM documents d WHERE `+moved+` AND (`+target+`) IS NOT NULL
	        ON CONFLICT (user_id, topic_id) DO UPDATE SET documents = classifier_topics.documents + 1, size = classifier_topics.size + excluded.size`, args)
	b.Exec(`INSERT INTO classifier_tokens (user_id, token, topic_id, count)
	        SELECT d.user_id, token, `+target+`, 1 FROM documents d, unnest(@tokens::text[]) token WHERE `+moved+` AND (`+target+`) IS NOT NULL
	        ON CONFLICT (user_id, token, topic_id) DO UPDATE SET count = classifier_tokens.count + 1`, args)
	b.Exec(`UPDATE documents d SET learned_topic_id = `+target+` WHERE `+moved, args)
}
