// Package notification reads bucket notifications in the form that S3, MinIO,
// LocalStack and the embedded server share (Amazon S3 User Guide, "Event
// message structure").
//
// An event is a hint. Only the event's name, the bucket and the key are read;
// size and checksum in it are never trusted, the object itself is asked.
package notification

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
)

// Record is one object that was created.
type Record struct{ Bucket, Key string }

// ErrMalformed says that a body is no notification at all.
var ErrMalformed = errors.New("notification: not a bucket notification")

// maxKey is the length of the longest key that S3 has, in bytes.
const maxKey = 1024

type message struct {
	Event   string      `json:"Event"` // "s3:TestEvent", without Records
	Records *[]s3Record `json:"Records"`
}

type s3Record struct {
	EventName string `json:"eventName"`
	S3        struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key string `json:"key"`
		} `json:"object"`
	} `json:"s3"`
}

// Parse returns the created objects that a notification names. Records of
// other kinds (deletions, tags, access) are left out; a test event has none.
// Keys arrive query-escaped, each server in its own way.
func Parse(body []byte) ([]Record, error) {
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, ErrMalformed
	}
	if m.Records == nil {
		if m.Event == "s3:TestEvent" {
			return nil, nil
		}
		return nil, ErrMalformed
	}
	var out []Record
	for _, r := range *m.Records {
		name := strings.TrimPrefix(r.EventName, "s3:")
		if !strings.HasPrefix(name, "ObjectCreated:") || strings.HasSuffix(name, "Tagging") {
			continue
		}
		key, err := url.QueryUnescape(r.S3.Object.Key)
		if err != nil || key == "" || len(key) > maxKey || r.S3.Bucket.Name == "" {
			return nil, ErrMalformed
		}
		out = append(out, Record{Bucket: r.S3.Bucket.Name, Key: key})
	}
	return out, nil
}

// Encode returns a notification of one record, as our queue carries it.
func (r Record) Encode() []byte {
	var one s3Record
	one.EventName = "ObjectCreated:Put"
	one.S3.Bucket.Name = r.Bucket
	one.S3.Object.Key = url.QueryEscape(r.Key)
	b, err := json.Marshal(struct {
		Records []s3Record `json:"Records"`
	}{[]s3Record{one}})
	if err != nil {
		panic("notification: " + err.Error()) // strings always marshal
	}
	return b
}
