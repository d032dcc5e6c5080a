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
	// Where is a further condition on documents d, with its arguments, such as
	// what a search finds; "" for none. Of its arguments none may have a name
	// that the list uses: statuses, topic, tag, folder, at, after, limit.
	Where  string
	Args   database.Args
	Sort   string // one of Sorts; "" is "-created_at"
	Limit  int    // 1 to MaxPage; 0 is DefaultPage
	Cursor string // of the page before
}

// Page is one page of documents.
type Page struct {
	Items      []Document `json:"items"`
	NextCursor string     `json:"next_cursor,omitempty" doc:"Absent on the last page."`
}

// order is a column to sort by, as SQL, with the text form its cursor has and
// the cast that reads it back.
type order struct{ expression, cast string }

var orders = map[string]order{
	"created_at":    {"d.created_at", "timestamptz"},
	"updated_at":    {"d.updated_at", "timestamptz"},
	"size":          {"d.size", "bigint"},
	"document_date": {"coalesce(d.document_date, '-infinity'::date)", "date"},
	"trashed_at":    {"coalesce(d.trashed_at, d.created_at)", "timestamptz"},
}

// Sorts are the values that Filter.Sort takes; "-" in front is descending.
func Sorts() []string {
	var all []string
	for name := range orders {
		all = append(all, name, "-"+name)
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
	name, descending := strings.CutPrefix(f.Sort, "-")
	by, ok := orders[name]
	if !ok || f.Limit < 1 || f.Limit > MaxPage {
		return Page{}, fault.Newf(fault.ValidationFailed, "Sort by one of %s; ask for 1 to %d documents.", strings.Join(Sorts(), ", "), MaxPage)
	}
	u, err := v.Keys(ctx, actor)
	if err != nil {
		return Page{}, err
	}

	if len(f.Statuses) == 0 {
		f.Statuses = []Status{Stored, Processing, Ready, Failed}
	}
	statuses := make([]string, len(f.Statuses))
	for i, s := range f.Statuses {
		statuses[i] = string(s)
	}
	where := []string{"d.user_id = app_user()", "d.status = ANY (@statuses::text[])", "d.status <> 'purging'"}
	args := database.Args{"statuses": statuses, "limit": f.Limit + 1}
	if f.Topic != "" {
		where = append(where, "d.topic_id = (SELECT id FROM topics WHERE user_id = app_user() AND name_key = @topic)")
		args["topic"] = u.NameKey(f.Topic)
	}
	if f.Tag != "" {
		where = append(where, "d.id IN (SELECT x.document_id FROM document_tags x JOIN tags g ON g.id = x.tag_id WHERE g.user_id = app_user() AND g.name_key = @tag)")
		args["tag"] = u.NameKey(f.Tag)
	}
	if !f.Folder.IsNil() {
		where = append(where, "d.folder_id = @folder")
		args["folder"] = f.Folder
	}
	if f.Where != "" {
		where = append(where, f.Where)
		maps.Copy(args, f.Args)
	}
	direction, compare := "ASC", ">"
	if descending {
		direction, compare = "DESC", "<"
	}
	if f.Cursor != "" {
		at, err := parseCursor(f.Cursor, f.Sort)
		if err != nil {
			return Page{}, err
		}
		where = append(where, fmt.Sprintf("(%s, d.id) %s (@at::text::%s, @after)", by.expression, compare, by.cast))
		args["at"], args["after"] = at.Value, at.ID
	}
	sql := fmt.Sprintf(`SELECT %s, (%s)::text FROM documents d WHERE %s ORDER BY %s %s, d.id %s LIMIT @limit`,
		columns, by.text(), strings.Join(where, " AND "), by.expression, direction, direction)

	var rows []*row
	var values []string
	err = v.db.Do(ctx, actor, func(b *database.Batch) {
		b.Each(sql, args, func(scan func(...any) error) error {
			r, value := &row{}, ""
			if err := scan(append(r.fields(), &value)...); err != nil {
				return err
			}
			rows, values = append(rows, r), append(values, value)
			return nil
		})
	})
	if err != nil {
		return Page{}, fmt.Errorf("list documents: %w", err)
	}

	page := Page{Items: []Document{}}
	if len(rows) > f.Limit {
		rows = rows[:f.Limit]
		last := rows[f.Limit-1]
		page.NextCursor = cursor{Sort: f.Sort, Value: values[f.Limit-1], ID: last.doc.ID}.String()
	}
	for _, r := range rows {
		d, err := r.open(u)
		if err != nil {
			return Page{}, err
		}
		page.Items = append(page.Items, d)
	}
	return page, nil
}

// text is the expression in the form that a cursor carries: times with all
// their microseconds, in UTC, independent of the connection's settings.
func (o order) text() string {
	if o.cast == "timestamptz" {
		return `to_char(` + o.expression + ` AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
	}
	return o.expression
}
