package notification_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"docuvault/shared/host/lambdatest"
	"docuvault/shared/notification"
)

// Captured from the servers, shortened; the key is "a/b c+d/é.pdf".
func TestParseReadsEveryServersForm(t *testing.T) {
	t.Parallel()
	want := []notification.Record{{Bucket: "docs", Key: "a/b c+d/é.pdf"}}
	for name, body := range map[string]string{
		"S3":         `{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"eu-central-1","eventName":"ObjectCreated:Put","s3":{"s3SchemaVersion":"1.0","bucket":{"name":"docs","arn":"arn:aws:s3:::docs"},"object":{"key":"a/b+c%2Bd/%C3%A9.pdf","size":1,"sequencer":"0055AED6DCD90281E5"}}}]}`,
		"MinIO":      `{"EventName":"s3:ObjectCreated:Put","Key":"docs/a/b c+d/é.pdf","Records":[{"eventVersion":"2.0","eventSource":"minio:s3","eventName":"s3:ObjectCreated:Put","s3":{"bucket":{"name":"docs"},"object":{"key":"a%2Fb+c%2Bd%2F%C3%A9.pdf"}}}]}`,
		"LocalStack": `{"Records":[{"eventVersion":"2.1","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"docs"},"object":{"key":"a/b%20c%2Bd/%C3%A9.pdf"}}}]}`,
		"multipart":  `{"Records":[{"eventVersion":"2.6","eventName":"ObjectCreated:CompleteMultipartUpload","s3":{"bucket":{"name":"docs"},"object":{"key":"a/b%20c%2Bd/%C3%A9.pdf"}}}]}`,
	} {
		if got, err := notification.Parse([]byte(body)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

// What S3 and its like really sent, alone and in messages of SQS.
func TestParseReadsRealEvents(t *testing.T) {
	t.Parallel()
	bodies := map[string]string{}
	for name, raw := range lambdatest.Events(t, "notification") {
		bodies[name] = string(raw)
	}
	for name, raw := range lambdatest.Events(t, "queue") {
		var event events.SQSEvent
		if err := json.Unmarshal(raw, &event); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, record := range event.Records {
			if strings.Contains(record.Body, "s3") {
				bodies[name+" "+record.MessageId] = record.Body
			}
		}
	}
	got := map[string]int{}
	for name, body := range bodies {
		records, err := notification.Parse([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, r := range records {
			got[r.Key]++
		}
		if len(records) == 0 {
			got["nothing"]++
		}
	}
	want := map[string]int{"Happy Face.jpg": 2, "a/b c+d/é.pdf": 1, "nothing": 1}
	if !maps.Equal(got, want) {
		t.Errorf("keys %v, want %v", got, want)
	}
}

func TestParseLeavesOutWhatCreatedNothing(t *testing.T) {
	t.Parallel()
	record := func(event string) string {
		return `{"Records":[{"eventName":"` + event + `","s3":{"bucket":{"name":"docs"},"object":{"key":"k"}}}]}`
	}
	for _, event := range []string{"ObjectRemoved:Delete", "s3:ObjectRemoved:DeleteMarkerCreated", "s3:ObjectCreated:PutTagging", "ObjectTagging:Put", "s3:ObjectAccessed:Get", "", "s3:TestEvent"} {
		if got, err := notification.Parse([]byte(record(event))); err != nil || len(got) != 0 {
			t.Errorf("%s: got %v, %v", event, got, err)
		}
	}
	for _, body := range []string{`{"Event":"s3:TestEvent","Bucket":"docs"}`, `{"Records":[]}`} {
		if got, err := notification.Parse([]byte(body)); err != nil || len(got) != 0 {
			t.Errorf("%s: got %v, %v", body, got, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	record := func(bucket, key string) string {
		return `{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"` + bucket + `"},"object":{"key":"` + key + `"}}}]}`
	}
	for _, body := range []string{"", "null", "{}", "[]", "1", "{", `{"Event":"other"}`, `{"Records":null}`, `{"Records":{}}`, `{"Records":[1]}`,
		record("", "k"), record("docs", ""), record("docs", "%"), record("docs", "%zz"), record("docs", strings.Repeat("k", 1025)), "\xff"} {
		if got, err := notification.Parse([]byte(body)); !errors.Is(err, notification.ErrMalformed) || got != nil {
			t.Errorf("%.40q: got %v, %v", body, got, err)
		}
	}
	if got, err := notification.Parse([]byte(record("docs", strings.Repeat("k", 1024)))); err != nil || len(got) != 1 {
		t.Errorf("a key of 1,024 bytes: %v, %v", got, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"docs"},"object":{"key":"a%2Fb+c"}}}]}`))
	f.Add([]byte(`{"Event":"s3:TestEvent"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		records, err := notification.Parse(body)
		if err != nil && !errors.Is(err, notification.ErrMalformed) {
			t.Fatal(err)
		}
		for _, r := range records {
			again, err := notification.Parse(r.Encode())
			if err != nil || len(again) != 1 || again[0] != r {
				t.Errorf("%q became %q, %v", r, again, err)
			}
		}
	})
}
