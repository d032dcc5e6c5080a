package hostqueue_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"docuvault/shared/host"
	"docuvault/shared/host/childtest"
	"docuvault/shared/host/hostqueue"
	"docuvault/shared/host/lambdatest"
	"docuvault/shared/queue"
	"docuvault/shared/telemetry/telemetrytest"
)

func worker() host.Function {
	return host.Function{Name: "workers-test", Trigger: hostqueue.Consume("analyze", func(env *host.Env) (queue.Handler, error) {
		return func(ctx context.Context, m queue.Message) error {
			// Only this test's messages: a body is not for the log.
			env.Log.Info("got", "length", len(m.Body), "trace", m.Attributes["traceparent"], "count", m.ReceiveCount)
			switch string(m.Body) {
			case "fail":
				return errors.New("the database is away")
			case "panic":
				panic("zebra")
			case "wait":
				<-ctx.Done()
				return ctx.Err()
			case "stuck": // does not look at its context
				select {}
			case "drain":
				env.Log.Info("works slowly")
				<-time.After(500 * time.Millisecond)
				env.Log.Info("drained")
			case "extend":
				if err := m.Extend(ctx, time.Second); err != nil {
					return err
				}
				if err := m.Extend(ctx, time.Hour); !errors.Is(err, queue.ErrUnavailable) {
					return fmt.Errorf("extended beyond the timeout: %w", err)
				}
				if err := m.Extend(ctx, 0); !errors.Is(err, queue.ErrInvalid) {
					return fmt.Errorf("extended by nothing: %w", err)
				}
			}
			return nil
		}, nil
	})}
}

func TestMain(m *testing.M) {
	switch childtest.Program() {
	case "worker":
		hostqueue.Serve(worker())
	case "refused":
		hostqueue.Serve(host.Function{Name: "workers-refused", Trigger: hostqueue.Consume("analyze", func(env *host.Env) (queue.Handler, error) {
			env.AtStart(func(context.Context) error { return errors.New("MASTER_KEYS: k1 is missing") })
			return func(context.Context, queue.Message) error { return nil }, nil
		})})
	case "broken":
		hostqueue.Serve(host.Function{Name: "workers-broken", Trigger: hostqueue.Consume("analyze", func(*host.Env) (queue.Handler, error) {
			return nil, errors.New("S3_BUCKET: not set; want the bucket's name")
		})})
	default:
		os.Exit(m.Run())
	}
	os.Exit(0)
}

// What a check of the start refuses takes no message, wherever it runs.
func TestACheckOfTheStartRefuses(t *testing.T) {
	t.Parallel()
	for _, home := range []string{"DATABASE_URL=postgres://docuvault_app:x@127.0.0.1:1/none", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:1"} {
		child := childtest.Start(t, "refused", home)
		if code := child.Exit(t); code != 1 || !strings.Contains(child.Output(), "MASTER_KEYS: k1 is missing") {
			t.Errorf("%s: exit code %d: %s", home, code, child.Output())
		}
	}
}

// batch is a batch of messages with these bodies; message i has the id "m<i>".
func batch(t *testing.T, bodies ...string) []byte {
	t.Helper()
	var event events.SQSEvent
	for i, body := range bodies {
		event.Records = append(event.Records, events.SQSMessage{MessageId: fmt.Sprint("m", i), Body: body, EventSource: "aws:sqs"})
	}
	raw, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func failures(t *testing.T, result lambdatest.Result) []string {
	t.Helper()
	if result.Failed || !strings.Contains(string(result.Body), `"batchItemFailures":[`) {
		t.Fatalf("no answer with a list: %s", result.Body)
	}
	var answer events.SQSEventResponse
	if err := json.Unmarshal(result.Body, &answer); err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, f := range answer.BatchItemFailures {
		ids = append(ids, f.ItemIdentifier)
	}
	return ids
}

func TestLambda(t *testing.T) {
	t.Parallel()
	runtime := lambdatest.Start(t)
	child := childtest.Start(t, "worker", runtime.Environ()...)
	read := func(name string) []byte {
		raw, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	tests := []struct {
		name    string
		event   []byte
		timeout time.Duration
		want    []string
	}{
		{"a captured batch: one done, one failed, one panicked", read("batch.json"), 10 * time.Second,
			[]string{"2e1424d4-f796-459a-8184-9c92662be6da", "3e1424d4-f796-459a-8184-9c92662be6db"}},
		{"a bucket notification", read("s3.json"), 10 * time.Second, []string{}},
		{"an empty batch", []byte(`{"Records":[]}`), 10 * time.Second, []string{}},
		{"all done", batch(t, "a", "b", "extend", "d", "e", "f", "g", "h", "i", "j"), 10 * time.Second, []string{}},
		{"those that wait end at the deadline, those that had no turn come again",
			batch(t, "wait", "a", "wait", "wait", "wait", "late"), 3 * time.Second, []string{"m0", "m2", "m3", "m4", "m5"}},
		{"a body that our driver encoded", batch(t, "a", queue.ToSQS([]byte("base64:")), "base64:d2FpdA=="), 3 * time.Second, []string{"m2"}},
		{"one that does not end is left behind", batch(t, "a", "stuck", "b"), 3 * time.Second, []string{"m1"}},
		{"and the process lives on", batch(t, "a"), 10 * time.Second, []string{}},
	}
	for _, tt := range tests {
		result := runtime.Invoke(t, tt.event, tt.timeout)
		if got := failures(t, result); !slices.Equal(got, tt.want) {
			t.Errorf("%s: failed %v, want %v\n%s", tt.name, got, tt.want, child.Output())
		}
		if result.Late() {
			t.Errorf("%s: answered %s after the deadline", tt.name, result.Answered.Sub(result.Deadline))
		}
	}
	if result := runtime.Invoke(t, []byte(`{"Records":[{"eventSource":"aws:s3"}]}`), 10*time.Second); !result.Failed {
		t.Errorf("an event of another kind: %s", result.Body)
	}
	out := child.Output()
	if strings.Contains(out, "zebra") {
		t.Errorf("the log quotes a panic's value:\n%s", out)
	}
	for _, want := range []string{
		`"trace":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"`, `"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"`,
		`"receive":4`, `"queue":"analyze"`, "a value of type string", "goroutine", "the database is away", `"length":` + fmt.Sprint(len(s3Body(t, read("s3.json")))),
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the log lacks %s:\n%s", want, out)
		}
	}
	for _, secret := range []string{"document_id", "6d1f5e0e"} {
		if strings.Contains(out, secret) {
			t.Errorf("the log holds a body (%s)", secret)
		}
	}
}

// A message of SQS goes on in the trace that its attributes name; before the
// batch is answered, the collector knows.
func TestABatchGoesOnInItsTraces(t *testing.T) {
	t.Parallel()
	collector, runtime := telemetrytest.New(t), lambdatest.Start(t)
	child := childtest.Start(t, "worker", append(runtime.Environ(), "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL)...)
	raw, err := os.ReadFile("testdata/batch.json")
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 2; n++ { // and when it comes again
		runtime.Invoke(t, raw, 10*time.Second)
		below, roots := 0, 0
		for _, s := range collector.Named("process analyze") {
			switch {
			case s.Trace == "4bf92f3577b34da6a3ce929d0e0e4736" && s.Parent == "00f067aa0ba902b7":
				below++
			case s.Parent == "":
				roots++
			default:
				t.Errorf("one is %+v", s)
			}
		}
		if below == 0 || below%n != 0 || below+roots != 3*n {
			t.Errorf("after delivery %d: %d in the trace and %d others\n%s", n, below, roots, child.Output())
		}
	}
}

// Each message of a real batch reaches the handler as it was sent, and none
// comes again.
func TestRealBatches(t *testing.T) {
	t.Parallel()
	runtime := lambdatest.Start(t)
	child := childtest.Start(t, "worker", runtime.Environ()...)
	bodies := 0
	for name, raw := range lambdatest.Events(t, "queue") {
		if failed := failures(t, runtime.Invoke(t, raw, 10*time.Second)); len(failed) != 0 {
			t.Errorf("%s: failed %v\n%s", name, failed, child.Output())
		}
		var event events.SQSEvent
		if err := json.Unmarshal(raw, &event); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, record := range event.Records {
			bodies++
			trace := ""
			if a := record.MessageAttributes["traceparent"]; a.StringValue != nil {
				trace = *a.StringValue
			}
			want := fmt.Sprintf(`"msg":"got","length":%d,"trace":%q,"count":%s}`,
				len(record.Body), trace, record.Attributes["ApproximateReceiveCount"])
			child.Await(t, want)
		}
	}
	if bodies < 4 {
		t.Errorf("only %d messages", bodies)
	}
}

func s3Body(t *testing.T, raw []byte) string {
	t.Helper()
	var event events.SQSEvent
	if err := json.Unmarshal(raw, &event); err != nil {
		t.Fatal(err)
	}
	return event.Records[0].Body
}

func TestInitErrorEndsTheProcess(t *testing.T) {
	t.Parallel()
	child := childtest.Start(t, "broken", lambdatest.Start(t).Environ()...)
	if code, out := child.Exit(t), child.Output(); code != 1 || out != "function workers-broken: S3_BUCKET: not set; want the bucket's name\n" {
		t.Errorf("exit code %d, wrote %q", code, out)
	}
	child = childtest.Start(t, "worker", "QUEUE_DRIVER=pigeon")
	if code, out := child.Exit(t), child.Output(); code != 1 || !strings.Contains(out, "QUEUE_DRIVER: ") {
		t.Errorf("exit code %d, wrote %q", code, out)
	}
}

func TestConsumeRefusesNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "A", "with space", "x"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q is a queue's name", name)
				}
			}()
			hostqueue.Consume(name, nil)
		}()
	}
}
