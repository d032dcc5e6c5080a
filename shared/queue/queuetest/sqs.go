package queuetest

import (
	"context"
	"os"
	"testing"
	"time"

	"docuvault/shared/queue"
	"docuvault/shared/secret"
)

// childSQS is where the child finds SQS.
const childSQS = "QUEUE_TEST_CHILD_SQS"

// QuickSQS are the times of tests on SQS.
var QuickSQS = queue.Options{
	Visibility: 5 * time.Second,
	// Longer than a poll, as in earnest, and than a send on a busy machine.
	Drain:       5 * time.Second,
	Poll:        time.Second,
	Backoff:     func(int) time.Duration { return 5 * time.Millisecond },
	Concurrency: 10,
}

// SQSConfig is the environment's part for a server that takes any keys.
func SQSConfig(address string) queue.SQSConfig {
	return queue.SQSConfig{Endpoint: address, Prefix: "test_", AccessKey: "any", SecretKey: secret.New("any")}
}

// SQS is the driver on a server of SQS, for [Run].
func SQS(address string) Driver {
	open := func(t testing.TB) *queue.SQS {
		t.Helper()
		q, err := queue.NewSQS(SQSConfig(address), QuickSQS)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	return Driver{
		Open: func(t testing.TB) queue.Queue { return open(t) },
		Queue: func(t testing.TB, name string) {
			if err := open(t).EnsureQueues(context.Background(), name); err != nil {
				t.Fatal(err)
			}
		},
		Visibility: QuickSQS.Visibility,
		Drain:      QuickSQS.Drain,
		GivesBack:  true,
		Doubles:    true,
		// 5 s and a grace of 5 s, and what a busy machine adds.
		Found:    30 * time.Second,
		ChildEnv: []string{childSQS + "=" + address},
	}
}

// SQSChild opens what the child of a suite on [SQS] consumes; nil in any other
// child.
func SQSChild() (queue.Queue, error) {
	address := os.Getenv(childSQS)
	if address == "" {
		return nil, nil
	}
	return queue.NewSQS(SQSConfig(address), QuickSQS)
}
