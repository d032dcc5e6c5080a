// Package storage is the function events-storage: a bucket notification comes
// in by HTTP (MinIO's webhook, the embedded server) and goes into the queue.
package storage

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/job"
	"docuvault/shared/notification"
	"docuvault/shared/queue"
	"docuvault/shared/secret"
)

// Function is POST /v1/events/storage: 204 once the records are durable in the
// queue, 401 without the token, 400 event_malformed. Records of other buckets
// and other kinds are left out.
var Function = host.Function{Name: "events-storage", Trigger: hosthttp.Operation(huma.Operation{
	OperationID: "events-storage", Method: http.MethodPost, Path: "/v1/events/storage",
	Summary: "Take a bucket notification", Tags: []string{"events"},
	Description:   "For object storage, not for clients: Authorization: Bearer STORAGE_EVENT_TOKEN. A notification is a hint; storage is asked what is true.",
	DefaultStatus: http.StatusNoContent,
	Errors:        []int{400, 401},
	Security:      []map[string][]string{{"storageEvents": {}}},
}, New, token)}

// Input is the notification as it came.
type Input struct {
	RawBody []byte
}

type config struct {
	Token  secret.Text `env:"STORAGE_EVENT_TOKEN"`
	Bucket string      `env:"S3_BUCKET" envDefault:"docuvault"`
}

// Validate wants a token that cannot be guessed.
func (c *config) Validate() error {
	if len(c.Token.Reveal()) < 32 {
		return errors.New("STORAGE_EVENT_TOKEN: at least 32 random characters, the same that the bucket's webhook sends")
	}
	return nil
}

// New builds the handler.
func New(env *host.Env) (func(context.Context, *Input) (*struct{}, error), error) {
	cfg, err := host.Config[config](env)
	if err != nil {
		return nil, err
	}
	jobs, err := queue.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, in *Input) (*struct{}, error) {
		records, err := notification.Parse(in.RawBody)
		if err != nil {
			return nil, fault.New(fault.EventMalformed, "This is no bucket notification.").Because(err)
		}
		var messages []queue.Message
		for _, r := range records {
			if r.Bucket == cfg.Bucket {
				messages = append(messages, queue.Message{Body: r.Encode()})
			}
		}
		if err := jobs.Send(ctx, job.UploadComplete, messages...); err != nil {
			return nil, fault.New(fault.Unavailable, "The queue does not answer. Send the notification again.").Because(err)
		}
		return nil, nil
	}, nil
}

// token is the guard: the shared token, compared in constant time.
func token(env *host.Env) (hosthttp.Middleware, error) {
	cfg, err := host.Config[config](env)
	if err != nil {
		return nil, err
	}
	want := sha256.Sum256([]byte(cfg.Token.Reveal()))
	return func(ctx huma.Context, next func(huma.Context)) {
		given, bearer := strings.CutPrefix(ctx.Header("Authorization"), "Bearer ")
		got := sha256.Sum256([]byte(given))
		if !bearer || subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
			hosthttp.Refuse(ctx, fault.New(fault.Unauthenticated, "The event token is missing or wrong."))
			return
		}
		next(ctx)
	}, nil
}
