package database_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"docuvault/shared/database"
	"docuvault/shared/dbtest"
	"docuvault/shared/host"
	"docuvault/shared/telemetry"
	"docuvault/shared/telemetry/telemetrytest"
)

// A batch is a span with its statements below it. What is sent and what an error
// quotes is in none, nor where the database is and who asks it.
func TestSpansHoldNoValues(t *testing.T) {
	t.Parallel()
	collector := telemetrytest.New(t)
	env, err := host.NewEnv([]string{"DATABASE_URL=" + dbtest.New(t).AppURL, "OTEL_EXPORTER_OTLP_ENDPOINT=" + collector.URL}, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = env.Close() })
	db, err := database.Open(env)
	if err != nil {
		t.Fatal(err)
	}
	measured, err := telemetry.Open(env)
	if err != nil {
		t.Fatal(err)
	}
	ctx, root := measured.Root(t.Context(), "root", trace.SpanKindInternal)
	for _, word := range []string{"planted-word", "0196f3a2-7c11-7b3e-9f5d-2f6a1c0e4b7d"} {
		err := db.Do(ctx, database.Actor{}, func(b *database.Batch) {
			b.Exec(`SELECT (@word::text)::uuid`, database.Args{"word": word})
		})
		if refused := word == "planted-word"; (err != nil) != refused {
			t.Fatalf("the database says of %s: %v", word, err)
		}
	}
	telemetry.End(root, nil)
	measured.Flush(t.Context())
	spans := collector.Named("SELECT")
	if len(collector.Named("batch start")) != 2 || len(spans) != 2 || !slices.ContainsFunc(spans, func(s telemetrytest.Span) bool {
		return s.Failed && s.Attributes["pgx.sql_state"] == "22P02" && strings.Contains(s.Attributes["db.query.text"], "::uuid")
	}) {
		t.Errorf("the spans are %+v", collector.Spans())
	}
	for _, word := range []string{"planted-word", "0196f3a2", "127.0.0.1", "docuvault_app"} {
		if strings.Contains(string(collector.Raw()), word) {
			t.Errorf("a span holds %s", word)
		}
	}
}
