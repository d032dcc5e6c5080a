package admin

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"time"

	"docuvault/shared/account"
	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/id"
)

// InviteTTL is how long an invite is valid if nothing else is said.
const InviteTTL = 7 * 24 * time.Hour

// Invite lets one person register. Its token was shown once.
type Invite struct {
	ID        id.ID      `json:"id" format:"uuid"`
	Email     *string    `json:"email,omitempty" doc:"The only address that may use it; forgotten once it is used or revoked."`
	CreatedBy id.ID      `json:"created_by" format:"uuid"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	UsedAt    *time.Time `json:"used_at,omitempty"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
}

// InvitePage is one page of invites, newest first.
type InvitePage struct {
	Items      []Invite `json:"items"`
	NextCursor string   `json:"next_cursor,omitempty" doc:"Absent on the last page."`
}

// NewInvite is an invite with its token, which is shown this once.
type NewInvite struct {
	ID        id.ID     `json:"id" format:"uuid"`
	Token     string    `json:"token" doc:"The invite of POST /v1/auth/register. It is shown this once: the vault keeps a hash."`
	ExpiresAt time.Time `json:"expires_at"`
}

// Invite makes an invite for one registration, valid for ttl, and for one
// address unless email is "". It returns fault.Forbidden and
// fault.ValidationFailed.
func (a *Admin) Invite(ctx context.Context, actor database.Actor, email string, ttl time.Duration) (NewInvite, error) {
	var bound *string
	if email != "" {
		normal, err := account.NormalEmail(email)
		if err != nil {
			return NewInvite{}, err
		}
		bound = &normal
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	made := NewInvite{ID: id.New(), Token: base64.RawURLEncoding.EncodeToString(random)}
	args := audit.Entry{Action: audit.InviteMade, Target: made.ID}.Into(ctx, actor, database.Args{
		"session": session(actor), "id": made.ID, "hash": account.InviteHash(made.Token), "email": bound, "ttl": ttl})
	args["audit_actor"] = "admin"
	err := a.db.Do(ctx, actor, func(b *database.Batch) {
		b.One(`WITH made AS MATERIALIZED (SELECT admin_create_invite(@session, @id, @hash, @email, @ttl) AS expires_at)
		       SELECT expires_at, `+audit.Call+` FROM made`, args, &made.ExpiresAt, nil)
	})
	if err != nil {
		return NewInvite{}, fmt.Errorf("make an invite: %w", err)
	}
	return made, nil
}

// Invites returns up to limit invites that come after cursor ("": the first).
// It returns fault.Forbidden and fault.CursorInvalid.
func (a *Admin) Invites(ctx context.Context, actor database.Actor, limit int, cursor string) (InvitePage, error) {
	after, err := idCursor(cursor)
	if err != nil {
		return InvitePage{}, err
	}
	page := InvitePage{Items: []Invite{}}
	err = a.db.Do(ctx, actor, func(b *database.Batch) {
		b.Each(`SELECT id, email, created_by, created_at, expires_at, used_at, revoked_at FROM admin_invites(@session, @after, @limit)`,
			database.Args{"session": session(actor), "after": database.NullID(after), "limit": limit + 1}, func(scan func(...any) error) error {
				var i Invite
				err := scan(&i.ID, &i.Email, &i.CreatedBy, &i.CreatedAt, &i.ExpiresAt, &i.UsedAt, &i.RevokedAt)
				page.Items = append(page.Items, i)
				return err
			})
	})
	if err != nil {
		return InvitePage{}, fmt.Errorf("list invites: %w", err)
	}
	if len(page.Items) > limit {
		page.Items = page.Items[:limit]
		page.NextCursor = page.Items[limit-1].ID.String()
	}
	return page, nil
}

// Revoke ends an invite that was not used yet. It returns fault.Forbidden, and
// fault.NotFound for one that is unknown, used or revoked.
func (a *Admin) Revoke(ctx context.Context, actor database.Actor, invite id.ID) error {
	args := audit.Entry{Action: audit.InviteRevoked, Target: invite}.Into(ctx, actor, database.Args{"session": session(actor), "id": invite})
	args["audit_actor"] = "admin"
	var found bool
	var entry int64
	err := a.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&found, `WITH ended AS MATERIALIZED (SELECT admin_revoke_invite(@session, @id) AS id)
		       SELECT `+audit.Call+` FROM ended`, args, &entry)
	})
	switch {
	case err != nil:
		return fmt.Errorf("revoke an invite: %w", err)
	case !found:
		return fault.New(fault.NotFound, "There is no such invite, or it was used or revoked.")
	}
	return nil
}
