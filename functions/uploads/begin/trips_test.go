package begin_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"docuvault/shared/database"
	"docuvault/shared/host"
	"docuvault/shared/vaulttest"
)

// trips counts the batches that are sent: each is a round trip and a commit.
type trips struct{ n atomic.Int32 }

func (t *trips) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	t.n.Add(1)
	return ctx
}
func (t *trips) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (t *trips) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	t.n.Add(1)
	return ctx
}
func (t *trips) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (t *trips) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// A new upload is one round trip to the database, and one commit, once the
// user's keys are known to the process.
func TestBeginIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	var seen trips
	w := vaulttest.New(t, nil, func(env *host.Env) {
		cfg, err := host.Config[database.Config](env)
		if err != nil {
			t.Fatal(err)
		}
		db, err := database.New(cfg, &seen)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		host.Provide(env, db)
	})
	anna := w.User(t)
	anna.Begin(t, "first.pdf", "application/pdf", vaulttest.Unique(t, 100))
	before := seen.n.Load()
	anna.Begin(t, "second.pdf", "application/pdf", vaulttest.Unique(t, 100))
	if n := seen.n.Load() - before; n != 1 {
		t.Errorf("%d round trips, want 1", n)
	}
}
