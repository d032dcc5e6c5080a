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
	DisplayName string    `json:"display_name"`
	Role        string    `json:"role" enum:"user,admin"`
	Quota       Quota     `json:"quota"`
	Settings    Settings  `json:"settings"`
	CreatedAt   time.Time `json:"created_at"`
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
}

// read selects the acting user; fields are where it goes.
const read = `SELECT u.id, u.email, u.display_name, u.role, u.ai_provider, u.ai_model, u.locale, u.created_at,
  q.limit_bytes, q.used_bytes, q.reserved_bytes
  FROM users u JOIN quotas q ON q.user_id = u.id WHERE u.id = app_user()`

func (a *Account) fields() []any {
	return []any{&a.ID, &a.Email, &a.DisplayName, &a.Role, &a.Settings.AIProvider, &a.Settings.AIModel, &a.Settings.Locale, &a.CreatedAt,
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
}

// Change changes the acting user and returns the result.
func (s *Accounts) Change(ctx context.Context, actor database.Actor, c Changes) (Account, error) {
	settings := SettingsChanges{}
	if c.Settings != nil {
		settings = *c.Settings
	}
	var fields []string
	for name, changed := range map[string]bool{"display_name": c.DisplayName != nil, "ai_provider": settings.AIProvider != nil,
		"ai_model": settings.AIModel != nil, "locale": settings.Locale != nil} {
		if changed {
			fields = append(fields, name)
		}
	}
	if len(fields) == 0 {
		return s.Get(ctx, actor)
	}
	if c.DisplayName != nil {
		name := CleanName(*c.DisplayName)
		c.DisplayName = &name
	}
	entry := audit.Entry{Action: audit.ProfileChanged, Target: actor.User(), Metadata: map[string]any{"fields": fields}}
	args := entry.Into(ctx, actor, database.Args{"name": c.DisplayName, "provider": settings.AIProvider, "model": settings.AIModel, "locale": settings.Locale})
	var a Account
	err := s.db.Do(ctx, actor, func(b *database.Batch) {
		b.Exec(`WITH changed AS (UPDATE users SET display_name = coalesce(@name, display_name), ai_provider = coalesce(@provider, ai_provider),
		          ai_model = coalesce(@model, ai_model), locale = coalesce(@locale, locale) WHERE id = app_user() RETURNING id)
		        SELECT `+audit.Call+` FROM changed`, args)
		Read(b, &a)
	})
	if err != nil {
		return Account{}, fmt.Errorf("change account: %w", err)
	}
	return a, nil
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
