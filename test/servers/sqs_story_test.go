package servers_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/notification"

	"docuvault/functions"
	"docuvault/shared/job"
	parse "docuvault/shared/notification"
	"docuvault/shared/queue"
	"docuvault/shared/secret"
	"docuvault/shared/telemetry"
	"docuvault/shared/telemetry/telemetrytest"
	"docuvault/shared/testenv"
	"docuvault/shared/vaulttest"
	"docuvault/test/servers"
)

// client speaks S3 to a server.
func client(t testing.TB, s *servers.Server) *minio.Client {
	t.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	c, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""), Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// notifies makes a bucket whose new objects are told to a target, and waits for
// nothing.
func notifies(t testing.TB, c *minio.Client, bucket string, target notification.Arn) {
	t.Helper()
	if err := c.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{Region: "us-east-1"}); err != nil {
		t.Fatal(err)
	}
	tells(t, c, bucket, target)
}

// tells makes a bucket tell a target of its objects. MinIO answers before it
// knows its own targets.
func tells(t testing.TB, c *minio.Client, bucket string, target notification.Arn) {
	t.Helper()
	var all notification.Configuration
	one := notification.NewConfig(target)
	one.AddEvents(notification.ObjectCreatedAll)
	all.AddQueue(one)
	testenv.Eventually(t, time.Minute, "the store knows whom to tell", func() bool {
		err := c.SetBucketNotification(t.Context(), bucket, all)
		if err != nil && minio.ToErrorResponse(err).Code != "InvalidArgument" {
			t.Fatal(err)
		}
		return err == nil
	})
}

// onSQS makes queues and buckets on a server of SQS and S3, and the variables of
// a vault on them.
func onSQS(t testing.TB, s *servers.Server) (q *queue.SQS, vars map[string]string) {
	t.Helper()
	name := "s" + strings.ToLower(rand.Text())
	vars = map[string]string{
		"QUEUE_DRIVER": "sqs", "SQS_ENDPOINT": s.URL, "SQS_QUEUE_PREFIX": name + "-",
		"AWS_ACCESS_KEY_ID": s.AccessKey, "AWS_SECRET_ACCESS_KEY": s.SecretKey,
		"S3_ENDPOINT": s.URL, "S3_ACCESS_KEY": s.AccessKey, "S3_SECRET_KEY": s.SecretKey,
		"S3_BUCKET": name + "-documents", "S3_DERIVED_BUCKET": name + "-derived",
	}
	q, err := queue.NewSQS(queue.SQSConfig{
		Endpoint: s.URL, Prefix: name + "-", AccessKey: s.AccessKey, SecretKey: secret.New(s.SecretKey),
	}, queue.Options{Poll: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := q.EnsureQueues(t.Context(), queues()...); err != nil {
		t.Fatal(err)
	}
	c := client(t, s)
	notifies(t, c, vars["S3_BUCKET"], notification.NewArn("aws", "sqs", "us-east-1", "000000000000", name+"-"+job.UploadComplete))
	if err := c.MakeBucket(t.Context(), vars["S3_DERIVED_BUCKET"], minio.MakeBucketOptions{Region: "us-east-1"}); err != nil {
		t.Fatal(err)
	}
	return q, vars
}

// queues are all that the vault's workers consume.
func queues() []string {
	var names []string
	for _, fn := range functions.Queue() {
		names = append(names, fn.Trigger.Source())
	}
	return names
}

// noneDead wants that no message failed for good.
func noneDead(t *testing.T, q *queue.SQS) {
	t.Helper()
	for _, name := range queues() {
		if dead, err := q.Dead(t.Context(), name, 9); err != nil || len(dead) != 0 {
			t.Errorf("dead letters of %s: %d, %v", name, len(dead), err)
		}
	}
}

// As on AWS: S3 tells SQS, the client's complete never comes, and workers do
// the rest, up to the deletion.
func TestVaultOnSQSAndItsS3(t *testing.T) {
	t.Parallel()
	q, vars := onSQS(t, servers.SQS(t))
	w := vaulttest.New(t, vars)
	w.Work(t)
	anna := w.User(t)
	content := []byte("Invoice no. 2024-0815: please transfer 119.00 EUR within 14 days.\n")
	b := anna.Begin(t, "invoice.txt", "text/plain", content)
	if status := b.Put(t, content); status != http.StatusOK {
		t.Fatalf("storage answered %d", status)
	}
	testenv.Eventually(t, time.Minute, "the document is ready", func() bool { return w.Status(t, b.Document.ID) == "ready" })

	key := w.Key(t, b.Document.ID)
	anna.Call(t, http.MethodDelete, "/v1/documents/"+b.Document.ID.String()+"?permanent=true", nil)
	testenv.Eventually(t, time.Minute, "the document and its object are gone", func() bool {
		return w.Status(t, b.Document.ID) == "" && !w.Has(t, key)
	})
	noneDead(t, q)
}

// On SQS too an upload is one trace, although what S3 itself tells of it holds
// none.
func TestAnUploadIsOneTraceOnSQS(t *testing.T) {
	t.Parallel()
	q, vars := onSQS(t, servers.SQS(t))
	w := vaulttest.New(t, vars)
	w.Work(t)
	anna := w.User(t)
	content := []byte("A paper whose way is followed.\n")
	b := anna.Begin(t, "paper.txt", "text/plain", content)
	if status := b.Put(t, content); status != http.StatusOK {
		t.Fatalf("storage answered %d", status)
	}
	measured, err := telemetry.Open(w.Env)
	if err != nil {
		t.Fatal(err)
	}
	var spans []telemetrytest.Span
	named := func(name string) int {
		return slices.IndexFunc(spans, func(s telemetrytest.Span) bool { return s.Name == name })
	}
	testenv.Eventually(t, time.Minute, "the analysis is in a trace", func() bool {
		measured.Flush(t.Context())
		if begun := w.Collector.Named("POST /v1/uploads"); len(begun) == 1 {
			spans = w.Collector.Trace(begun[0].Trace)
		}
		return named("process analyze") >= 0
	})
	if loose := telemetrytest.Loose(spans); len(loose) > 0 || named("settle upload") < 0 {
		t.Errorf("%v\n%s", loose, telemetrytest.Draw(spans))
	}
	if d, err := q.Depth(t.Context(), job.Analyze); err != nil || d.Waiting != 0 || d.Dead != 0 || d.Oldest != -1 {
		t.Errorf("the queue is %+v, %v", d, err)
	}
}

// What comes from S3 itself: one test event, and then keys as it encodes them.
// The worker takes all of it, and what no upload has asked for is no error.
func TestEventsOfS3InSQS(t *testing.T) {
	t.Parallel()
	events(t, servers.SQS(t))
}

func events(t *testing.T, s *servers.Server) {
	q, vars := onSQS(t, s)
	keys := []string{
		"plain.pdf", "with space.pdf", "plus+plus.pdf", "percent%2F%20.pdf", "a/b/c.pdf", "ü-日本-😀.pdf",
		"and&equals=?#.pdf", "quote\"'<>.pdf", "(brackets)[1]!*~.pdf",
	}
	c := client(t, s)
	for _, key := range keys {
		if _, err := c.PutObject(t.Context(), vars["S3_BUCKET"], key, strings.NewReader("x"), 1, minio.PutObjectOptions{}); err != nil {
			t.Fatalf("%q: %v", key, err)
		}
	}
	w := vaulttest.New(t, vars)
	handle := w.Handler(t, job.UploadComplete)
	type seen struct {
		body string
		err  error
	}
	got := make(chan seen, 99)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- q.Consume(ctx, job.UploadComplete, func(ctx context.Context, m queue.Message) error {
			err := handle(ctx, m)
			got <- seen{string(m.Body), err}
			return err
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	var found []string
	tests := 0
	for len(found) < len(keys) {
		select {
		case m := <-got:
			records, err := parse.Parse([]byte(m.body))
			if err != nil || m.err != nil {
				t.Fatalf("%v, the worker says %v: %s", err, m.err, m.body)
			}
			if len(records) == 0 && strings.Contains(m.body, "s3:TestEvent") {
				tests++
			}
			for _, r := range records {
				if r.Bucket != vars["S3_BUCKET"] {
					t.Errorf("bucket %q", r.Bucket)
				}
				found = append(found, r.Key)
			}
		case <-time.After(60 * time.Second):
			t.Fatalf("only %q came", found)
		}
	}
	slices.Sort(keys)
	slices.Sort(found)
	if !slices.Equal(found, keys) {
		t.Errorf("keys %q, want %q", found, keys)
	}
	if tests != 1 {
		t.Errorf("%d test events, want 1", tests)
	}
}
