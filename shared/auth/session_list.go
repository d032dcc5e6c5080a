package auth

import (
	"context"
	"fmt"
	"time"

	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
)

// Session is one of a user's sessions as the user sees it.
type Session struct {
	ID         id.ID     `json:"id" format:"uuid"`
	Device     string    `json:"device"`
	Network    string    `json:"network" doc:"A prefix of the address, not the address."`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at" doc:"To about ten minutes."`
	ExpiresAt  time.Time `json:"expires_at"`
	Current    bool      `json:"current" doc:"True for the session that asks."`
}

// SessionList lists and ends sessions. It needs no key.
type SessionList struct{ db *database.DB }

// OpenSessionList returns the Env's one SessionList.
func OpenSessionList(env *host.Env) (*SessionList, error) {
	return host.Resource(env, func(env *host.Env) (*SessionList, error) {
		db, err := database.Open(env)
		return &SessionList{db: db}, err
	})
}

const live = `user_id = app_user() AND revoked_at IS NULL AND expires_at > clock_timestamp() AND last_used_at + idle_timeout > clock_timestamp()`

// List returns the live sessions, newest first.
func (l *SessionList) List(ctx context.Context, actor database.Actor) ([]Session, error) {
	sessions := []Session{}
	err := l.db.Do(ctx, actor, func(b *database.Batch) {
		b.Each(`SELECT id, device, network, created_at, last_used_at, LEAST(expires_at, last_used_at + idle_timeout)
		          FROM sessions WHERE `+live+` ORDER BY created_at DESC, id DESC LIMIT 200`, nil, func(scan func(...any) error) error {
			var s Session
			err := scan(&s.ID, &s.Device, &s.Network, &s.CreatedAt, &s.LastUsedAt, &s.ExpiresAt)
			s.Current = s.ID == actor.Session()
			sessions = append(sessions, s)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return sessions, nil
}

// Revoke ends one session of the user; it stops at its next request. It returns
// fault.NotFound.
func (l *SessionList) Revoke(ctx context.Context, actor database.Actor, session id.ID) error {
	n, err := l.revoke(ctx, actor, audit.SessionRevoked, "revoked", session, `id = @session`)
	if err == nil && n == 0 {
		return fault.New(fault.NotFound, "There is no such session.")
	}
	return err
}

// RevokeOthers ends all sessions of the user but the one that asks.
func (l *SessionList) RevokeOthers(ctx context.Context, actor database.Actor) error {
	_, err := l.revoke(ctx, actor, audit.SessionRevoked, "revoked", actor.Session(), `id <> @session`)
	return err
}

// Logout ends the session that asks.
func (l *SessionList) Logout(ctx context.Context, actor database.Actor) error {
	_, err := l.revoke(ctx, actor, audit.LoggedOut, "logout", actor.Session(), `id = @session`)
	return err
}

// revoke ends the sessions that match, with an entry for each.
func (l *SessionList) revoke(ctx context.Context, actor database.Actor, action audit.Action, reason string, session id.ID, which string) (ended int64, err error) {
	args := audit.Entry{Action: action}.Into(ctx, actor, database.Args{"session": session, "reason": reason})
	err = l.db.Do(ctx, actor, func(b *database.Batch) {
		b.Affected(&ended, `WITH ended AS (UPDATE sessions SET revoked_at = clock_timestamp(), revoked_reason = @reason
		      WHERE user_id = app_user() AND revoked_at IS NULL AND `+which+` RETURNING id)
		    SELECT audit_write(@audit_actor, @audit_action, id, @audit_metadata::jsonb, @audit_salt, @audit_mac, @audit_personal) FROM ended`, args)
	})
	if err != nil {
		return 0, fmt.Errorf("%s: %w", action, err)
	}
	return ended, nil
}
