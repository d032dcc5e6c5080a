// Package admin is what an administrator may do: count, set limits, close
// accounts, invite.
//
// It promises that an administrator sees no paper, name, text or credential,
// and acts as nobody else: every statement is a function of the database that
// checks by the acting user and session that this is an enabled administrator
// whose session lives, and returns ids, addresses, counts and bytes. Everybody
// else gets fault.Forbidden.
package admin

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
)

// User is an account as an administrator sees it.
type User struct {
	ID            id.ID      `json:"id" format:"uuid"`
	Email         string     `json:"email"`
	Role          string     `json:"role" enum:"user,admin"`
	CreatedAt     time.Time  `json:"created_at"`
	Disabled      bool       `json:"disabled"`
	DisabledAt    *time.Time `json:"disabled_at,omitempty"`
	LimitBytes    int64      `json:"quota_limit_bytes"`
	UsedBytes     int64      `json:"used_bytes"`
	ReservedBytes int64      `json:"reserved_bytes" doc:"For uploads that have begun."`
	Documents     int64      `json:"documents"`
	OpenUploads   int64      `json:"open_uploads"`
}

// UserPage is one page of accounts, oldest first.
type UserPage struct {
	Items      []User `json:"items"`
	NextCursor string `json:"next_cursor,omitempty" doc:"Absent on the last page."`
}

// Stats are the sums over all accounts.
type Stats struct {
	Users         int64 `json:"users"`
	Admins        int64 `json:"admins"`
	Disabled      int64 `json:"disabled"`
	LiveSessions  int64 `json:"live_sessions"`
	Documents     int64 `json:"documents"`
	OpenUploads   int64 `json:"open_uploads"`
	UsedBytes     int64 `json:"used_bytes"`
	ReservedBytes int64 `json:"reserved_bytes"`
	LimitBytes    int64 `json:"quota_limit_bytes" doc:"Sum of all limits."`
	OpenInvites   int64 `json:"open_invites"`
	AuditEntries  int64 `json:"audit_entries"`
}

// Event is a security event of the instance: what happened to which account.
type Event struct {
	ID     int64     `json:"id"`
	At     time.Time `json:"at"`
	UserID *id.ID    `json:"user_id,omitempty" format:"uuid" doc:"Absent: the system's own."`
	Actor  string    `json:"actor" enum:"user,admin,system"`
	Action string    `json:"action"`
}

// EventPage is one page of events, newest first.
type EventPage struct {
	Items      []Event `json:"items"`
	NextCursor string  `json:"next_cursor,omitempty" doc:"Absent on the last page."`
}

// Changes are what an administrator changes about an account; nil stays.
type Changes struct {
	LimitBytes *int64 `json:"quota_limit_bytes,omitempty" minimum:"0" doc:"May be below what is used: nothing is deleted, and nothing more goes in."`
	Disabled   *bool  `json:"disabled,omitempty" doc:"true ends every session of the account."`
}

// Admin does what administrators may.
type Admin struct{ db *database.DB }

// Open returns the Env's one Admin.
func Open(env *host.Env) (*Admin, error) {
	return host.Resource(env, func(env *host.Env) (*Admin, error) {
		db, err := database.Open(env)
		return &Admin{db: db}, err
	})
}

// session is sent as NULL for who has none: the functions refuse that.
func session(actor database.Actor) any { return database.NullID(actor.Session()) }

const userColumns = `id, email, role, created_at, disabled_at, limit_bytes, used_bytes, reserved_bytes, documents, open_uploads`

func (u *User) fields() []any {
	return []any{&u.ID, &u.Email, &u.Role, &u.CreatedAt, &u.DisabledAt, &u.LimitBytes, &u.UsedBytes, &u.ReservedBytes, &u.Documents, &u.OpenUploads}
}

// Users returns up to limit accounts that come after cursor ("": the first).
// It returns fault.Forbidden and fault.CursorInvalid.
func (a *Admin) Users(ctx context.Context, actor database.Actor, limit int, cursor string) (UserPage, error) {
	after, err := idCursor(cursor)
	if err != nil {
		return UserPage{}, err
	}
	page := UserPage{Items: []User{}}
	err = a.db.Do(ctx, actor, func(b *database.Batch) {
		b.Each(`SELECT `+userColumns+` FROM admin_users(@session, @after, @limit)`,
			database.Args{"session": session(actor), "after": database.NullID(after), "limit": limit + 1}, func(scan func(...any) error) error {
				var u User
				err := scan(u.fields()...)
				u.Disabled = u.DisabledAt != nil
				page.Items = append(page.Items, u)
				return err
			})
	})
	if err != nil {
		return UserPage{}, fmt.Errorf("list accounts: %w", err)
	}
	if len(page.Items) > limit {
		page.Items = page.Items[:limit]
		page.NextCursor = page.Items[limit-1].ID.String()
	}
	return page, nil
}

// Change changes an account and returns it. It wants a proof of the password
// within 10 minutes. It returns fault.Forbidden, fault.ReauthRequired,
// fault.NotFound, and fault.LastAdmin for closing the last enabled
// administrator.
func (a *Admin) Change(ctx context.Context, actor database.Actor, user id.ID, c Changes) (User, error) {
	var u User
	err := a.db.Do(ctx, actor.Fresh(), func(b *database.Batch) {
		b.One(`SELECT `+userColumns+` FROM admin_change_user(@session, @user, @limit, @disabled)`,
			database.Args{"session": session(actor), "user": user, "limit": c.LimitBytes, "disabled": c.Disabled}, u.fields()...)
	})
	switch {
	case errors.Is(err, database.ErrNoRows):
		return User{}, fault.New(fault.NotFound, "There is no such account.")
	case err != nil:
		return User{}, fmt.Errorf("change an account: %w", err)
	}
	u.Disabled = u.DisabledAt != nil
	return u, nil
}

// Stats returns the sums over all accounts. It returns fault.Forbidden.
func (a *Admin) Stats(ctx context.Context, actor database.Actor) (Stats, error) {
	var s Stats
	err := a.db.Do(ctx, actor, func(b *database.Batch) {
		b.One(`SELECT users, admins, disabled, live_sessions, documents, open_uploads, used_bytes, reserved_bytes, limit_bytes, open_invites, audit_entries
		         FROM admin_stats(@session)`, database.Args{"session": session(actor)},
			&s.Users, &s.Admins, &s.Disabled, &s.LiveSessions, &s.Documents, &s.OpenUploads, &s.UsedBytes, &s.ReservedBytes, &s.LimitBytes, &s.OpenInvites, &s.AuditEntries)
	})
	if err != nil {
		return Stats{}, fmt.Errorf("count: %w", err)
	}
	return s, nil
}

// Events returns up to limit security events that come after cursor ("": the
// first). It returns fault.Forbidden and fault.CursorInvalid.
func (a *Admin) Events(ctx context.Context, actor database.Actor, limit int, cursor string) (EventPage, error) {
	var before *int64
	if cursor != "" {
		n, err := strconv.ParseInt(cursor, 10, 64)
		if err != nil {
			return EventPage{}, errCursor
		}
		before = &n
	}
	page := EventPage{Items: []Event{}}
	err := a.db.Do(ctx, actor, func(b *database.Batch) {
		b.Each(`SELECT id, at, user_id, actor, action FROM admin_audit(@session, @before, @limit)`,
			database.Args{"session": session(actor), "before": before, "limit": limit + 1}, func(scan func(...any) error) error {
				var e Event
				err := scan(&e.ID, &e.At, &e.UserID, &e.Actor, &e.Action)
				page.Items = append(page.Items, e)
				return err
			})
	})
	if err != nil {
		return EventPage{}, fmt.Errorf("list security events: %w", err)
	}
	if len(page.Items) > limit {
		page.Items = page.Items[:limit]
		page.NextCursor = strconv.FormatInt(page.Items[limit-1].ID, 10)
	}
	return page, nil
}

var errCursor = fault.New(fault.CursorInvalid, "This cursor belongs to another list. Start again without one.")

func idCursor(cursor string) (id.ID, error) {
	if cursor == "" {
		return id.Nil, nil
	}
	after, err := id.Parse(cursor)
	if err != nil {
		return id.Nil, errCursor
	}
	return after, nil
}
