package queue_test

import (
	"context"
	"errors"
	"os"
	"regexp"
	"testing"
	"time"

	"docuvault/shared/dbtest"
	"docuvault/shared/queue"
	"docuvault/shared/testenv"
)

// What KEDA asks PostgreSQL, as the app role: how many messages can be worked on
// or are being worked on. What is dead is nobody's work.
func TestKEDACountsMessages(t *testing.T) {
	t.Parallel()
	manifest, err := os.ReadFile("../../deploy/kubernetes/keda/scaledobject.yaml")
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`(?m)^\s*query: "(.*)"$`).FindSubmatch(manifest)
	if match == nil {
		t.Fatal("the manifest has no query")
	}
	d := dbtest.New(t)
	keda := d.AsApp(t)
	counted := func() (n int) {
		t.Helper()
		if err := keda.QueryRow(context.Background(), string(match[1])).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	q := open(t, d.AppURL, nil, quick)
	if n := counted(); n != 0 {
		t.Errorf("%d messages in an empty queue", n)
	}
	for range 3 {
		if err := q.Send(context.Background(), "counted", queue.Message{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := counted(); n != 3 {
		t.Errorf("%d messages wait, want 3", n)
	}
	release := make(chan struct{})
	started := make(chan queue.Message, 99)
	consume(t, q, "counted", func(_ context.Context, m queue.Message) error {
		started <- m
		<-release
		return errors.New("never")
	})
	for range 3 {
		receive(t, started)
	}
	if n := counted(); n != 3 {
		t.Errorf("%d messages are worked on, want 3", n)
	}
	close(release)
	testenv.Eventually(t, 30*time.Second, "all are dead, and nobody's work", func() bool {
		dead, err := q.Dead(context.Background(), "counted", 9)
		return err == nil && len(dead) == 3 && counted() == 0
	})
}
