package feed_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/feed"
	"docuvault/shared/id"
	"docuvault/shared/vaulttest"
)

// follower follows the feed as a client does.
type follower struct {
	u      *vaulttest.User
	cursor string
	moving bool
	pages  int
}

func follow(t testing.TB, u *vaulttest.User) *follower {
	t.Helper()
	f := &follower{u: u}
	u.World.DB.WaitForOthers(t, "")
	if got := f.read(t, ""); len(got) != 0 {
		t.Errorf("a first answer tells %v", got)
	}
	return f
}

func (f *follower) read(t testing.TB, more string) []feed.Change {
	t.Helper()
	var page feed.Page
	f.u.Call(t, http.MethodGet, "/v1/changes?since="+url.QueryEscape(f.cursor)+more, nil).JSON(t, http.StatusOK, &page)
	f.cursor, f.moving, f.pages = page.NextCursor, page.Moving, f.pages+1
	if page.More {
		return append(page.Items, f.read(t, more)...)
	}
	return page.Items
}

// until reads when nobody's transaction holds the feed back any more (the server
// is shared), and returns what was told beside the changes that are wanted, which
// come in any order.
func (f *follower) until(t testing.TB, wanted ...string) (besides []string) {
	t.Helper()
	f.u.World.DB.WaitForOthers(t, "")
	var all []string
	for _, c := range f.read(t, "") {
		all = append(all, told(c.Kind, c.ID, c.Op))
	}
	for _, w := range wanted {
		if !slices.Contains(all, w) {
			t.Fatalf("not told: %s; told: %v", w, all)
		}
	}
	return slices.DeleteFunc(all, func(a string) bool { return slices.Contains(wanted, a) })
}

func told(kind string, item id.ID, op string) string { return fmt.Sprintf("%s %s %s", kind, item, op) }

func made(t testing.TB, u *vaulttest.User, path string, body any) id.ID {
	t.Helper()
	var m struct{ ID id.ID }
	u.Call(t, http.MethodPost, path, body).JSON(t, http.StatusCreated, &m)
	return m.ID
}

func TestEachMutationIsToldOnce(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u, other := w.User(t), w.User(t)
	f, stranger := follow(t, u), follow(t, other)
	if f.moving {
		t.Error("an empty vault moves")
	}
	call := func(method, path string, body any) {
		t.Helper()
		if a := u.Call(t, method, path, body); a.StatusCode >= 300 {
			t.Fatalf("%s %s answered %d: %s", method, path, a.StatusCode, a.Bytes)
		}
	}
	none := func(besides []string) {
		t.Helper()
		if len(besides) > 0 {
			t.Errorf("told besides: %v", besides)
		}
	}
	content := vaulttest.Unique(t, 50)
	b := u.Begin(t, "a.txt", "text/plain", content)
	d := b.Document.ID
	path := "/v1/documents/" + d.String()
	none(f.until(t, told("document", d, "created")))
	if !f.moving {
		t.Error("an upload that was begun just now does not move")
	}
	b.Put(t, content)
	call(http.MethodPost, "/v1/uploads/"+d.String()+"/complete", nil)
	none(f.until(t, told("document", d, "changed")))
	if !f.moving {
		t.Error("a document that waits for its analysis does not move")
	}
	if err := w.Deliver(t, "analyze", u.Job(d)); err != nil {
		t.Fatal(err)
	}
	// The analysis may make a topic.
	f.until(t, told("document", d, "changed"))
	if f.moving {
		t.Error("a document that is ready moves")
	}
	call(http.MethodPatch, path, map[string]any{"title": "T"})
	none(f.until(t, told("document", d, "changed")))
	call(http.MethodPatch, path, map[string]any{"tags": []string{"x"}})
	var tags struct{ Items []struct{ ID id.ID } }
	u.Call(t, http.MethodGet, "/v1/tags", nil).JSON(t, http.StatusOK, &tags)
	tag := tags.Items[0].ID
	none(f.until(t, told("document", d, "changed"), told("tag", tag, "created")))
	folder := made(t, u, "/v1/folders", map[string]any{"name": "F"})
	topic := made(t, u, "/v1/topics", map[string]any{"name": "T"})
	none(f.until(t, told("folder", folder, "created"), told("topic", topic, "created")))
	call(http.MethodPatch, "/v1/folders/"+folder.String(), map[string]any{"name": "G"})
	call(http.MethodPatch, "/v1/topics/"+topic.String(), map[string]any{"colour": "#112233"})
	call(http.MethodPatch, "/v1/tags/"+tag.String(), map[string]any{"name": "y"})
	call(http.MethodPost, "/v1/documents/bulk", map[string]any{"ids": []id.ID{d}, "action": "move", "folder_id": folder})
	none(f.until(t, told("folder", folder, "changed"), told("topic", topic, "changed"), told("tag", tag, "changed"), told("document", d, "changed")))
	call(http.MethodDelete, "/v1/folders/"+folder.String(), nil)
	call(http.MethodDelete, "/v1/topics/"+topic.String(), nil)
	call(http.MethodDelete, "/v1/tags/"+tag.String(), nil)
	none(f.until(t, told("folder", folder, "deleted"), told("topic", topic, "deleted"), told("tag", tag, "deleted"), told("document", d, "changed")))
	call(http.MethodPost, path+"/restore", nil)
	none(f.until(t, told("folder", folder, "changed"), told("document", d, "changed")))
	call(http.MethodDelete, path+"?permanent=true", nil)
	none(f.until(t, told("document", d, "deleted")))
	if !f.moving {
		t.Error("a document that is being purged does not move")
	}
	if err := w.Deliver(t, "purge", u.Job(d)); err != nil {
		t.Fatal(err)
	}
	none(f.until(t, told("document", d, "deleted")))
	w.DB.Exec(t, `UPDATE quotas SET limit_bytes = 5 WHERE user_id = $1`, u.ID.String())
	none(f.until(t, told("quota", u.ID, "changed")))
	// What only the system sees is told to nobody, and nothing to anybody else.
	pending := u.Begin(t, "b.txt", "text/plain", []byte("12345")).Document.ID
	none(f.until(t, told("document", pending, "created")))
	w.DB.Exec(t, `UPDATE documents SET next_due_at = now(), attempts = 3 WHERE id = $1`, pending.String())
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM changes WHERE item_id = $1`, pending.String()); n != 1 {
		t.Errorf("%d entries about a document that was only due", n)
	}
	if got := stranger.read(t, ""); len(got) != 0 {
		t.Errorf("another user is told %v", got)
	}
}

// The entry of a transaction that began early and ends late has a small number:
// whoever has read beyond it would never see it.
func TestALateCommitIsNotMissed(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	f := follow(t, u)
	early := u.Begin(t, "a.txt", "text/plain", vaulttest.Unique(t, 50)).Document.ID
	late := u.Begin(t, "b.txt", "text/plain", vaulttest.Unique(t, 50)).Document.ID
	f.until(t, told("document", early, "created"), told("document", late, "created"))
	conn := w.DB.AsSuper(t)
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `UPDATE documents SET title_sealed = 'x' WHERE id = $1`, early.String()); err != nil {
		t.Fatal(err)
	}
	w.DB.Exec(t, `UPDATE documents SET notes_sealed = 'x' WHERE id = $1`, late.String())
	for _, c := range f.read(t, "") {
		if c.ID == late {
			t.Error("told of a change that has an open transaction before it")
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.until(t, told("document", early, "changed"), told("document", late, "changed"))
}

// Somebody else's transaction holds a change back: the page asks again soon, as
// for a document on its way, and not in half a minute.
func TestWhatIsHeldBackIsAskedForSoon(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u, stranger := w.User(t), follow(t, w.User(t))
	f := follow(t, u)
	tx, err := w.DB.AsSuper(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT pg_current_xact_id()`); err != nil {
		t.Fatal(err)
	}
	topic := made(t, u, "/v1/topics", map[string]any{"name": "T"})
	if got := f.read(t, ""); len(got) > 0 || !f.moving {
		t.Errorf("told %v while a transaction before it is open; ask soon: %v", got, f.moving)
	}
	if stranger.read(t, ""); stranger.moving {
		t.Error("another user is to ask soon, too")
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.until(t, told("topic", topic, "created"))
	if f.moving {
		t.Error("nothing is held back any more, and it says to ask soon")
	}
}

func TestManyChangesComeInPages(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	f := follow(t, u)
	w.DB.Exec(t, `INSERT INTO documents (id, user_id, status, object_key, size, sha256, content_type, upload_expires_at, filename_sealed, allow_duplicate)
	  SELECT gen_random_uuid(), $1, 'ready', 'k' || i, 0, sha256(''), 'text/plain', now(), '', true FROM generate_series(1, 95) i`, u.ID.String())
	w.DB.Exec(t, `UPDATE documents SET title_sealed = 'x' WHERE user_id = $1`, u.ID.String())
	w.DB.WaitForOthers(t, "")
	seen := map[id.ID]bool{}
	for _, c := range f.read(t, "&limit=10") {
		seen[c.ID] = true
	}
	if len(seen) != 95 || f.pages < 20 {
		t.Errorf("%d documents on %d pages", len(seen), f.pages)
	}
	if got := f.read(t, ""); len(got) != 0 {
		t.Errorf("and then %v", got)
	}
}

func TestACursorThatCannotBeFollowed(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	epoch, xid, entry, at, err := feed.Parse(follow(t, u).cursor)
	if err != nil {
		t.Fatal(err)
	}
	old := at - int64(feed.CursorLife/time.Second) - 5
	for name, c := range map[string]struct {
		cursor string
		want   fault.Code
	}{
		"old": {feed.Cursor(epoch, xid, entry, old), fault.CursorExpired}, "nearly old": {feed.Cursor(epoch, xid, entry, old+60), ""},
		"of another history": {feed.Cursor("x", xid, entry, at), fault.CursorExpired},
		"of the future":      {feed.Cursor(epoch, "9000000000000000000", entry, at), fault.CursorExpired},
		"no number":          {feed.Cursor(epoch, "-1", entry, at), fault.CursorInvalid}, "too large": {feed.Cursor(epoch, "18446744073709551616", entry, at), fault.CursorInvalid},
		"noise": {"x", fault.CursorInvalid}, "of another list": {"eyJzIjoiIn0", fault.CursorInvalid},
	} {
		a := u.Call(t, http.MethodGet, "/v1/changes?since="+c.cursor, nil)
		if c.want == "" {
			a.JSON(t, http.StatusOK, nil)
		} else if p := a.Problem(t, c.want); p == nil {
			t.Error(name)
		}
	}
	// A restore writes the table anew.
	w.DB.Exec(t, `TRUNCATE changes`)
	u.Call(t, http.MethodGet, "/v1/changes?since="+feed.Cursor(epoch, xid, entry, at), nil).Problem(t, fault.CursorExpired)
}

func TestOldEntriesAreForgotten(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	w.DB.Exec(t, `INSERT INTO changes (user_id, kind, item_id, op, at)
	  SELECT $1, 'document', gen_random_uuid(), 'changed', clock_timestamp() - make_interval(days => 6 - i) FROM generate_series(1, 5) i`, u.ID.String())
	for range 2 {
		if err := w.Schedule(t, "reconcile"); err != nil {
			t.Fatal(err)
		}
		if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM changes`); n != 3 {
			t.Errorf("%d entries are left, want 3", n)
		}
	}
}

// Among 300,000 entries and 100,000 documents, an answer reads the few rows that
// it is about: by the index, as the app role, under row-level security.
func TestThePlanReadsOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	w.DB.Exec(t, `WITH off AS (SELECT set_config('session_replication_role', 'replica', false))
	  INSERT INTO documents (id, user_id, status, object_key, size, sha256, content_type, upload_expires_at, filename_sealed, allow_duplicate)
	  SELECT gen_random_uuid(), $1, 'ready', 'k' || i, 0, sha256(''), 'text/plain', now(), '', true FROM off, generate_series(1, 100000) i`, u.ID.String())
	w.DB.Exec(t, `INSERT INTO changes (xid, user_id, kind, item_id, op) SELECT i::text::xid8, $1, 'document', gen_random_uuid(), 'changed' FROM generate_series(1, 300) i, generate_series(1, 1000)`, u.ID.String())
	// The world looks through all that is left in the end.
	t.Cleanup(func() { w.DB.Exec(t, `TRUNCATE documents, changes CASCADE`) })
	w.DB.Exec(t, `VACUUM ANALYZE changes, documents`)
	conn := w.DB.AsApp(t)
	if _, err := conn.Exec(t.Context(), `SELECT set_config('app.user_id', $1, false)`, u.ID.String()); err != nil {
		t.Fatal(err)
	}
	sql := strings.NewReplacer("@xid", "'299'", "@id", "0", "@limit", "501").Replace(feed.Query)
	rows, err := conn.Query(t.Context(), `EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) `+sql)
	if err != nil {
		t.Fatal(err)
	}
	var plan []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, line)
	}
	text := strings.Join(plan, "\n")
	t.Log(text)
	if strings.Contains(text, "Seq Scan on changes") || strings.Contains(text, "Seq Scan on documents") ||
		!strings.Contains(text, "Index Scan using changes_pkey") || !strings.Contains(text, "ROW(") {
		t.Errorf("not by the index:\n%s", text)
	}
}
