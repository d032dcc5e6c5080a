package vault

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"docuvault/shared/database"
	"docuvault/shared/dbtest"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/id"
	"docuvault/shared/keys"
)

// plan is a node of EXPLAIN (ANALYZE, FORMAT JSON).
type plan struct {
	Type     string  `json:"Node Type"`
	Relation string  `json:"Relation Name"`
	Index    string  `json:"Index Name"`
	Rows     float64 `json:"Actual Rows"`
	Removed  float64 `json:"Rows Removed by Filter"`
	Loops    float64 `json:"Actual Loops"`
	Plans    []plan
}

// read returns how many rows of table documents the plan reads, and by which
// indexes.
func (p plan) read() (rows float64, indexes []string) {
	if p.Relation == "documents" {
		rows = (p.Rows + p.Removed) * p.Loops
	}
	if p.Index != "" && strings.HasPrefix(p.Index, "documents_") {
		indexes = append(indexes, p.Index)
	}
	for _, kid := range p.Plans {
		more, names := kid.read()
		rows, indexes = rows+more, append(indexes, names...)
	}
	return rows, indexes
}

// A page of a list reads about as many rows as it shows, in every order and
// either way, from the beginning and from the middle, and with a filter that
// few documents pass: as the app role, with 100,000 documents of one user.
func TestAPageReadsWhatItShows(t *testing.T) {
	if testing.Short() {
		t.Skip("fills a table with 100,000 documents")
	}
	t.Parallel()
	db := dbtest.New(t)
	master, err := keys.Generate("t1")
	if err != nil {
		t.Fatal(err)
	}
	env, _ := hosttest.Env(t, map[string]string{"DATABASE_URL": db.AppURL, "MASTER_KEYS": master.Reveal()})
	v, err := Open(env)
	if err != nil {
		t.Fatal(err)
	}
	user := id.New()
	db.Exec(t, `INSERT INTO users (id, email) VALUES ($1, 'anna@example.org')`, user.String())
	u, err := v.Keys(t.Context(), database.OnBehalfOf(user))
	if err != nil {
		t.Fatal(err)
	}
	folder, small := id.New(), id.New()
	for name, topic := range map[string]id.ID{"many": id.New(), "few": id.New()} {
		db.Exec(t, `INSERT INTO topics (id, user_id, name_key, name_sealed) VALUES ($1, $2, $3, '')`, topic.String(), user.String(), u.NameKey(name))
		db.Exec(t, `INSERT INTO tags (id, user_id, name_key, name_sealed) VALUES ($1, $2, $3, '')`, topic.String(), user.String(), u.NameKey(name))
	}
	db.Exec(t, `INSERT INTO folders (id, user_id, name_key, name_sealed) VALUES ($1, $3, '\x01', ''), ($2, $3, '\x02', '')`, folder.String(), small.String(), user.String())
	// All but thirty of what is seldom are the oldest, where a list that begins
	// with the newest comes last.
	db.Exec(t, `INSERT INTO documents (id, user_id, status, object_key, size, sha256, content_type, upload_expires_at, filename_sealed, created_at, updated_at, document_date,
	                                   allow_duplicate, topic_id, topic_source, folder_id)
	  SELECT gen_random_uuid(), $1, CASE WHEN i < 30 THEN 'failed' WHEN i < 60 THEN 'pending' ELSE 'ready' END, i::text, i * 7919 % 100003, sha256(''), 'text/plain', now(), '',
	         '2024-01-01'::timestamptz + i * interval '1 minute', '2024-01-01'::timestamptz + i * interval '1 minute', CASE WHEN i % 10 > 0 THEN '2000-01-01'::date + i % 9000 END,
	         true, t.id, 'user', CASE WHEN i < 30 THEN $2::uuid ELSE $3::uuid END
	    FROM generate_series(1, 100000) i JOIN topics t ON t.name_key = CASE WHEN i < 30 THEN $4::bytea ELSE $5::bytea END`,
		user.String(), small.String(), folder.String(), u.NameKey("few"), u.NameKey("many"))
	db.Exec(t, `INSERT INTO document_tags (document_id, tag_id, user_id) SELECT id, topic_id, user_id FROM documents`)
	db.Exec(t, `VACUUM ANALYZE documents, document_tags, topics, tags, folders`)
	conn := db.AsApp(t)
	if _, err := conn.Exec(t.Context(), `SELECT set_config('app.user_id', $1, false)`, user.String()); err != nil {
		t.Fatal(err)
	}
	read := func(f Filter, after *cursor) (float64, []string) {
		t.Helper()
		if ok, err := v.resolve(t.Context(), database.OnBehalfOf(user), u, &f); err != nil {
			t.Fatal(err)
		} else if !ok {
			return 0, nil
		}
		sql, args := f.sql(after, 0)
		var out []byte
		if err := conn.QueryRow(t.Context(), `EXPLAIN (ANALYZE, FORMAT JSON) `+sql, pgx.QueryExecModeExec, args).Scan(&out); err != nil {
			t.Fatalf("%+v: %v", f, err)
		}
		var explained []struct{ Plan plan }
		if err := json.Unmarshal(out, &explained); err != nil {
			t.Fatal(err)
		}
		return explained[0].Plan.read()
	}
	indexes := map[string]string{"created_at": "documents_list", "updated_at": "documents_updated", "size": "documents_size", "document_date": "documents_dated", "trashed_at": "documents_list"}
	middle := map[string]string{"created_at": "2024-02-01T00:00:00Z", "updated_at": "2024-02-01T00:00:00Z", "size": "50000", "document_date": "2012-01-01", "trashed_at": "2024-02-01T00:00:00Z"}
	filters := map[string]Filter{
		"status ready": {Statuses: []Status{Ready}}, "a large folder": {Folder: folder}, "a large topic": {Topic: "many"}, "a large tag": {Tag: "many"},
		"status failed": {Statuses: []Status{Failed}}, "two states": {Statuses: []Status{Failed, Pending}}, "status trashed": {Statuses: []Status{Trashed}},
		"a small folder": {Folder: small}, "a small topic": {Topic: "few"}, "a small tag": {Tag: "few"}, "no such folder": {Folder: id.New()},
		"no such year": {Year: 1950},
	}
	// By name a page is sorted in the process, out of what is few enough.
	sorts := slices.DeleteFunc(Sorts(), func(sort string) bool { return strings.TrimPrefix(sort, "-") == byName })
	check := func(sort, what string, f Filter, want string) {
		t.Helper()
		name := strings.TrimPrefix(sort, "-")
		f.Sort, f.Limit = sort, DefaultPage
		for _, after := range []*cursor{nil, {Sort: sort, Value: middle[name], ID: id.New()}} {
			rows, used := read(f, after)
			if rows > 10*DefaultPage {
				t.Errorf("%s, %s, cursor %v: a page reads %.0f documents by %v", sort, what, after != nil, rows, used)
			}
			if want != "" && !slices.Equal(used, []string{want}) {
				t.Errorf("%s, %s, cursor %v: read by %v, not %s", sort, what, after != nil, used, want)
			}
		}
	}
	// What search looks for by a date, and what else it has an index for.
	indexes[byDay], middle[byDay] = "documents_day", "2012-01-01"
	where := func(condition string, args database.Args) Filter {
		return Filter{Match: &Match{Where: []string{condition}, Args: args}}
	}
	check(ByDay, "a year", where("(d.day >= @low::date AND d.day < @high::date)", database.Args{"low": "2011-06-01", "high": "2012-06-01"}), "documents_day")
	check(ByDay, "what is old", where("d.day < @high::date", database.Args{"high": "2011-02-01"}), "documents_day")
	for what, f := range map[string]Filter{
		"a size":        where("d.size > @low::bigint", database.Args{"low": 99990}),
		"two folders":   where("d.folder_id = ANY (@folders::uuid[])", database.Args{"folders": []string{small.String(), id.New().String()}}),
		"a failure":     where("d.status = ANY (@failed::text[])", database.Args{"failed": []string{"failed"}}),
		"a late upload": where("d.created_at >= @low::timestamptz", database.Args{"low": "2024-03-01"}),
	} {
		check("-created_at", what, f, "")
	}
	many := dbtest.Query1[string](t, db, `SELECT id::text FROM tags WHERE name_key = $1`, u.NameKey("many"))
	for _, sort := range []string{"-created_at", "updated_at", "size"} {
		check(sort, "a large tag of a query", where(Tagged("x.tag_id = ANY (@tags::uuid[])"), database.Args{"tags": []string{many}}), "")
	}
	for _, sort := range sorts {
		for what, f := range filters {
			check(sort, what, f, "")
		}
		// A year of 3,650 among 100,000 is found as the list goes, or whole, whichever
		// is less. In the order of dates those without one are in between.
		if name := strings.TrimPrefix(sort, "-"); name != "document_date" {
			for _, after := range []*cursor{nil, {Sort: sort, Value: middle[name], ID: id.New()}} {
				if rows, used := read(Filter{Year: 2020, Sort: sort, Limit: DefaultPage}, after); rows > 10_000 {
					t.Errorf("%s, a year, cursor %v: a page reads %.0f documents by %v", sort, after != nil, rows, used)
				}
			}
		}
		check(sort, "nothing", Filter{}, indexes[strings.TrimPrefix(sort, "-")])
	}
	// A full trash.
	db.Exec(t, `ALTER TABLE documents DISABLE TRIGGER documents_guard`)
	db.Exec(t, `UPDATE documents SET status = 'trashed', status_before = 'ready', trashed_at = created_at + interval '1 second' WHERE status = 'ready' AND size % 2 = 0`)
	db.Exec(t, `VACUUM ANALYZE documents`)
	for _, sort := range sorts {
		if strings.HasSuffix(sort, "trashed_at") {
			check(sort, "the trash", Filter{Statuses: []Status{Trashed}}, "documents_trash")
		}
		check(sort, "beside a full trash", Filter{}, indexes[strings.TrimPrefix(sort, "-")])
	}
}
