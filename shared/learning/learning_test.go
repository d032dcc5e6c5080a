package learning_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"docuvault/shared/ai"
	"docuvault/shared/database"
	"docuvault/shared/dbtest"
	"docuvault/shared/id"
	"docuvault/shared/learning"
	"docuvault/shared/vault"
	"docuvault/shared/vaulttest"
)

// letter is a paper of the pottery club; each one another.
func letter(n int) []byte {
	return fmt.Appendf(nil, "Pottery club Riverside\n\nDear member, the kiln is fired on Thursday evening. Bring your glazed bowls and clay tools to the workshop.\nThe glaze colours for this firing are celadon, cobalt and tenmoku. Member number 4471%02d.\nKind regards, the kiln team\n", n)
}

// other is a paper that shares no telling word with letter.
func other(n int) []byte {
	return fmt.Appendf(nil, "Allotment society Greenfield\n\nHello gardeners, compost deliveries arrive next Saturday. Seed potatoes, onions and rhubarb crowns can be collected near the greenhouse.\nPlot holders please repair fences before spring. Plot code 8812%02d.\n", n)
}

func set(t testing.TB, u *vaulttest.User, document id.ID, topic any) {
	t.Helper()
	if a := u.Call(t, http.MethodPatch, "/v1/documents/"+document.String(), map[string]any{"topic": topic}); a.StatusCode != http.StatusOK {
		t.Errorf("status %d: %s", a.StatusCode, a.Bytes)
	}
}

// counts is all that was learned, by topic in the order of its making: documents
// and tokens.
func counts(t testing.TB, w *vaulttest.World) string {
	t.Helper()
	return dbtest.Query1[string](t, w.DB, `SELECT coalesce(string_agg(c.documents || ':' || (SELECT coalesce(sum(count), 0) || '/' || count(*) FROM classifier_tokens x WHERE x.topic_id = c.topic_id), ' ' ORDER BY t.created_at), '')
	  FROM classifier_topics c JOIN topics t ON t.id = c.topic_id WHERE c.documents > 0`)
}

// consistent checks that the counts of topics are those of their documents.
func consistent(t testing.TB, w *vaulttest.World) {
	t.Helper()
	wrong := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM topics t
	  WHERE (SELECT count(*) FROM documents d WHERE d.learned_topic_id = t.id) <> coalesce((SELECT c.documents FROM classifier_topics c WHERE c.topic_id = t.id), 0)
	     OR coalesce((SELECT sum(count) FROM classifier_tokens x WHERE x.topic_id = t.id), 0) <> coalesce((SELECT c.size FROM classifier_topics c WHERE c.topic_id = t.id), 0)
	     OR EXISTS (SELECT FROM classifier_tokens x WHERE x.topic_id = t.id AND x.count > (SELECT count(*) FROM documents d WHERE d.learned_topic_id = t.id))`)
	if wrong != 0 {
		t.Errorf("%d topics have wrong counts", wrong)
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM documents WHERE learned_topic_id IS DISTINCT FROM CASE topic_source WHEN 'user' THEN topic_id END`); n != 0 {
		t.Errorf("%d documents count for another topic than their own", n)
	}
}

func TestACorrectionTeachesAtOnce(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	first := u.Analyzed(t, "a.txt", "text/plain", letter(1))
	if first.Topic == "Pottery" {
		t.Fatal("the topic was known before")
	}
	set(t, u, first.ID, "Pottery")
	garden := u.Analyzed(t, "g.txt", "text/plain", other(1))
	if garden.Topic == "Pottery" {
		t.Error("everything is pottery now")
	}
	set(t, u, garden.ID, "Garden")

	second := u.Analyzed(t, "b.txt", "text/plain", letter(2))
	if second.Topic != "Pottery" || second.TopicSource != "local" {
		t.Fatalf("got topic %q by %q: %+v", second.Topic, second.TopicSource, second.Suggestions)
	}
	learned := false
	for _, s := range second.Suggestions {
		if s.Kind != "topic" || s.Value != "Pottery" {
			continue
		}
		for _, e := range s.Evidence {
			if e.Learned && !strings.Contains(string(letter(2)), e.Word) {
				t.Errorf("evidence %q is not in the text", e.Word)
			}
			learned = learned || e.Learned
		}
	}
	if !learned {
		t.Errorf("no learned evidence: %+v", second.Suggestions)
	}
	// What it learned is hers alone.
	if d := w.User(t).Analyzed(t, "c.txt", "text/plain", letter(3)); d.Topic == "Pottery" {
		t.Error("a lesson crossed users")
	}
	consistent(t, w)
}

func TestCorrectionsMoveCounts(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Analyzed(t, "a.txt", "text/plain", letter(1))
	if c := counts(t, w); c != "" {
		t.Errorf("a suggestion taught: %s", c)
	}
	set(t, u, d.ID, "Pottery")
	once := counts(t, w)
	if !strings.HasPrefix(once, "1:") {
		t.Errorf("got %s", once)
	}
	set(t, u, d.ID, "Pottery")
	set(t, u, d.ID, "POTTERY")
	if c := counts(t, w); c != once {
		t.Errorf("a repeated correction changed %s into %s", once, c)
	}
	set(t, u, d.ID, "Clay")
	set(t, u, d.ID, "Pottery")
	if c := counts(t, w); c != once {
		t.Errorf("there and back changed %s into %s", once, c)
	}
	set(t, u, d.ID, nil)
	if c := counts(t, w); c != "" {
		t.Errorf("cleared, %s is left", c)
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM classifier_tokens`); n != 0 {
		t.Errorf("%d tokens are left", n)
	}
	// Before the analysis there is no text; what was set then is taught by the
	// analysis itself.
	early := u.Store(t, "b.txt", "text/plain", letter(2))
	set(t, u, early.ID, "Pottery")
	if c := counts(t, w); c != "" {
		t.Errorf("no text taught %s", c)
	}
	if err := w.Deliver(t, "analyze", u.Job(early.ID)); err != nil {
		t.Fatal(err)
	}
	if got := u.Get(t, early.ID); got.Topic != "Pottery" || got.TopicSource != "user" || !strings.HasPrefix(counts(t, w), "1:") {
		t.Errorf("topic %q by %q, learned %q", got.Topic, got.TopicSource, counts(t, w))
	}
	consistent(t, w)
	// Purged, it is forgotten; in the trash it is not.
	u.Call(t, http.MethodDelete, "/v1/documents/"+early.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
	if c := counts(t, w); c == "" {
		t.Error("the trash forgot")
	}
	u.Call(t, http.MethodDelete, "/v1/documents/"+early.ID.String()+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
	if err := w.Deliver(t, "purge", u.Job(early.ID)); err != nil {
		t.Fatal(err)
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM classifier_tokens`); n != 0 || counts(t, w) != "" {
		t.Errorf("%d tokens are left, %s", n, counts(t, w))
	}
}

func TestReprocessKeepsWhatAPersonSet(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Analyzed(t, "a.txt", "text/plain", letter(1))
	set(t, u, d.ID, "Pottery")
	u.Call(t, http.MethodPatch, "/v1/documents/"+d.ID.String(), map[string]any{"title": "Mine", "notes": "n", "tags": []string{"x"}, "document_date": "2020-01-01", "correspondent": "c"}).JSON(t, http.StatusOK, nil)
	before := counts(t, w)
	for range 2 {
		u.Call(t, http.MethodPost, "/v1/documents/"+d.ID.String()+"/reprocess", nil).JSON(t, http.StatusAccepted, nil)
		if err := w.Deliver(t, "analyze", u.Job(d.ID)); err != nil {
			t.Fatal(err)
		}
	}
	var m map[string]any
	u.Call(t, http.MethodGet, "/v1/documents/"+d.ID.String(), nil).JSON(t, http.StatusOK, &m)
	for name, want := range map[string]any{"status": "ready", "topic": "Pottery", "topic_source": "user", "title": "Mine", "notes": "n", "document_date": "2020-01-01", "correspondent": "c"} {
		if m[name] != want {
			t.Errorf("%s is %v, want %v", name, m[name], want)
		}
	}
	if c := counts(t, w); c != before {
		t.Errorf("%s became %s", before, c)
	}
	consistent(t, w)
}

func TestCorrectionsAtOnce(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	documents := make([]id.ID, 6)
	for i := range documents {
		documents[i] = u.Analyzed(t, "a.txt", "text/plain", letter(i)).ID
	}
	vaulttest.AtOnce(24, func(i int) {
		set(t, u, documents[i%len(documents)], []any{"Pottery", "Clay", nil, "Kiln"}[i%4])
	})
	consistent(t, w)
	// All with one topic, at once: the same counts as one after the other.
	vaulttest.AtOnce(len(documents), func(i int) { set(t, u, documents[i], "Pottery") })
	consistent(t, w)
	if c := counts(t, w); !strings.HasPrefix(c, "6:") {
		t.Errorf("got %s", c)
	}
	vaulttest.AtOnce(len(documents), func(i int) { set(t, u, documents[i], nil) })
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM classifier_tokens`); n != 0 {
		t.Errorf("%d tokens are left", n)
	}
}

func TestReprocessPatchAndPurgeAtOnce(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	documents := make([]id.ID, 4)
	for i := range documents {
		documents[i] = u.Analyzed(t, "a.txt", "text/plain", letter(i)).ID
	}
	w.Handler(t, "purge")
	for round := range 3 {
		vaulttest.AtOnce(16, func(i int) {
			d := documents[i%4]
			if i/4%2 == 0 {
				set(t, u, d, fmt.Sprint("topic ", (i+round)%3))
				return
			}
			if a := u.Call(t, http.MethodPost, "/v1/documents/"+d.String()+"/reprocess", nil); a.StatusCode != http.StatusAccepted {
				t.Errorf("status %d: %s", a.StatusCode, a.Bytes)
			}
			if err := w.Deliver(t, "analyze", u.Job(d)); err != nil {
				t.Error(err)
			}
		})
		for _, d := range documents {
			if err := w.Deliver(t, "analyze", u.Job(d)); err != nil || w.Status(t, d) != "ready" {
				t.Errorf("%v, status %s", err, w.Status(t, d))
			}
		}
		consistent(t, w)
	}
	vaulttest.AtOnce(len(documents), func(i int) {
		u.Call(t, http.MethodDelete, "/v1/documents/"+documents[i].String()+"?permanent=true", nil)
		if err := w.Deliver(t, "purge", u.Job(documents[i])); err != nil {
			t.Error(err)
		}
	})
	if n := dbtest.Query1[int](t, w.DB, `SELECT (SELECT count(*) FROM classifier_tokens) + (SELECT coalesce(sum(documents), 0) FROM classifier_topics)::integer`); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// A correction was made from a text that the analysis replaces in between: it
// is made again from the new one, so that no word of the old one stays behind.
func TestACorrectionMeetsANewText(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	d := u.Analyzed(t, "a.txt", "text/plain", letter(1))
	u.Call(t, http.MethodPost, "/v1/documents/"+d.ID.String()+"/reprocess", nil).JSON(t, http.StatusAccepted, nil)
	// The document is held, so that the patch waits with the words it read.
	hold := w.DB.AsSuper(t)
	for _, sql := range []string{"BEGIN", "SELECT FROM documents FOR UPDATE"} {
		if _, err := hold.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		set(t, u, d.ID, "Pottery")
	}()
	w.Blocked(t)
	for _, sql := range []string{"DELETE FROM texts", "COMMIT"} {
		if _, err := hold.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	<-done
	if c := counts(t, w); c != "" {
		t.Errorf("a text that is gone taught %s", c)
	}
	if err := w.Deliver(t, "analyze", u.Job(d.ID)); err != nil {
		t.Fatal(err)
	}
	consistent(t, w)
	if c := counts(t, w); !strings.HasPrefix(c, "1:") {
		t.Errorf("got %q", c)
	}
}

// What the database recalls is what the same corrections make of an ai.Learned
// in memory: so a measurement of one is a measurement of the other.
func TestRecallIsWhatLearnSays(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	learner, err := learning.Open(w.Env)
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(w.Env)
	if err != nil {
		t.Fatal(err)
	}
	actor := database.OnBehalfOf(u.ID)
	own, err := v.Keys(t.Context(), actor)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{} // topic ids by name
	var memory ai.Learned
	correct := func(d vaulttest.Document, text []byte, from, to string) {
		t.Helper()
		set(t, u, d.ID, to)
		ids[to] = dbtest.Query1[string](t, w.DB, `SELECT topic_id::text FROM documents WHERE id = $1`, d.ID.String())
		memory.Apply(ai.Learn(ai.Features(string(text), d.Language, own.LearnToken), ids[from], ids[to]))
	}
	var papers []vaulttest.Document
	for n := range 6 {
		text := letter(n)
		if n%2 == 1 {
			text = other(n)
		}
		d := u.Analyzed(t, "a.txt", "text/plain", text)
		papers = append(papers, d)
		correct(d, text, "", []string{"Pottery", "Garden", "Clay"}[n%3])
	}
	correct(papers[0], letter(0), "Pottery", "Clay")
	asked := string(letter(9)) + string(other(9)) + "and a word that nobody knows"
	got, err := learner.Recall(t.Context(), actor, own, id.New(), asked, "en")
	if err != nil {
		t.Fatal(err)
	}
	want := memory.Restrict(ai.Features(asked, "en", own.LearnToken))
	if len(want.Topics) != 3 || !reflect.DeepEqual(got, want) {
		t.Errorf("recalled %v, want %v", got, want)
	}
	consistent(t, w)
}
