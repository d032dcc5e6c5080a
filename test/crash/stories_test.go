package crash_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"docuvault/shared/auth"
	"docuvault/shared/dbtest"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/id"
	"docuvault/shared/storage"
	"docuvault/shared/storage/storagetest"
	"docuvault/shared/vaulttest"
)

// story is something that happens to a vault.
type story struct {
	// arrange makes, in the parent, what the story begins with.
	arrange func(t *testing.T, c *crashed) subject
	// act is the story itself, in the child.
	act func(a *actor) error
	// client is what a client does that received no answer; nil: nothing.
	client func(t *testing.T, c *crashed)
	// emptyTrash lets the recovery last longer than the trash keeps things.
	emptyTrash bool
	// orphans lets days pass for objects in the recovery.
	orphans bool
	// messages says that it sends some, or takes some out.
	messages bool
	// ownWorld gives every kill a world of its own: what the story does grows
	// with the users there are.
	ownWorld bool
	// check looks, after the recovery, whether all ended where it should.
	check func(t *testing.T, c *crashed)
}

var invoice = []byte("Invoice no. 2024-0815\n\nPlease transfer the amount due of 119.00 EUR within 14 days to the account below.\nNet amount 100.00, VAT 19 %, total 119.00 EUR. Invoice date 3 March 2024, due date 17 March 2024.\n")

var stories = map[string]story{}

func init() {
	stories["begin, and the client begins again"] = story{
		arrange: announced,
		act:     begin,
		client: func(t *testing.T, c *crashed) {
			t.Helper()
			var begun vaulttest.Begun
			answer := c.user.Call(t, http.MethodPost, "/v1/uploads", c.Body)
			if want := http.StatusOK; answer.StatusCode != want && (c.acknowledged() || answer.StatusCode != http.StatusCreated) {
				t.Errorf("begin again answered %d: %s", answer.StatusCode, answer.Bytes)
				return
			}
			if err := json.Unmarshal(answer.Bytes, &begun); err != nil {
				t.Fatal(err)
			}
			c.Document = begun.Document.ID
			if status := begun.Put(t, invoice); status != http.StatusOK {
				t.Errorf("storage answered %d", status)
			}
			c.user.Call(t, http.MethodPost, "/v1/uploads/"+c.Document.String()+"/complete", nil).JSON(t, http.StatusOK, nil)
		},
		check: isReady,
	}
	stories["begin, and the client never comes back"] = story{
		arrange: announced,
		act:     begin,
		check: func(t *testing.T, c *crashed) {
			t.Helper()
			isNothing(t, c)
			if n := c.count(t, `audit_log WHERE user_id = $1 AND action = 'upload.expired'`); n > 1 {
				t.Errorf("%d entries of an expiry", n)
			}
		},
	}
	stories["complete"] = story{
		messages: true,
		arrange:  uploaded,
		act: func(a *actor) error {
			return a.call("uploads-complete", http.MethodPost, "/v1/uploads/"+a.Document.String()+"/complete", nil)
		},
		check: isReady,
	}
	stories["event"] = story{
		messages: true,
		arrange:  uploaded,
		act: func(a *actor) error {
			event := vaulttest.EventIn(a.Bucket, a.Key)
			err := a.call("events-storage", http.MethodPost, "/v1/events/storage", []byte(event), "Authorization", "Bearer "+vaulttest.EventToken)
			if err != nil {
				return err
			}
			return a.deliver("uploadcomplete")
		},
		check: isReady,
	}
	stories["bytes that lie"] = story{
		arrange: func(t *testing.T, c *crashed) subject {
			t.Helper()
			begun := c.user.Begin(t, "invoice.txt", "text/plain", invoice)
			key := c.World.Key(t, begun.Document.ID)
			lie := append([]byte(nil), invoice...)
			lie[0] ^= 1
			c.PutDirectly(t, key, lie)
			return subject{Document: begun.Document.ID, Key: key}
		},
		act: func(a *actor) error {
			return a.call("uploads-complete", http.MethodPost, "/v1/uploads/"+a.Document.String()+"/complete", nil)
		},
		check: func(t *testing.T, c *crashed) {
			t.Helper()
			isNothing(t, c)
			once(t, c, "upload.rejected")
		},
	}
	stories["abort"] = story{
		arrange: uploaded,
		act: func(a *actor) error {
			return a.call("uploads-abort", http.MethodDelete, "/v1/uploads/"+a.Document.String(), nil)
		},
		client: func(t *testing.T, c *crashed) {
			t.Helper()
			c.user.Call(t, http.MethodDelete, "/v1/uploads/"+c.Document.String(), nil).JSON(t, http.StatusNoContent, nil)
		},
		check: func(t *testing.T, c *crashed) {
			t.Helper()
			isNothing(t, c)
			once(t, c, "upload.aborted")
		},
	}
	stories["analyze"] = story{
		messages: true,
		arrange:  stored(invoice, "text/plain"),
		act:      func(a *actor) error { return a.deliver("analyze") },
		check:    isReady,
	}
	stories["analyze a broken paper"] = story{
		messages: true,
		arrange:  stored([]byte("%PDF-1.7\nthis is no PDF"), "application/pdf"),
		act:      func(a *actor) error { return a.deliver("analyze") },
		check: func(t *testing.T, c *crashed) {
			t.Helper()
			if d := c.user.Get(t, c.Document); d.Status != "failed" || d.Failure == "" || d.Failure == "analysis_failed" {
				t.Errorf("status %s, failure %q", d.Status, d.Failure)
			}
			once(t, c, "document.analysis_failed")
		},
	}
	stories["correct the topic"] = story{
		arrange: analyzed,
		act: func(a *actor) error {
			return a.call("documents-patch", http.MethodPatch, "/v1/documents/"+a.Document.String(), []byte(correction))
		},
		client: func(t *testing.T, c *crashed) {
			t.Helper()
			c.user.Call(t, http.MethodPatch, "/v1/documents/"+c.Document.String(), correction).JSON(t, http.StatusOK, nil)
		},
		check: func(t *testing.T, c *crashed) {
			t.Helper()
			if d := c.user.Get(t, c.Document); d.Topic != "my own topic" || d.TopicSource != "user" || len(d.Tags) != 2 {
				t.Errorf("topic %q by %q, tags %v", d.Topic, d.TopicSource, d.Tags)
			}
			learned(t, c, 1)
		},
	}
	stories["trash and restore"] = story{
		arrange: analyzed,
		act: func(a *actor) error {
			if err := a.call("documents-delete", http.MethodDelete, "/v1/documents/"+a.Document.String(), nil); err != nil {
				return err
			}
			return a.call("documents-restore", http.MethodPost, "/v1/documents/"+a.Document.String()+"/restore", nil)
		},
		check: func(t *testing.T, c *crashed) {
			t.Helper()
			status := c.user.Get(t, c.Document).Status
			if c.through && status != "ready" || status != "ready" && status != "trashed" {
				t.Errorf("status %s", status)
			}
			if status == "trashed" && c.Audit(t, "document.trashed", c.Document) != 1 {
				t.Error("in the trash without an entry")
			}
		},
	}
	stories["reprocess"] = story{
		messages: true,
		arrange:  analyzed,
		act: func(a *actor) error {
			if err := a.call("documents-reprocess", http.MethodPost, "/v1/documents/"+a.Document.String()+"/reprocess", nil); err != nil {
				return err
			}
			return a.deliver("analyze")
		},
		check: func(t *testing.T, c *crashed) {
			t.Helper()
			if status := c.user.Get(t, c.Document).Status; status != "ready" {
				t.Errorf("status %s", status)
			}
			if again, analyses := c.Audit(t, "document.reprocessed", c.Document), c.Audit(t, "document.analyzed", c.Document); analyses != 1+again {
				t.Errorf("%d analyses for %d requests more", analyses, again)
			}
		},
	}
	stories["purge"] = story{
		messages: true,
		arrange: func(t *testing.T, c *crashed) subject {
			t.Helper()
			s := analyzed(t, c)
			c.user.Call(t, http.MethodPatch, "/v1/documents/"+s.Document.String(), correction).JSON(t, http.StatusOK, nil)
			// One with the same words stays, and what it taught: forgetting twice
			// would show.
			kept := stored(append([]byte("\n"), invoice...), "text/plain")(t, c)
			c.deliver(t)
			c.user.Call(t, http.MethodPatch, "/v1/documents/"+kept.Document.String(), correction).JSON(t, http.StatusOK, nil)
			// A second version of the object, which has to go too.
			c.PutDirectly(t, s.Key, invoice)
			return s
		},
		act: func(a *actor) error {
			err := a.call("documents-delete", http.MethodDelete, "/v1/documents/"+a.Document.String()+"?permanent=true", nil)
			if err != nil {
				return err
			}
			return a.deliver("purge")
		},
		client: func(t *testing.T, c *crashed) {
			t.Helper()
			if !c.acknowledged() {
				return
			}
			// Deleted means unreadable at once, whatever dies afterwards.
			for _, path := range []string{"/download", "/text"} {
				answer := c.user.Call(t, http.MethodGet, "/v1/documents/"+c.Document.String()+path, nil)
				if answer.StatusCode != http.StatusNotFound && answer.StatusCode != http.StatusConflict {
					t.Errorf("a deleted document's %s answered %d", path, answer.StatusCode)
				}
			}
		},
		check: func(t *testing.T, c *crashed) {
			t.Helper()
			if !c.acknowledged() && c.Audit(t, "document.purging", c.Document) == 0 {
				if d := c.user.Get(t, c.Document); d.Status != "ready" {
					t.Errorf("status %s, and nobody deleted it", d.Status)
				}
				learned(t, c, 2)
				return
			}
			left(t, c, 1, int64(len(invoice)+1))
			once(t, c, "document.purging")
			once(t, c, "document.purged")
			learned(t, c, 1)
		},
	}
	stories["begin under a key, and the client repeats it"] = story{
		arrange: func(t *testing.T, c *crashed) subject {
			t.Helper()
			body := vaulttest.Announce("a.txt", "text/plain", append([]byte(c.user.ID.String()), invoice...))
			body["allow_duplicate"] = true // nothing but the key keeps a second one away
			encoded, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			return subject{Body: encoded}
		},
		act: func(a *actor) error {
			return a.call("uploads-begin", http.MethodPost, "/v1/uploads", a.Body, "Idempotency-Key", a.User.String())
		},
		client: func(t *testing.T, c *crashed) {
			t.Helper()
			for range 2 {
				c.user.Call(t, http.MethodPost, "/v1/uploads", string(c.Body), "Idempotency-Key", c.user.ID.String()).JSON(t, http.StatusCreated, nil)
			}
			if n := c.count(t, `documents WHERE user_id = $1`); n != 1 {
				t.Errorf("%d documents of one request", n)
			}
			if open := c.user.Counters(t).Open; open != 1 {
				t.Errorf("%d uploads are open", open)
			}
		},
		check: func(t *testing.T, c *crashed) {
			t.Helper()
			for _, action := range []string{"upload.begun", "upload.expired"} {
				if n := c.count(t, `audit_log WHERE user_id = $1 AND action = '`+action+`'`); n != 1 {
					t.Errorf("%d entries of %s, want 1", n, action)
				}
			}
		},
	}
	stories["a refresh token comes again"] = story{
		arrange: rotated,
		act: func(a *actor) error {
			return a.call("auth-refresh", http.MethodPost, "/v1/auth/refresh", nil, "Cookie", a.Cookie)
		},
		client: func(t *testing.T, c *crashed) {
			t.Helper()
			// Whoever got no answer tries again, and gets no tokens.
			if answer := refresh(t, c, c.Cookie); answer.StatusCode != http.StatusUnauthorized {
				t.Errorf("an old token was answered with %d", answer.StatusCode)
			}
		},
		check: func(t *testing.T, c *crashed) {
			t.Helper()
			for from, want := range map[string]int{
				`alerts a JOIN sessions s ON s.id = a.session_id WHERE s.user_id = $1 AND a.kind = 'refresh_replayed'`: 1,
				`audit_log WHERE user_id = $1 AND action = 'session.refresh_replayed'`:                                 1,
				`sessions WHERE user_id = $1 AND revoked_reason = 'replay'`:                                            1,
			} {
				if n := dbtest.Query1[int](t, c.DB, `SELECT count(*) FROM `+from, c.Document.String()); n != want {
					t.Errorf("%d of %s, want %d", n, from, want)
				}
			}
		},
	}
	stories["delete the account"] = story{
		messages: true,
		arrange: func(t *testing.T, c *crashed) subject {
			t.Helper()
			for _, bucket := range c.buckets() {
				storagetest.KeepVersions(t, bucket)
			}
			s := stored(append([]byte(secretWord+" "+c.user.ID.String()+"\n"), invoice...), "text/plain")(t, c)
			c.deliver(t)
			words := map[string]any{"topic": secretWord, "title": secretWord, "notes": secretWord, "correspondent": secretWord, "tags": []string{secretWord}}
			c.user.Call(t, http.MethodPatch, "/v1/documents/"+s.Document.String(), words, "User-Agent", secretWord, "Idempotency-Key", s.Document.String()).JSON(t, http.StatusOK, nil)
			c.user.Call(t, http.MethodPost, "/v1/me/tokens", map[string]any{"name": secretWord, "scopes": []string{"read"}}).JSON(t, http.StatusCreated, nil)
			c.user.Call(t, http.MethodPost, "/v1/me/totp", nil).JSON(t, http.StatusCreated, nil)
			trashed := stored([]byte(secretWord+" in the trash"), "text/plain")(t, c)
			c.user.Call(t, http.MethodDelete, "/v1/documents/"+trashed.Document.String(), nil).JSON(t, http.StatusNoContent, nil)
			put(t, c, []byte(secretWord+" not settled"), "text/plain")
			sendAll(t, c, inParts(t, c))
			c.PutDirectly(t, s.Key, []byte(secretWord+" in a second version"))
			c.PutDirectly(t, c.user.ID.String()+"/"+id.New().String()+"/stray.bin", []byte(secretWord+" that no row knows"))
			preview := c.user.ID.String() + "/preview"
			for range 2 {
				if err := c.Store.Derived.Put(t.Context(), preview, strings.NewReader(secretWord), int64(len(secretWord)), storage.PutOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			c.exec(t, `INSERT INTO objects (key, user_id, document_id, kind, size) VALUES ($1, $2, $3, 'preview', $4)`, preview, c.user.ID.String(), s.Document.String(), len(secretWord))
			c.exec(t, `UPDATE users SET email = $2 || id || '@example.org', display_name = $2 WHERE id = $1`, c.user.ID.String(), secretWord)
			c.exec(t, `INSERT INTO credentials (user_id, kind, phc) VALUES ($1, 'password', $2)`, c.user.ID.String(), secretWord)
			c.somewhere(t, secretWord)
			return s
		},
		act: func(a *actor) error {
			if err := a.call("me-delete", http.MethodDelete, "/v1/me", nil); err != nil {
				return err
			}
			if err := a.deliver("erase"); err != nil {
				return err
			}
			return a.deliver("erase") // whatever is left
		},
		client: func(t *testing.T, c *crashed) {
			t.Helper()
			// Whoever got no answer asks again.
			if again := c.user.Call(t, http.MethodDelete, "/v1/me", nil); again.StatusCode != http.StatusNoContent && (!c.acknowledged() && c.Audit(t, "account.deleted", c.user.ID) == 0 || again.StatusCode != http.StatusUnauthorized) {
				t.Errorf("answered %d: %s", again.StatusCode, again.Bytes)
			}
			if answer := c.user.Call(t, http.MethodGet, "/v1/documents/"+c.Document.String()+"/text", nil); answer.StatusCode != http.StatusUnauthorized {
				t.Errorf("the text answered %d", answer.StatusCode)
			}
		},
		check: func(t *testing.T, c *crashed) {
			t.Helper()
			c.gone(t)
			for _, action := range []string{"account.deleted", "account.erased"} {
				if n := c.Audit(t, action, c.user.ID); n != 1 {
					t.Errorf("%d entries of %s, want 1", n, action)
				}
			}
			c.nowhere(t, secretWord)
		},
	}
	stories["reconcile"] = story{
		messages:   true,
		arrange:    overdue,
		act:        func(a *actor) error { return a.reconcile() },
		emptyTrash: true, orphans: true, ownWorld: true,
		check: func(t *testing.T, c *crashed) {
			t.Helper()
			// What was settled, stored and abandoned ends ready; the rest is gone.
			if all, ready := c.count(t, `documents WHERE user_id = $1`), c.count(t, `documents WHERE user_id = $1 AND status = 'ready'`); all != 3 || ready != 3 {
				t.Errorf("%d documents, %d ready; want 3", all, ready)
			}
			if n := c.objects(t); n != 3 {
				t.Errorf("%d objects, want 3", n)
			}
			for action, want := range map[string]int{
				"upload.stored": 5, "upload.expired": 1, "upload.rejected": 1, "upload.aborted": 1, "document.purging": 2, "document.purged": 2, "document.analyzed": 3,
			} {
				if n := c.count(t, `audit_log WHERE user_id = $1 AND action = '`+action+`'`); n != want {
					t.Errorf("%d entries of %s, want %d", n, action, want)
				}
			}
		},
	}
}

// secretWord stands in papers and rows of the account that is deleted, and
// nowhere else.
const secretWord = "wolframpetal"

func (c *crashed) buckets() []string {
	return []string{c.Vars["S3_BUCKET"], c.Vars["S3_DERIVED_BUCKET"]}
}

// holders are the places that hold a word: the database, and versions of
// objects in both buckets.
func (c *crashed) holders(t *testing.T, word string) (places []string) {
	t.Helper()
	if bytes.Contains(c.DB.Dump(t), []byte(word)) {
		places = append(places, "the database")
	}
	for _, bucket := range c.buckets() {
		storagetest.EachVersion(t, bucket, "", func(key string, content []byte) {
			if bytes.Contains(content, []byte(word)) {
				places = append(places, key)
			}
		})
	}
	return places
}

func (c *crashed) nowhere(t *testing.T, word string) {
	t.Helper()
	if places := c.holders(t, word); len(places) > 0 {
		t.Errorf("the word is in %v", places)
	}
}

// somewhere makes sure that there is something to delete: the database, the
// document and its second version, trash, pending, stray, and two versions of a
// derived object.
func (c *crashed) somewhere(t *testing.T, word string) {
	t.Helper()
	if places := c.holders(t, word); len(places) < 8 {
		t.Fatalf("the word is only in %v", places)
	}
}

// gone looks for anything of the story's user: rows of the tables that the
// catalogue knows, versions and markers of objects, parts of uploads, and the
// user's id in any other place of the database than the log.
func (c *crashed) gone(t *testing.T) {
	t.Helper()
	tables := dbtest.Query1[[]string](t, c.DB, `SELECT array_agg(c.table_name::text) FROM information_schema.columns c
	   JOIN information_schema.tables t USING (table_schema, table_name)
	  WHERE c.table_schema = 'public' AND c.column_name = 'user_id' AND t.table_type = 'BASE TABLE' AND c.table_name <> 'audit_log'`)
	if len(tables) < 20 {
		t.Fatalf("only %d tables: %v", len(tables), tables)
	}
	for _, table := range append(tables, "users") {
		column := "user_id"
		if table == "users" {
			column = "id"
		}
		if n := c.count(t, table+` WHERE `+column+` = $1`); n != 0 {
			t.Errorf("%d rows of %s", n, table)
		}
	}
	table := ""
	for line := range strings.Lines(string(c.DB.Dump(t))) {
		if name, ok := strings.CutPrefix(line, "-- "); ok {
			table = strings.TrimSpace(name)
		}
		if table != "public.audit_log" && strings.Contains(line, c.user.ID.String()) {
			t.Errorf("%s knows the user: %.200s", table, line)
		}
	}
	for _, bucket := range c.buckets() {
		storagetest.EachVersion(t, bucket, c.user.ID.String()+"/", func(key string, content []byte) {
			t.Errorf("%s/%s is left, %d bytes", bucket, key, len(content))
		})
	}
	for upload, err := range c.Parts(t).ListStale(t.Context(), time.Now().Add(time.Hour)) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(upload.Key, c.user.ID.String()) {
			t.Errorf("an upload of %s is left", upload.Key)
		}
	}
}

// rotated is a session in its third generation, and its first token. The user,
// who has registered by the real way, takes the place of the document.
func rotated(t *testing.T, c *crashed) subject {
	t.Helper()
	email := c.user.ID.String() + "@rotated.example.org"
	body := map[string]any{"email": email, "password": "a password of some length"}
	first := cookie(t, hosttest.Call(t, http.DefaultClient, http.MethodPost, c.Server.URL+"/v1/auth/register", body))
	second := cookie(t, refresh(t, c, first))
	cookie(t, refresh(t, c, second))
	user, err := id.Parse(dbtest.Query1[string](t, c.DB, `SELECT id::text FROM users WHERE email = $1`, email))
	if err != nil {
		t.Fatal(err)
	}
	return subject{Document: user, Cookie: first}
}

func refresh(t *testing.T, c *crashed, cookie string) hosttest.Answer {
	t.Helper()
	return hosttest.Call(t, http.DefaultClient, http.MethodPost, c.Server.URL+"/v1/auth/refresh", nil, "Cookie", cookie)
}

func cookie(t *testing.T, a hosttest.Answer) string {
	t.Helper()
	for _, c := range a.Cookies() {
		if c.Name == auth.RefreshCookieName(false) {
			return c.Name + "=" + c.Value
		}
	}
	t.Fatalf("no refresh cookie: %d %s", a.StatusCode, a.Bytes)
	return ""
}

const correction = `{"topic": "my own topic", "tags": ["tax", "2024"]}`

func begin(a *actor) error { return a.call("uploads-begin", http.MethodPost, "/v1/uploads", a.Body) }

// announced is a client about to begin.
func announced(t *testing.T, _ *crashed) subject {
	t.Helper()
	announce := vaulttest.Announce("invoice.txt", "text/plain", invoice)
	announce["tags"], announce["path"] = []string{"tax"}, "Tax/2024"
	body, err := json.Marshal(announce)
	if err != nil {
		t.Fatal(err)
	}
	return subject{Body: body}
}

// uploaded is a pending document whose bytes are there.
func uploaded(t *testing.T, c *crashed) subject {
	t.Helper()
	return put(t, c, invoice, "text/plain")
}

func put(t *testing.T, c *crashed, content []byte, contentType string) subject {
	t.Helper()
	begun := c.user.Begin(t, "paper", contentType, content)
	if status := begun.Put(t, content); status != http.StatusOK {
		t.Fatalf("storage answered %d", status)
	}
	return subject{Document: begun.Document.ID, Key: c.World.Key(t, begun.Document.ID)}
}

// stored is a document that waits for its analysis.
func stored(content []byte, contentType string) func(t *testing.T, c *crashed) subject {
	return func(t *testing.T, c *crashed) subject {
		t.Helper()
		s := put(t, c, content, contentType)
		c.user.Call(t, http.MethodPost, "/v1/uploads/"+s.Document.String()+"/complete", nil).JSON(t, http.StatusOK, nil)
		return s
	}
}

// analyzed is a document that is ready, and an empty queue.
func analyzed(t *testing.T, c *crashed) subject {
	t.Helper()
	s := stored(invoice, "text/plain")(t, c)
	c.deliver(t)
	return s
}

// overdue is a document in each state that the reconciler handles, all due, and
// an object without a row.
func overdue(t *testing.T, c *crashed) subject {
	t.Helper()
	each := func(name string) []byte { return append([]byte(name+"\n"), invoice...) }
	due := func(document id.ID, assignments string) {
		t.Helper()
		c.Set(t, document, assignments+"next_due_at = clock_timestamp() - interval '1 second'")
	}
	call := func(method, path string) {
		t.Helper()
		c.user.Call(t, method, path, nil).JSON(t, http.StatusNoContent, nil)
	}

	due(put(t, c, each("settled: its event was lost"), "text/plain").Document, "")
	due(c.user.Begin(t, "expired", "text/plain", each("never came")).Document.ID, "upload_expires_at = clock_timestamp() - interval '2 hours', ")
	due(stored(each("stored: its job was lost"), "text/plain")(t, c).Document, "")
	due(stored(each("processing: its worker died"), "text/plain")(t, c).Document, "status = 'processing', attempts = 1, fence = 1, ")
	trashed := stored(each("trashed, long ago"), "text/plain")(t, c)
	call(http.MethodDelete, "/v1/documents/"+trashed.Document.String())
	due(trashed.Document, "")
	purging := stored(each("purging: its job was lost"), "text/plain")(t, c)
	call(http.MethodDelete, "/v1/documents/"+purging.Document.String()+"?permanent=true")
	due(purging.Document, "")

	rejected := c.user.Begin(t, "rejected", "text/plain", each("rejected")).Document.ID
	c.PutDirectly(t, c.World.Key(t, rejected), []byte("a lie"))
	c.user.Call(t, http.MethodPost, "/v1/uploads/"+rejected.String()+"/complete", nil).Problem(t, "upload_rejected")
	due(rejected, "")
	aborted := put(t, c, each("aborted, and its bytes came late"), "text/plain")
	call(http.MethodDelete, "/v1/uploads/"+aborted.Document.String())
	c.PutDirectly(t, aborted.Key, each("aborted, and its bytes came late"))
	due(aborted.Document, "")
	c.PutDirectly(t, c.user.ID.String()+"/"+id.New().String()+"/orphan.txt", []byte("nobody's"))

	// All messages were lost.
	c.lose(t)
	return subject{}
}

// isReady wants the one document of the story stored and analyzed, once.
func isReady(t *testing.T, c *crashed) {
	t.Helper()
	d := c.user.Get(t, c.Document)
	if d.Status != "ready" {
		t.Errorf("status %s %s, want ready", d.Status, d.Failure)
	}
	counters := c.user.Counters(t)
	if want := (vaulttest.Counters{Limit: vaulttest.Quota, Used: d.Size, Documents: 1}); counters != want {
		t.Errorf("counters %+v, want %+v", counters, want)
	}
	if n := c.objects(t); n != 1 {
		t.Errorf("%d objects, want 1", n)
	}
	for _, action := range []string{"upload.begun", "upload.stored", "document.analyzed"} {
		once(t, c, action)
	}
}

// isNothing wants nothing left of the story's document but its entries.
func isNothing(t *testing.T, c *crashed) {
	t.Helper()
	left(t, c, 0, 0)
}

// left wants so many live documents of the user, with so many bytes.
func left(t *testing.T, c *crashed, documents int, size int64) {
	t.Helper()
	if n := c.count(t, `documents WHERE user_id = $1`); n != documents {
		t.Errorf("%d documents, want %d", n, documents)
	}
	if n := c.objects(t); n != documents {
		t.Errorf("%d objects, want %d", n, documents)
	}
	if got, want := c.user.Counters(t), (vaulttest.Counters{Limit: vaulttest.Quota, Used: size, Documents: int64(documents)}); got != want {
		t.Errorf("counters %+v, want %+v", got, want)
	}
}

func once(t *testing.T, c *crashed, action string) {
	t.Helper()
	if n := c.Audit(t, action, c.Document); n != 1 {
		t.Errorf("%d entries of %s, want 1", n, action)
	}
}

// learned wants so many documents in what the classifier has learned, and in
// its counts by token too.
func learned(t *testing.T, c *crashed, documents int) {
	t.Helper()
	got := dbtest.Query1[int](t, c.DB, `SELECT coalesce(sum(documents), 0)::integer FROM classifier_topics WHERE user_id = $1`, c.user.ID.String())
	most := dbtest.Query1[int](t, c.DB, `SELECT coalesce(max(count), 0)::integer FROM classifier_tokens WHERE user_id = $1`, c.user.ID.String())
	if got != documents || most != documents {
		t.Errorf("learned from %d documents, a token at most %d times; want %d", got, most, documents)
	}
}
