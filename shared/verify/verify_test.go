package verify_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"docuvault/shared/dbtest"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/secret"
	"docuvault/shared/storage"
	"docuvault/shared/vaulttest"
	"docuvault/shared/verify"
)

// lived is a vault in which something of everything has happened: documents in
// every state that rests, a second user, a session that was replayed.
type lived struct {
	*vaulttest.World
	anna, ben                       *vaulttest.User
	ready, trashed, pending, other  vaulttest.Document
	purged, aborted                 id.ID
	session                         string // the replayed one
	purgedKey, pendingKey, readyKey string
	readyContent                    []byte
}

func live(t *testing.T) *lived {
	t.Helper()
	l := &lived{World: vaulttest.New(t, map[string]string{"REFRESH_GRACE": "0s"})}
	l.anna, l.ben = l.User(t), l.User(t)
	l.readyContent = []byte("Invoice no. 2024-0815\n\nPlease transfer the amount due of 119.00 EUR within 14 days. Invoice date 3 March 2024.\n")
	l.ready = l.anna.Analyzed(t, "invoice.txt", "text/plain", l.readyContent)
	l.anna.Call(t, http.MethodPatch, "/v1/documents/"+l.ready.ID.String(), map[string]any{
		"title": "A title", "notes": "Some notes", "tags": []string{"tax", "2024"}, "topic": "my own topic",
	}).JSON(t, http.StatusOK, nil)
	l.other = l.ben.Analyzed(t, "letter.txt", "text/plain", []byte("Dear Ben, how are you? I am writing this letter to tell you that all is well."))
	l.trashed = l.anna.Store(t, "old.txt", "text/plain", []byte("something old"))
	l.anna.Call(t, http.MethodDelete, "/v1/documents/"+l.trashed.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
	l.pending = l.anna.Begin(t, "coming.txt", "text/plain", []byte("not there yet")).Document
	l.aborted = l.anna.Begin(t, "never.txt", "text/plain", []byte("will not come")).Document.ID
	l.anna.Call(t, http.MethodDelete, "/v1/uploads/"+l.aborted.String(), nil).JSON(t, http.StatusNoContent, nil)
	purged := l.anna.Store(t, "gone.txt", "text/plain", []byte("will be purged"))
	l.purged, l.purgedKey = purged.ID, l.key(t, purged.ID)
	l.anna.Call(t, http.MethodDelete, "/v1/documents/"+purged.ID.String()+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
	if err := l.Deliver(t, "purge", l.anna.Job(purged.ID)); err != nil {
		t.Fatalf("purge: %v", err)
	}
	l.pendingKey, l.readyKey = l.key(t, l.pending.ID), l.key(t, l.ready.ID)
	l.replay(t)
	return l
}

func (l *lived) key(t *testing.T, document id.ID) string {
	t.Helper()
	return dbtest.Query1[string](t, l.DB, `SELECT object_key FROM documents WHERE id = $1`, document.String())
}

// replay registers a third user, by the real way, and uses an old token again.
func (l *lived) replay(t *testing.T) {
	t.Helper()
	call := func(path, cookie string, body any) hosttest.Answer {
		t.Helper()
		return hosttest.Call(t, http.DefaultClient, http.MethodPost, l.Server.URL+path, body, "Cookie", cookie, "User-Agent", "a device")
	}
	cookie := func(a hosttest.Answer) string {
		t.Helper()
		for _, c := range a.Cookies() {
			if strings.HasSuffix(c.Name, "docuvault_refresh") {
				return c.Name + "=" + c.Value
			}
		}
		t.Fatalf("no refresh cookie: %d %s", a.StatusCode, a.Bytes)
		return ""
	}
	first := cookie(call("/v1/auth/register", "", map[string]any{"email": "eve@example.org", "password": "a password of some length"}))
	second := cookie(call("/v1/auth/refresh", first, nil))
	cookie(call("/v1/auth/refresh", second, nil))
	call("/v1/auth/refresh", first, nil).Problem(t, "refresh_replayed")
	l.session = dbtest.Query1[string](t, l.DB, `SELECT session_id::text FROM alerts WHERE kind = 'refresh_replayed'`)
}

func (l *lived) options(t *testing.T) verify.Options {
	t.Helper()
	ring, err := keys.Open(l.Env)
	if err != nil {
		t.Fatalf("open keys: %v", err)
	}
	return verify.Options{Owner: secret.New(l.DB.MigrateURL), App: secret.New(l.DB.AppURL), Store: l.Store, Ring: ring}
}

func run(t *testing.T, o verify.Options) verify.Report {
	t.Helper()
	r, err := verify.Run(t.Context(), o)
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	return r
}

// codes are what a report found, as "number code", sorted, each once.
func codes(r verify.Report) []string {
	var found []string
	for _, i := range r.Invariants {
		for _, p := range i.Problems {
			found = append(found, string(rune('0'+i.Number%10))+" "+p.Code)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func TestAHealthyVaultHasNothingBroken(t *testing.T) {
	t.Parallel()
	l := live(t)
	for _, strict := range []bool{false, true} {
		o := l.options(t)
		o.Strict = strict
		r := run(t, o)
		if !r.OK || len(r.Invariants) != 10 {
			t.Fatalf("strict %v: %+v", strict, r)
		}
		for n, i := range r.Invariants {
			want := verify.OK
			if i.Number == 9 {
				want = verify.NotChecked
			}
			if i.Number != n+1 || i.Status != want || i.Found != 0 {
				t.Errorf("strict %v, number %d: %s %s %v", strict, i.Number, i.Status, i.Reason, i.Problems)
			}
			if want == verify.OK && i.Checked == "" {
				t.Errorf("number %d does not say what it looked at", i.Number)
			}
		}
	}
}

// A plant damages one thing; what is found is exactly what it names.
var plants = map[string]struct {
	plant  func(t *testing.T, l *lived)
	strict bool
	want   []string
}{
	"used bytes": {sql(`UPDATE quotas SET used_bytes = used_bytes + 1 WHERE user_id = $anna`), false, []string{"1 used_bytes_differ"}},
	"reserved bytes and counts": {sql(`UPDATE quotas SET reserved_bytes = 0, open_uploads = 0, documents = documents + 1 WHERE user_id = $anna`), false,
		[]string{"1 documents_differ", "1 open_uploads_differ", "1 reserved_bytes_differ"}},
	"no quota":                       {sql(`DELETE FROM quotas WHERE user_id = $stranger`), false, []string{"1 quota_missing"}},
	"above a limit that was lowered": {sql(`UPDATE quotas SET limit_bytes = 1 WHERE user_id = $anna`), false, nil},
	"above the limit":                {sql(`UPDATE quotas SET limit_bytes = 1 WHERE user_id = $anna`), true, []string{"1 above_limit"}},

	"object gone":            {func(t *testing.T, l *lived) { must(t, l.Store.Documents.Delete(t.Context(), l.readyKey)) }, false, []string{"2 object_missing"}},
	"object of another size": {func(t *testing.T, l *lived) { put(t, l.Store.Documents, l.readyKey, "short") }, false, []string{"2 object_size_differs"}},
	"object with other bytes": {func(t *testing.T, l *lived) {
		put(t, l.Store.Documents, l.readyKey, strings.Repeat("x", len(l.readyContent)))
	}, false, []string{"2 object_checksum_differs"}},
	"object that nobody began": {func(t *testing.T, l *lived) {
		put(t, l.Store.Documents, id.New().String()+"/"+id.New().String()+"/x.pdf", "x")
	}, false, []string{"2 object_without_row"}},
	"object with a name":            {func(t *testing.T, l *lived) { put(t, l.Store.Documents, "my secret diary.pdf", "x") }, false, []string{"2 object_without_row"}},
	"derived object without a row":  {func(t *testing.T, l *lived) { put(t, l.Store.Derived, "preview", "x") }, false, []string{"2 object_without_row"}},
	"derived row without an object": {sql(`INSERT INTO objects (key, user_id, document_id, kind, size) VALUES ('p', $anna, $ready, 'preview', 1)`), false, []string{"2 object_missing"}},
	"preview that is being made": {sql(`WITH p AS (INSERT INTO previews (document_id, user_id, small_key, large_key) VALUES ($ready, $anna, 'p', 'q') RETURNING user_id, document_id)
		INSERT INTO objects (key, user_id, document_id, kind, size) SELECT 'p', user_id, document_id, 'preview', 0 FROM p`), true, nil},
	"late bytes of an ended upload": {lateBytes, false, nil},
	"late bytes in a vault at rest": {lateBytes, true, []string{"2 object_without_row"}},
	"bytes of an expired upload":    {func(t *testing.T, l *lived) { put(t, l.Store.Documents, l.key(t, l.aborted), "x") }, true, nil},
	"bytes of a pending upload":     {func(t *testing.T, l *lived) { put(t, l.Store.Documents, l.pendingKey, "not there yet") }, true, nil},
	"purging without its object":    {purgingWithoutObject, false, nil},

	"overdue":             {sql(`UPDATE documents SET next_due_at = now() - interval '16 minutes' WHERE id = $pending`), false, []string{"3 overdue"}},
	"never due":           {sql(`UPDATE documents SET next_due_at = NULL WHERE id = $pending`), false, []string{"3 never_due"}},
	"due in a far future": {sql(`UPDATE documents SET next_due_at = now() + interval '9 days' WHERE id = $pending`), false, []string{"3 due_too_late"}},
	"nothing to restore":  {sql(`UPDATE documents SET status_before = NULL WHERE id = $trashed`), false, []string{"3 nothing_to_restore"}},

	"stored twice": {sql(`INSERT INTO audit_log (user_id, actor, action, target) VALUES ($anna, 'system', 'upload.stored', $ready)`), false, []string{"4 stored_twice"}},
	"lost": {sql(`INSERT INTO audit_log (user_id, actor, action, target) VALUES ($anna, 'system', 'upload.stored', gen_random_uuid())`), false,
		[]string{"4 acknowledged_upload_lost"}},
	"undone": {sql(`INSERT INTO audit_log (user_id, actor, action, target) VALUES ($anna, 'system', 'upload.stored', $pending)`), false,
		[]string{"4 acknowledged_upload_undone"}},
	"stored and ended": {sql(`INSERT INTO audit_log (user_id, actor, action, target) VALUES ($anna, 'system', 'upload.expired', $ready)`), false, []string{"4 stored_and_ended"}},
	"a delete undone": {sql(`INSERT INTO audit_log (user_id, actor, action, target) VALUES ($anna, 'user', 'document.purging', $ready)`), false,
		[]string{"4 acknowledged_delete_undone"}},
	"purged twice": {sql(`INSERT INTO audit_log (user_id, actor, action, target) VALUES ($anna, 'system', 'document.purged', $purged)`), false, []string{"4 purged_twice"}},
	"never stored": {sql(`DELETE FROM audit_log WHERE action = 'upload.stored' AND target = $ready`), false, []string{"4 never_stored"}},
	"a purged document's object": {func(t *testing.T, l *lived) {
		put(t, l.Store.Documents, l.purgedKey, "will be purged")
		sql(`UPDATE audit_log SET at = at + interval '1 hour' WHERE action = 'document.purged'`)(t, l)
	}, false, []string{"4 acknowledged_delete_readable"}},

	"a flipped bit":   {sql(`UPDATE documents SET title_sealed = set_byte(title_sealed, 20, get_byte(title_sealed, 20) # 1) WHERE id = $ready`), false, []string{"5 does_not_open"}},
	"swapped columns": {sql(`UPDATE documents SET title_sealed = notes_sealed, notes_sealed = title_sealed WHERE id = $ready`), false, []string{"5 does_not_open"}},
	"swapped texts":   {sql(`UPDATE texts t SET sealed = o.sealed FROM texts o WHERE o.document_id <> t.document_id`), false, []string{"5 does_not_open"}},
	"swapped data keys": {sql(`UPDATE user_keys k SET wrapped = o.wrapped FROM user_keys o WHERE o.user_id <> k.user_id AND k.user_id IN ($anna, $ben) AND o.user_id IN ($anna, $ben)`), false,
		[]string{"5 data_key_does_not_open"}},
	"a shredded data key": {sql(`DELETE FROM user_keys WHERE user_id = $ben`), false, []string{"5 no_data_key"}},
	"an unknown master":   {sql(`UPDATE user_keys SET master_id = 'gone' WHERE user_id = $ben`), false, []string{"5 master_key_missing"}},

	"replayed and alive":    {sql(`UPDATE sessions SET revoked_at = NULL, revoked_reason = NULL WHERE id = $session`), false, []string{"6 replayed_and_alive"}},
	"replay without alert":  {sql(`DELETE FROM alerts`), false, []string{"6 replay_without_alert"}},
	"replay without entry":  {sql(`DELETE FROM audit_personal; DELETE FROM audit_log WHERE action = 'session.refresh_replayed'`), false, []string{"6 replay_without_entry"}},
	"alerted twice":         {sql(`DROP INDEX alerts_replay_once; INSERT INTO alerts (id, user_id, kind, session_id) SELECT gen_random_uuid(), user_id, kind, session_id FROM alerts`), false, []string{"6 alerted_twice"}},
	"used after revocation": {sql(`UPDATE sessions SET last_used_at = now() + interval '1 hour' WHERE id = $session`), false, []string{"6 used_after_revocation"}},

	"a changed personal part":   {sql(`UPDATE audit_personal SET personal = personal || ' '`), false, []string{"7 personal_part_changed"}},
	"another's personal part":   {sql(`UPDATE audit_personal SET user_id = $anna`), false, []string{"7 personal_part_of_another_user"}},
	"a deleted personal part":   {sql(`DELETE FROM audit_personal`), false, nil},
	"an entry that is missing":  {sql(`DELETE FROM audit_log WHERE action = 'upload.begun' AND target = $ready`), false, []string{"7 entry_missing"}},
	"analyzed without an entry": {sql(`DELETE FROM audit_log WHERE action = 'document.analyzed' AND target = $ready`), false, []string{"7 entry_missing"}},

	"row security off":        {sql(`ALTER TABLE texts DISABLE ROW LEVEL SECURITY`), false, []string{"8 row_security_off", "8 rows_without_user"}},
	"row security not forced": {sql(`ALTER TABLE texts NO FORCE ROW LEVEL SECURITY`), false, []string{"8 row_security_off"}},
	"an open policy":          {sql(`CREATE POLICY open_to_all ON tags USING (true)`), false, []string{"8 rows_without_user"}},
	"a new table without policies": {sql(`CREATE TABLE extras (user_id uuid); INSERT INTO extras VALUES ($anna); GRANT SELECT ON extras TO docuvault_app, docuvault_migrate`), false,
		[]string{"8 row_security_off", "8 rows_without_user"}},

	"due in a vault at rest": {sql(`UPDATE documents SET next_due_at = now() - interval '1 second' WHERE id = $pending`), true, []string{"0 due"}},
}

func TestPlantedDamageIsFoundAndNothingElse(t *testing.T) {
	t.Parallel()
	for name, p := range plants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := live(t)
			p.plant(t, l)
			o := l.options(t)
			o.Strict = p.strict
			r := run(t, o)
			if got := codes(r); !slices.Equal(got, p.want) {
				t.Errorf("found %q, want %q", got, p.want)
			}
			if r.OK != (len(p.want) == 0) {
				t.Errorf("ok is %v", r.OK)
			}
			for _, i := range r.Invariants {
				// A row that is overdue is due.
				if i.Status == verify.NotChecked && i.Number != 9 && (i.Number != 10 || name != "overdue") {
					t.Errorf("number %d: %s", i.Number, i.Reason)
				}
			}
			printed := print(t, r)
			for _, secret := range []string{"diary", "invoice.txt", "A title", "eve@"} {
				if strings.Contains(printed, secret) {
					t.Errorf("the report tells %q:\n%s", secret, printed)
				}
			}
		})
	}
}

// Each invariant that can be checked has a plant that breaks it.
func TestEveryInvariantHasAPlant(t *testing.T) {
	t.Parallel()
	planted := map[string]bool{}
	for _, p := range plants {
		for _, code := range p.want {
			planted[code[:1]] = true
		}
	}
	for _, number := range strings.Split("1 2 3 4 5 6 7 8 0", " ") {
		if !planted[number] {
			t.Errorf("number %s has none", number)
		}
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	t.Parallel()
	l := live(t)
	l.DB.Exec(t, `UPDATE documents SET next_due_at = now() - interval '1 second' WHERE id = $1`, l.pending.ID.String())
	r := run(t, verify.Options{Owner: secret.New(l.DB.MigrateURL)})
	for number, reason := range map[int]string{2: "S3_", 5: "MASTER_KEYS is not set", 8: "DATABASE_URL is not set", 9: "test suite", 10: "1 row due"} {
		i := r.Invariants[number-1]
		if i.Status != verify.NotChecked || !strings.Contains(i.Reason, reason) {
			t.Errorf("number %d: %s %q, want the reason %q", number, i.Status, i.Reason, reason)
		}
	}
	if !r.OK {
		t.Errorf("what is not checked is not broken: %+v", r)
	}
	if text := print(t, r); !strings.Contains(text, "Nothing is broken; 5 of 10 not checked.") {
		t.Errorf("printed:\n%s", text)
	}
}

func TestStorageThatDoesNotAnswerIsNotChecked(t *testing.T) {
	t.Parallel()
	l := live(t)
	store, err := storage.New(storage.Config{Endpoint: "http://127.0.0.1:1", Region: "us-east-1", Bucket: "documents", DerivedBucket: "derived",
		AccessKey: "a", SecretKey: secret.New("b")})
	must(t, err)
	o := l.options(t)
	o.Store = store
	if i := run(t, o).Invariants[1]; i.Status != verify.NotChecked || i.Reason == "" {
		t.Errorf("%s %q", i.Status, i.Reason)
	}
}

func TestAnotherRoleIsRefused(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	for name, dsn := range map[string]string{"the app role": db.AppURL, "nonsense": "nonsense", "nobody": "postgres://nobody:x@127.0.0.1:1/x"} {
		_, err := verify.Run(t.Context(), verify.Options{Owner: secret.New(dsn)})
		if err == nil || !strings.Contains(err.Error(), "DATABASE_MIGRATE_URL") || strings.Contains(err.Error(), "password") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A sealed column that verify does not know would never be checked.
func TestSealedColumnsAreThoseOfTheSchema(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	var known []string
	for table, c := range verify.Columns {
		for _, column := range c.Sealed {
			known = append(known, table+"."+column)
		}
	}
	slices.Sort(known)
	schema := dbtest.Query1[[]string](t, db, `SELECT array_agg(table_name || '.' || column_name ORDER BY (table_name || '.' || column_name) COLLATE "C")::text[]
	   FROM information_schema.columns WHERE table_schema = 'public' AND column_name ~ 'sealed' AND data_type = 'bytea'`)
	if !slices.Equal(known, schema) {
		t.Errorf("verify knows %v, the schema has %v", known, schema)
	}
}

func TestJSONHasEverything(t *testing.T) {
	t.Parallel()
	l := live(t)
	must(t, l.Store.Documents.Delete(t.Context(), l.readyKey))
	encoded, err := json.Marshal(run(t, l.options(t)))
	must(t, err)
	var r struct {
		OK         bool
		Invariants []struct {
			Number   int
			Status   string
			Problems []struct {
				Code     string
				Document string `json:"document_id"`
				User     string `json:"user_id"`
			}
		}
	}
	must(t, json.Unmarshal(encoded, &r))
	if r.OK || len(r.Invariants) != 10 || r.Invariants[1].Status != "broken" || len(r.Invariants[1].Problems) != 1 {
		t.Fatalf("%s", encoded)
	}
	if p := r.Invariants[1].Problems[0]; p.Code != "object_missing" || p.Document != l.ready.ID.String() || p.User != l.anna.ID.String() {
		t.Errorf("%+v", p)
	}
	if strings.Contains(string(encoded), "00000000-0000") || strings.Contains(string(encoded), "null") {
		t.Errorf("empty members are printed: %s", encoded)
	}
}

// sql plants by statements as the superuser; $names stand for the vault's ids.
func sql(statements string) func(t *testing.T, l *lived) {
	return func(t *testing.T, l *lived) {
		t.Helper()
		names := strings.NewReplacer(
			"$anna", quoted(l.anna.ID), "$ben", quoted(l.ben.ID), "$ready", quoted(l.ready.ID), "$trashed", quoted(l.trashed.ID),
			"$pending", quoted(l.pending.ID), "$purged", quoted(l.purged), "$session", "'"+l.session+"'::uuid",
			"$stranger", `(SELECT id FROM users WHERE email = 'eve@example.org')`)
		conn := l.DB.AsSuper(t)
		// The guard refuses some of the damage that this plants.
		if _, err := conn.PgConn().Exec(t.Context(), "SET session_replication_role = replica; "+names.Replace(statements)).ReadAll(); err != nil {
			t.Fatalf("plant: %v", err)
		}
	}
}

func quoted(i id.ID) string { return "'" + i.String() + "'::uuid" }

// lateBytes is an upload that has ended, and whose row is gone, when its bytes
// arrive.
func lateBytes(t *testing.T, l *lived) {
	t.Helper()
	key := l.key(t, l.aborted)
	sql(`DELETE FROM documents WHERE status = 'expired'`)(t, l)
	put(t, l.Store.Documents, key, "will not come")
}

// purgingWithoutObject is a purge between its two steps.
func purgingWithoutObject(t *testing.T, l *lived) {
	t.Helper()
	l.anna.Call(t, http.MethodDelete, "/v1/documents/"+l.ready.ID.String()+"?permanent=true", nil).JSON(t, http.StatusNoContent, nil)
	must(t, l.Store.Documents.Delete(t.Context(), l.readyKey))
}

func put(t *testing.T, bucket storage.Backend, key, content string) {
	t.Helper()
	must(t, bucket.Put(t.Context(), key, strings.NewReader(content), int64(len(content)), storage.PutOptions{}))
}

func print(t *testing.T, r verify.Report) string {
	t.Helper()
	var b strings.Builder
	must(t, r.WriteText(&b))
	return b.String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
