package summary_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"docuvault/shared/vault"
	"docuvault/shared/vaulttest"
)

func summary(t testing.TB, u *vaulttest.User) (s vault.Summary) {
	t.Helper()
	u.Call(t, http.MethodGet, "/v1/documents/summary", nil).JSON(t, http.StatusOK, &s)
	return s
}

func TestASummaryCountsWhatIsThere(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u, other := w.User(t), w.User(t)
	if s := summary(t, u); s.Documents != 0 || len(s.Statuses) != 0 || len(s.Folders) != 0 {
		t.Errorf("an empty vault has %+v", s)
	}
	other.Store(t, "a.txt", "text/plain", vaulttest.Unique(t, 10))
	var folder, topic struct{ ID string }
	u.Call(t, http.MethodPost, "/v1/folders", map[string]any{"name": "F"}).JSON(t, http.StatusCreated, &folder)
	u.Call(t, http.MethodPost, "/v1/topics", map[string]any{"name": "T"}).JSON(t, http.StatusCreated, &topic)
	for i, change := range []map[string]any{
		{"folder_id": folder.ID, "topic": "t", "tags": []string{"x", "y"}, "document_date": "2019-12-31"},
		{"folder_id": folder.ID, "tags": []string{"x"}, "document_date": "2019-01-01"}, {"title": "plain"}, {"topic": "T", "tags": []string{"x"}},
	} {
		d := u.Store(t, "a.txt", "text/plain", vaulttest.Unique(t, 10))
		u.Call(t, http.MethodPatch, "/v1/documents/"+d.ID.String(), change).JSON(t, http.StatusOK, nil)
		if i == 3 {
			u.Call(t, http.MethodDelete, "/v1/documents/"+d.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
		}
	}
	u.Begin(t, "p.txt", "text/plain", vaulttest.Unique(t, 10))
	s := summary(t, u)
	counts := func(all []vault.Count) (n []int64) {
		for _, c := range all {
			n = append(n, c.Documents)
		}
		return n
	}
	got := fmt.Sprint(s.Documents, s.Bytes, s.Statuses, counts(s.Folders), s.Unfiled, counts(s.Topics), s.NoTopic, counts(s.Tags), s.Years)
	want := fmt.Sprintf("3 30 map[pending:1 stored:3 trashed:1] [2] 1 [1] 2 [2 1] [{%d 1} {2019 2}]", time.Now().UTC().Year())
	if got != want || s.Folders[0].ID.String() != folder.ID || s.Topics[0].ID.String() != topic.ID {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// 100,000 documents with 300,000 tags are counted without reading the documents,
// which are large: from an index of them.
func TestASummaryOfALargeVault(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	fill := func(sql string) {
		t.Helper()
		w.DB.Exec(t, `WITH off AS (SELECT set_config('session_replication_role', 'replica', false)) `+strings.ReplaceAll(sql, "$user", "'"+u.ID.String()+"'"))
	}
	fill(`INSERT INTO folders (id, user_id, name_key, name_sealed) SELECT gen_random_uuid(), $user, i::text::bytea, '' FROM off, generate_series(1, 200) i`)
	fill(`INSERT INTO topics (id, user_id, name_key, name_sealed) SELECT gen_random_uuid(), $user, i::text::bytea, '' FROM off, generate_series(1, 40) i`)
	fill(`INSERT INTO tags (id, user_id, name_key, name_sealed) SELECT gen_random_uuid(), $user, i::text::bytea, '' FROM off, generate_series(1, 300) i`)
	fill(`INSERT INTO documents (id, user_id, status, object_key, size, sha256, content_type, upload_expires_at, filename_sealed, suggestions_sealed, allow_duplicate,
	         folder_id, topic_id, topic_source, document_date)
	       SELECT gen_random_uuid(), $user, 'ready', 'k' || i, i, sha256(''), 'text/plain', now(), '', convert_to(repeat(md5(i::text), 20), 'utf8'), true,
	         f.ids[1 + i % 200], t.ids[1 + i % 40], 'user', date '2000-01-01' + i % 9000
	         FROM off, generate_series(1, 100000) i, (SELECT array_agg(id) AS ids FROM folders) f, (SELECT array_agg(id) AS ids FROM topics) t`)
	fill(`INSERT INTO document_tags (document_id, tag_id, user_id) SELECT d.id, g.ids[1 + (d.size * n) % 300], d.user_id
	         FROM off, documents d, generate_series(1, 3) n, (SELECT array_agg(id) AS ids FROM tags) g ON CONFLICT DO NOTHING`)
	// The world looks through all that is left in the end.
	t.Cleanup(func() { w.DB.Exec(t, `TRUNCATE documents CASCADE`) })
	w.DB.Exec(t, `VACUUM ANALYZE documents, document_tags`)
	conn := w.DB.AsApp(t)
	if _, err := conn.Exec(t.Context(), `SELECT set_config('app.user_id', $1, false)`, u.ID.String()); err != nil {
		t.Fatal(err)
	}
	for _, sql := range vault.SummaryStatements() {
		rows, err := conn.Query(t.Context(), `EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) `+sql)
		if err != nil {
			t.Fatal(err)
		}
		var plan strings.Builder
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			plan.WriteString(line + "\n")
		}
		t.Log(plan.String())
		for _, scan := range []string{"Seq Scan on documents", "Heap Scan on documents", "Index Scan using documents"} {
			if strings.Contains(plan.String(), scan) {
				t.Errorf("reads the documents themselves:\n%s", plan.String())
			}
		}
	}
	begun := time.Now()
	if s := summary(t, u); s.Documents != 100000 || len(s.Folders) != 200 || len(s.Topics) != 40 || len(s.Tags) != 300 || len(s.Years) != 25 {
		t.Errorf("counts %d, %d folders, %d topics, %d tags, %d years", s.Documents, len(s.Folders), len(s.Topics), len(s.Tags), len(s.Years))
	}
	t.Logf("counted in %v", time.Since(begun))
}
