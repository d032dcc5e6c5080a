package auth

import (
	"context"
	"fmt"
	"time"

	"docuvault/shared/account"
	"docuvault/shared/audit"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/letter"
	"docuvault/shared/secret"
)

// allowed is when a refresh token may be exchanged: it is of the current
// generation; or of the one before, while the current one was not used yet (its
// answer may have been lost; for a day at most), and for the grace after that
// (a second tab). Everything older is a replay.
const allowed = `(generation = @generation OR generation = @generation + 1 AND
  CASE WHEN first_used_at IS NULL THEN rotated_at + @unused > clock_timestamp() ELSE first_used_at + @grace >= clock_timestamp() END)`

// rotate is one UPDATE, whose CASEs decide on the newest row: a loser of a race
// waits for the winner and then sees what the winner wrote. A common table
// expression that selects first would see the row as it was. A replay revokes
// the session in the same statement, which commits although the request answers
// 401; because only a live session is touched, there is one alert for it.
var rotate = `WITH rotated AS (
  UPDATE sessions SET
    generation     = CASE WHEN generation = @generation THEN generation + 1 ELSE generation END,
    rotated_at     = CASE WHEN generation = @generation THEN clock_timestamp() ELSE rotated_at END,
    first_used_at  = CASE WHEN generation = @generation THEN NULL ELSE first_used_at END,
    last_used_at   = CASE WHEN ` + allowed + ` THEN clock_timestamp() ELSE last_used_at END,
    revoked_at     = CASE WHEN ` + allowed + ` THEN NULL ELSE clock_timestamp() END,
    revoked_reason = CASE WHEN ` + allowed + ` THEN NULL ELSE 'replay' END
  WHERE id = @session AND user_id = app_user() AND @generation <= generation AND revoked_at IS NULL
    AND expires_at > clock_timestamp() AND last_used_at + idle_timeout > clock_timestamp()
    AND NOT EXISTS (SELECT FROM users WHERE id = app_user() AND disabled_at IS NOT NULL)
  RETURNING id, user_id, generation, auth_time, expires_at, revoked_at),
alerted AS (
  INSERT INTO alerts (id, user_id, kind, session_id)
  SELECT @alert, user_id, 'refresh_replayed', id FROM rotated WHERE revoked_at IS NOT NULL),
` + toldOfReplay + `
SELECT generation, auth_time, expires_at, revoked_at IS NOT NULL,
       CASE WHEN revoked_at IS NOT NULL THEN ` + audit.Call + ` END
  FROM rotated`

var toldOfReplay = letter.Owed("told", letter.Replayed, "id::text", "rotated WHERE revoked_at IS NOT NULL")

// Refresh exchanges a refresh token for new tokens (RFC 9700 section 4.14.2).
// It returns fault.RefreshInvalid, fault.SessionRevoked, and
// fault.RefreshReplayed for an old token, after which the session is revoked.
func (s *Sessions) Refresh(ctx context.Context, token secret.Text, origin audit.Origin) (Signed, error) {
	presented, err := s.codec.Parse(token)
	if err != nil {
		return Signed{}, err
	}
	actor := database.OnBehalfOf(presented.User)
	entry := audit.Entry{Action: audit.RefreshReplayed, Target: presented.Session}
	args := entry.Into(audit.WithOrigin(ctx, origin), actor, database.Args{
		"session": presented.Session, "generation": presented.Generation, "alert": id.New(), "mail": id.New(),
		"grace": s.cfg.RefreshGrace, "unused": unusedSuccessor,
	})
	who := Identity{User: presented.User, Session: presented.Session}
	var signed Signed
	var live, replayed, there, revoked bool
	var expires time.Time
	err = s.db.Do(ctx, actor, func(b *database.Batch) {
		b.Maybe(&live, rotate, args, &who.Generation, &who.AuthTime, &expires, &replayed, nil)
		b.Maybe(&there, `SELECT revoked_at IS NOT NULL FROM sessions WHERE id = @session AND user_id = app_user()`, args, &revoked)
		account.MaybeRead(b, &signed.Account)
	})
	switch {
	case err != nil:
		return Signed{}, fmt.Errorf("refresh: %w", err)
	case replayed:
		s.replays(ctx, 1)
		return Signed{}, fault.New(fault.RefreshReplayed, "An old sign-in token was used again, as a thief would. This session has been ended; sign in again.")
	case !live && there && revoked:
		return Signed{}, fault.New(fault.SessionRevoked, "This session has ended. Sign in again.")
	case !live:
		return Signed{}, errRefreshInvalid
	}
	return s.sign(signed, who, min(SessionIdle, expires.Sub(s.now())))
}
