// Package account is what a user is besides their documents: address, name,
// role, quota and settings.
package account

import (
	"context"
	"fmt"
	"net/mail"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
)

// Account is a user as that user sees it.
type Account struct {
	ID          id.ID     `json:"id" format:"uuid"`
	Email       string    `json:"email"`
	Verified    bool      `json:"email_verified" doc:"Whether a link that was sent there has been followed."`
	DisplayName string    `json:"display_name"`
	Role        string    `json:"role" enum:"user,admin"`
	Quota       Quota     `json:"quota"`
	Settings    Settings  `json:"settings"`
	CreatedAt   time.Time `json:"created_at"`
	// Version changes with every change of profile or settings; it is the ETag.
	Version int64 `json:"-"`
}

// Quota is how much room there is. Reserved is for uploads that have begun.
type Quota struct {
	LimitBytes    int64 `json:"limit_bytes"`
	UsedBytes     int64 `json:"used_bytes"`
	ReservedBytes int64 `json:"reserved_bytes"`
}

// Settings are the user's own choices.
type Settings struct {
	AIProvider string `json:"ai_provider" enum:"none,local,openai,anthropic"`
	AIModel    string `json:"ai_model"`
	Locale     string `json:"locale" enum:"en,de"`
	// PasswordResetByMail is false where only a recovery code sets a new password.
	PasswordResetByMail bool `json:"password_reset_by_mail"`
}

// version is PostgreSQL's own: the transaction that wrote the row.
const version = `u.xmin::text::bigint`

// read selects the acting user; fields are where it goes.
const read = `SELECT u.id, u.email, u.display_name, u.role, u.ai_provider, u.ai_model, u.locale, u.created_at, u.password_reset_by_mail, u.email_verified_at IS NOT NULL, ` + version + `,
  q.limit_bytes, q.used_bytes, q.reserved_bytes
  FROM users u JOIN quotas q ON q.user_id = u.id WHERE u.id = app_user()`

func (a *Account) fields() []any {
	return []any{&a.ID, &a.Email, &a.DisplayName, &a.Role, &a.Settings.AIProvider, &a.Settings.AIModel, &a.Settings.Locale, &a.CreatedAt,
		&a.Settings.PasswordResetByMail, &a.Verified, &a.Version,
		&a.Quota.LimitBytes, &a.Quota.UsedBytes, &a.Quota.ReservedBytes}
}

// Read adds the statement that reads the acting user into a.
func Read(b *database.Batch, a *Account) { b.One(read, nil, a.fields()...) }

// MaybeRead is Read for a user who may be gone.
func MaybeRead(b *database.Batch, a *Account) {
	var found bool
	b.Maybe(&found, read, nil, a.fields()...)
}

// Accounts reads and changes the acting user.
type Accounts struct{ db *database.DB }

// Open returns the Env's one Accounts.
func Open(env *host.Env) (*Accounts, error) {
	return host.Resource(env, func(env *host.Env) (*Accounts, error) {
		db, err := database.Open(env)
		return &Accounts{db: db}, err
	})
}

// Get returns the acting user.
func (s *Accounts) Get(ctx context.Context, actor database.Actor) (Account, error) {
	var a Account
	if err := s.db.Do(ctx, actor, func(b *database.Batch) { Read(b, &a) }); err != nil {
		return Account{}, fmt.Errorf("read account: %w", err)
	}
	return a, nil
}

// Changes are what a user changes about themselves; nil stays. Role, quota and
// address are not among them.
type Changes struct {
	DisplayName *string          `json:"display_name,omitempty" maxLength:"100"`
	Settings    *SettingsChanges `json:"settings,omitempty"`
}

// SettingsChanges are the settings that change; nil stays.
type SettingsChanges struct {
	AIProvider *string `json:"ai_provider,omitempty" enum:"none,local" doc:"Who suggests topics: nobody, or the classifier in the vault itself."`
	AIModel    *string `json:"ai_model,omitempty" maxLength:"100"`
	Locale     *string `json:"locale,omitempty" enum:"en,de"`
	// PasswordResetByMail wants a fresh proof of the password.
	PasswordResetByMail *bool `json:"password_reset_by_mail,omitempty" doc:"Off: whoever reads your mail cannot set a new password; a recovery code can. Wants recovery codes (409 wrong_state), and the password within the last 10 minutes (401 reauth_required)."`
}

// Change changes the acting user and returns the result. seen is the version
// that the client saw, nil for any; another one is fault.PreconditionFailed. To
// switch reset by mail on or off wants a fresh proof (fault.ReauthRequired), and
// off an unused recovery code (fault.WrongState).
func (s *Accounts) Change(ctx context.Context, actor database.Actor, seen *int64, c Changes) (Account, error) {
	settings := SettingsChanges{}
	if c.Settings != nil {
		settings = *c.Settings
	}
	fields := []string{}
	for _, f := range []struct {
		name string
		to   *string
	}{{"ai_model", settings.AIModel}, {"ai_provider", settings.AIProvider}, {"display_name", c.DisplayName}, {"locale", settings.Locale}} {
		if f.to != nil {
			fields = append(fields, f.name)
		}
	}
	if settings.PasswordResetByMail != nil {
		fields = append(fields, "password_reset_by_mail")
		actor = actor.Fresh()
	}
	entry := audit.Entry{Action: audit.ProfileChanged, Target: actor.User(), Metadata: map[string]any{"fields": fields}}
	args := entry.Into(ctx, actor, database.Args{"seen": seen,
		"name": cleaned(c.DisplayName), "provider": settings.AIProvider, "model": cleaned(settings.AIModel), "locale": settings.Locale,
		"by_mail": settings.PasswordResetByMail})
	var a Account
	var was int64
	err := s.db.Do(ctx, actor, func(b *database.Batch) {
		b.One(`SELECT `+version+` FROM users u WHERE id = app_user() FOR UPDATE`, nil, &was)
		b.Exec(`WITH wanted AS (SELECT coalesce(@name, display_name) AS display_name, coalesce(@provider, ai_provider) AS ai_provider,
		          coalesce(@model, ai_model) AS ai_model, coalesce(@locale, locale) AS locale, coalesce(@by_mail::boolean, password_reset_by_mail) AS by_mail FROM users WHERE id = app_user()),
		        changed AS (UPDATE users u SET display_name = w.display_name, ai_provider = w.ai_provider, ai_model = w.ai_model, locale = w.locale,
		            password_reset_by_mail = w.by_mail
		          FROM wanted w WHERE u.id = app_user() AND (@seen::bigint IS NULL OR `+version+` = @seen)
		           AND (u.display_name, u.ai_provider, u.ai_model, u.locale, u.password_reset_by_mail) IS DISTINCT FROM (w.display_name, w.ai_provider, w.ai_model, w.locale, w.by_mail)
		           AND (w.by_mail OR EXISTS (SELECT FROM recovery_codes WHERE user_id = app_user() AND used_at IS NULL))
		          RETURNING u.id)
		        SELECT `+audit.Call+` FROM changed`, args)
		Read(b, &a)
	})
	switch {
	case err != nil:
		return Account{}, fmt.Errorf("change account: %w", err)
	case seen != nil && was != *seen:
		return Account{}, fault.New(fault.PreconditionFailed, "Your profile has changed since you read it. Read it again, then repeat your change.")
	}
	if off := settings.PasswordResetByMail; off != nil && *off != a.Settings.PasswordResetByMail {
		return Account{}, fault.New(fault.WrongState, "There is no recovery code with which to set a new password. Set up a second factor first.")
	}
	return a, nil
}

// Delete closes the acting account for good: its sessions, wrapped keys,
// credentials and quota are gone when it returns, its address is free, and
// nobody reads what was sealed for it. The rest is erased in the background
// (package erase). It wants a fresh proof of the password
// (fault.ReauthRequired), and returns fault.LastAdmin.
func (s *Accounts) Delete(ctx context.Context, actor database.Actor) error {
	// Where the request came from is personal, and would be the last of it.
	entry := audit.Entry{Action: audit.AccountDeleted, Target: actor.User()}
	args := entry.Into(audit.WithOrigin(ctx, audit.Origin{}), actor, database.Args{})
	err := s.db.Do(ctx, actor.Fresh(), func(b *database.Batch) {
		b.Exec(`SELECT begin_erasure()`, nil)
		b.Exec(`SELECT `+audit.Call, args)
	})
	if err != nil {
		return fmt.Errorf("delete account: %w", err)
	}
	return nil
}

func cleaned(s *string) *string {
	if s == nil {
		return nil
	}
	name := CleanName(*s)
	return &name
}

// NormalEmail returns the one form under which an address is known: trimmed,
// NFC, lower case. It returns fault.ValidationFailed for what is no single
// address (RFC 5321 limits it to 254 bytes).
func NormalEmail(s string) (string, error) {
	s = strings.ToLower(norm.NFC.String(strings.TrimSpace(s)))
	parsed, err := mail.ParseAddress(s)
	_, domain, _ := strings.Cut(s, "@")
	if err != nil || parsed.Address != s || len(s) > 254 || domain == "" || strings.ContainsFunc(s, unicode.IsControl) {
		return "", fault.New(fault.ValidationFailed, "This is not an email address.")
	}
	return s, nil
}

// CleanName is a display name on one line, without control characters, of at
// most 100 characters.
func CleanName(s string) string {
	s = strings.Join(strings.FieldsFunc(norm.NFC.String(strings.ToValidUTF8(s, "")), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	}), " ")
	if r := []rune(s); len(r) > 100 {
		s = string(r[:100])
	}
	return s
}
