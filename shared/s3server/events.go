package s3server

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3response"
)

// eventTimeout bounds one call of the callback.
const eventTimeout = 10 * time.Second

// notifying adds durability and events to a backend.
type notifying struct {
	backend.Backend
	events *emitter
	sync   func(bucket, key string) error
	pin    func(bucket, key string) error
}

// The contexts of writes, and of what is looked up before one, lose their
// cancellation: the HTTP server cancels all of them when a stop begins, and the
// stop waits for them. A client that goes away ends its write by the error of
// its body.

// GetBucketAcl implements backend.Backend.
func (n *notifying) GetBucketAcl(ctx context.Context, in *s3.GetBucketAclInput) ([]byte, error) {
	return n.Backend.GetBucketAcl(context.WithoutCancel(ctx), in)
}

// GetBucketPolicy implements backend.Backend.
func (n *notifying) GetBucketPolicy(ctx context.Context, bucket string) ([]byte, error) {
	return n.Backend.GetBucketPolicy(context.WithoutCancel(ctx), bucket)
}

// GetBucketCors implements backend.Backend.
func (n *notifying) GetBucketCors(ctx context.Context, bucket string) ([]byte, error) {
	return n.Backend.GetBucketCors(context.WithoutCancel(ctx), bucket)
}

// GetBucketVersioning implements backend.Backend.
func (n *notifying) GetBucketVersioning(ctx context.Context, bucket string) (s3response.GetBucketVersioningOutput, error) {
	return n.Backend.GetBucketVersioning(context.WithoutCancel(ctx), bucket)
}

// GetObjectLockConfiguration implements backend.Backend.
func (n *notifying) GetObjectLockConfiguration(ctx context.Context, bucket string) ([]byte, error) {
	return n.Backend.GetObjectLockConfiguration(context.WithoutCancel(ctx), bucket)
}

// UploadPart stores. Parts are not synced: Complete syncs what becomes of them.
func (n *notifying) UploadPart(ctx context.Context, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	return n.Backend.UploadPart(context.WithoutCancel(ctx), in)
}

// PutObject stores, syncs, then reports.
func (n *notifying) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	if err := n.pin(deref(in.Bucket), deref(in.Key)); err != nil {
		return s3response.PutObjectOutput{}, err
	}
	out, err := n.Backend.PutObject(context.WithoutCancel(ctx), in)
	if err != nil {
		return out, err
	}
	if err := n.sync(deref(in.Bucket), deref(in.Key)); err != nil {
		return out, err
	}
	size := deref(in.ContentLength)
	if out.Size != nil {
		size = *out.Size
	}
	n.events.emit("ObjectCreated:Put", deref(in.Bucket), deref(in.Key), out.ETag, out.VersionID, size)
	return out, nil
}

// CompleteMultipartUpload assembles, syncs, then reports.
func (n *notifying) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (s3response.CompleteMultipartUploadResult, string, error) {
	if err := n.pin(deref(in.Bucket), deref(in.Key)); err != nil {
		return s3response.CompleteMultipartUploadResult{}, "", err
	}
	out, version, err := n.Backend.CompleteMultipartUpload(context.WithoutCancel(ctx), in)
	if err != nil {
		return out, version, err
	}
	if err := n.sync(deref(in.Bucket), deref(in.Key)); err != nil {
		return out, version, err
	}
	// The size is not in the answer; whoever reads an event asks for it anyway.
	n.events.emit("ObjectCreated:CompleteMultipartUpload", deref(in.Bucket), deref(in.Key), deref(out.ETag), version, 0)
	return out, version, nil
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// emitter calls the callback beside the requests.
type emitter struct {
	call    func(context.Context, []byte) error
	buckets []string
	region  string
	log     *slog.Logger
	now     func() time.Time
	flying  sync.WaitGroup
}

func newEmitter(cfg Config) *emitter {
	return &emitter{call: cfg.Events, buckets: cfg.EventBuckets, region: cfg.Region, log: cfg.Log, now: cfg.Now}
}

// emit makes the record at once, since the strings live in the request's
// buffers, and calls the callback in the background, since a queue that hangs
// must not hang the client. It never passes the request's context on, which
// ends with the answer.
func (e *emitter) emit(name, bucket, key, etag, version string, size int64) {
	if e.call == nil || (len(e.buckets) > 0 && !slices.Contains(e.buckets, bucket)) {
		return
	}
	body, err := json.Marshal(newNotification(e.now(), e.region, name, bucket, key, etag, version, size))
	if err != nil {
		e.log.Error("storage event lost", "error", err)
		return
	}
	e.flying.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), eventTimeout)
		defer cancel()
		defer func() {
			if p := recover(); p != nil {
				e.log.Error("storage event lost", "error", fmt.Sprint(p))
			}
		}()
		if err := e.call(ctx, body); err != nil {
			e.log.Warn("storage event lost; the reconciler finds the object", "error", err)
		}
	})
}

// wait returns when no callback runs any more.
func (e *emitter) wait() { e.flying.Wait() }

// notification is the body of an S3 event: what AWS documents as "event message
// structure", version 2.1, as far as anyone reads it.
type notification struct {
	Records []record `json:"Records"`
}

type record struct {
	EventVersion string `json:"eventVersion"`
	EventSource  string `json:"eventSource"`
	AWSRegion    string `json:"awsRegion"`
	EventTime    string `json:"eventTime"`
	EventName    string `json:"eventName"`
	S3           struct {
		SchemaVersion   string `json:"s3SchemaVersion"`
		ConfigurationID string `json:"configurationId"`
		Bucket          struct {
			Name string `json:"name"`
			ARN  string `json:"arn"`
		} `json:"bucket"`
		Object struct {
			Key       string `json:"key"` // query-escaped
			Size      int64  `json:"size"`
			ETag      string `json:"eTag"`
			VersionID string `json:"versionId,omitempty"`
			Sequencer string `json:"sequencer"`
		} `json:"object"`
	} `json:"s3"`
}

func newNotification(at time.Time, region, name, bucket, key, etag, version string, size int64) notification {
	r := record{
		EventVersion: "2.1", EventSource: "aws:s3", AWSRegion: region,
		EventTime: at.UTC().Format("2006-01-02T15:04:05.000Z"), EventName: name,
	}
	r.S3.SchemaVersion = "1.0"
	r.S3.ConfigurationID = "embedded"
	r.S3.Bucket.Name = bucket
	r.S3.Bucket.ARN = "arn:aws:s3:::" + bucket
	r.S3.Object.Key = url.QueryEscape(key)
	r.S3.Object.Size = size
	r.S3.Object.ETag = etag
	r.S3.Object.VersionID = version
	r.S3.Object.Sequencer = fmt.Sprintf("%016X", at.UnixNano())
	return notification{Records: []record{r}}
}
