package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"docuvault/shared/database"
	"docuvault/shared/dbtest"
	"docuvault/shared/id"
	"docuvault/shared/job"
	"docuvault/shared/notification"
	"docuvault/shared/objectkey"
	"docuvault/shared/queue"
	"docuvault/shared/secret"
	"docuvault/shared/testenv"
	"docuvault/test/servers"
)

// driver is a queue with all that an operator may ask of it.
type driver interface {
	queue.Queue
	queue.DeadLetters
	queue.Depths
}

// dies sends messages to a queue, whose handler fails until all are dead. What
// mends the handler is returned, with what comes from then on: the consumer stays
// the same, since a poll of one that ends may take a message with it.
func dies(t *testing.T, q driver, name string, bodies ...[]byte) (mend func() <-chan queue.Message) {
	t.Helper()
	if err := q.Send(t.Context(), name, queue.Messages(bodies)...); err != nil {
		t.Fatal(err)
	}
	var mended atomic.Bool
	got := make(chan queue.Message, 9)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- q.Consume(ctx, name, func(_ context.Context, m queue.Message) error {
			if !mended.Load() {
				return errors.New("broken")
			}
			got <- m
			return nil
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	// They are counted, which hides none of them from the commands. Each delivery
	// that is lost on the way holds its message for 35 s.
	testenv.Eventually(t, 5*time.Minute, "the messages are dead letters", func() bool {
		depth, err := q.Depth(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return depth.Dead == int64(len(bodies))
	})
	return func() <-chan queue.Message {
		mended.Store(true)
		return got
	}
}

// An operator sees what failed, by ids alone, and sends it again: with each
// driver. Not parallel: the commands read the environment.
func TestQueueCommands(t *testing.T) {
	quick := queue.Options{Poll: time.Second, Backoff: func(int) time.Duration { return 0 }}
	t.Run("postgres", func(t *testing.T) {
		db := dbtest.New(t)
		app, err := database.New(database.Config{URL: secret.New(db.AppURL)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = app.Close() })
		q, err := queue.NewPostgres(app.Pool(), quick)
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("DATABASE_MIGRATE_URL", db.MigrateURL)
		queueCommands(t, q)
		// As the role of the functions.
		t.Setenv("DATABASE_MIGRATE_URL", "")
		t.Setenv("DATABASE_URL", db.AppURL)
		if code, said := queueCall(t, "dead"); code != exitOK || !strings.Contains(said, "analyze") {
			t.Errorf("as docuvault_app: %d %s", code, said)
		}
	})
	t.Run("sqs", func(t *testing.T) {
		s := servers.SQS(t)
		prefix := "q" + strings.ReplaceAll(id.New().String(), "-", "") + "-"
		t.Setenv("QUEUE_DRIVER", "sqs")
		t.Setenv("SQS_ENDPOINT", s.URL)
		t.Setenv("SQS_QUEUE_PREFIX", prefix)
		t.Setenv("AWS_ACCESS_KEY_ID", "any")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "any")
		if code, said := queueCall(t, "dead", "analyze"); code != exitFailed || !strings.Contains(said, prefix+"analyze-dead") {
			t.Errorf("before there are queues: %d %s", code, said)
		}
		q, err := queue.NewSQS(queue.SQSConfig{Endpoint: s.URL, Prefix: prefix, AccessKey: "any", SecretKey: secret.New("any")}, quick)
		if err != nil {
			t.Fatal(err)
		}
		if err := q.EnsureQueues(t.Context(), queueNames()...); err != nil {
			t.Fatal(err)
		}
		queueCommands(t, q)
	})
}

func queueCall(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	var out, messages bytes.Buffer
	code = run(t.Context(), append([]string{"queue"}, args...), streams{strings.NewReader(""), &out, &messages})
	return code, out.String() + messages.String()
}

func queueCommands(t *testing.T, q driver) {
	t.Helper()
	user, document := id.New(), id.New()
	mend := dies(t, q, job.Analyze, job.Document{User: user, Document: document}.Encode(), []byte(`{"user_id":"a word of somebody"}`))
	dies(t, q, job.UploadComplete, notification.Record{Bucket: "documents", Key: objectkey.Key(user, document, "tax.pdf")}.Encode())

	code, said := queueCall(t, "dead", "--json")
	var counts []count
	if err := json.Unmarshal([]byte(said), &counts); err != nil || code != exitOK || len(counts) != len(queueNames()) {
		t.Fatalf("the counts: %d %v %s", code, err, said)
	}
	for _, c := range counts {
		want := map[string]int{job.Analyze: 2, job.UploadComplete: 1}[c.Queue]
		if c.Dead != want || c.More || (c.Oldest == nil) != (want == 0) {
			t.Errorf("count %+v, want %d", c, want)
		}
	}
	if code, said := queueCall(t, "dead"); code != exitOK || !strings.Contains(said, "analyze         2     ") || !strings.Contains(said, "purge           0     ") {
		t.Errorf("the table: %d\n%s", code, said)
	}

	for name, lines := range map[string]int{job.Analyze: 3, job.UploadComplete: 2} {
		code, said = queueCall(t, "dead", name)
		if code != exitOK || strings.Count(said, "\n") != lines || !strings.Contains(said, "  5         user "+user.String()+", document "+document.String()+"\n") {
			t.Errorf("the letters of %s: %d\n%s", name, code, said)
		}
		if strings.Contains(said, "somebody") || strings.Contains(said, ".pdf") {
			t.Errorf("a letter shows more than ids: %s", said)
		}
	}
	code, said = queueCall(t, "dead", job.Analyze, "--limit", "1", "--json")
	var letters []letter
	shown, _, _ := strings.Cut(said, "There may be more")
	if err := json.Unmarshal([]byte(shown), &letters); err != nil || code != exitOK || len(letters) != 1 || shown == said ||
		letters[0].ID == "" || letters[0].Receives != queue.MaxReceives || time.Since(letters[0].Sent) > time.Hour {
		t.Errorf("one letter: %d %v %s", code, err, said)
	}

	got := mend()
	if code, said = queueCall(t, "redrive", job.Analyze); code != exitOK || !strings.HasSuffix(said, "analyze that were sent again: 2\n") {
		t.Errorf("redrive: %d %s", code, said)
	}
	if code, said = queueCall(t, "dead", job.Analyze); code != exitOK || said != "There are no dead letters of analyze.\n" {
		t.Errorf("after it: %d %s", code, said)
	}
	for range 2 {
		if m := <-got; m.ReceiveCount != 1 {
			t.Errorf("it came as number %d", m.ReceiveCount)
		}
	}
	if code, said = queueCall(t, "redrive", job.Analyze); code != exitOK || !strings.HasSuffix(said, ": 0\n") {
		t.Errorf("again: %d %s", code, said)
	}

	for _, args := range [][]string{{"dead", "analyse"}, {"redrive", "analyse"}, {"redrive"}, {"dead", "--limit", "0"}} {
		code, said := queueCall(t, args...)
		if code != exitUsage || args[len(args)-1] == "analyse" && !strings.Contains(said, "analyze, erase, mail, purge, uploadcomplete") {
			t.Errorf("%q: %d %s", args, code, said)
		}
	}
}
