package servers_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/notification"

	"docuvault/shared/testenv"
	"docuvault/shared/vaulttest"
	"docuvault/test/servers"
)

// relay is an address that stays while what is behind it comes and goes.
type relay struct {
	*httptest.Server
	to    atomic.Pointer[url.URL] // nil: answers 503
	calls atomic.Int32
}

func newRelay(t testing.TB) *relay {
	t.Helper()
	r := &relay{}
	proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(r.to.Load())
		p.Out.Host = p.In.Host // it is signed
	}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.calls.Add(1)
		if r.to.Load() == nil {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *relay) point(t testing.TB, address string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	r.to.Store(u)
}

// MinIO tells the vault by its webhook. While the vault is away it keeps the
// events in QUEUE_DIR and sends them later; those it loses when it is started
// again are made good by the reconciler.
func TestVaultOnMinIO(t *testing.T) {
	t.Parallel()
	if _, err := servers.MinIOBinary(); err != nil {
		running(t, func(context.Context) (*servers.Server, error) { return nil, err }) // not run
	}
	dir := t.TempDir()
	data, events := filepath.Join(dir, "data"), filepath.Join(dir, "events")
	storage, hook := newRelay(t), newRelay(t)
	start := func() *servers.Server {
		s := running(t, func(ctx context.Context) (*servers.Server, error) {
			return servers.MinIO(ctx, data, servers.Webhook(hook.URL, vaulttest.EventToken, events)...)
		})
		storage.point(t, s.URL)
		return s
	}
	minIO := start()
	w := vaulttest.New(t, map[string]string{
		"S3_ENDPOINT": storage.URL, "S3_ACCESS_KEY": minIO.AccessKey, "S3_SECRET_KEY": minIO.SecretKey,
		"S3_BUCKET": "documents", "S3_DERIVED_BUCKET": "derived",
	})
	hook.point(t, w.Server.URL)
	if err := w.Store.EnsureBuckets(t.Context()); err != nil {
		t.Fatal(err)
	}
	tells(t, client(t, minIO), "documents", notification.NewArn("minio", "sqs", "", "1", "webhook"))
	w.Work(t)
	anna := w.User(t)
	put := func() vaulttest.Begun {
		content := vaulttest.Unique(t, 500)
		b := anna.Begin(t, "note.bin", "application/octet-stream", content)
		if status := b.Put(t, content); status != http.StatusOK {
			t.Fatalf("storage answered %d", status)
		}
		return b
	}
	ready := func(what string, b vaulttest.Begun) {
		t.Helper()
		testenv.Eventually(t, time.Minute, what, func() bool { return w.Status(t, b.Document.ID) == "ready" })
	}

	ready("the webhook told of an object", put())

	// The vault is away: MinIO tries, keeps the event, and tries again.
	hook.to.Store(nil)
	before := hook.calls.Load()
	late := put()
	testenv.Eventually(t, time.Minute, "MinIO tries in vain", func() bool { return hook.calls.Load() > before })
	if status := w.Status(t, late.Document.ID); status != "pending" {
		t.Errorf("status %s of an object that nobody told of", status)
	}
	hook.point(t, w.Server.URL)
	ready("MinIO tells later of what it could not tell", late)

	// The vault is away, MinIO ends, and what it kept is lost.
	hook.to.Store(nil)
	before = hook.calls.Load()
	lost := put()
	testenv.Eventually(t, time.Minute, "MinIO tries in vain", func() bool { return hook.calls.Load() > before })
	if err := minIO.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(events); err != nil {
		t.Fatal(err)
	}
	hook.point(t, w.Server.URL)
	start()
	// For a while after its start MinIO tells of no object.
	var early []vaulttest.Begun
	began := time.Now()
	testenv.Eventually(t, time.Minute, "MinIO tells of objects again", func() bool {
		early = append(early, put())
		return slices.ContainsFunc(early, func(b vaulttest.Begun) bool { return w.Status(t, b.Document.ID) == "ready" })
	})
	t.Logf("MinIO told of an object %s after its start was over; %d were written until then", time.Since(began).Round(time.Millisecond), len(early))
	if status := w.Status(t, lost.Document.ID); status != "pending" {
		t.Errorf("status %s of an object whose event is lost", status)
	}
	for _, b := range append(early, lost) {
		if w.Status(t, b.Document.ID) == "pending" {
			w.Due(t, b.Document.ID)
		}
	}
	if err := w.Schedule(t, "reconcile"); err != nil {
		t.Fatal(err)
	}
	for _, b := range append(early, lost) {
		ready("the reconciler made good what was lost", b)
	}
}
