package queue

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	// pollTime is how long SQS holds a call that finds nothing. It is less than
	// the drain time, so that a stopping consumer can let it end.
	pollTime = 10 * time.Second
	// pollLate is how long after that an answer is waited for when stopping.
	pollLate = 3 * time.Second
	// maxVisibility is SQS's longest, from the receive on.
	maxVisibility = 12 * time.Hour
	// settleTime is for telling SQS what became of the last messages.
	settleTime = 5 * time.Second
	// deleters is how many deletions are under way at once.
	deleters = 2
	// maxOutageWait is the longest pause between polls while SQS is away.
	maxOutageWait = 15 * time.Second
)

// Consume implements [Queue].
//
// A message is held for 35 s (30 s and a grace) at a time, and the driver renews
// that at each third of it for as long as the handler has time. So a message
// whose process was killed is delivered again after 35 s at most, however long
// its handler had asked for. SQS itself ends a hold after 12 h.
//
// A stopping consumer lets its last poll end, up to 10 s, since SQS may keep what
// a cancelled one would have brought; it gives such messages back at once, which
// counts as a delivery.
func (s *SQS) Consume(ctx context.Context, queue string, h Handler) error {
	name, err := s.full(queue)
	if err != nil {
		return err
	}
	queueURL, err := s.url(ctx, name)
	if err == nil {
		err = s.checkRedrive(ctx, queueURL, queue)
	}
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return unavailable(ctx, "consume", queue, s.said(name, err))
	}

	// Handlers outlive ctx by the drain time, and polls by their own.
	detached := context.WithoutCancel(ctx)
	working, abandon := context.WithCancelCause(detached)
	defer abandon(nil)
	polling, hangUp := context.WithCancel(detached)
	defer hangUp()
	c := &consumer{
		driver: s, queue: queue, url: queueURL, handler: h, working: working,
		log:    s.opts.Log.With("queue", queue),
		slots:  make(chan struct{}, s.opts.Concurrency),
		done:   make(chan string, 10*batchEntries),
		closed: make(chan struct{}),
	}
	var deleting sync.WaitGroup
	for range deleters {
		deleting.Go(func() { c.remove(detached) })
	}
	var pollers sync.WaitGroup
	for range (s.opts.Concurrency + batchEntries - 1) / batchEntries {
		pollers.Go(func() { c.poll(ctx, polling) })
	}

	<-ctx.Done()
	time.AfterFunc(s.opts.Poll+pollLate, hangUp)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		pollers.Wait()
		c.handlers.Wait()
	}()
	if !waitFor(stopped, s.opts.Drain) {
		abandon(context.DeadlineExceeded)
		pollers.Wait()
		if !waitFor(stopped, abandonAfter) {
			c.log.Warn("a handler ignores the end of its context; leaving it behind")
		}
	}
	close(c.closed)
	deleting.Wait()
	return nil
}

// checkRedrive warns of a queue whose messages never become dead letters, or
// not when they should. Not to be allowed to look is fine.
func (s *SQS) checkRedrive(ctx context.Context, queueURL, queue string) error {
	out, err := s.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &queueURL, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameRedrivePolicy},
	})
	if err != nil {
		if code := codeOf(err); code == "AccessDenied" || code == "AccessDeniedException" {
			return nil
		}
		return err
	}
	var policy struct {
		Max json.Number `json:"maxReceiveCount"` // a number or, by older tools, a string
	}
	_ = json.Unmarshal([]byte(out.Attributes[string(types.QueueAttributeNameRedrivePolicy)]), &policy)
	if policy.Max.String() != strconv.Itoa(MaxReceives) {
		s.opts.Log.Warn("the queue's redrive policy has another maxReceiveCount than ours",
			"queue", queue, "max_receive_count", policy.Max.String(), "ours", MaxReceives)
	}
	return nil
}

// consumer is one Consume.
type consumer struct {
	driver   *SQS
	queue    string
	url      string
	handler  Handler
	working  context.Context
	log      *slog.Logger
	slots    chan struct{} // one for each handler that may run
	handlers sync.WaitGroup
	done     chan string   // receipts to delete
	closed   chan struct{} // nobody deletes any more
}

// window is how long SQS is told to hold a message without news of it.
func (c *consumer) window() time.Duration { return c.driver.opts.Visibility + visibilityGrace }

// poll fetches messages for free slots until ctx ends. The call itself goes on
// until it is answered, or polling ends.
func (c *consumer) poll(ctx, polling context.Context) {
	outage := time.Duration(0)
	for {
		n := c.take(ctx)
		if n == 0 {
			return
		}
		received := time.Now() // SQS counts from later on
		out, err := c.driver.client.ReceiveMessage(polling, &sqs.ReceiveMessageInput{
			QueueUrl:            &c.url,
			MaxNumberOfMessages: int32(n),
			WaitTimeSeconds:     seconds(min(c.driver.opts.Poll, 20*time.Second)),
			VisibilityTimeout:   seconds(c.window()),
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{
				types.MessageSystemAttributeNameApproximateReceiveCount,
			},
			MessageAttributeNames: []string{"All"},
		})
		if err != nil {
			c.give(n)
			if ctx.Err() != nil {
				return
			}
			if outage == 0 {
				c.log.Warn("the queue cannot be read; trying again until it can", "error", c.driver.said(c.queue, err))
			}
			outage = min(max(2*outage, 250*time.Millisecond), maxOutageWait)
			pause(ctx, outage)
			continue
		}
		if outage > 0 {
			c.log.Info("the queue can be read again")
			outage = 0
		}
		if ctx.Err() != nil {
			c.give(n)
			c.giveBack(polling, out.Messages)
			return
		}
		c.give(n - len(out.Messages))
		for _, m := range out.Messages {
			c.handlers.Go(func() {
				defer c.give(1)
				c.handle(m, received)
			})
		}
	}
}

// take waits for a free slot and takes up to ten. It returns 0 when ctx has
// ended.
func (c *consumer) take(ctx context.Context) int {
	if ctx.Err() != nil {
		return 0
	}
	select {
	case <-ctx.Done():
		return 0
	case c.slots <- struct{}{}:
	}
	for n := 1; ; n++ {
		if n == batchEntries {
			return n
		}
		select {
		case c.slots <- struct{}{}:
		default:
			return n
		}
	}
}

func (c *consumer) give(n int) {
	for range n {
		<-c.slots
	}
}

// handle runs the handler once, and tells SQS.
func (c *consumer) handle(m types.Message, received time.Time) {
	count, _ := strconv.Atoi(m.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
	count = max(count, 1)
	log := c.log.With("message", aws.ToString(m.MessageId), "receive_count", count)
	held := &holder{
		consumer: c, receipt: aws.ToString(m.ReceiptHandle), log: log,
		holding: hold(c.working, c.driver.opts.Visibility),
		known:   received.Add(c.window()),
	}
	defer held.release()
	go held.beat()

	err := call(held, c.handler, Message{
		ID:           aws.ToString(m.MessageId),
		Body:         FromSQS(aws.ToString(m.Body)),
		Attributes:   attributesOf(m),
		ReceiveCount: count,
		Extend:       held.extend,
	})
	held.release() // no heartbeat after the last word
	if err == nil {
		select {
		case c.done <- held.receipt:
		case <-c.closed: // left behind; the message comes again
		}
		return
	}
	again := c.driver.opts.Backoff(count).Round(time.Second)
	if count >= MaxReceives {
		log.Error("a message failed for the last time; it is a dead letter now", "error", err)
		again = 0 // SQS moves it when somebody would receive it
	} else {
		// Whoever runs handlers logs their errors; this is for those who do not.
		log.Debug("a message failed; it will be delivered again", "error", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.working), settleTime)
	defer cancel()
	held.mu.Lock()
	defer held.mu.Unlock()
	if err := held.change(ctx, again); err != nil && !isNotHeld(err) {
		log.Warn("a failed message comes again later than it should", "error", err)
	}
}

func attributesOf(m types.Message) map[string]string {
	attributes := make(map[string]string, len(m.MessageAttributes))
	for name, a := range m.MessageAttributes {
		if a.StringValue != nil {
			attributes[name] = *a.StringValue
		}
	}
	return attributes
}

// giveBack makes messages visible at once.
func (c *consumer) giveBack(ctx context.Context, messages []types.Message) {
	if len(messages) == 0 {
		return
	}
	if err := c.driver.release(ctx, c.url, messages); err != nil {
		c.log.Warn("messages fetched while stopping come again later than they should", "messages", len(messages), "error", err)
	}
}

// remove deletes what is done, as many with one call as there are, until the
// consumer has closed and nothing is left.
func (c *consumer) remove(ctx context.Context) {
	for {
		var receipts []string
		select {
		case r := <-c.done:
			receipts = append(receipts, r)
		case <-c.closed:
			select {
			case r := <-c.done:
				receipts = append(receipts, r)
			default:
				return
			}
		}
	more:
		for len(receipts) < batchEntries {
			select {
			case r := <-c.done:
				receipts = append(receipts, r)
			default:
				break more
			}
		}
		if err := c.driver.delete(ctx, c.url, receipts); err != nil {
			c.log.Warn("messages that are done could not be deleted; they come again", "messages", len(receipts), "error", err)
		}
	}
}

// delete deletes up to ten messages. One that somebody else has deleted, or
// holds, is no error.
func (s *SQS) delete(ctx context.Context, queueURL string, receipts []string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	entries := make([]types.DeleteMessageBatchRequestEntry, len(receipts))
	for i, receipt := range receipts {
		entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &receipt}
	}
	return repeat(ctx, func() (bool, error) {
		out, err := s.client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &queueURL, Entries: entries})
		if err != nil {
			return false, err
		}
		failed, retry, err := failures(notGone(out.Failed))
		left := entries[:0:0]
		for _, entry := range entries {
			if failed[*entry.Id] {
				left = append(left, entry)
			}
		}
		entries = left
		return retry, err
	})
}

// notGone leaves out what failed because the message is not held any more.
func notGone(entries []types.BatchResultErrorEntry) []types.BatchResultErrorEntry {
	var rest []types.BatchResultErrorEntry
	for _, e := range entries {
		if !notHeldCodes[aws.ToString(e.Code)] {
			rest = append(rest, e)
		}
	}
	return rest
}

// release makes up to ten messages visible at once.
func (s *SQS) release(ctx context.Context, queueURL string, messages []types.Message) error {
	entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(messages))
	for i, m := range messages {
		entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle}
	}
	out, err := s.client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &queueURL, Entries: entries})
	if err != nil {
		return err
	}
	_, _, err = failures(notGone(out.Failed))
	return err
}

// seconds is d in SQS's unit, rounded up.
func seconds(d time.Duration) int32 {
	return int32((min(d, maxVisibility) + time.Second - 1) / time.Second)
}
