package search

import (
	"context"
	"fmt"
	"strings"

	"docuvault/shared/database"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/vault"
)

// The SQL that finds a user's names: those of one key, and all of them, for the
// beginning of one.
var nameTables = map[string]struct{ table, where string }{
	kindTopic:  {"topics", ""},
	kindTag:    {"tags", ""},
	kindFolder: {"folders", " AND deleted_at IS NULL"},
}

// belowFolders adds to folders all that is in them; folderPath finds those at
// the end of a path of names, wherever it begins, or (@top) at the top.
const (
	folderPath = `WITH RECURSIVE up AS (
	    SELECT f.id, f.parent_id, cardinality(@keys::bytea[]) AS n FROM folders f
	     WHERE f.user_id = app_user() AND f.deleted_at IS NULL AND f.name_key = (@keys::bytea[])[cardinality(@keys::bytea[])]
	    UNION ALL
	    SELECT up.id, f.parent_id, up.n - 1 FROM up JOIN folders f ON f.id = up.parent_id
	     WHERE up.n > 1 AND f.user_id = app_user() AND f.name_key = (@keys::bytea[])[up.n - 1])
	  SELECT id FROM up WHERE n = 1 AND (NOT @top OR parent_id IS NULL)`
	belowFolders = `WITH RECURSIVE down AS (
	    SELECT f.id FROM folders f WHERE f.id = ANY (@ids::uuid[]) AND f.user_id = app_user()
	    UNION SELECT f.id FROM folders f JOIN down ON f.parent_id = down.id WHERE f.user_id = app_user() AND f.deleted_at IS NULL)
	  SELECT id FROM down`
)

// resolve finds what the names of filters are names of. Names are sealed: they
// are found by their key, and the beginning of one by opening all that the user
// has. A name that there is not is fault.QueryInvalid.
func (s *Searcher) resolve(ctx context.Context, actor database.Actor, u *keys.User, q *Query, text string) error {
	type asked struct {
		filter int
		value  value
		ids    []id.ID
	}
	var all []*asked
	for n, f := range q.filters {
		if _, ok := nameTables[f.kind]; ok {
			for _, v := range f.values {
				all = append(all, &asked{filter: n, value: v})
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	err := s.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		for _, a := range all {
			f := q.filters[a.filter]
			a.ids = nil
			each := func(scan func(...any) error) error {
				var found id.ID
				err := scan(&found)
				a.ids = append(a.ids, found)
				return err
			}
			switch from := nameTables[f.kind]; {
			case a.value.prefix:
				beginning := keys.FoldName(a.value.text)
				b.Each(`SELECT id, name_sealed FROM `+from.table+` WHERE user_id = app_user()`+from.where, nil, func(scan func(...any) error) error {
					var record id.ID
					var sealed []byte
					if err := scan(&record, &sealed); err != nil {
						return err
					}
					name, err := u.Open(from.table, "name_sealed", record, sealed)
					if err == nil && strings.HasPrefix(keys.FoldName(string(name)), beginning) {
						a.ids = append(a.ids, record)
					}
					return err
				})
			case f.kind == kindFolder:
				path, top := folderKeys(u, a.value.text)
				b.Each(folderPath, database.Args{"keys": path, "top": top}, each)
				if len(path) > 1 { // or a slash in a name
					b.Each(folderPath, database.Args{"keys": [][]byte{nameKey(u, a.value.text)}, "top": false}, each)
				}
			default:
				b.Each(`SELECT id FROM `+from.table+` WHERE user_id = app_user() AND name_key = @key`, database.Args{"key": nameKey(u, a.value.text)}, each)
			}
		}
	})
	if err != nil {
		return fmt.Errorf("search: names: %w", err)
	}
	for _, a := range all {
		f := &q.filters[a.filter]
		if len(a.ids) == 0 {
			return wrong(f.location, text, a.value.at, a.value.end, f.kind+"_unknown", "There is no "+f.kind+" of this name.")
		}
		f.ids = append(f.ids, a.ids...)
	}
	return s.below(ctx, actor, q)
}

// below adds to the folders of filters all folders in them.
func (s *Searcher) below(ctx context.Context, actor database.Actor, q *Query) error {
	roots := map[int][]id.ID{}
	for n, f := range q.filters {
		if f.kind == kindFolder {
			roots[n] = f.ids
		}
	}
	if len(roots) == 0 {
		return nil
	}
	err := s.vault.DB().Do(ctx, actor, func(b *database.Batch) {
		for n, ids := range roots {
			f := &q.filters[n]
			f.ids = nil
			b.Each(belowFolders, database.Args{"ids": ids}, func(scan func(...any) error) error {
				var folder id.ID
				err := scan(&folder)
				f.ids = append(f.ids, folder)
				return err
			})
		}
	})
	if err != nil {
		return fmt.Errorf("search: folders: %w", err)
	}
	return nil
}

// nameKey is the key of a name as people may write it: white space as it is
// stored.
func nameKey(u *keys.User, name string) []byte {
	return u.NameKey(strings.Join(strings.Fields(vault.CleanText(name)), " "))
}

// folderKeys are the keys of a path, and whether it begins at the top.
func folderKeys(u *keys.User, path string) (all [][]byte, top bool) {
	for element := range strings.SplitSeq(path, "/") {
		if strings.TrimSpace(element) != "" {
			all = append(all, nameKey(u, element))
		}
	}
	if len(all) == 0 {
		return [][]byte{nameKey(u, path)}, false
	}
	return all, strings.HasPrefix(path, "/")
}
