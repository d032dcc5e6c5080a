package verify

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"docuvault/shared/chain"
	"docuvault/shared/storage"
)

// sealedCount is the name of a count in the state file.
const sealedCount = "sealed entries"

// Bounds of what is looked at together.
const (
	perSeal      = 10000 // entries of the largest seal
	sealsAtATime = 200
	pairs        = 50 // changed entries of one seal that are compared with each other
)

// chain checks the seals against each other and against the entries, and the
// heads that were kept apart against the seals. It returns the head in words.
func (r *run) chain(ctx context.Context, i *Invariant) (string, error) {
	var end chain.Head
	if err := r.step("seals", func(after []string) (err error) {
		end, err = r.seals(ctx, i, after)
		return err
	}); err != nil {
		return "", err
	}
	if err := r.unsealed(ctx, i); err != nil {
		return "", err
	}
	if err := r.heads(ctx, i); err != nil {
		return "", err
	}
	if end.At.IsZero() { // an earlier run has walked, or there is none
		var err error
		if end, err = r.head(ctx); err != nil {
			return "", err
		}
	}
	if end.Number == 0 {
		return "no seal yet", nil
	}
	return fmt.Sprintf("head %s, seal %d of %s", end.Hash, end.Number, end.At.UTC().Format(time.RFC3339)), nil
}

// head is the last seal, as it says of itself.
func (r *run) head(ctx context.Context) (h chain.Head, err error) {
	var hash []byte
	err = r.each(ctx, `SELECT number, hash, created_at FROM audit_seals ORDER BY number DESC LIMIT 1`, nil, func(scan func(...any) error) error {
		return scan(&h.Number, &hash, &h.At)
	})
	copy(h.Hash[:], hash)
	return h, err
}

// sealRow is a seal as it is stored.
type sealRow struct {
	chain.Seal
	hash     chain.Hash // that it says it has
	jumpHash []byte     // of the seal that it should jump to; nil: it is not there
	length   int        // of leaves, in bytes
	leaves   []chain.Hash
}

// entryRow is an entry, and the seal whose ranges hold its id.
type entryRow struct {
	seal int64
	chain.Entry
}

// seals walks the chain from its beginning, some seals at a time.
func (r *run) seals(ctx context.Context, i *Invariant, after []string) (end chain.Head, err error) {
	if len(after) == 2 {
		end.Number, err = strconv.ParseInt(after[0], 10, 64)
		if err == nil {
			end.Hash, err = chain.ParseHash(after[1])
		}
		if err != nil {
			return end, ErrOtherState
		}
	}
	for {
		last, err := r.extent(ctx, end.Number)
		if err != nil || last == 0 {
			return end, err
		}
		var rows []sealRow
		err = r.each(ctx, `SELECT s.number, s.previous, s.jump, s.ranges::text, s.count, s.root, s.created_at, s.mark_xid::text, s.mark_id, s.hash,
		         CASE WHEN s.number = s.number & -s.number THEN decode(repeat('00', 32), 'hex')
		              ELSE (SELECT j.hash FROM audit_seals j WHERE j.number = s.number - (s.number & -s.number)) END,
		         octet_length(s.leaves), substr(s.leaves, 1, @bytes)
		       FROM audit_seals s WHERE s.number > @after AND s.number <= @last ORDER BY s.number`,
			pgx.NamedArgs{"after": end.Number, "last": last, "bytes": perSeal * len(chain.Hash{})}, func(scan func(...any) error) error {
				var s sealRow
				var previous, jump, root, hash, leaves []byte
				var ranges, mark string
				if err := scan(&s.Number, &previous, &jump, &ranges, &s.Count, &root, &s.At, &mark, &s.MarkID, &hash, &s.jumpHash, &s.length, &leaves); err != nil {
					return err
				}
				s.MarkXID, err = strconv.ParseUint(mark, 10, 64)
				copy(s.Previous[:], previous)
				copy(s.Jump[:], jump)
				copy(s.Root[:], root)
				copy(s.hash[:], hash)
				s.Ranges = chain.RangesHash(ranges)
				for ; len(leaves) >= len(chain.Hash{}); leaves = leaves[len(chain.Hash{}):] {
					s.leaves = append(s.leaves, chain.Hash(leaves[:len(chain.Hash{})]))
				}
				rows = append(rows, s)
				return err
			})
		if err != nil {
			return end, err
		}
		for _, s := range rows {
			end = r.link(i, end, s)
		}
		if err := r.entries(ctx, i, rows); err != nil {
			return end, err
		}
		if err := r.mark(strconv.FormatInt(end.Number, 10), end.Hash.String()); err != nil {
			return end, err
		}
	}
}

// extent is the number of the last seal to look at together with those after a
// number; 0: there is none.
func (r *run) extent(ctx context.Context, after int64) (last int64, err error) {
	sum := 0
	err = r.each(ctx, `SELECT number, octet_length(leaves) / 32 FROM audit_seals WHERE number > @after ORDER BY number LIMIT @limit`,
		pgx.NamedArgs{"after": after, "limit": sealsAtATime}, func(scan func(...any) error) error {
			var number int64
			var leaves int
			if err := scan(&number, &leaves); err != nil {
				return err
			}
			if last == 0 || sum+leaves <= perSeal {
				last = number
			}
			sum += leaves
			return nil
		})
	return last, err
}

// link checks a seal against the one before it, and returns it as the new end.
func (r *run) link(i *Invariant, end chain.Head, s sealRow) chain.Head {
	hash := s.Hash()
	switch {
	case s.Number == end.Number+2:
		i.found(Problem{Code: "seal_missing", Detail: fmt.Sprintf("seal %d was removed", s.Number-1)})
	case s.Number > end.Number+2:
		i.found(Problem{Code: "seal_missing", Detail: fmt.Sprintf("seals %d to %d were removed", end.Number+1, s.Number-1)})
	case s.Previous != end.Hash:
		i.found(Problem{Code: "seal_unlinked", Detail: fmt.Sprintf("seal %d does not link to seal %d as it is: one of them was replaced", s.Number, end.Number)})
	case s.jumpHash != nil && !bytes.Equal(s.Jump[:], s.jumpHash): // where it is not there, that was told
		i.found(Problem{Code: "seal_unlinked", Detail: fmt.Sprintf("seal %d does not link to seal %d as it is: one of them was replaced", s.Number, chain.Jump(s.Number))})
	}
	if hash != s.hash || s.length != int(s.Count)*len(chain.Hash{}) || chain.Root(s.leaves) != s.Root {
		i.found(Problem{Code: "seal_changed", Detail: fmt.Sprintf("seal %d of %s is not what it was made as", s.Number, s.At.UTC().Format(time.RFC3339))})
	}
	// The stored hash goes on: one change is one problem.
	return chain.Head{Number: s.Number, Hash: s.hash, At: s.At}
}

// entries compares the entries of some seals with their leaves.
func (r *run) entries(ctx context.Context, i *Invariant, seals []sealRow) error {
	if len(seals) == 0 {
		return nil
	}
	n := 0
	var found []entryRow // of seals[n]
	next := func() error {
		err := r.compare(ctx, i, seals[n], found)
		n, found = n+1, found[:0]
		return err
	}
	var broken error
	err := r.each(ctx, `SELECT s.number, l.id, l.xid::text, l.at, l.user_id, l.target, l.actor, l.action, l.personal_mac, l.metadata::text
	     FROM audit_seals s CROSS JOIN LATERAL unnest(s.ranges) r JOIN audit_log l ON l.id >= lower(r) AND l.id < upper(r)
	    WHERE s.number BETWEEN @first AND @last ORDER BY s.number, l.xid, l.id`,
		pgx.NamedArgs{"first": seals[0].Number, "last": seals[len(seals)-1].Number}, func(scan func(...any) error) error {
			var e entryRow
			var xid string
			if err := scan(&e.seal, &e.ID, &xid, &e.At, &e.User, &e.Target, &e.Actor, &e.Action, &e.PersonalMAC, &e.Metadata); err != nil {
				return err
			}
			var err error
			if e.XID, err = strconv.ParseUint(xid, 10, 64); err != nil {
				return err
			}
			for n < len(seals) && seals[n].Number < e.seal {
				if broken = next(); broken != nil {
					return broken
				}
			}
			// More than a seal can hold are of ranges that were changed.
			if n < len(seals) && seals[n].Number == e.seal && len(found) <= perSeal {
				found = append(found, e)
			}
			return nil
		})
	if broken != nil {
		return broken
	}
	for err == nil && n < len(seals) {
		err = next()
	}
	return err
}

// compare finds the entries of one seal that are not what was sealed.
func (r *run) compare(ctx context.Context, i *Invariant, s sealRow, found []entryRow) error {
	r.at.Counts[sealedCount] += int64(len(found))
	sealed := make(map[chain.Hash]bool, len(s.leaves))
	for _, leaf := range s.leaves {
		sealed[leaf] = true
	}
	var changed []chain.Entry
	for _, e := range found {
		if !sealed[e.Leaf()] {
			changed = append(changed, e.Entry)
		}
	}
	for _, e := range changed {
		p := Problem{Code: "entry_changed", Entry: e.ID, User: e.User, Detail: fmt.Sprintf("it is not what seal %d of %s covers", s.Number, s.At.UTC().Format(time.RFC3339))}
		if other, ok := reordered(e, changed, sealed); ok {
			p.Code, p.Detail = "entry_reordered", fmt.Sprintf("it was sealed in the place of entry %d, in seal %d of %s", other, s.Number, s.At.UTC().Format(time.RFC3339))
		}
		i.found(p)
	}
	if len(found) == int(s.Count) {
		return nil
	}
	// The ranges name each id that was there.
	missing := 0
	err := r.each(ctx, `SELECT n.id FROM audit_seals s CROSS JOIN LATERAL unnest(s.ranges) r
	       CROSS JOIN LATERAL generate_series(lower(r), least(upper(r) - 1, lower(r) + @most)) n(id)
	      WHERE s.number = @number AND NOT EXISTS (SELECT FROM audit_log l WHERE l.id = n.id) ORDER BY n.id LIMIT @most`,
		pgx.NamedArgs{"number": s.Number, "most": perSeal}, func(scan func(...any) error) error {
			p := Problem{Code: "entry_removed", Detail: fmt.Sprintf("seal %d of %s covers it", s.Number, s.At.UTC().Format(time.RFC3339))}
			err := scan(&p.Entry)
			missing++
			i.found(p)
			return err
		})
	if err == nil && len(found)+missing != int(s.Count) {
		i.found(Problem{Code: "seal_changed", Detail: fmt.Sprintf("the ranges of seal %d hold another number of entries than it covers", s.Number)})
	}
	return err
}

// reordered finds the entry whose place an entry had when it was sealed.
func reordered(e chain.Entry, changed []chain.Entry, sealed map[chain.Hash]bool) (other int64, ok bool) {
	if len(changed) > pairs {
		return 0, false
	}
	for _, o := range changed {
		for _, moved := range []struct {
			id  int64
			xid uint64
		}{{o.ID, o.XID}, {o.ID, e.XID}, {e.ID, o.XID}} {
			was := e
			was.ID, was.XID = moved.id, moved.xid
			if o.ID != e.ID && sealed[was.Leaf()] {
				return o.ID, true
			}
		}
	}
	return 0, false
}

// unsealed looks at entries that no seal covers: those before the mark were
// not there when it was set.
func (r *run) unsealed(ctx context.Context, i *Invariant) error {
	const uncovered = `
	  WITH sealed AS MATERIALIZED (SELECT coalesce(range_agg(ranges), '{}') AS ids FROM audit_seals),
	  mark AS (SELECT mark_xid AS xid, mark_id AS id FROM audit_seals ORDER BY number DESC LIMIT 1),
	  open AS (SELECT l.*, coalesce((l.xid, l.id) <= (SELECT xid, id FROM mark)
	       -- After a restore into a new cluster, until its first seal, the mark says nothing.
	       AND pg_snapshot_xmax(pg_current_snapshot()) >= (SELECT xid FROM mark), false) AS before
	     FROM audit_log l WHERE NOT (SELECT ids FROM sealed) @> l.id)`
	err := r.each(ctx, uncovered+` SELECT id, user_id FROM open WHERE before ORDER BY id`, nil, func(scan func(...any) error) error {
		p := Problem{Code: "entry_forged", Detail: "no seal covers it, and all of its time were sealed: it was put in later"}
		err := scan(&p.Entry, &p.User)
		i.found(p)
		return err
	})
	if err != nil {
		return err
	}
	var open, old int64
	if err := r.one(ctx, uncovered+` SELECT count(*), count(*) FILTER (WHERE xid < pg_snapshot_xmin(pg_current_snapshot()) AND at < @late) FROM open WHERE NOT before`,
		pgx.NamedArgs{"late": r.Now().Add(-late)}, &open, &old); err != nil {
		return err
	}
	if old > 0 {
		i.found(Problem{Code: "not_sealed", Detail: fmt.Sprintf("%d entries are older than 15 minutes and have no seal: the schedule seal does not run", old)})
	}
	if open > 0 {
		i.note("%d entries are not sealed yet: of them the chain tells nothing", open)
	}
	return nil
}

// heads looks for each head that was kept apart: by whoever calls, and in
// storage.
func (r *run) heads(ctx context.Context, i *Invariant) error {
	if r.Head != nil {
		var there bool
		if err := r.one(ctx, `SELECT EXISTS (SELECT FROM audit_seals WHERE hash = @hash)`, pgx.NamedArgs{"hash": r.Head[:]}, &there); err != nil {
			return err
		}
		if !there {
			i.found(Problem{Code: "head_unknown", Detail: fmt.Sprintf("the head %s is not in the chain: entries that it covers were removed or rewritten, or it is of another vault", r.Head)})
		}
	}
	if r.Store == nil {
		i.note("the heads in storage were not compared: the S3_* variables are not set")
		return nil
	}
	if err := r.Store.Derived.Health(ctx); err != nil {
		return err
	}
	lister, err := storage.As[storage.Lister](r.Store.Derived)
	if err != nil {
		return err
	}
	end, err := r.head(ctx)
	if err != nil {
		return err
	}
	n := 0
	for info, err := range lister.List(ctx, chain.HeadFolder, "") {
		if err != nil {
			return err
		}
		if err := r.kept(ctx, i, info.Key, end.Number); err != nil {
			return err
		}
		n++
	}
	i.note("%s in storage compared", plural(int64(n), "head"))
	return nil
}

// kept compares one head in storage with the chain.
func (r *run) kept(ctx context.Context, i *Invariant, key string, end int64) error {
	body, _, err := r.Store.Derived.Get(ctx, key)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(body, chain.HeadSize+1))
	if err := errors.Join(err, body.Close()); err != nil {
		return fmt.Errorf("read a head: %w", err)
	}
	day := key[len(chain.HeadFolder):]
	if !isDay(day) {
		return nil // not one of ours; invariant 2 tells
	}
	head, ok := parseHead(string(text))
	if !ok {
		i.found(Problem{Code: "head_changed", Detail: "the head of " + day + " in storage is not one that the vault writes"})
		return nil
	}
	var hash []byte
	err = r.each(ctx, `SELECT hash FROM audit_seals WHERE number = @number`, pgx.NamedArgs{"number": head.Number}, func(scan func(...any) error) error {
		return scan(&hash)
	})
	switch {
	case err != nil:
		return err
	case hash == nil && head.Number > end:
		i.found(Problem{Code: "log_truncated", Detail: fmt.Sprintf("storage has the head of %s, seal %d, and the chain ends with seal %d: what came after was removed", day, head.Number, end)})
	case hex.EncodeToString(hash) != head.Hash.String():
		i.found(Problem{Code: "log_rewritten", Detail: fmt.Sprintf("storage has another head of %s for seal %d than the chain: it was cut or rewritten at or before this seal", day, head.Number)})
	}
	return nil
}

func isDay(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

func parseHead(text string) (chain.Head, bool) {
	head, err := chain.ParseHead(text)
	return head, err == nil
}
