package audit

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"docuvault/shared/chain"
	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/id"
)

// Exported is an entry with all that its leaf is made of, and the proof that a
// seal covers it.
type Exported struct {
	ID          int64       `json:"id"`
	XID         uint64      `json:"xid"`
	At          time.Time   `json:"at" doc:"To the microsecond."`
	UserID      id.ID       `json:"user_id" format:"uuid"`
	Actor       string      `json:"actor" enum:"user,admin,system"`
	Action      string      `json:"action"`
	Target      *id.ID      `json:"target,omitempty" format:"uuid"`
	PersonalMAC *chain.Hash `json:"personal_mac,omitempty" doc:"HMAC-SHA256 of personal under salt."`
	Metadata    string      `json:"metadata" doc:"JSON text, exactly as it is hashed."`
	Personal    *string     `json:"personal,omitempty" doc:"The personal part, exactly as it is hashed; absent where it was deleted or there is none."`
	Salt        *chain.Hash `json:"salt,omitempty"`
	// Seal and what follows is absent until the entry is sealed.
	Seal  *int64       `json:"seal,omitempty" doc:"Number of the seal that covers the entry; absent for about a minute after it was written."`
	Index *int         `json:"index,omitempty" doc:"Place of the entry among the seal's, from 0."`
	Proof []chain.Hash `json:"proof" doc:"Path from the leaf to the seal's root (RFC 6962)."`
}

// Export is one page of entries, oldest first, with what it takes to check them
// against a head: docs/audit.md says how.
type Export struct {
	Head       *chain.Head  `json:"head,omitempty" doc:"Absent as long as there is no seal."`
	Items      []Exported   `json:"items"`
	Seals      []LinkedSeal `json:"seals" doc:"The seals of the items, and those that lead from the head to them, newest first."`
	NextCursor string       `json:"next_cursor,omitempty" doc:"Absent on the last page."`
}

// LinkedSeal is a seal with the hash that others link to.
type LinkedSeal struct {
	chain.Seal
	Hash chain.Hash `json:"hash"`
}

// Export returns up to limit entries about the acting user after cursor ("": the
// first). It returns fault.CursorInvalid.
func (l *Log) Export(ctx context.Context, actor database.Actor, limit int, cursor string) (Export, error) {
	var after int64
	if cursor != "" {
		var err error
		if after, err = strconv.ParseInt(cursor, 10, 64); err != nil {
			return Export{}, fault.New(fault.CursorInvalid, "This cursor belongs to another list. Start again without one.")
		}
	}
	page := Export{Items: []Exported{}, Seals: []LinkedSeal{}}
	var head chain.Head
	var sealed bool
	err := l.db.Do(ctx, actor, func(b *database.Batch) {
		readHead(b, &sealed, &head)
		b.Each(`SELECT l.id, l.xid::text, l.at, l.user_id, l.actor, l.action, l.target, l.personal_mac, l.metadata::text, p.personal, p.salt, s.number
		          FROM audit_log l LEFT JOIN audit_personal p ON p.audit_id = l.id
		          LEFT JOIN LATERAL (SELECT number FROM audit_seals WHERE ranges @> l.id ORDER BY number LIMIT 1) s ON true
		         WHERE l.user_id = app_user() AND l.id > @after ORDER BY l.id LIMIT @limit`,
			database.Args{"after": after, "limit": limit + 1}, func(scan func(...any) error) error {
				var e Exported
				var xid string
				var mac, salt []byte
				if err := scan(&e.ID, &xid, &e.At, &e.UserID, &e.Actor, &e.Action, &e.Target, &mac, &e.Metadata, &e.Personal, &salt, &e.Seal); err != nil {
					return err
				}
				var err error
				e.XID, err = strconv.ParseUint(xid, 10, 64)
				e.At, e.PersonalMAC, e.Salt, e.Proof = e.At.UTC(), hashOf(mac), hashOf(salt), []chain.Hash{}
				page.Items = append(page.Items, e)
				return err
			})
	})
	if err != nil {
		return Export{}, fmt.Errorf("export audit entries: %w", err)
	}
	if len(page.Items) > limit {
		page.Items = page.Items[:limit]
		page.NextCursor = strconv.FormatInt(page.Items[limit-1].ID, 10)
	}
	if !sealed {
		return page, nil
	}
	page.Head = &head
	return page, l.prove(ctx, actor, head.Number, &page)
}

// prove adds to each sealed item its proof, and the seals that link it to the
// head. Seals never change, so that it does not matter that this is another
// transaction.
func (l *Log) prove(ctx context.Context, actor database.Actor, head int64, page *Export) error {
	own, way := []int64{}, []int64{}
	onWay, items := map[int64]bool{}, map[int64][]*Exported{}
	for i := range page.Items {
		e := &page.Items[i]
		if e.Seal == nil {
			continue
		}
		if *e.Seal > head { // made while we read
			e.Seal = nil
			continue
		}
		if items[*e.Seal] == nil {
			own = append(own, *e.Seal)
			for _, n := range chain.Way(head, *e.Seal) {
				if !onWay[n] {
					onWay[n], way = true, append(way, n)
				}
			}
		}
		items[*e.Seal] = append(items[*e.Seal], e)
	}
	if len(way) == 0 { // the head's own seal, so that it can be checked
		way = append(way, head)
	}
	err := l.db.Do(ctx, actor, func(b *database.Batch) {
		b.Each(`SELECT number, previous, jump, ranges::text, count, root, created_at, mark_xid::text, mark_id, hash
		          FROM audit_seals WHERE number = ANY (@numbers::bigint[]) ORDER BY number DESC`, database.Args{"numbers": way},
			func(scan func(...any) error) error {
				s, err := scanSeal(scan)
				page.Seals = append(page.Seals, s)
				return err
			})
		// One seal's leaves at a time: of a busy minute they are 320 kB.
		b.Each(`SELECT number, leaves FROM audit_seals WHERE number = ANY (@numbers::bigint[])`, database.Args{"numbers": own},
			func(scan func(...any) error) error {
				var number int64
				var raw []byte
				if err := scan(&number, &raw); err != nil {
					return err
				}
				proofs(raw, items[number])
				return nil
			})
	})
	if err != nil {
		return fmt.Errorf("prove audit entries: %w", err)
	}
	return nil
}

// proofs finds the entries' leaves among those of their seal. One that is not
// there gets no proof: it was changed, and whoever checks sees that.
func proofs(raw []byte, entries []*Exported) {
	leaves := make([]chain.Hash, len(raw)/len(chain.Hash{}))
	at := make(map[chain.Hash]int, len(leaves))
	for i := range leaves {
		copy(leaves[i][:], raw[i*len(chain.Hash{}):])
		at[leaves[i]] = i
	}
	for _, e := range entries {
		if i, ok := at[e.leaf()]; ok {
			e.Index, e.Proof = &i, chain.Path(leaves, i)
		}
	}
}

func (e *Exported) leaf() chain.Hash {
	entry := chain.Entry{ID: e.ID, XID: e.XID, At: e.At, User: e.UserID, Actor: e.Actor, Action: e.Action, Metadata: e.Metadata}
	if e.Target != nil {
		entry.Target = *e.Target
	}
	if e.PersonalMAC != nil {
		entry.PersonalMAC = e.PersonalMAC[:]
	}
	return entry.Leaf()
}

// readHead adds the statement that reads the newest seal.
func readHead(b *database.Batch, found *bool, h *chain.Head) {
	*found = false
	b.Each(`SELECT number, hash, created_at FROM audit_seals ORDER BY number DESC LIMIT 1`, nil, func(scan func(...any) error) error {
		var hash []byte
		err := scan(&h.Number, &hash, &h.At)
		copy(h.Hash[:], hash)
		h.At, *found = h.At.UTC(), err == nil
		return err
	})
}

func scanSeal(scan func(...any) error) (s LinkedSeal, err error) {
	var previous, jump, root, hash []byte
	var ranges, mark string
	if err := scan(&s.Number, &previous, &jump, &ranges, &s.Count, &root, &s.At, &mark, &s.MarkID, &hash); err != nil {
		return s, err
	}
	copy(s.Previous[:], previous)
	copy(s.Jump[:], jump)
	copy(s.Root[:], root)
	copy(s.Hash[:], hash)
	s.At, s.Ranges = s.At.UTC(), chain.RangesHash(ranges)
	s.MarkXID, err = strconv.ParseUint(mark, 10, 64)
	return s, err
}

// hashOf is a value of 32 bytes; nil: there is none.
func hashOf(raw []byte) *chain.Hash {
	if len(raw) != len(chain.Hash{}) {
		return nil
	}
	h := chain.Hash(raw)
	return &h
}
