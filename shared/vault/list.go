package vault

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/id"
	"docuvault/shared/keys"
)

// MaxPage is the largest page of a list; DefaultPage the one without a limit.
const (
	MaxPage     = 200
	DefaultPage = 50
)

// Filter picks and orders documents.
type Filter struct {
	Statuses []Status // empty: all that a person sees outside trash and uploads
	Topic    string   // a name
	Tag      string   // a name
	Folder   id.ID
	Unfiled  bool   // only those in no folder
	Year     int    // of the date on the paper, else of when it came; 0: all
	Match    *Match // nil: all
	Sort     string // one of Sorts; "" is "-created_at"
	Limit    int    // 1 to MaxPage; 0 is DefaultPage
	Cursor   string // of the page before

	topic, tag id.ID // of the names
	tagFew     bool  // the tag is on at most fewTagged documents
}

// Match is a further condition, such as what a search finds: all of what it
// has. Few documents are named; of many, those that come next in the list's
// order are tried one after another, so that a page costs as much as it has to
// try, and no more than [maxTried].
type Match struct {
	IDs []id.ID // nil: any
	// Where are conditions on the documents d that an index may answer.
	Where []string
	// Try is SQL that returns, as document_id, those of the uuid[] @ids that
	// match; "" is all. Args are its other arguments, and those of Where.
	Try  string
	Args database.Args
	// Statuses take the place of those of a filter that has none; nil: no.
	Statuses []Status
}

// maxTried is how many documents a page tries a match on: it then ends, full or
// not, and its cursor goes on behind the last of them.
const maxTried = 10_000

// Page is one page of documents.
type Page struct {
	Items      []Document `json:"items"`
	NextCursor string     `json:"next_cursor,omitempty" doc:"Absent on the last page. With q, a page may have fewer documents than limit, even none, and still another one after it."`
}

// order is a column to sort by, as SQL, with the text form its cursor has and
// the cast that reads it back.
type order struct{ expression, cast string }

var orders = map[string]order{
	"created_at":    {"d.created_at", "timestamptz"},
	"updated_at":    {"d.updated_at", "timestamptz"},
	"size":          {"d.size", "bigint"},
	"document_date": {"CASE WHEN d.document_date IS NULL THEN '-infinity'::date ELSE d.document_date END", "date"},
	"trashed_at":    {"CASE WHEN d.trashed_at IS NULL THEN d.created_at ELSE d.trashed_at END", "timestamptz"},
	byDay:           {"d.day", "date"},
	byName:          {}, // sealed, so that PostgreSQL cannot: see listByName
}

// byDay is the order of search: by the date on the paper, or else of the upload.
const byDay = "day"

// ByDay is the sort of what search finds by a date, beside [Sorts].
const ByDay = "-" + byDay

// Sorts are the values that Filter.Sort takes; "-" in front is descending.
func Sorts() []string {
	var all []string
	for name := range orders {
		if name != byDay {
			all = append(all, name, "-"+name)
		}
	}
	slices.Sort(all)
	return all
}

// cursor is where a page ended. It holds no content, so it needs no secrecy;
// changing one only moves its owner's own page.
type cursor struct {
	Sort  string `json:"s"`
	Value string `json:"v"`
	ID    id.ID  `json:"i"`
}

func (c cursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic("vault: cursor: " + err.Error()) // strings always marshal
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

var errCursor = fault.New(fault.CursorInvalid, "This cursor belongs to another list. Start again without one.")

func parseCursor(s, sort string) (c cursor, err error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || json.Unmarshal(b, &c) != nil || c.Sort != sort || c.ID.IsNil() || len(c.Value) > 40 {
		return c, errCursor
	}
	switch orders[strings.TrimPrefix(sort, "-")].cast {
	case "timestamptz":
		_, err = time.Parse(time.RFC3339Nano, c.Value)
	case "bigint":
		if strings.Trim(c.Value, "0123456789") != "" || c.Value == "" || len(c.Value) > 18 {
			err = errCursor
		}
	case "date":
		if c.Value != "-infinity" {
			_, err = ParseDate(c.Value)
		}
	}
	if err != nil {
		return c, errCursor
	}
	return c, nil
}

// List returns one page of the actor's documents. It returns
// fault.ValidationFailed and fault.CursorInvalid.
func (v *Vault) List(ctx context.Context, actor database.Actor, f Filter) (Page, error) {
	if f.Sort == "" {
		f.Sort = "-created_at"
	}
	if f.Limit == 0 {
		f.Limit = DefaultPage
	}
	if len(f.Statuses) == 0 && f.Match != nil {
		f.Statuses = f.Match.Statuses
	}
	if !slices.Contains(Sorts(), f.Sort) && f.Sort != ByDay || f.Limit < 1 || f.Limit > MaxPage {
		return Page{}, fault.Newf(fault.ValidationFailed, "Sort by one of %s; ask for 1 to %d documents.", strings.Join(Sorts(), ", "), MaxPage)
	}
	u, err := v.Keys(ctx, actor)
	if err != nil {
		return Page{}, err
	}
	var at *cursor
	if f.Cursor != "" {
		c, err := parseCursor(f.Cursor, f.Sort)
		if err != nil {
			return Page{}, err
		}
		at = &c
	}
	if ok, err := v.resolve(ctx, actor, u, &f); err != nil || !ok {
		return Page{Items: []Document{}}, err
	}
	if strings.TrimPrefix(f.Sort, "-") == byName {
		return v.listByName(ctx, actor, u, f, at)
	}
	l := listing{Page: Page{Items: []Document{}}, filter: f}
	// At first about as many as a page has, then more.
	for tried, chunk := 0, 2*(f.Limit+1); ; chunk = min(4*chunk, maxTried-tried) {
		sql, args := f.sql(at, chunk)
		if err := v.db.Do(ctx, actor, func(b *database.Batch) {
			l.rows, l.places, at = nil, nil, nil
			b.Each(sql, args, func(scan func(...any) error) (err error) {
				at, err = l.scan(scan)
				return err
			})
		}); err != nil {
			return Page{}, fmt.Errorf("list documents: %w", err)
		}
		if err := l.take(u); err != nil {
			return Page{}, err
		}
		if at == nil || l.NextCursor != "" {
			return l.Page, nil
		}
		if tried += chunk; tried == maxTried {
			l.NextCursor = at.String()
			return l.Page, nil
		}
	}
}

// fewTagged is up to how many documents of a tag are read to sort them.
const fewTagged = 10_000

// resolve finds the topic and the tag of a filter, and reports whether they are
// there. It takes a round trip of its own so that PostgreSQL knows, when it plans
// the list, whether they have few documents or many.
func (v *Vault) resolve(ctx context.Context, actor database.Actor, u *keys.User, f *Filter) (bool, error) {
	hasTopic, hasTag := f.Topic == "", f.Tag == ""
	if hasTopic && hasTag {
		return true, nil
	}
	err := v.db.Do(ctx, actor, func(b *database.Batch) {
		if f.Topic != "" {
			b.Maybe(&hasTopic, `SELECT id FROM topics WHERE user_id = app_user() AND name_key = @key`, database.Args{"key": u.NameKey(f.Topic)}, &f.topic)
		}
		if f.Tag != "" {
			b.Maybe(&hasTag, `SELECT g.id, (SELECT count(*) FROM (SELECT FROM document_tags x WHERE x.tag_id = g.id LIMIT @few + 1) x) <= @few
			    FROM tags g WHERE g.user_id = app_user() AND g.name_key = @key`, database.Args{"key": u.NameKey(f.Tag), "few": fewTagged}, &f.tag, &f.tagFew)
		}
	})
	if err != nil {
		return false, fmt.Errorf("list documents: %w", err)
	}
	return hasTopic && hasTag, nil
}

// inYear holds for the documents that [Summary] counts under a year. It is
// written with what an index may answer under row-level security: operators on
// columns, and no function of one.
const inYear = `(CASE WHEN d.document_date IS NULL THEN '-infinity'::date ELSE d.document_date END >= make_date(@year::integer, 1, 1)
    AND CASE WHEN d.document_date IS NULL THEN '-infinity'::date ELSE d.document_date END < make_date(@year::integer + 1, 1, 1)
  OR d.document_date IS NULL AND d.created_at >= make_timestamptz(@year::integer, 1, 1, 0, 0, 0, 'UTC')
    AND d.created_at < make_timestamptz(@year::integer + 1, 1, 1, 0, 0, 0, 'UTC'))`

// Tagged is the condition that a document d has a tag, which is a row x that
// fulfils of. It is looked at document by document as a list goes: OFFSET keeps
// PostgreSQL from reading all that have the tag to sort them.
func Tagged(of string) string {
	return "EXISTS (SELECT FROM document_tags x WHERE x.document_id = d.id AND " + of + " OFFSET 0)"
}

// conditions are what the documents d of a list fulfil, besides a match.
func (f Filter) conditions() (where []string, args database.Args) {
	statuses := []string{string(Stored), string(Processing), string(Ready), string(Failed)}
	if len(f.Statuses) > 0 {
		statuses = nil
	}
	for _, s := range f.Statuses {
		statuses = append(statuses, string(s))
	}
	where = []string{"d.user_id = app_user()", "d.status = ANY (@statuses::text[])", "d.status <> 'purging'"}
	args = database.Args{"statuses": statuses}
	if !f.topic.IsNil() {
		where = append(where, "d.topic_id = @topic")
		args["topic"] = f.topic
	}
	if !f.tag.IsNil() {
		// The documents of the tag, or those that come next in the list, one by one.
		way := Tagged("x.tag_id = @tag")
		if f.tagFew {
			way = "d.id = ANY (ARRAY(SELECT x.document_id FROM document_tags x WHERE x.tag_id = @tag))"
		}
		where = append(where, way)
		args["tag"] = f.tag
	}
	if !f.Folder.IsNil() {
		where = append(where, "d.folder_id = @folder")
		args["folder"] = f.Folder
	}
	if f.Unfiled {
		where = append(where, "d.folder_id IS NULL")
	}
	if f.Year != 0 {
		where = append(where, inYear)
		args["year"] = f.Year
	}
	if f.Match != nil {
		where = append(where, f.Match.Where...)
		maps.Copy(args, f.Match.Args)
	}
	return where, args
}

// sql is the statement for what comes after a place (nil: from the beginning):
// up to a page's documents and one more. Each row has its place, whether it
// matches, and whether it is the last one of chunk that were tried.
func (f Filter) sql(after *cursor, chunk int) (string, database.Args) {
	where, args := f.conditions()
	args["limit"], args["chunk"] = f.Limit+1, chunk
	name, descending := strings.CutPrefix(f.Sort, "-")
	if name == "trashed_at" && !slices.Contains(f.Statuses, Trashed) {
		name = "created_at" // which it is outside the trash, and has an index there
	}
	by, direction, compare := orders[name], "ASC", ">"
	if descending {
		direction, compare = "DESC", "<"
	}
	if after != nil {
		where = append(where, fmt.Sprintf("(%s, d.id) %s (@at::text::%s, @after)", by.expression, compare, by.cast))
		args["at"], args["after"] = after.Value, after.ID
	}
	documents := "documents"
	if f.Match != nil && f.Match.IDs != nil {
		documents = "(SELECT * FROM documents WHERE id = ANY (@found::uuid[]) OFFSET 0)"
		args["found"] = f.Match.IDs
	}
	from := fmt.Sprintf(`FROM %s d WHERE %s ORDER BY %s %s, d.id %s`, documents, strings.Join(where, " AND "), by.expression, direction, direction)
	if f.Match == nil || f.Match.Try == "" {
		return `SELECT ` + columns + `, ` + by.text() + `, true, false ` + from + ` LIMIT @limit`, args
	}
	return `WITH page AS MATERIALIZED (SELECT t.*, row_number() OVER () AS number FROM (SELECT d.*, ` + by.text() + ` AS place ` + from + ` LIMIT @chunk) t)
	  SELECT ` + columns + `, d.place, m.document_id IS NOT NULL, d.number = @chunk
	    FROM page d LEFT JOIN (` + strings.ReplaceAll(f.Match.Try, "@ids", "(SELECT array_agg(id) FROM page)") + `) m ON m.document_id = d.id
	   WHERE m.document_id IS NOT NULL OR d.number = @chunk ORDER BY d.number LIMIT @limit`, args
}

// listing is a page that is being read.
type listing struct {
	Page
	filter Filter
	last   cursor // of the last item
	rows   []*row // of one statement
	places []cursor
}

// scan reads a row, and returns where to go on trying if it says so.
func (l *listing) scan(scan func(...any) error) (*cursor, error) {
	r, at, match, last := &row{}, cursor{Sort: l.filter.Sort}, false, false
	if err := scan(append(r.fields(), &at.Value, &match, &last)...); err != nil {
		return nil, err
	}
	at.ID = r.doc.ID
	if match {
		l.rows, l.places = append(l.rows, r), append(l.places, at)
	}
	if !last {
		return nil, nil
	}
	return &at, nil
}

// take opens what was read, up to a full page.
func (l *listing) take(u *keys.User) error {
	for i, r := range l.rows {
		if len(l.Items) == l.filter.Limit {
			l.NextCursor = l.last.String()
			return nil
		}
		d, err := r.open(u)
		if err != nil {
			return err
		}
		l.Items, l.last = append(l.Items, d), l.places[i]
	}
	return nil
}

// text is the expression in the form that a cursor carries: times with all
// their microseconds, in UTC, independent of the connection's settings.
func (o order) text() string {
	if o.cast == "timestamptz" {
		return `to_char(` + o.expression + ` AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
	}
	return "(" + o.expression + ")::text"
}
