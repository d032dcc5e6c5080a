// Package observe_test holds what the vault tells of itself, its traces and its
// metrics, to what docs/operations.md says: on a whole vault, through a real
// collector and a real scraper.
package observe_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	tracev1 "go.opentelemetry.io/proto/slim/otlp/trace/v1"

	"docuvault/shared/dbtest"
	"docuvault/shared/id"
	"docuvault/shared/job"
	"docuvault/shared/notification"
	"docuvault/shared/queue"
	"docuvault/shared/telemetry"
	"docuvault/shared/telemetry/telemetrytest"
	"docuvault/shared/testenv"
	"docuvault/shared/vaulttest"
)

// event tells the vault of an object, as storage does.
func event(t *testing.T, w *vaulttest.World, document id.ID) {
	t.Helper()
	key := w.Key(t, document)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.Server.URL+"/v1/events/storage",
		strings.NewReader(string(notification.Record{Bucket: w.Vars["S3_BUCKET"], Key: key}.Encode())))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+vaulttest.EventToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		t.Fatalf("the event was answered with %d", resp.StatusCode)
	}
}

func flush(t *testing.T, w *vaulttest.World) {
	t.Helper()
	measured, err := telemetry.Open(w.Env)
	if err != nil {
		t.Fatal(err)
	}
	measured.Flush(t.Context())
}

// ready uploads a paper with nothing but its begin, its PUT and storage's event,
// and waits until it is ready.
func ready(t *testing.T, w *vaulttest.World, u *vaulttest.User, content string) vaulttest.Document {
	t.Helper()
	b := u.Begin(t, "paper.txt", "text/plain", []byte(content))
	if status := b.Put(t, []byte(content)); status != http.StatusOK {
		t.Fatalf("storage answered %d", status)
	}
	event(t, w, b.Document.ID)
	testenv.Eventually(t, time.Minute, "the paper is ready", func() bool { return u.Get(t, b.Document.ID).Status == "ready" })
	return u.Get(t, b.Document.ID)
}

// whole finds the trace that a document's upload began, and checks that it is
// one: each span below another of it, and one root.
func whole(t *testing.T, w *vaulttest.World, document id.ID) []telemetrytest.Span {
	t.Helper()
	began := dbtest.Query1[string](t, w.DB, `SELECT traceparent FROM documents WHERE id = $1`, document.String())
	var spans []telemetrytest.Span
	testenv.Eventually(t, 30*time.Second, "the analysis has arrived", func() bool {
		flush(t, w)
		spans = w.Collector.Trace(began[3:35])
		return slices.ContainsFunc(spans, named("process analyze"))
	})
	for _, loose := range telemetrytest.Loose(spans) {
		t.Error(loose)
	}
	root := slices.IndexFunc(spans, func(s telemetrytest.Span) bool { return s.Parent == "" })
	if root < 0 || spans[root].ID != began[36:52] || !strings.HasPrefix(spans[root].Name, "POST /v1/uploads") || spans[root].Kind != tracev1.Span_SPAN_KIND_SERVER {
		t.Errorf("the root is not the begin, %s", began)
	}
	for _, step := range []string{"settle upload", "process analyze", "S3 HeadObject", "S3 GetObject", "batch start"} {
		if !slices.ContainsFunc(spans, named(step)) {
			t.Errorf("the trace has no %s", step)
		}
	}
	if t.Failed() {
		t.Log(telemetrytest.Draw(spans))
	}
	return spans
}

// messages are those in a queue, oldest first.
func messages(t *testing.T, w *vaulttest.World, name string) []queue.Message {
	t.Helper()
	rows := dbtest.Query1[[]string](t, w.DB, `SELECT coalesce(array_agg(args::text ORDER BY id), '{}') FROM river.river_job WHERE queue = $1`, name)
	all := make([]queue.Message, len(rows))
	for i, row := range rows {
		if err := json.Unmarshal([]byte(row), &all[i]); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func named(name string) func(telemetrytest.Span) bool {
	return func(s telemetrytest.Span) bool { return s.Name == name }
}

// story is one upload from its begin to ready, on any queue.
func story(t *testing.T, w *vaulttest.World) {
	anna := w.User(t)
	w.Work(t)
	first, second := ready(t, w, anna, "One paper about the rent of March."), ready(t, w, anna, "Another one about the rent of April.")
	spans := whole(t, w, first.ID)
	others := whole(t, w, second.ID)
	if spans[0].Trace == others[0].Trace {
		t.Error("two uploads share a trace")
	}
	// The event knows nothing of it: its worker has a trace of its own, and a link
	// says so.
	settled := spans[slices.IndexFunc(spans, named("settle upload"))]
	if !slices.ContainsFunc(w.Collector.Named("process uploadcomplete"), func(s telemetrytest.Span) bool {
		return s.Trace != settled.Trace && slices.Contains(settled.Links, s.Trace+"/"+s.ID) && s.Parent != ""
	}) {
		t.Errorf("the settling links to %v", settled.Links)
	}
	analyzed := spans[slices.IndexFunc(spans, named("process analyze"))]
	if analyzed.Kind != tracev1.Span_SPAN_KIND_CONSUMER || analyzed.Attributes["messaging.destination.name"] != "analyze" {
		t.Errorf("the analysis is %+v", analyzed)
	}
	for _, s := range w.Collector.Spans() {
		for name, value := range s.Attributes {
			if strings.Contains(value, anna.ID.String()) || strings.Contains(value, first.ID.String()) || strings.Contains(value, "127.0.0.1") || strings.HasPrefix(name, "url.") {
				t.Errorf("%s: %s is %s", s.Name, name, value)
			}
		}
		if s.Service != "docuvault" {
			t.Errorf("%s is of %q", s.Name, s.Service)
		}
	}
}

func TestAnUploadIsOneTrace(t *testing.T) {
	t.Parallel()
	story(t, vaulttest.New(t, nil))
}

// What the client's complete settles goes on in the trace of the begin as well,
// and of a batch each has its own place in it.
func TestCompleteGoesOnInTheTraceOfTheBegin(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	w.Work(t)
	anna := w.User(t)
	content := []byte("A paper that its client completes.")
	var batch struct{ Items []vaulttest.Begun }
	anna.Call(t, http.MethodPost, "/v1/uploads/batch", map[string]any{"uploads": []any{vaulttest.Announce("a.txt", "text/plain", content)}},
		"Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").JSON(t, http.StatusOK, &batch)
	b := batch.Items[0]
	if status := b.Put(t, content); status != http.StatusOK {
		t.Fatalf("storage answered %d", status)
	}
	anna.Call(t, http.MethodPost, "/v1/uploads/"+b.Document.ID.String()+"/complete", nil).JSON(t, http.StatusOK, nil)
	testenv.Eventually(t, time.Minute, "the paper is ready", func() bool { return anna.Get(t, b.Document.ID).Status == "ready" })
	spans := whole(t, w, b.Document.ID)
	if spans[0].Trace == "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Error("a client chooses the trace")
	}
	if at := slices.IndexFunc(spans, named("POST /v1/uploads/batch")); at < 0 || !slices.Equal(spans[at].Links, []string{"4bf92f3577b34da6a3ce929d0e0e4736/00f067aa0ba902b7"}) {
		t.Errorf("the client's own trace is not linked to:\n%s", telemetrytest.Draw(spans))
	}
	completed := w.Collector.Named("POST /v1/uploads/{id}/complete")
	settled := spans[slices.IndexFunc(spans, named("settle upload"))]
	if len(completed) != 1 || completed[0].Trace == settled.Trace || !slices.Contains(settled.Links, completed[0].Trace+"/"+completed[0].ID) {
		t.Errorf("complete is %+v, and the settling links to %v", completed, settled.Links)
	}
}

// A message that comes twice, and one that the reconciler sends again, stay in
// the trace; a row with a trace that none can be goes without.
func TestWhatComesAgainStaysInTheTrace(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	anna := w.User(t)
	d := anna.Store(t, "a.txt", "text/plain", []byte("A paper whose analysis is lost."))
	began := dbtest.Query1[string](t, w.DB, `SELECT traceparent FROM documents WHERE id = $1`, d.ID.String())
	sent := messages(t, w, job.Analyze)
	if len(sent) != 1 || sent[0].Attributes[telemetry.Carrier][3:35] != began[3:35] {
		t.Fatalf("%d messages were sent, with %v; the upload began in %s", len(sent), sent, began)
	}
	w.DB.Exec(t, `UPDATE documents SET next_due_at = now() - interval '1 minute' WHERE id = $1`, d.ID.String())
	if err := w.Schedule(t, "reconcile"); err != nil {
		t.Fatal(err)
	}
	if sent = messages(t, w, job.Analyze); len(sent) != 2 || sent[1].Attributes[telemetry.Carrier][3:35] != began[3:35] {
		t.Fatalf("sent again: %v, of the upload that began in %s", sent, began)
	}
	handle := w.Handler(t, "analyze")
	for _, m := range append(sent, sent[1]) {
		m.ID, m.ReceiveCount = "test", 1
		if err := handle(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, w)
	if got := slices.DeleteFunc(w.Collector.Named("process analyze"), func(s telemetrytest.Span) bool { return s.Trace != began[3:35] }); len(got) != 3 {
		t.Errorf("%d of 3 deliveries are in the trace", len(got))
	}

	b := anna.Begin(t, "b.txt", "text/plain", []byte("A paper whose trace is broken."))
	w.DB.Exec(t, `UPDATE documents SET traceparent = $2 WHERE id = $1`, b.Document.ID.String(), "00-"+strings.Repeat("0", 32)+"-"+strings.Repeat("0", 16)+"-01")
	b.Put(t, []byte("A paper whose trace is broken."))
	anna.Call(t, http.MethodPost, "/v1/uploads/"+b.Document.ID.String()+"/complete", nil).JSON(t, http.StatusOK, nil)
	flush(t, w)
	completed, settled := w.Collector.Named("POST /v1/uploads/{id}/complete"), w.Collector.Named("settle upload")
	if last := settled[len(settled)-1]; last.Parent != completed[len(completed)-1].ID {
		t.Errorf("without a trace to go on in, the settling is below %q", last.Parent)
	}
}

// A collector that is not there, and one that never answers, cost nothing.
func TestWithoutACollectorEverythingWorks(t *testing.T) {
	t.Parallel()
	released := make(chan struct{})
	deaf := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-released }))
	t.Cleanup(deaf.Close)
	t.Cleanup(func() { close(released) })
	for name, address := range map[string]string{"nobody listens": "http://127.0.0.1:1", "nobody answers": deaf.URL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := vaulttest.New(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_EXPORTER_OTLP_TIMEOUT": "200"})
			anna := w.User(t)
			for i := range 3 {
				if d := anna.Analyzed(t, "a.txt", "text/plain", fmt.Appendf(nil, "Paper number %d.", i)); d.Status != "ready" {
					t.Errorf("the paper is %s", d.Status)
				}
				flush(t, w)
			}
			if n := strings.Count(w.Log.String(), "the telemetry does not arrive"); n != 1 {
				t.Errorf("the log says so %d times", n)
			}
		})
	}
}
