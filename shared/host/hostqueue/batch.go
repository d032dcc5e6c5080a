package hostqueue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"docuvault/shared/queue"
)

const (
	// batchConcurrency is how many messages of a batch run at once: handlers
	// wait for storage and database most of the time, and hold a file at worst.
	batchConcurrency = 4
	// platformMargin is what we leave the platform to take our answer.
	platformMargin = time.Second
	// lateGrace is how long a handler may take to notice that its context ended.
	lateGrace = 300 * time.Millisecond
)

// errLate is why a message is sent again that got no turn, or did not end.
var errLate = errors.New("the function's time was over")

// batchHandler answers SQS batches with the messages that failed, so that only
// those come again (ReportBatchItemFailures). The list is never null: Lambda's
// poller takes null for a broken answer, and some send the whole batch again.
func batchHandler(handle queue.Handler) func(context.Context, events.SQSEvent) (events.SQSEventResponse, error) {
	return func(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
		answer := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
		for _, record := range event.Records {
			if record.MessageId == "" {
				return answer, errors.New("this event is no batch of SQS messages: a record has no messageId")
			}
		}
		if deadline, ok := ctx.Deadline(); ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, deadline.Add(-platformMargin))
			defer cancel()
		}
		for i, err := range runBatch(ctx, handle, event.Records) {
			if err != nil {
				answer.BatchItemFailures = append(answer.BatchItemFailures,
					events.SQSBatchItemFailure{ItemIdentifier: event.Records[i].MessageId})
			}
		}
		return answer, nil
	}
}

// runBatch returns one result for each record. It returns soon after ctx ends,
// also when a handler does not.
func runBatch(ctx context.Context, handle queue.Handler, records []events.SQSMessage) []error {
	type result struct {
		index int
		err   error
	}
	results := make(chan result, len(records))
	slots := make(chan struct{}, batchConcurrency)
	go func() {
		for i, record := range records {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			if ctx.Err() != nil {
				return
			}
			go func() {
				defer func() { <-slots }()
				results <- result{i, handle(ctx, message(ctx, record))}
			}()
		}
	}()

	errs := make([]error, len(records))
	for i := range errs {
		errs[i] = errLate
	}
	var late <-chan time.Time
	ended := ctx.Done()
	for done := 0; done < len(records); {
		select {
		case r := <-results:
			errs[r.index] = r.err
			done++
		case <-ended:
			// Time is over. Take what still ends within the grace.
			timer := time.NewTimer(lateGrace)
			defer timer.Stop()
			ended, late = nil, timer.C
		case <-late:
			return errs
		}
	}
	return errs
}

// message turns an SQS record into a message. Its body is what was sent, which
// our driver may have encoded: for bucket notifications an S3 event in JSON.
func message(ctx context.Context, record events.SQSMessage) queue.Message {
	m := queue.Message{
		ID:           record.MessageId,
		Body:         queue.FromSQS(record.Body),
		Attributes:   make(map[string]string, len(record.MessageAttributes)),
		ReceiveCount: 1,
	}
	for name, attribute := range record.MessageAttributes {
		if attribute.StringValue != nil {
			m.Attributes[name] = *attribute.StringValue
		}
	}
	if n, err := strconv.Atoi(record.Attributes["ApproximateReceiveCount"]); err == nil && n > 0 {
		m.ReceiveCount = n
	}
	m.Extend = func(_ context.Context, d time.Duration) error { return extend(ctx, d) }
	return m
}

// extend holds a message for the length of the function's timeout, and no
// longer: its visibility timeout is set to six times that, and Lambda's poller
// owns it.
func extend(ctx context.Context, d time.Duration) error {
	if d <= 0 || d > queue.MaxExtend {
		return fmt.Errorf("extend by %s: %w", d, queue.ErrInvalid)
	}
	if ctx.Err() != nil {
		return queue.ErrNotHeld
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		return fmt.Errorf("extend beyond the function's timeout: %w", queue.ErrUnavailable)
	}
	return nil
}
