package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"docuvault/shared/database"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/letter"
	"docuvault/shared/telemetry"
)

const (
	// A link that somebody waits for is of no use after an hour of trouble with
	// the server; news are after two days.
	patienceReset = time.Hour
	patience      = 48 * time.Hour
	// retryFirst is how long after a server took nothing it is asked again;
	// doubled each time, up to retryMost.
	retryFirst = time.Minute
	retryMost  = time.Hour
)

// Site is the address that links in mails begin with: PUBLIC_URL, or what the
// all-in-one server knows of itself. It is never taken from a request.
type Site string

// Office delivers the mails that are owed.
type Office struct {
	db     *database.DB
	sender Sender
	site   string
	log    *slog.Logger
	count  telemetry.Count
}

// none is the Sender of a vault without mail.
type none struct{}

func (none) Send(context.Context, Message) error { return ErrRefused }

type siteConfig struct {
	PublicURL string `env:"PUBLIC_URL"`
}

// Open returns the Env's one Office. With MAIL=on it wants SMTP_URL, unless the
// Env has a [Sender], and PUBLIC_URL, unless it has a [Site]. With MAIL=off it
// forgets what is owed.
func Open(env *host.Env) (*Office, error) { return host.Resource(env, open) }

func open(env *host.Env) (*Office, error) {
	db, err := database.Open(env)
	if err != nil {
		return nil, err
	}
	sender, err := host.Resource(env, openSender)
	if err != nil {
		return nil, err
	}
	measured, err := telemetry.Open(env)
	if err != nil {
		return nil, err
	}
	count := measured.Counter("docuvault.mails", "Mails, by outcome: sent, again (not taken yet), refused, lost.")
	telemetry.Starting(count, "outcome", "sent", "again", "refused", "lost")
	o := &Office{db: db, sender: sender, log: env.Log, count: count}
	if sender == (none{}) {
		env.Log.Warn("no mail is sent: SMTP_URL is not set")
		return o, nil
	}
	site, err := host.Resource(env, openSite)
	o.site = strings.TrimRight(string(site), "/")
	return o, err
}

func openSender(env *host.Env) (Sender, error) {
	vault, err := host.Config[letter.Config](env)
	if err != nil {
		return nil, err
	}
	cfg, err := host.Config[Config](env)
	switch {
	case err != nil:
		return nil, err
	case !vault.On():
		return none{}, nil
	case cfg.URL.IsZero():
		return nil, errors.New("SMTP_URL is not set: mail is on (MAIL), so the mail worker needs the server, as smtp://user:password@mail.example.org:587?from=vault@example.org")
	default:
		return NewSMTP(cfg)
	}
}

func openSite(env *host.Env) (Site, error) {
	cfg, err := host.Config[siteConfig](env)
	if err == nil && cfg.PublicURL == "" {
		err = errors.New("PUBLIC_URL is not set: links in mails begin with it, as https://vault.example.org")
	}
	return Site(cfg.PublicURL), err
}

// claim takes a mail that is owed, so that no other delivery of it begins, and
// makes the token of its link count. A mail to nobody, or of long ago, is not
// claimed, but forgotten.
const claim = `WITH claimed AS (
  UPDATE mails m SET claimed_at = clock_timestamp(), next_due_at = NULL, attempts = m.attempts + 1,
         token_hash = CASE WHEN m.kind IN ('verify', 'reset') THEN @hash::bytea END,
         expires_at = CASE m.kind WHEN 'verify' THEN clock_timestamp() + @verify::interval WHEN 'reset' THEN clock_timestamp() + @reset::interval END
    FROM users u
   WHERE m.id = @mail AND m.user_id = app_user() AND u.id = m.user_id AND m.claimed_at IS NULL AND ` + worthwhile + `
  RETURNING m.kind, m.dedupe, m.created_at, m.attempts, u.email, u.locale)
SELECT c.kind, c.created_at, c.attempts, c.email, c.locale, coalesce(s.device, ''), coalesce(s.network, '')
  FROM claimed c LEFT JOIN sessions s ON s.user_id = app_user() AND s.id::text = c.dedupe`

const worthwhile = `u.disabled_at IS NULL AND m.created_at > clock_timestamp() - CASE m.kind WHEN 'reset' THEN @patience_reset::interval ELSE @patience::interval END`

const forget = `DELETE FROM mails m USING users u WHERE m.id = @mail AND m.user_id = app_user() AND u.id = m.user_id AND m.claimed_at IS NULL AND NOT (` + worthwhile + `)`

// claimed is a mail that is ours to send.
type claimed struct {
	kind    letter.Kind
	created time.Time
	attempt int
	to      string
	locale  string
	details Details
}

// Deliver sends a mail that a user is owed, once: it is claimed first, and what
// was claimed is sent again only if the server certainly took nothing. Then it
// is due again later. It returns an error only if it did not come to sending.
func (o *Office) Deliver(ctx context.Context, user, mail id.ID) error {
	actor := database.OnBehalfOf(user)
	if o.sender == (none{}) {
		return o.do(ctx, actor, "forget", `DELETE FROM mails WHERE id = @mail AND user_id = app_user() AND claimed_at IS NULL`, database.Args{"mail": mail})
	}
	token, hash := letter.NewToken(user)
	args := database.Args{"mail": mail, "hash": hash, "verify": letter.VerifyTTL, "reset": letter.ResetTTL, "patience": patience, "patience_reset": patienceReset}
	var c claimed
	var ours bool
	err := o.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&ours, claim, args, &c.kind, &c.created, &c.attempt, &c.to, &c.locale, &c.details.Device, &c.details.Network)
		b.Exec(forget, args)
	})
	if err != nil {
		return fmt.Errorf("mail: claim: %w", err)
	}
	if !ours {
		return nil
	}
	c.details.Time, c.details.Link = c.created, o.link(c.kind, token.Reveal())
	content, err := Render(c.kind, c.locale, c.details)
	if err == nil {
		sending, end := telemetry.Span(ctx, "send mail", trace.SpanKindClient)
		err = o.sender.Send(sending, Message{ID: mail, To: c.to, Content: content})
		end(err)
	}
	// Whatever ended the context, what became of the mail is written down.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	o.settle(ctx, actor, mail, c, err)
	return nil
}

// settle writes down what became of a claimed mail. If that fails, it stays
// claimed, and is not sent again.
func (o *Office) settle(ctx context.Context, actor database.Actor, mail id.ID, c claimed, sending error) {
	args := database.Args{"mail": mail, "attempt": c.attempt, "wait": min(retryMost, retryFirst<<min(c.attempt-1, 10))}
	const still = ` WHERE id = @mail AND user_id = app_user() AND attempts = @attempt AND sent_at IS NULL`
	log := o.log.With("user_id", actor.User(), "mail_id", mail, "kind", string(c.kind), "attempt", c.attempt)
	var err error
	outcome := "sent"
	defer func() { o.count(ctx, 1, "outcome", outcome) }()
	switch {
	case sending == nil:
		err = o.do(ctx, actor, "sent", `UPDATE mails SET sent_at = clock_timestamp()`+still, args)
	case errors.Is(sending, ErrNotTaken):
		outcome = "again"
		log.WarnContext(ctx, "a mail was not taken; it is sent again later", "error", sending)
		err = o.do(ctx, actor, "release", `UPDATE mails SET claimed_at = NULL, token_hash = NULL, expires_at = NULL, next_due_at = clock_timestamp() + @wait::interval`+still, args)
	case errors.Is(sending, ErrRefused):
		outcome = "refused"
		log.ErrorContext(ctx, "a mail was refused; it is not sent again", "error", sending)
		err = o.do(ctx, actor, "refused", `UPDATE mails SET token_hash = NULL, expires_at = NULL`+still, args)
	default:
		outcome = "lost"
		log.ErrorContext(ctx, "a mail may have been lost; it is not sent again, since it may have arrived", "error", sending)
	}
	if err != nil {
		log.ErrorContext(ctx, "what became of a mail was not written down; it is not sent again", "error", err)
	}
}

func (o *Office) do(ctx context.Context, actor database.Actor, what, sql string, args database.Args) error {
	if err := o.db.Do(ctx, actor, func(b *database.Batch) { b.Exec(sql, args) }); err != nil {
		return fmt.Errorf("mail: %s: %w", what, err)
	}
	return nil
}

// link is where the message leads. A token stands behind #: browsers send that
// to no server, so that no log has it.
func (o *Office) link(kind letter.Kind, token string) string {
	switch kind {
	case letter.Verify:
		return o.site + "/verify#token=" + token
	case letter.Reset:
		return o.site + "/reset#token=" + token
	default:
		return o.site + "/"
	}
}
