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
	"strings"
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
// again are made good by the reconciler. While MinIO is away nothing is stored or
// deleted, and both are done when it is back.
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
	anna := registered(t, w)
	begin := func() (vaulttest.Begun, []byte) {
		content := vaulttest.Unique(t, 500)
		return anna.Begin(t, "note.bin", "application/octet-stream", content), content
	}
	put := func() vaulttest.Begun {
		b, content := begin()
		if status := b.Put(t, content); status != http.StatusOK {
			t.Fatalf("storage answered %d", status)
		}
		return b
	}
	gone := func(b vaulttest.Begun) func() bool {
		key := w.Key(t, b.Document.ID)
		return func() bool { return w.Status(t, b.Document.ID) == "" && !w.Has(t, key) }
	}
	ready := func(what string, b vaulttest.Begun) {
		t.Helper()
		testenv.Eventually(t, time.Minute, what, func() bool { return w.Status(t, b.Document.ID) == "ready" })
	}

	first, content := begin()
	if status := first.Put(t, content); status != http.StatusOK {
		t.Fatalf("storage answered %d", status)
	}
	becomesReady(t, anna, first, content)

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
	away, contentAway := begin()
	if status := away.Put(t, contentAway); status != http.StatusBadGateway {
		t.Errorf("storage that is away answered %d", status)
	}
	w.Allow(`"queue":"purge"`) // it tries in vain
	firstGone := gone(first)
	anna.Call(t, http.MethodDelete, "/v1/documents/"+first.Document.ID.String()+"?permanent=true", nil)
	testenv.Eventually(t, time.Minute, "the purge tries in vain", func() bool { return strings.Contains(w.Log.String(), `"queue":"purge"`) })
	if status := w.Status(t, first.Document.ID); status != "purging" {
		t.Errorf("status %s of a document whose object cannot be deleted", status)
	}
	hook.point(t, w.Server.URL)
	start()
	testenv.Eventually(t, time.Minute, "what was deleted meanwhile is gone", firstGone)
	if status := away.Put(t, contentAway); status != http.StatusOK {
		t.Errorf("storage that is back answered %d to the same URL", status)
	}
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
	for _, b := range append(early, lost, away) {
		if w.Status(t, b.Document.ID) == "pending" {
			w.Due(t, b.Document.ID)
		}
	}
	if err := w.Schedule(t, "reconcile"); err != nil {
		t.Fatal(err)
	}
	for _, b := range append(early, lost, away) {
		ready("the reconciler made good what was lost", b)
	}
}
