package vaulttest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"docuvault/shared/dbtest"
	"docuvault/shared/id"
	"docuvault/shared/storage"
)

// Counters are a user's row in quotas.
type Counters struct{ Limit, Used, Reserved, Documents, Open int64 }

// Counters reads the user's row in quotas.
func (u *User) Counters(t testing.TB) Counters {
	t.Helper()
	n := dbtest.Query1[[]int64](t, u.World.DB,
		`SELECT ARRAY[limit_bytes, used_bytes, reserved_bytes, documents, open_uploads] FROM quotas WHERE user_id = $1`, u.ID.String())
	return Counters{n[0], n[1], n[2], n[3], n[4]}
}

// Audit counts the entries of one action about one target.
func (w *World) Audit(t testing.TB, action string, target id.ID) int {
	t.Helper()
	return dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM audit_log WHERE action = $1 AND target = $2`, action, target.String())
}

// Status reads a document's status from its row; "" when there is none.
func (w *World) Status(t testing.TB, document id.ID) string {
	t.Helper()
	return dbtest.Query1[string](t, w.DB, `SELECT coalesce((SELECT status FROM documents WHERE id = $1), '')`, document.String())
}

// Key reads a document's object key.
func (w *World) Key(t testing.TB, document id.ID) string {
	t.Helper()
	return dbtest.Query1[string](t, w.DB, `SELECT object_key FROM documents WHERE id = $1`, document.String())
}

// Queued counts the jobs of a queue that were sent so far, in any state.
func (w *World) Queued(t testing.TB, queue string) int {
	t.Helper()
	return dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM river.river_job WHERE queue = $1`, queue)
}

// Has reports whether the documents bucket holds an object.
func (w *World) Has(t testing.TB, key string) bool {
	t.Helper()
	_, err := w.Store.Documents.Stat(t.Context(), key)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		t.Fatalf("stat: %v", err)
	}
	return err == nil
}

// PutDirectly writes an object by another way than a presigned URL.
func (w *World) PutDirectly(t testing.TB, key string, content []byte) {
	t.Helper()
	if err := w.Store.Documents.Put(t.Context(), key, bytes.NewReader(content), int64(len(content)), storage.PutOptions{}); err != nil {
		t.Fatalf("put: %v", err)
	}
}

// Set writes columns of a document's row past every guard, to move time or to
// break something: Set(t, id, "next_due_at = now() - interval '1 hour'").
func (w *World) Set(t testing.TB, document id.ID, assignments string) {
	t.Helper()
	// Without triggers: this is the test's hand, not a transition.
	w.DB.Exec(t, fmt.Sprintf(`WITH off AS (SELECT set_config('session_replication_role', 'replica', false))
	  UPDATE documents SET %s FROM off WHERE id = '%s'`, assignments, document))
}

// Due makes a document due for the reconciler.
func (w *World) Due(t testing.TB, document id.ID) {
	t.Helper()
	w.Set(t, document, "next_due_at = clock_timestamp() - interval '1 second'")
}

// Event is a bucket notification as MinIO sends it.
func (w *World) Event(key string) string { return EventIn(w.Vars["S3_BUCKET"], key) }

// EventIn is an event about another bucket. The key stands as it is given.
func EventIn(bucket, key string) string {
	return fmt.Sprintf(`{"EventName":"s3:ObjectCreated:Put","Key":%q,"Records":[{"eventVersion":"2.0","eventSource":"minio:s3","eventName":"s3:ObjectCreated:Put","s3":{"bucket":{"name":%q},"object":{"key":%q,"size":1,"eTag":"x"}}}]}`,
		bucket+"/"+key, bucket, key)
}

// Notify sends a notification to the events function, and returns its status.
func (w *World) Notify(t testing.TB, body, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.Server.URL+"/v1/events/storage", bytes.NewBufferString(body))
	if err != nil {
		t.Fatalf("make request: %v", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("notify: %v", err)
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode
}

// AtOnce runs n calls together and returns when all have ended.
func AtOnce(n int, call func(i int)) {
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			call(i)
		})
	}
	close(start)
	all.Wait()
}

// Blocked waits until a statement in this database waits for a lock: what a
// test started is then as far as it can get.
func (w *World) Blocked(t testing.TB) {
	t.Helper()
	conn := w.DB.AsSuper(t)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		var n int
		if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n); err != nil {
			t.Fatalf("look for locks: %v", err)
		}
		if n > 0 {
			return
		}
	}
	t.Fatal("nothing waits for a lock")
}

// Unique is content that no other test has: n bytes of text.
func Unique(t testing.TB, n int) []byte {
	sum := sha256.Sum256([]byte(t.Name() + id.New().String()))
	return bytes.Repeat(fmt.Appendf(nil, "%x\n", sum[:15]), n/31+1)[:n]
}
