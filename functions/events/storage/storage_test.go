package storage_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/id"
	"docuvault/shared/vaulttest"
)

const route = "/v1/events/storage"

// uploaded is an upload whose bytes are there and whose event is not.
func uploaded(t testing.TB, w *vaulttest.World) (*vaulttest.User, id.ID, string) {
	t.Helper()
	u := w.User(t)
	content := vaulttest.Unique(t, 100)
	b := u.Begin(t, "a.txt", "text/plain", content)
	if status := b.Put(t, content); status != http.StatusOK {
		t.Fatalf("storage answered %d", status)
	}
	return u, b.Document.ID, w.Key(t, b.Document.ID)
}

// bodies are what was put into the queue.
func bodies(t testing.TB, w *vaulttest.World) []string {
	t.Helper()
	return dbtest.Query1[[]string](t, w.DB, `SELECT coalesce(array_agg(convert_from(decode(args->>'body', 'base64'), 'UTF8') ORDER BY id), '{}') FROM river.river_job WHERE queue = 'uploadcomplete'`)
}

// Each server escapes keys in its own way.
func TestEveryEncodingOfAKeySettles(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	for name, escape := range map[string]func(string) string{
		"plain": func(k string) string { return k },
		"%2F":   url.QueryEscape,
		"%2f":   func(k string) string { return strings.ToLower(url.QueryEscape(k)) },
		"all":   func(k string) string { return strings.ReplaceAll(url.QueryEscape(k), "-", "%2D") },
	} {
		_, document, key := uploaded(t, w)
		if status := w.Notify(t, w.Event(escape(key)), vaulttest.EventToken); status != http.StatusNoContent {
			t.Fatalf("%s: status %d", name, status)
		}
		queued := bodies(t, w)
		if err := w.Deliver(t, "uploadcomplete", []byte(queued[len(queued)-1])); err != nil {
			t.Fatal(err)
		}
		if s := w.Status(t, document); s != "stored" {
			t.Errorf("%s: status %s", name, s)
		}
	}
}

func TestAnEventReplayedAThousandTimes(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u, document, key := uploaded(t, w)
	event := []byte(w.Event(key))
	handle := w.Handler(t, "uploadcomplete")
	if handle == nil {
		t.Fatal("no handler")
	}
	vaulttest.AtOnce(8, func(int) {
		for range 125 {
			if err := w.Deliver(t, "uploadcomplete", event); err != nil {
				t.Error(err)
				return
			}
		}
	})
	if s, n := w.Status(t, document), w.Audit(t, "upload.stored", document); s != "stored" || n != 1 || w.Queued(t, "analyze") != 1 {
		t.Errorf("status %s, %d audit entries, %d analyses", s, n, w.Queued(t, "analyze"))
	}
	if got := u.Counters(t); got.Used != 100 || got.Reserved != 0 || got.Documents != 1 {
		t.Errorf("counters %+v", got)
	}
}

func TestWhatIsNoNotification(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	long := vaulttest.EventIn(w.Vars["S3_BUCKET"], strings.Repeat("x", 2000))
	for name, body := range map[string]string{
		"no JSON": "{", "null": "null", "another object": `{"a":1}`, "array": "[]", "text": `"x"`, "Records null": `{"Records":null}`,
		"no key": vaulttest.EventIn(w.Vars["S3_BUCKET"], ""), "a bad escape": w.Event("a%zz"), "no bucket": vaulttest.EventIn("", "a"),
		"key over 1,024 bytes": long, "Records of another kind": `{"Records":[1]}`,
	} {
		a := hosttest.Call(t, http.DefaultClient, http.MethodPost, w.Server.URL+route, body, "Authorization", "Bearer "+vaulttest.EventToken)
		if a.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: status %d: %s", name, a.StatusCode, a.Bytes)
			continue
		}
		a.Problem(t, fault.EventMalformed)
	}
	if n := w.Queued(t, "uploadcomplete"); n != 0 {
		t.Errorf("%d messages were queued", n)
	}
}

func TestWhatIsNotForUs(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	_, document, key := uploaded(t, w)
	for name, body := range map[string]string{
		"another bucket": vaulttest.EventIn("another", key),
		"derived bucket": vaulttest.EventIn(w.Vars["S3_DERIVED_BUCKET"], key),
		"deleted":        strings.ReplaceAll(w.Event(key), "ObjectCreated:Put", "ObjectRemoved:Delete"),
		"tagged":         strings.ReplaceAll(w.Event(key), "ObjectCreated:Put", "ObjectCreated:PutTagging"),
		"test event":     `{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2024-01-01T00:00:00.000Z","Bucket":"x","RequestId":"x","HostId":"x"}`,
		"no records":     `{"Records":[]}`,
	} {
		if status := w.Notify(t, body, vaulttest.EventToken); status != http.StatusNoContent {
			t.Errorf("%s: status %d", name, status)
		}
		// Straight from S3 to the worker.
		if err := w.Deliver(t, "uploadcomplete", []byte(body)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := w.Queued(t, "uploadcomplete"); n != 0 || w.Status(t, document) != "pending" {
		t.Errorf("%d messages were queued, status %s", n, w.Status(t, document))
	}
}

func TestTheEventToken(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u, _, key := uploaded(t, w)
	event := w.Event(key)
	for name, header := range map[string]string{
		"none": "", "another": "Bearer " + strings.Repeat("x", len(vaulttest.EventToken)), "shorter": "Bearer " + vaulttest.EventToken[1:],
		"a user's": "Bearer " + u.Token, "empty": "Bearer ", "another scheme": "Basic " + vaulttest.EventToken, "no scheme": vaulttest.EventToken,
	} {
		var headers []string
		if header != "" {
			headers = []string{"Authorization", header}
		}
		a := hosttest.Call(t, http.DefaultClient, http.MethodPost, w.Server.URL+route, event, headers...)
		if a.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: status %d", name, a.StatusCode)
			continue
		}
		a.Problem(t, fault.Unauthenticated)
	}
	if n := w.Queued(t, "uploadcomplete"); n != 0 {
		t.Errorf("%d messages were queued", n)
	}
}
