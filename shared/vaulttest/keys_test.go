package vaulttest_test

import (
	"bytes"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/id"
	"docuvault/shared/vaulttest"
)

const keyHeader = "Idempotency-Key"

// Operations that change something and take no key, with the reason.
var keyless = map[string]string{
	"me-delete":      "afterwards nobody is there to be answered",
	"search-query":   "it changes nothing",
	"me-readalerts":  "what is read stays as it was, and a repeat changes nothing",
	"documents-bulk": "it says how things are to be, and answers for each document: a repeat changes nothing more",
	"uploads-batch":  "each is begun in a transaction of its own, and the same bytes are the same upload",
	"events-storage": "not a user's, and any number of times is once",
}

// keyed lists the operations whose requests may carry a key, as openapi.yaml
// says it.
func keyed(t *testing.T) (ids []string) {
	t.Helper()
	raw, err := os.ReadFile("../../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string `yaml:"operationId"`
			Parameters  []struct{ Name, In string }
		}
	}
	if err := yaml.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	for _, methods := range document.Paths {
		for _, o := range methods {
			for _, p := range o.Parameters {
				if p.Name == keyHeader && p.In == "header" {
					ids = append(ids, o.OperationID)
				}
			}
		}
	}
	return ids
}

func TestEveryChangeTakesAKey(t *testing.T) {
	t.Parallel()
	takes := keyed(t)
	for _, o := range operations(t) {
		changes := o.method != http.MethodGet && !strings.HasPrefix(o.path, "/v1/auth/")
		if _, excused := keyless[o.id]; excused {
			changes = false
		}
		if changes != slices.Contains(takes, o.id) {
			t.Errorf("%s %s takes a key: %v, want %v", o.method, o.path, !changes, changes)
		}
	}
}

// Each change is made once under its key, however often it is asked for, and
// answered alike.
func TestARepeatedChangeIsMadeOnce(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, vaulttest.InParts())
	methods := map[string]string{}
	for _, o := range operations(t) {
		methods[o.id] = o.method
	}
	secrets := []string{"me-createtoken", "me-recoverycodes", "me-totpenrol", "me-totpconfirm", "admin-invite"}
	all := keyed(t)
	if len(all) < 15 {
		t.Fatalf("only %v take keys", all)
	}
	for _, operation := range all {
		u := w.User(t)
		r := workings[operation](t, u)
		key := id.New().String()
		call := func(headers ...string) hosttest.Answer {
			return u.Call(t, methods[operation], r.path, r.body, append([]string{keyHeader, key}, headers...)...)
		}
		entries := func() int { return dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM audit_log`) }
		before := entries()
		first := call()
		if first.StatusCode >= http.StatusMultipleChoices {
			t.Errorf("%s: %d %s", operation, first.StatusCode, first.Bytes)
			continue
		}
		made := entries()
		harmless := operation == "uploads-parts" // no change but of a deadline
		if kept := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM idempotency WHERE user_id = $1 AND status = $2`, u.ID.String(), first.StatusCode); (kept == 1) == harmless || (made > before) == harmless {
			t.Errorf("%s: %d keys kept, %d entries made", operation, kept, made-before)
		}
		second := call()
		switch {
		case slices.Contains(secrets, operation):
			second.Problem(t, fault.SecretNotRepeated)
			if operation != "admin-invite" && operation != "me-createtoken" {
				break
			}
			var was struct{ ID string }
			first.JSON(t, first.StatusCode, &was)
			if got := second.Problem(t, fault.SecretNotRepeated)["resource_id"]; got != was.ID {
				t.Errorf("%s: resource %v, want %s", operation, got, was.ID)
			}
		case second.StatusCode != first.StatusCode:
			t.Errorf("%s: %d, and repeated %d %s", operation, first.StatusCode, second.StatusCode, second.Bytes)
		case operation == "uploads-begin":
			var a, b vaulttest.Begun
			first.JSON(t, http.StatusCreated, &a)
			second.JSON(t, http.StatusCreated, &b)
			if a.Document.ID != b.Document.ID || b.Upload.URL == "" && b.Upload.Multipart == nil {
				t.Errorf("%s: %s and %s", operation, first.Bytes, second.Bytes)
			}
		// A folder may go in several transactions: a repeat counts what was left.
		case !harmless && operation != "folders-delete" && !bytes.Equal(first.Bytes, second.Bytes):
			t.Errorf("%s: %s\nand repeated %s", operation, first.Bytes, second.Bytes)
		}
		if !harmless && first.Header.Get("ETag") != second.Header.Get("ETag") && second.StatusCode < http.StatusBadRequest {
			t.Errorf("%s: ETag %q and %q", operation, first.Header.Get("ETag"), second.Header.Get("ETag"))
		}
		if now := entries(); now != made {
			t.Errorf("%s: %d entries of a repeat", operation, now-made)
		}
		if !harmless {
			call("If-Match", `"9"`).Problem(t, fault.IdempotencyReused)
		}
		// Without the key it is a request of its own.
		if other := u.Call(t, methods[operation], r.path, r.body, keyHeader, id.New().String()); fault.IdempotencyReused.Status() == other.StatusCode {
			t.Errorf("%s with another key: %d %s", operation, other.StatusCode, other.Bytes)
		}
		if bytes.Contains(w.DB.Dump(t), []byte(key)) {
			t.Errorf("%s: the database holds the key", operation)
		}
	}
}

// begun counts the documents of a user.
func begun(t *testing.T, u *vaulttest.User) int {
	t.Helper()
	return dbtest.Query1[int](t, u.World.DB, `SELECT count(*) FROM documents WHERE user_id = $1`, u.ID.String())
}

// One of many at once makes the change; the others hear of it, or that it is
// being made.
func TestOneKeyAtOnce(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	busy := 0
	for round := range 10 {
		r := workings["uploads-begin"](t, u)
		key := id.New().String()
		answers := make([]hosttest.Answer, 8)
		vaulttest.AtOnce(len(answers), func(i int) { answers[i] = u.Call(t, http.MethodPost, r.path, r.body, keyHeader, key) })
		documents := map[id.ID]bool{}
		for _, a := range answers {
			if a.StatusCode == http.StatusConflict {
				a.Problem(t, fault.IdempotencyBusy)
				busy++
				continue
			}
			var b vaulttest.Begun
			a.JSON(t, http.StatusCreated, &b)
			documents[b.Document.ID] = true
		}
		if len(documents) != 1 || begun(t, u) != round+1 {
			t.Fatalf("round %d: %d documents were answered, %d are there", round, len(documents), begun(t, u))
		}
	}
	if busy == 0 {
		t.Log("no two met")
	}
}

// While one is in its transaction, a second is told so, at once.
func TestABusyKeyIsSaid(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	r := workings["uploads-begin"](t, u)
	u.Begin(t, "first.txt", "text/plain", vaulttest.Unique(t, 10)) // the user's keys are there
	super := w.DB.AsSuper(t)
	if _, err := super.Exec(t.Context(), `BEGIN`); err != nil {
		t.Fatal(err)
	}
	if _, err := super.Exec(t.Context(), `SELECT FROM quotas WHERE user_id = $1 FOR UPDATE`, u.ID.String()); err != nil {
		t.Fatal(err)
	}
	key := id.New().String()
	first := make(chan hosttest.Answer, 1)
	go func() { first <- u.Call(t, http.MethodPost, r.path, r.body, keyHeader, key) }()
	w.Blocked(t)
	u.Call(t, http.MethodPost, r.path, r.body, keyHeader, key).Problem(t, fault.IdempotencyBusy)
	if _, err := super.Exec(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	var a, b vaulttest.Begun
	(<-first).JSON(t, http.StatusCreated, &a)
	u.Call(t, http.MethodPost, r.path, r.body, keyHeader, key).JSON(t, http.StatusCreated, &b)
	if a.Document.ID != b.Document.ID || begun(t, u) != 2 {
		t.Errorf("%s and %s", a.Document.ID, b.Document.ID)
	}
}

// What failed is not kept: it is tried again under the same key.
func TestAFailureKeepsNoKey(t *testing.T) {
	t.Parallel()
	outage := &vaulttest.Outage{}
	w := vaulttest.New(t, nil, outage.Provide(t))
	w.Allow("storage unavailable")
	u := w.User(t)
	r := workings["uploads-complete"](t, u)
	key := id.New().String()
	outage.Next("Stat", vaulttest.Down)
	u.Call(t, http.MethodPost, r.path, nil, keyHeader, key).Problem(t, fault.Unavailable)
	u.Call(t, http.MethodPost, r.path, nil, keyHeader, key).JSON(t, http.StatusOK, nil)
	// Nor is what was refused: a document in the trash is not analyzed.
	document := strings.Replace(strings.TrimSuffix(r.path, "/complete"), "uploads", "documents", 1)
	key = id.New().String()
	u.Call(t, http.MethodDelete, document, nil).JSON(t, http.StatusNoContent, nil)
	u.Call(t, http.MethodPost, document+"/reprocess", nil, keyHeader, key).Problem(t, fault.WrongState)
	u.Call(t, http.MethodPost, document+"/restore", nil).JSON(t, http.StatusOK, nil)
	u.Call(t, http.MethodPost, document+"/reprocess", nil, keyHeader, key).JSON(t, http.StatusAccepted, nil)
}

// A key is one user's, and good for a day; it comes as it is or in quotes.
func TestWhoseKeyAndForHowLong(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u, other := w.User(t), w.User(t)
	r := workings["uploads-begin"](t, u)
	key := id.New().String()
	call := func(u *vaulttest.User, key string) (b vaulttest.Begun) {
		t.Helper()
		u.Call(t, http.MethodPost, r.path, r.body, keyHeader, key).JSON(t, http.StatusCreated, &b)
		return b
	}
	first := call(u, key)
	if again := call(u, `"`+key+`"`); again.Document.ID != first.Document.ID {
		t.Error("the key in quotes is another one")
	}
	if foreign := call(other, key); foreign.Document.ID == first.Document.ID {
		t.Error("another user got the document")
	}
	// An API token is the same user, and reads no more than it may.
	token, _ := apiToken(t, u, "upload")
	if again := call(by(u, token), key); again.Document.ID != first.Document.ID || again.Document.Filename != "" {
		t.Errorf("a token that may not read got %+v", again.Document)
	}
	w.DB.Exec(t, `UPDATE idempotency SET created_at = now() - interval '25 hours'`)
	if later := call(u, key); later.Document.ID == first.Document.ID {
		t.Error("the key is good for longer than a day")
	}
	for _, bad := range []string{"short", strings.Repeat("x", 256), `"` + key, "with a space in it", "umlaut-äöüäöüäöü", `quote"inside-the-key`} {
		u.Call(t, http.MethodPost, r.path, r.body, keyHeader, bad).Problem(t, fault.ValidationFailed)
	}
	if n := begun(t, u); n != 2 {
		t.Errorf("%d documents, want 2", n)
	}
	// The resource of a repeat is as it is now.
	u.Call(t, http.MethodDelete, "/v1/uploads/"+call(u, key).Document.ID.String(), nil).JSON(t, http.StatusNoContent, nil)
	if ended := call(u, key); ended.Document.Status != "expired" || ended.Upload.URL != "" {
		t.Errorf("after its end: %+v", ended)
	}
}
