package database

import (
	"context"
	"errors"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric/noop"

	"docuvault/shared/telemetry"
)

// traced makes a span of each batch, query and connect that runs for a span:
// with the statement, which is ours and has no values in it, and without
// parameters, the server's address and the user's name. An error of PostgreSQL
// can quote a row, so its code is all that a span gets.
type traced struct{ *otelpgx.Tracer }

func newTracer(t *telemetry.Telemetry) pgx.QueryTracer {
	return traced{otelpgx.NewTracer(otelpgx.WithTracerProvider(t.Provider()), otelpgx.WithMeterProvider(noop.NewMeterProvider()),
		otelpgx.WithDisableConnectionDetailsInAttributes(), otelpgx.WithDisableAcquireTracer())}
}

var (
	_ pgx.BatchTracer    = traced{}
	_ pgx.ConnectTracer  = traced{}
	_ pgx.PrepareTracer  = traced{}
	_ pgx.CopyFromTracer = traced{}
)

// bare is what of an error may be seen.
func bare(err error) error {
	if err == nil || errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return &pgconn.PgError{Severity: "ERROR", Message: "refused by PostgreSQL", Code: pg.Code}
	}
	return errors.New("the database did not answer")
}

func (t traced) TraceQueryEnd(ctx context.Context, c *pgx.Conn, data pgx.TraceQueryEndData) {
	data.Err = bare(data.Err)
	t.Tracer.TraceQueryEnd(ctx, c, data)
}

func (t traced) TraceBatchQuery(ctx context.Context, c *pgx.Conn, data pgx.TraceBatchQueryData) {
	data.Err = bare(data.Err)
	t.Tracer.TraceBatchQuery(ctx, c, data)
}

func (t traced) TraceBatchEnd(ctx context.Context, c *pgx.Conn, data pgx.TraceBatchEndData) {
	data.Err = bare(data.Err)
	t.Tracer.TraceBatchEnd(ctx, c, data)
}

func (t traced) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	data.Err = bare(data.Err)
	t.Tracer.TraceConnectEnd(ctx, data)
}

func (t traced) TracePrepareEnd(ctx context.Context, c *pgx.Conn, data pgx.TracePrepareEndData) {
	data.Err = bare(data.Err)
	t.Tracer.TracePrepareEnd(ctx, c, data)
}

func (t traced) TraceCopyFromEnd(ctx context.Context, c *pgx.Conn, data pgx.TraceCopyFromEndData) {
	data.Err = bare(data.Err)
	t.Tracer.TraceCopyFromEnd(ctx, c, data)
}

// measure shows how much of the pool is in use.
func measure(t *telemetry.Telemetry, pool *pgxpool.Pool) {
	if !t.Measuring() {
		return
	}
	used, idle := telemetry.Labels("state", "used"), telemetry.Labels("state", "idle")
	t.Observe("db.client.connection.count", "Connections of the pool.", "", func(_ context.Context, one telemetry.Observation) {
		stat := pool.Stat()
		one(float64(stat.AcquiredConns()), used)
		one(float64(stat.IdleConns()), idle)
	})
	t.Observe("db.client.connection.max", "The most connections that the pool may have.", "", func(_ context.Context, one telemetry.Observation) {
		one(float64(pool.Stat().MaxConns()))
	})
	t.ObserveTotal("docuvault.database.waits", "How often a statement had to wait for a connection, or for one to be made.", "", func(_ context.Context, one telemetry.Observation) {
		one(float64(pool.Stat().EmptyAcquireCount()))
	})
	t.ObserveTotal("docuvault.database.wait.time", "How long statements waited for a connection.", "s", func(_ context.Context, one telemetry.Observation) {
		one(pool.Stat().EmptyAcquireWaitTime().Seconds())
	})
}
