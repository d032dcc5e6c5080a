package vault

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/keys"
)

// Limits of what people may write.
const (
	MaxFilename   = 255 // characters
	MaxName       = 100 // of a topic, tag or folder
	MaxTags       = 50  // a document
	MaxPathDepth  = 32  // folders
	maxTitle      = 500
	maxNotes      = 20000
	maxShortField = 200
)

// CleanFilename makes any string a file name: the last element is not taken,
// separators are replaced, control and bidirectional-override characters are
// stripped, the rest is NFC and cut at 255 characters, keeping the extension.
// It never refuses; an empty result, or one of dots alone, becomes "unnamed".
func CleanFilename(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '/' || r == '\\':
			return '_'
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == utf8.RuneError, r == '\u2028', r == '\u2029':
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	s = strings.TrimSpace(norm.NFC.String(s))
	if strings.Trim(s, ".") == "" {
		return "unnamed"
	}
	runes := []rune(s)
	if len(runes) <= MaxFilename {
		return s
	}
	ext := ""
	if dot := strings.LastIndexByte(s, '.'); dot > 0 && utf8.RuneCountInString(s[dot:]) <= 20 {
		ext = s[dot:]
	}
	// Once more, since the cut can leave white space at the end.
	return CleanFilename(strings.TrimRightFunc(string(runes[:MaxFilename-utf8.RuneCountInString(ext)]), unicode.IsSpace) + ext)
}

// CleanText is for what people write about a document: NFC, without control
// characters other than line breaks and tabs.
func CleanText(s string) string {
	return strings.TrimSpace(norm.NFC.String(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))))
}

// cleanName is for the name of a topic, tag or folder: one line, 1 to 100
// characters. It returns fault.ValidationFailed.
func cleanName(what, s string) (string, error) {
	s = strings.Join(strings.Fields(CleanText(s)), " ")
	if s == "" || utf8.RuneCountInString(s) > MaxName {
		return "", fault.Newf(fault.ValidationFailed, "The name of a %s has 1 to %d characters.", what, MaxName)
	}
	return s, nil
}

// named is a name ready to be stored.
type named struct {
	id     id.ID
	key    []byte
	sealed []byte
}

func sealName(u *keys.User, table, name string) (named, error) {
	n := named{id: id.New(), key: u.NameKey(name)}
	var err error
	n.sealed, err = u.Seal(table, "name_sealed", n.id, []byte(name))
	return n, err
}

// Names is a table of things that have a name: columns name_key and name_sealed.
type Names struct{ table, noun string }

// The tables of names.
var (
	FolderNames = Names{"folders", "folder"}
	TopicNames  = Names{"topics", "topic"}
	TagNames    = Names{"tags", "tag"}
)

// Name is a name ready to be stored.
type Name struct{ Key, Sealed []byte }

// SealName cleans and seals the name of the row with this id. It returns
// fault.ValidationFailed.
func SealName(u *keys.User, of Names, record id.ID, name string) (n Name, err error) {
	if name, err = cleanName(of.noun, name); err != nil {
		return n, err
	}
	n.Key = u.NameKey(name)
	n.Sealed, err = u.Seal(of.table, "name_sealed", record, []byte(name))
	return n, err
}

// columnsOf turns names into the parallel arrays that SQL unnests.
func columnsOf(names []named) (ids []id.ID, keyList, sealed [][]byte) {
	ids, keyList, sealed = []id.ID{}, [][]byte{}, [][]byte{}
	for _, n := range names {
		ids, keyList, sealed = append(ids, n.id), append(keyList, n.key), append(sealed, n.sealed)
	}
	return ids, keyList, sealed
}

// FolderPath is a path of folder names, sealed and ready for the SQL function
// ensure_folder.
type FolderPath struct{ names []named }

// SealPath reads a path as push sends it ("Tax/2024"). Empty elements and "."
// are left out, ".." is refused. It returns fault.ValidationFailed and
// fault.FolderTooDeep.
func SealPath(u *keys.User, path string) (FolderPath, error) {
	var p FolderPath
	for _, element := range strings.Split(strings.ReplaceAll(path, `\`, "/"), "/") {
		if strings.TrimSpace(element) == "" || element == "." {
			continue
		}
		if element == ".." {
			return p, fault.New(fault.ValidationFailed, "A folder path must not hold '..'.")
		}
		name, err := cleanName("folder", element)
		if err != nil {
			return p, err
		}
		if len(p.names) == MaxPathDepth { // the trigger folders_guard counts those above too
			return p, fault.Newf(fault.FolderTooDeep, "Folders nest at most %d deep.", MaxPathDepth)
		}
		n, err := sealName(u, "folders", name)
		if err != nil {
			return p, err
		}
		p.names = append(p.names, n)
	}
	return p, nil
}

// EnsureFolder is the SQL expression for the folder at the path below
// @folder (NULL: the root). Its other arguments come from [FolderPath.Into].
const EnsureFolder = `ensure_folder(require_folder(@folder), @folder_ids::uuid[], @folder_keys::bytea[], @folder_names::bytea[])`

// Into adds the arguments of [EnsureFolder].
func (p FolderPath) Into(args database.Args) {
	args["folder_ids"], args["folder_keys"], args["folder_names"] = columnsOf(p.names)
}

// TagSet is a set of tag names, sealed and ready to be stored.
type TagSet struct{ names []named }

// SealTags cleans and seals tag names; doubles, by folded name, count once. It
// returns fault.ValidationFailed.
func SealTags(u *keys.User, tags []string) (TagSet, error) {
	var set TagSet
	seen := map[string]bool{}
	for _, raw := range tags {
		name, err := cleanName("tag", raw)
		if err != nil {
			return set, err
		}
		n, err := sealName(u, "tags", name)
		if err != nil {
			return set, err
		}
		if seen[string(n.key)] {
			continue
		}
		seen[string(n.key)] = true
		set.names = append(set.names, n)
	}
	// In one order for all, so that two statements that make the same new tags
	// do not wait for each other.
	slices.SortFunc(set.names, func(a, b named) int { return bytes.Compare(a.key, b.key) })
	if len(set.names) > MaxTags {
		return set, fault.Newf(fault.ValidationFailed, "A document has at most %d tags.", MaxTags)
	}
	return set, nil
}

// Ensure adds the statement that makes those tags that there are none of by
// that name.
func (t TagSet) Ensure(b *database.Batch) { t.ensure(b, `true`, database.Args{}) }

func (t TagSet) ensure(b *database.Batch, where string, args database.Args) {
	args["ids"], args["keys"], args["names"] = columnsOf(t.names)
	b.Exec(`INSERT INTO tags (id, user_id, name_key, name_sealed)
	        SELECT n.id, app_user(), n.key, n.name
	          FROM unnest(@ids::uuid[], @keys::bytea[], @names::bytea[]) WITH ORDINALITY n(id, key, name, place)
	         WHERE `+where+` ORDER BY n.place
	        ON CONFLICT (user_id, name_key) DO NOTHING`, args)
}

// Replace adds the statements that make the set the document's tags, if that
// document is there.
func (t TagSet) Replace(b *database.Batch, document id.ID) {
	args := database.Args{"document": document}
	t.ensure(b, `EXISTS (SELECT FROM documents WHERE id = @document)`, args)
	b.Exec(`DELETE FROM document_tags WHERE document_id = @document AND user_id = app_user()
	         AND tag_id NOT IN (SELECT id FROM tags WHERE user_id = app_user() AND name_key = ANY (@keys::bytea[]))`, args)
	b.Exec(`INSERT INTO document_tags (document_id, tag_id, user_id)
	        SELECT d.id, t.id, d.user_id FROM documents d, tags t
	         WHERE d.id = @document AND d.user_id = app_user() AND t.user_id = app_user() AND t.name_key = ANY (@keys::bytea[])
	        ON CONFLICT DO NOTHING`, args)
}

// TopicName is the name of a topic, sealed and ready to be stored. The zero
// TopicName is none.
type TopicName struct{ named }

// SealTopic cleans and seals a topic's name. It returns fault.ValidationFailed.
func SealTopic(u *keys.User, name string) (TopicName, error) {
	name, err := cleanName("topic", name)
	if err != nil {
		return TopicName{}, err
	}
	n, err := sealName(u, "topics", name)
	return TopicName{n}, err
}

// Key is topics.name_key, by which statements find the topic; nil for none.
func (n TopicName) Key() []byte { return n.key }

// Ensure adds the statement that makes the topic unless there is one of that
// name.
func (n TopicName) Ensure(b *database.Batch) {
	if n.key == nil {
		return
	}
	b.Exec(`INSERT INTO topics (id, user_id, name_key, name_sealed) VALUES (@id, app_user(), @key, @name)
	        ON CONFLICT (user_id, name_key) DO NOTHING`,
		database.Args{"id": n.id, "key": n.key, "name": n.sealed})
}

// Topics returns the user's topics by id, with their names opened.
func (v *Vault) Topics(ctx context.Context, actor database.Actor) (map[id.ID]string, error) {
	sealed := map[id.ID][]byte{}
	err := v.db.Do(ctx, actor, func(b *database.Batch) {
		b.Each(`SELECT id, name_sealed FROM topics WHERE user_id = app_user()`, nil, func(scan func(...any) error) error {
			var topic id.ID
			var name []byte
			if err := scan(&topic, &name); err != nil {
				return err
			}
			sealed[topic] = name
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read topics: %w", err)
	}
	u, err := v.Keys(ctx, actor)
	if err != nil {
		return nil, err
	}
	names := make(map[id.ID]string, len(sealed))
	for topic, s := range sealed {
		name, err := u.Open("topics", "name_sealed", topic, s)
		if err != nil {
			return nil, fmt.Errorf("topic %s: %w", topic, err)
		}
		names[topic] = string(name)
	}
	return names, nil
}
