package account

import (
	"context"
	"fmt"
	"time"

	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/id"
)

// Alert tells a user what they should know of: an old refresh token that came
// again, for example.
type Alert struct {
	ID        id.ID      `json:"id" format:"uuid"`
	Kind      string     `json:"kind" enum:"refresh_replayed,new_device,quota_80,quota_95,password_changed,password_reset,totp_enabled,totp_disabled,recovery_code_used,token_created"`
	SessionID *id.ID     `json:"session_id,omitempty" format:"uuid" doc:"The session that it is about."`
	CreatedAt time.Time  `json:"created_at"`
	ReadAt    *time.Time `json:"read_at,omitempty" doc:"When its owner marked it as read; absent before."`
}

// AlertPage is one page of alerts, newest first.
type AlertPage struct {
	Items      []Alert `json:"items"`
	NextCursor string  `json:"next_cursor,omitempty" doc:"Absent on the last page."`
}

// Alerts returns up to limit alerts of the acting user that come after cursor
// ("": the first). It returns fault.CursorInvalid.
func (s *Accounts) Alerts(ctx context.Context, actor database.Actor, limit int, cursor string) (AlertPage, error) {
	var after id.ID
	if cursor != "" {
		var err error
		if after, err = id.Parse(cursor); err != nil {
			return AlertPage{}, fault.New(fault.CursorInvalid, "This cursor belongs to another list. Start again without one.")
		}
	}
	page := AlertPage{Items: []Alert{}}
	err := s.db.Do(ctx, actor, func(b *database.Batch) {
		b.Each(`SELECT id, kind, session_id, created_at, read_at FROM alerts
		         WHERE user_id = app_user() AND (@after::uuid IS NULL OR id < @after) ORDER BY id DESC LIMIT @limit`,
			database.Args{"after": database.NullID(after), "limit": limit + 1}, func(scan func(...any) error) error {
				var a Alert
				err := scan(&a.ID, &a.Kind, &a.SessionID, &a.CreatedAt, &a.ReadAt)
				page.Items = append(page.Items, a)
				return err
			})
	})
	if err != nil {
		return AlertPage{}, fmt.Errorf("list alerts: %w", err)
	}
	if len(page.Items) > limit {
		page.Items = page.Items[:limit]
		page.NextCursor = page.Items[limit-1].ID.String()
	}
	return page, nil
}

// ReadAlerts marks an alert of the acting user, and all that are older, as read;
// those that are stay as they were. An id that is none of them marks nothing.
func (s *Accounts) ReadAlerts(ctx context.Context, actor database.Actor, upTo id.ID) error {
	err := s.db.Do(ctx, actor, func(b *database.Batch) {
		b.Exec(`UPDATE alerts SET read_at = clock_timestamp()
		         WHERE user_id = app_user() AND read_at IS NULL
		           AND id <= (SELECT id FROM alerts WHERE user_id = app_user() AND id = @upto)`,
			database.Args{"upto": upTo})
	})
	if err != nil {
		return fmt.Errorf("mark alerts: %w", err)
	}
	return nil
}
