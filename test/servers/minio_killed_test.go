package servers_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/notification"

	"docuvault/shared/dbtest"
	"docuvault/shared/testenv"
	"docuvault/shared/vaulttest"
	"docuvault/test/servers"
	"docuvault/test/throwaway"
)

// The vault as a program is killed while objects come in; MinIO keeps their events
// in QUEUE_DIR, also over its own end, and tells the vault that is started again.
func TestEventsOfMinIOOutliveAKilledVault(t *testing.T) {
	t.Parallel()
	if _, err := servers.MinIOBinary(); err != nil {
		running(t, func(context.Context) (*servers.Server, error) { return nil, err }) // not run
	}
	dir, err := throwaway.Folder()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program, err := throwaway.Build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	address, err := throwaway.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	data, events := filepath.Join(dir, "objects"), filepath.Join(dir, "events")
	storage := newRelay(t)
	start := func() *servers.Server {
		s := running(t, func(ctx context.Context) (*servers.Server, error) {
			return servers.MinIO(ctx, data, servers.Webhook("http://"+address, vaulttest.EventToken, events)...)
		})
		storage.point(t, s.URL)
		return s
	}
	minIO := start()
	db := dbtest.New(t)
	vars := vaulttest.Vars(t, db)
	vars["S3_ENDPOINT"], vars["S3_ACCESS_KEY"], vars["S3_SECRET_KEY"] = storage.URL, minIO.AccessKey, minIO.SecretKey
	vars["S3_BUCKET"], vars["S3_DERIVED_BUCKET"] = "documents", "derived"
	var env []string
	for name, value := range vars {
		env = append(env, name+"="+value)
	}
	serve := func() *throwaway.Vault {
		t.Helper()
		v, err := throwaway.StartWith(t.Context(), program, dir, throwaway.Options{Address: address, Env: env})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = v.Stop() })
		return v
	}
	v := serve()
	c := client(t, minIO)
	notifies(t, c, "documents", notification.NewArn("minio", "sqs", "", "1", "webhook"))
	if err := c.MakeBucket(t.Context(), "derived", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	anna, err := v.Register(t.Context(), "anna@example.org")
	if err != nil {
		t.Fatal(err)
	}
	var begun []vaulttest.Begun
	var contents [][]byte
	for range 3 {
		content := vaulttest.Unique(t, 500)
		var b vaulttest.Begun
		if _, err := v.Call(t.Context(), http.MethodPost, "/v1/uploads", anna.Token, vaulttest.Announce("note.bin", "application/octet-stream", content), &b); err != nil {
			t.Fatal(err)
		}
		begun, contents = append(begun, b), append(contents, content)
	}
	// The reconciler, which looks after a minute, is not to make good what MinIO
	// does not tell.
	db.Exec(t, `UPDATE documents SET next_due_at = now() + interval '1 day' WHERE status = 'pending'`)
	status := func(b vaulttest.Begun) string {
		return dbtest.Query1[string](t, db, `SELECT status FROM documents WHERE id = $1`, b.Document.ID.String())
	}
	if code := begun[0].Put(t, contents[0]); code != http.StatusOK {
		t.Fatalf("storage answered %d", code)
	}
	testenv.Eventually(t, time.Minute, "the webhook told of an object", func() bool { return status(begun[0]) == "ready" })

	process, err := os.FindProcess(v.PID())
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = v.Stop() // waits for its end
	for i := 1; i < len(begun); i++ {
		if code := begun[i].Put(t, contents[i]); code != http.StatusOK {
			t.Fatalf("storage answered %d", code)
		}
	}
	testenv.Eventually(t, time.Minute, "MinIO keeps two events", func() bool {
		kept, err := filepath.Glob(filepath.Join(events, "*", "*"))
		direct, _ := filepath.Glob(filepath.Join(events, "*.event"))
		return err == nil && len(kept)+len(direct) >= 2
	})
	if err := minIO.Stop(); err != nil {
		t.Fatal(err)
	}
	start()
	serve()
	for i := 1; i < len(begun); i++ {
		testenv.Eventually(t, time.Minute, "MinIO tells the vault that came back", func() bool { return status(begun[i]) == "ready" })
	}
}
