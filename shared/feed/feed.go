// Package feed tells what changed for a user since a cursor, so that a page
// that shows documents asks once, and not each document.
//
// Triggers write an entry for each row that a person sees and that changed, in
// the transaction of the change. Entries are ordered by (xid, id), and read only
// below the oldest transaction that still runs: a number from a sequence alone
// would be passed before a smaller one is committed. It promises that whoever
// follows the cursors misses nothing, or is told to start again.
package feed

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
)

// Retention is how long entries are kept; the reconciler deletes older ones.
// CursorLife is how long a cursor can be used: less, by far more than a
// transaction takes, so that no entry behind a valid cursor was deleted.
const (
	Retention  = 4 * 24 * time.Hour
	CursorLife = 3 * 24 * time.Hour
)

// MaxPage is the most entries that one answer looks at.
const MaxPage = 1000

// Change is a thing that changed; several changes of one are told as one.
type Change struct {
	Kind string `json:"kind" enum:"document,folder,topic,tag,quota,alert"`
	ID   id.ID  `json:"id" format:"uuid" doc:"Of the thing; of a quota, its user's."`
	Op   string `json:"op" enum:"created,changed,deleted" doc:"What became of it: read it again, or forget it."`
}

// Page is what changed since a cursor.
type Page struct {
	Items      []Change `json:"items" doc:"In the order of their last change."`
	NextCursor string   `json:"next_cursor" doc:"The next since."`
	More       bool     `json:"more" doc:"There is more already: ask again at once."`
	Moving     bool     `json:"moving" doc:"There will be more soon: a document of yours is on its way, or a change waits for a transaction before it. Ask every 2 seconds, else every 30."`
}

// Feed reads.
type Feed struct{ db *database.DB }

// Open returns the Env's one Feed.
func Open(env *host.Env) (*Feed, error) {
	return host.Resource(env, func(env *host.Env) (*Feed, error) {
		db, err := database.Open(env)
		return &Feed{db: db}, err
	})
}

// cursor is where an answer ended. It holds no content; changing one only moves
// its owner's own place.
type cursor struct {
	Epoch string `json:"e"`
	XID   string `json:"x"` // a decimal number of 64 bits
	ID    int64  `json:"i"`
	At    int64  `json:"t"` // by the database's clock, Unix seconds
}

func (c cursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic("feed: cursor: " + err.Error()) // strings and numbers always marshal
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

var (
	errCursor  = fault.New(fault.CursorInvalid, "This is no cursor of this list. Start again without one.")
	errExpired = fault.New(fault.CursorExpired, "This cursor is too old, or the vault was restored since. Start again without one, and read everything anew.")
)

func parse(s string) (c cursor, err error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || json.Unmarshal(b, &c) != nil || c.ID < 0 || len(c.Epoch) > 40 {
		return c, errCursor
	}
	if _, err := strconv.ParseUint(c.XID, 10, 63); err != nil || strings.HasPrefix(c.XID, "+") {
		return c, errCursor
	}
	return c, nil
}

// moving is whether there will be more for the user soon: a document is read or
// purged, or an upload was gone on with a moment ago, or a change is committed and
// held back by a transaction before it.
const moving = `EXISTS (SELECT FROM documents WHERE user_id = app_user() AND status IN ('stored', 'processing', 'purging'))
  OR EXISTS (SELECT FROM documents WHERE user_id = app_user() AND status = 'pending' AND updated_at > clock_timestamp() - interval '5 minutes')
  OR EXISTS (SELECT FROM changes WHERE user_id = app_user() AND xid >= pg_snapshot_xmin(pg_current_snapshot()))`

// query is one statement, so that all of it sees one snapshot. [Feed.Read] and
// the test of its plan use it.
const query = `SELECT s.below::text, s.epoch, s.now, s.moving, coalesce(@xid::text::xid8 > s.below, false), c.xid::text, c.id, c.kind, c.item_id, c.op
  FROM (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS below, feed_epoch() AS epoch, clock_timestamp() AS now, (` + moving + `) AS moving) s
  LEFT JOIN LATERAL (
    SELECT e.xid, e.id, e.kind, e.item_id, e.op FROM changes e
     WHERE e.user_id = app_user() AND (e.xid, e.id) > (@xid::text::xid8, @id::bigint) AND e.xid < s.below
     ORDER BY e.xid, e.id LIMIT @limit) c ON true
 ORDER BY c.xid, c.id`

// Forget deletes the user's oldest entries, if they are older than the interval
// @retention: up to 50,000 each time, so that it is never long.
const Forget = `DELETE FROM changes WHERE user_id = app_user() AND at < clock_timestamp() - @retention::interval
  AND (xid, id) <= (SELECT xid, id FROM (SELECT xid, id FROM changes WHERE user_id = app_user() ORDER BY xid, id LIMIT 50000) o ORDER BY xid DESC, id DESC LIMIT 1)`

// Read returns what changed for the actor since a cursor; "" tells nothing but
// the cursor to begin with: take it first, then read everything, then follow.
// It returns fault.CursorInvalid and fault.CursorExpired.
func (f *Feed) Read(ctx context.Context, actor database.Actor, since string, limit int) (Page, error) {
	var at cursor
	args := database.Args{"xid": (*string)(nil), "id": int64(0), "limit": limit + 1}
	if since != "" {
		var err error
		if at, err = parse(since); err != nil {
			return Page{}, err
		}
		args["xid"], args["id"] = &at.XID, at.ID
	}
	var (
		page  = Page{Items: []Change{}}
		below string
		ahead bool // the cursor is of a future that a restore took away
		now   time.Time
		next  cursor
		read  []Change
	)
	err := f.db.Do(ctx, actor, func(b *database.Batch) {
		b.Each(query, args, func(scan func(...any) error) error {
			var xid, kind, op *string
			var entry *int64
			var item id.ID
			if err := scan(&below, &next.Epoch, &now, &page.Moving, &ahead, &xid, &entry, &kind, &item, &op); err != nil {
				return err
			}
			switch {
			case xid == nil: // nothing changed
			case len(read) == limit:
				page.More = true
			default:
				read = append(read, Change{Kind: *kind, ID: item, Op: *op})
				next.XID, next.ID = *xid, *entry
			}
			return nil
		})
	})
	if err != nil {
		return Page{}, fmt.Errorf("read changes: %w", err)
	}
	if since != "" && (at.Epoch != next.Epoch || ahead || now.Sub(time.Unix(at.At, 0)) > CursorLife) {
		return Page{}, errExpired
	}
	if !page.More { // all that there is below was read
		next.XID, next.ID = below, 0
	}
	next.At = now.Unix()
	page.Items, page.NextCursor = merge(read), next.String()
	return page, nil
}

// merge makes one of several changes of a thing, where the last one stands.
func merge(all []Change) []Change {
	merged := []Change{}
	place := map[Change]int{}
	for i := len(all) - 1; i >= 0; i-- { // the last first
		thing := Change{Kind: all[i].Kind, ID: all[i].ID}
		n, told := place[thing]
		if !told {
			place[thing] = len(merged)
			merged = append(merged, all[i])
			continue
		}
		if all[i].Op == "created" && merged[n].Op == "changed" {
			merged[n].Op = "created"
		}
	}
	slices.Reverse(merged)
	return merged
}
