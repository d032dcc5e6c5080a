// Package analysis reads a stored document: its type, text, pages and language,
// and what a provider suggests about it.
//
// It promises that a document is worked on by one worker at a time: a claim is
// a guarded transition with a lease, and whoever lost the lease changes nothing
// any more. Whatever goes wrong with the paper ends as "failed" with a code;
// whatever goes wrong with us is tried again. What a person set stays.
package analysis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"docuvault/shared/ai"
	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/extract"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/learning"
	"docuvault/shared/picture"
	"docuvault/shared/preview"
	"docuvault/shared/search"
	"docuvault/shared/storage"
	"docuvault/shared/telemetry"
	"docuvault/shared/vault"
)

// Lease is how long one attempt may take: reading the object and the limits of
// package extract fit in, the last page of a scan included. Where a platform ends functions after a time, this one
// needs as much.
const Lease = 3 * time.Minute

// quick is how long an attempt may take before its message is held for longer:
// well below what a queue gives at first, and more than most papers take, since
// each extension is a commit.
const quick = 10 * time.Second

// certain is the confidence from which a suggested topic is also set, as long
// as no person chose one.
const certain = 0.5

// Failure codes beside those of package extract.
const (
	objectMissing = "object_missing" // storage has no such object any more
	bytesChanged  = "bytes_changed"  // the object is not what was uploaded
)

// Analyst analyzes.
type Analyst struct {
	vault     *vault.Vault
	learner   *learning.Learner
	searcher  *search.Searcher
	store     storage.Backend
	extractor *extract.Extractor
	studio    *picture.Studio
	album     *preview.Album
	provider  func(name string) (ai.Provider, error)
	log       *slog.Logger
	quick     time.Duration
	took      telemetry.Timing
}

// Open returns the Env's one Analyst, with the PDF engine warm.
func Open(env *host.Env) (*Analyst, error) { return host.Resource(env, open) }

func open(env *host.Env) (*Analyst, error) {
	v, err := vault.Open(env)
	if err != nil {
		return nil, err
	}
	learner, err := learning.Open(env)
	if err != nil {
		return nil, err
	}
	searcher, err := search.Open(env)
	if err != nil {
		return nil, err
	}
	store, err := storage.Open(env)
	if err != nil {
		return nil, err
	}
	extractor, err := extract.Open(env)
	if err != nil {
		return nil, err
	}
	studio, err := picture.New(extractor.Compilation())
	if err != nil {
		return nil, err
	}
	album, err := preview.Open(env)
	if err != nil {
		return nil, err
	}
	measured, err := telemetry.Open(env)
	if err != nil {
		return nil, err
	}
	took := measured.Duration("docuvault.analysis.duration", "How long analyses took, by outcome: ready, failed (the paper), again (us).")
	provider := func(name string) (ai.Provider, error) { return ai.Open(env, name) }
	return &Analyst{took: took, vault: v, learner: learner, searcher: searcher, store: store.Documents, extractor: extractor, studio: studio, album: album, provider: provider, log: env.Log, quick: quick}, nil
}

// claim is one attempt on one document.
type claim struct {
	document  id.ID
	fence     int64
	key       string
	size      int64
	sha       []byte
	announced string
	filename  []byte
	language  string
	provider  string
	again     bool // it has a text already
}

// Analyze claims a stored document, reads it and finishes it as ready or
// failed. A document that is not stored (any more) is left alone, so the
// message may come twice, late or out of order; if older rules indexed it, it is
// indexed anew, and if nobody made its preview, that is made. extend holds the message for
// longer; it may be nil.
func (a *Analyst) Analyze(ctx context.Context, user, document id.ID, extend func(context.Context, time.Duration) error) error {
	actor := database.OnBehalfOf(user)
	c, claimed, err := a.claim(ctx, actor, document)
	if err != nil {
		return err
	}
	if !claimed {
		a.showLate(ctx, actor, document, extend)
		return a.catchUp(ctx, actor, document)
	}
	start := time.Now()
	working, done := hold(ctx, a.quick, extend)
	outcome, err := a.work(working, actor, c)
	held := done()
	a.took(context.WithoutCancel(ctx), time.Since(start), attribute.String("outcome", outcome))
	switch {
	case err == nil:
		return nil
	case fault.CodeOf(err) == fault.WrongState, fault.CodeOf(err) == fault.NotFound:
		return nil // the lease is over: another attempt, the trash or the purge has the row, or has deleted it
	default:
		return errors.Join(err, held, a.release(ctx, actor, c, err))
	}
}

// hold keeps a message for the whole lease when the work on it is not quick; if
// that fails, the message may go to another worker, so the work's context ends.
// done ends the holding, also when it is on its way, and returns why it failed.
func hold(ctx context.Context, quick time.Duration, extend func(context.Context, time.Duration) error) (working context.Context, done func() error) {
	working, cancel := context.WithCancel(ctx)
	if extend == nil {
		return working, func() error { cancel(); return nil }
	}
	failed := make(chan error, 1)
	timer := time.AfterFunc(quick, func() {
		err := extend(working, Lease)
		if err != nil {
			err = fmt.Errorf("hold the message: %w", err)
			cancel()
		}
		failed <- err
	})
	return working, func() error {
		defer cancel()
		if timer.Stop() {
			return nil
		}
		return <-failed
	}
}

// catchUp makes a document found by the names that it has, and its words count
// for the topic that it has, if a change of many documents left it behind; and
// makes its tokens anew if older rules made them.
func (a *Analyst) catchUp(ctx context.Context, actor database.Actor, document id.ID) error {
	// Before all else: a change that comes later has another stamp.
	stamp, lags, err := a.vault.Lags(ctx, actor, document)
	if err != nil {
		return err
	}
	if !lags {
		return a.searcher.Reindex(ctx, actor, document)
	}
	if err := a.learner.Follow(ctx, actor, document); err != nil {
		return err
	}
	if err := a.searcher.Rebuild(ctx, actor, document); err != nil {
		return err
	}
	return a.vault.CaughtUp(ctx, actor, document, stamp)
}

func (a *Analyst) claim(ctx context.Context, actor database.Actor, document id.ID) (c claim, claimed bool, err error) {
	c.document = document
	err = a.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&claimed, `UPDATE documents d SET status = 'processing', attempts = d.attempts + 1, fence = d.fence + 1, next_due_at = clock_timestamp() + @lease
		   FROM users u
		  WHERE d.id = @id AND d.user_id = app_user() AND d.status = 'stored' AND u.id = d.user_id
		  RETURNING d.fence, d.object_key, d.size, d.sha256, d.content_type, d.filename_sealed, coalesce(d.language, ''), u.ai_provider,
		            EXISTS (SELECT FROM texts t WHERE t.document_id = d.id)`,
			database.Args{"id": document, "lease": Lease},
			&c.fence, &c.key, &c.size, &c.sha, &c.announced, &c.filename, &c.language, &c.provider, &c.again)
	})
	if err != nil {
		return c, false, fmt.Errorf("claim document: %w", err)
	}
	return c, claimed, nil
}

// release gives the document back after an attempt that failed for our reasons,
// so that the next delivery of the message can try again at once. An outage is
// not the document's fault and does not count as an attempt.
func (a *Analyst) release(ctx context.Context, actor database.Actor, c claim, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, _, err := a.vault.EndAttempt(ctx, actor, c.document, &c.fence, fault.CodeOf(cause) == fault.Unavailable)
	return err
}

// work reads the object and finishes the document, and says how. An error is
// worth another attempt.
func (a *Analyst) work(ctx context.Context, actor database.Actor, c claim) (outcome string, err error) {
	defer func() {
		if err != nil {
			outcome = "again"
		}
	}()
	read, failure, err := a.read(ctx, actor, c)
	if err != nil {
		return "", err
	}
	if failure != "" {
		return "failed", a.fail(ctx, actor, c, read.sniffed, failure)
	}
	u, err := a.vault.Keys(ctx, actor)
	if err != nil {
		return "", err
	}
	suggestions, err := a.suggest(ctx, actor, u, c, read.text)
	if err != nil {
		return "", err
	}
	return "ready", a.finish(ctx, actor, u, c, read, suggestions)
}

// suggest asks the user's provider. A provider that fails does not fail the
// analysis: the text is worth having without suggestions.
func (a *Analyst) suggest(ctx context.Context, actor database.Actor, u *keys.User, c claim, text extract.Result) ([]vault.Suggestion, error) {
	if text.Text == "" || c.provider == "none" {
		return []vault.Suggestion{}, nil
	}
	names, err := a.topics(ctx, actor, u)
	if err != nil {
		return nil, err
	}
	learned, err := a.learner.Recall(ctx, actor, u, c.document, text.Text, text.Language)
	if err != nil {
		return nil, err
	}
	provider, err := a.provider(c.provider)
	if err != nil {
		a.log.WarnContext(ctx, "the user's provider is not available; no suggestions", "document_id", c.document, "error", err)
		return []vault.Suggestion{}, nil
	}
	asking, end := telemetry.Span(ctx, "suggest", trace.SpanKindClient, attribute.String("docuvault.provider", provider.Name()))
	found, err := provider.Suggest(asking, ai.Request{
		Text: text.Text, Language: text.Language, Topics: names.list, Learned: learned, Keyer: u.LearnToken,
	})
	end(err)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		a.log.WarnContext(ctx, "the provider failed; no suggestions", "document_id", c.document, "provider", provider.Name(), "error", err)
		return []vault.Suggestion{}, nil
	}
	suggestions := make([]vault.Suggestion, 0, len(found))
	for _, f := range found {
		s := vault.Suggestion{Kind: string(f.Kind), Value: f.Value, Confidence: f.Confidence, Source: f.Source, Evidence: []vault.Evidence{}}
		if f.Kind == ai.KindTopic {
			s.Value = names.name[f.Value]
		}
		for _, e := range f.Evidence {
			s.Evidence = append(s.Evidence, vault.Evidence{Word: e.Word, Weight: e.Weight, Learned: e.Learned})
		}
		suggestions = append(suggestions, s)
	}
	return suggestions, nil
}

// topicNames are the topics a provider may choose from: the user's own by id,
// and the starters that the user has not made yet by slug.
type topicNames struct {
	list []ai.Topic
	name map[string]string // id or slug -> name
}

func (a *Analyst) topics(ctx context.Context, actor database.Actor, u *keys.User) (topicNames, error) {
	own, err := a.vault.Topics(ctx, actor)
	if err != nil {
		return topicNames{}, err
	}
	t := topicNames{name: map[string]string{}}
	// By the key under which names are one: "Invoice" is the starter too.
	starter := map[string]string{}
	for _, slug := range ai.StarterTopics {
		starter[string(u.NameKey(slug))] = slug
	}
	taken := map[string]bool{}
	for topic, name := range own {
		entry := ai.Topic{ID: topic.String(), Name: name}
		if slug, ok := starter[string(u.NameKey(name))]; ok {
			entry.Starter, taken[slug] = slug, true
		}
		t.list = append(t.list, entry)
		t.name[entry.ID] = name
	}
	for _, slug := range ai.StarterTopics {
		if !taken[slug] {
			t.list = append(t.list, ai.Topic{ID: slug, Starter: slug, Name: slug})
			t.name[slug] = slug
		}
	}
	return t, nil
}

// finish writes all that was found, in one transaction, if the lease still
// holds.
func (a *Analyst) finish(ctx context.Context, actor database.Actor, u *keys.User, c claim, r reading, suggestions []vault.Suggestion) error {
	encoded, err := json.Marshal(suggestions)
	if err != nil {
		return fmt.Errorf("encode suggestions: %w", err)
	}
	sealedSuggestions, err := vault.SealSuggestions(u, c.document, encoded)
	if err != nil {
		return err
	}
	sealedText, err := u.Seal("texts", "sealed", c.document, []byte(r.text.Text))
	if err != nil {
		return err
	}
	var old vault.Lesson // of an analysis before this one
	if c.again {
		if old, err = a.vault.TextForLearning(ctx, actor, u, c.document); err != nil {
			return err
		}
	}
	var topic vault.TopicName
	name, ok := best(suggestions)
	if ok {
		if topic, err = vault.SealTopic(u, name); err != nil {
			return err
		}
	}
	args := database.Args{
		"id": c.document, "fence": c.fence, "sniffed": r.sniffed, "suggestions": sealedSuggestions,
		"text": sealedText, "source": string(r.text.Source), "truncated": r.text.Truncated, "note": r.text.Note,
		"pages": positive(r.text.Pages), "language": r.text.Language,
		"topic_key": topic.Key(), "topic_source": c.provider,
	}
	entry := audit.Entry{Action: audit.Analyzed, Target: c.document, Metadata: map[string]any{"source": string(r.text.Source), "suggested": ok}}
	return a.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		b.Exec(`SELECT require_lease(@id, @fence)`, args)
		topic.Ensure(b)
		b.Exec(`INSERT INTO texts (document_id, user_id, sealed, source, truncated, note) VALUES (@id, app_user(), @text, @source, @truncated, NULLIF(@note, ''))
		        ON CONFLICT (document_id) DO UPDATE SET sealed = EXCLUDED.sealed, source = EXCLUDED.source, truncated = EXCLUDED.truncated, note = EXCLUDED.note`, args)
		b.Exec(`WITH topic AS (SELECT (SELECT id FROM topics WHERE user_id = app_user() AND name_key = @topic_key) AS id),
		        done AS (UPDATE documents d SET status = 'ready', failure = NULL, next_due_at = NULL, attempts = 0,
		            sniffed_type = @sniffed, page_count = @pages, language = NULLIF(@language, ''), suggestions_sealed = @suggestions,
		            topic_id = CASE WHEN d.topic_source = 'user' THEN d.topic_id ELSE topic.id END,
		            topic_source = CASE WHEN d.topic_source = 'user' THEN 'user' WHEN topic.id IS NOT NULL THEN @topic_source END
		          FROM topic WHERE d.id = @id AND d.user_id = app_user() RETURNING d.id)
		        SELECT `+audit.Call+` FROM done`, entry.Into(ctx, actor, args))
		search.IndexTopic(b, u, c.document, name)
		search.IndexText(b, u, c.document, r.text.Text, r.text.Language)
		learning.Replace(b, u, c.document, old.Text, old.Language, r.text.Text, r.text.Language)
	})
}

// fail ends the analysis with a code; the document itself stays as it is.
func (a *Analyst) fail(ctx context.Context, actor database.Actor, c claim, sniffed, code string) error {
	args := database.Args{"id": c.document, "fence": c.fence, "sniffed": sniffed, "failure": code}
	entry := audit.Entry{Action: audit.AnalysisFailed, Target: c.document, Metadata: map[string]any{"failure": code}}
	return a.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		b.Exec(`SELECT require_lease(@id, @fence)`, args)
		b.Exec(`WITH done AS (UPDATE documents SET status = 'failed', failure = @failure, next_due_at = NULL,
		            sniffed_type = coalesce(NULLIF(@sniffed, ''), sniffed_type)
		          WHERE id = @id AND user_id = app_user() RETURNING id)
		        SELECT `+audit.Call+` FROM done`, entry.Into(ctx, actor, args))
	})
}

// best is the topic to set by itself: the first suggested one, if it is likely
// enough.
func best(suggestions []vault.Suggestion) (string, bool) {
	for _, s := range suggestions {
		if s.Kind == string(ai.KindTopic) && s.Confidence >= certain {
			return s.Value, true
		}
		if s.Kind == string(ai.KindTopic) {
			break
		}
	}
	return "", false
}

func positive(n int) *int {
	if n <= 0 {
		return nil
	}
	return &n
}
