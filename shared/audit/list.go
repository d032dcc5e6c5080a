package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"docuvault/shared/chain"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
)

// Read is an entry as the user whom it is about sees it.
type Read struct {
	ID       int64          `json:"id"`
	At       time.Time      `json:"at"`
	Actor    string         `json:"actor" enum:"user,admin,system"`
	Action   string         `json:"action"`
	Target   *id.ID         `json:"target,omitempty" format:"uuid"`
	Metadata map[string]any `json:"metadata"`
	Network  string         `json:"network,omitempty" doc:"A prefix of the address, not the address."`
	Device   string         `json:"device,omitempty"`
}

// Page is one page of entries, newest first.
type Page struct {
	Items []Read `json:"items"`
	// Head stands for the whole log; see package chain.
	Head       *chain.Head `json:"head,omitempty" doc:"The newest seal of the log, and by that of all before it. Keep its hash: an operator can be asked to show that it is still part of the chain. Absent as long as there is no seal."`
	NextCursor string      `json:"next_cursor,omitempty" doc:"Absent on the last page."`
}

// Log reads the entries about a user.
type Log struct{ db *database.DB }

// OpenLog returns the Env's one Log.
func OpenLog(env *host.Env) (*Log, error) {
	return host.Resource(env, func(env *host.Env) (*Log, error) {
		db, err := database.Open(env)
		return &Log{db: db}, err
	})
}

const listing = `SELECT l.id, l.at, l.actor, l.action, l.target, l.metadata::text, p.personal
		          FROM audit_log l LEFT JOIN audit_personal p ON p.audit_id = l.id
		         WHERE l.user_id = app_user() AND (@target::uuid IS NULL OR l.target = @target) AND (@after::bigint IS NULL OR l.id < @after)
		         ORDER BY l.id DESC LIMIT @limit`

// List returns up to limit entries about the acting user that come after cursor
// ("": the first), with their personal part where it was not deleted; only
// those of one target unless that is Nil. It returns fault.CursorInvalid.
func (l *Log) List(ctx context.Context, actor database.Actor, target id.ID, limit int, cursor string) (Page, error) {
	var after *int64
	if cursor != "" {
		n, err := strconv.ParseInt(cursor, 10, 64)
		if err != nil {
			return Page{}, fault.New(fault.CursorInvalid, "This cursor belongs to another list. Start again without one.")
		}
		after = &n
	}
	page := Page{Items: []Read{}}
	var head chain.Head
	var sealed bool
	err := l.db.Do(ctx, actor, func(b *database.Batch) {
		readHead(b, &sealed, &head)
		b.Each(listing, database.Args{"target": database.NullID(target), "after": after, "limit": limit + 1},
			func(scan func(...any) error) error {
				var r Read
				var metadata string
				var personal *string
				if err := scan(&r.ID, &r.At, &r.Actor, &r.Action, &r.Target, &metadata, &personal); err != nil {
					return err
				}
				if err := json.Unmarshal([]byte(metadata), &r.Metadata); err != nil {
					return fmt.Errorf("metadata of entry %d: %w", r.ID, err)
				}
				if personal != nil {
					var o Origin
					if err := json.Unmarshal([]byte(*personal), &o); err != nil {
						return fmt.Errorf("personal part of entry %d is malformed", r.ID)
					}
					r.Network, r.Device = o.Network, o.Device
				}
				page.Items = append(page.Items, r)
				return nil
			})
	})
	if err != nil {
		return Page{}, fmt.Errorf("list audit entries: %w", err)
	}
	if sealed {
		page.Head = &head
	}
	if len(page.Items) > limit {
		page.Items = page.Items[:limit]
		page.NextCursor = strconv.FormatInt(page.Items[limit-1].ID, 10)
	}
	return page, nil
}
