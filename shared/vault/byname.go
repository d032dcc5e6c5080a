package vault

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/keys"
)

// byName is the order by title, or by file name where there is none.
const byName = "name"

// MaxByName is how many documents are sorted by name: names are sealed, so that
// all of them are opened for each page.
const MaxByName = 5000

// listByName is List in the order of names, up and down. Its cursor holds no
// name: it is the last document's id, and its place for the case that this one
// is gone. It returns fault.ValidationFailed above [MaxByName].
func (v *Vault) listByName(ctx context.Context, actor database.Actor, u *keys.User, f Filter, at *cursor) (Page, error) {
	where, args := f.conditions()
	args["limit"] = MaxByName + 1
	match := ""
	if f.Match != nil && f.Match.IDs != nil {
		where = append(where, "d.id = ANY (@found::uuid[])")
		args["found"] = f.Match.IDs
	}
	if f.Match != nil && f.Match.Try != "" {
		match = ` JOIN (` + strings.ReplaceAll(f.Match.Try, "@ids", "(SELECT array_agg(id) FROM candidates)") + `) m ON m.document_id = c.id`
	}
	candidates := 0
	var all []namedDocument
	err := v.db.Do(ctx, actor, func(b *database.Batch) {
		b.Each(`WITH candidates AS MATERIALIZED (SELECT d.id, d.filename_sealed, d.title_sealed FROM documents d WHERE `+strings.Join(where, " AND ")+` LIMIT @limit)
		        SELECT c.id, c.filename_sealed, c.title_sealed, (SELECT count(*) FROM candidates) FROM candidates c`+match, args, func(scan func(...any) error) error {
			var d namedDocument
			err := scan(&d.id, &d.filename, &d.title, &candidates)
			all = append(all, d)
			return err
		})
	})
	if err != nil {
		return Page{}, fmt.Errorf("list documents: %w", err)
	}
	if candidates > MaxByName {
		return Page{}, fault.Newf(fault.ValidationFailed, "Up to %d documents can be sorted by name. Choose a folder or a filter, or another order.", MaxByName)
	}
	for i := range all {
		if err := all[i].open(u); err != nil {
			return Page{}, err
		}
	}
	slices.SortFunc(all, func(a, b namedDocument) int {
		order := cmp.Or(strings.Compare(a.key, b.key), slices.Compare(a.id[:], b.id[:]))
		if strings.HasPrefix(f.Sort, "-") {
			return -order
		}
		return order
	})
	first := 0
	if at != nil {
		first = slices.IndexFunc(all, func(d namedDocument) bool { return d.id == at.ID }) + 1
		if first == 0 {
			place, err := strconv.Atoi(at.Value)
			if err != nil {
				return Page{}, errCursor
			}
			first = max(0, min(place-1, len(all))) // where it was is the next one now
		}
	}
	last := min(first+f.Limit, len(all))
	page := Page{Items: []Document{}}
	if last < len(all) {
		page.NextCursor = cursor{Sort: f.Sort, Value: strconv.Itoa(last), ID: all[last-1].id}.String()
	}
	ids := make([]id.ID, 0, f.Limit)
	for _, d := range all[first:last] {
		ids = append(ids, d.id)
	}
	found, err := v.Found(ctx, actor, ids, 0)
	if err != nil {
		return Page{}, err
	}
	for _, document := range ids {
		if d, ok := found[document]; ok && d.Status != Purging {
			page.Items = append(page.Items, d.Document)
		}
	}
	return page, nil
}

// namedDocument is what is needed to sort a document by its name.
type namedDocument struct {
	id              id.ID
	filename, title []byte
	key             string
}

func (d *namedDocument) open(u *keys.User) error {
	column, sealed := colTitle, d.title
	if sealed == nil {
		column, sealed = colFilename, d.filename
	}
	name, err := u.Open(table, column, d.id, sealed)
	if err != nil {
		return fmt.Errorf("document %s: %w", d.id, err)
	}
	d.key = sortKey(string(name))
	return nil
}

// sortKey makes names compare as people sort them: without regard to case and
// accents, and numbers by what they are worth.
func sortKey(name string) string {
	var key strings.Builder
	digits := ""
	number := func() {
		if digits != "" {
			worth := strings.TrimLeft(digits, "0")
			fmt.Fprintf(&key, "0%03d%s", min(len(worth), 999), worth) // a longer number is a larger one
			digits = ""
		}
	}
	for _, r := range strings.ToLower(norm.NFKD.String(name)) {
		switch {
		case r >= '0' && r <= '9':
			digits += string(r)
		case unicode.Is(unicode.Mn, r):
		default:
			number()
			key.WriteRune(r)
		}
	}
	number()
	return key.String()
}
