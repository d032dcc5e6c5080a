package queue

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// notHeldCodes are what SQS answers about a message that is deleted, or that
// somebody else has received; and, as an invalid value, about one that has been
// held for 12 hours.
var notHeldCodes = map[string]bool{
	"ReceiptHandleIsInvalid": true, "MessageNotInflight": true, "InvalidParameterValue": true,
	// As the older protocol calls them.
	"AWS.SimpleQueueService.MessageNotInflight": true,
}

// holder keeps one message from being delivered again while its handler runs.
type holder struct {
	*holding
	consumer *consumer
	receipt  string
	log      *slog.Logger

	mu    sync.Mutex
	known time.Time // until when SQS holds it, so far
}

// beat tells SQS, at each third of the window, to hold the message for a whole
// one, until the handler has returned or is out of time.
func (h *holder) beat() {
	ticker := time.NewTicker(h.consumer.window() / 3)
	defer ticker.Stop()
	for {
		select {
		case <-h.Done():
			return
		case <-ticker.C:
		}
		h.mu.Lock()
		deadline, _ := h.Deadline()
		until := earlier(time.Now().Add(h.consumer.window()), deadline.Add(visibilityGrace))
		var err error
		if h.Err() == nil && until.After(h.known.Add(time.Second)) {
			// No beat, with its retries, reaches into the next one's time: two
			// that fail slowly would use up the hold.
			ctx, cancel := context.WithTimeout(h, h.consumer.window()/3)
			err = h.change(ctx, time.Until(until))
			cancel()
		}
		h.mu.Unlock()
		switch {
		case err == nil || h.Err() != nil:
		case isNotHeld(err):
			h.log.Warn("a message is not held any more while its handler runs", "error", err)
			h.end(context.DeadlineExceeded)
			return
		default:
			h.log.Warn("a message could not be held longer; trying again", "error", err)
		}
	}
}

// extend is [Message.Extend]. It asks SQS for no more than the window, or what
// it has; the heartbeat asks for the rest.
func (h *holder) extend(ctx context.Context, d time.Duration) error {
	queue := h.consumer.queue
	if d <= 0 || d > MaxExtend {
		return fmt.Errorf("queue %s: extend by %s: %w", queue, d, ErrInvalid)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.Err() != nil {
		return fmt.Errorf("queue %s: extend: %w", queue, ErrNotHeld)
	}
	now := time.Now()
	until := earlier(now.Add(h.consumer.window()), now.Add(d+visibilityGrace))
	if until.Before(h.known) {
		until = h.known // it never shortens
	}
	if err := h.change(ctx, until.Sub(now)); err != nil {
		if isNotHeld(err) {
			return fmt.Errorf("queue %s: extend: %w", queue, ErrNotHeld)
		}
		return unavailable(ctx, "extend", queue, err)
	}
	if !h.until(now.Add(d)) {
		return fmt.Errorf("queue %s: extend: %w", queue, ErrNotHeld)
	}
	return nil
}

// change makes the message visible after d from now. The caller has h.mu.
func (h *holder) change(ctx context.Context, d time.Duration) error {
	_, err := h.consumer.driver.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &h.consumer.url, ReceiptHandle: &h.receipt, VisibilityTimeout: seconds(d),
	})
	if err == nil {
		h.known = time.Now().Add(d)
	}
	return err
}

func isNotHeld(err error) bool { return notHeldCodes[codeOf(err)] }

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
