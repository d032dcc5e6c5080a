package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const (
	// lookTime is how long a dead letter is hidden from others that look: long
	// enough to read all of a full list.
	lookTime = 60 * time.Second
	// lookWait makes SQS ask all its servers; one that does not wait may say
	// that there is nothing while there is.
	lookWait = time.Second
)

// Dead implements [DeadLetters]. SQS cannot show a message without hiding it:
// while one looks, another that looks sees less. A dead letter has the receive
// count that made it one.
func (s *SQS) Dead(ctx context.Context, queue string, limit int) ([]Message, error) {
	name, err := s.full(queue)
	if err != nil || limit <= 0 {
		return nil, err
	}
	name += deadSuffix
	queueURL, err := s.url(ctx, name)
	if err != nil {
		return nil, unavailable(ctx, "list dead letters", queue, err)
	}
	var found []types.Message
	defer func() {
		// Seen, and left: also when the caller's time is over.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
		defer cancel()
		for some := range slices.Chunk(found, batchEntries) {
			if err := s.release(ctx, queueURL, some); err != nil {
				s.opts.Log.Warn("dead letters stay hidden for a minute", "queue", queue, "error", err)
			}
		}
	}()
	for len(found) < limit {
		some, err := s.look(ctx, queueURL, min(limit-len(found), batchEntries))
		if err != nil {
			return nil, unavailable(ctx, "list dead letters", queue, s.said(name, err))
		}
		if len(some) == 0 {
			break
		}
		found = append(found, some...)
	}
	slices.SortStableFunc(found, func(a, b types.Message) int { return sentAt(a).Compare(sentAt(b)) })
	letters := make([]Message, len(found))
	for i, m := range found {
		letters[i] = Message{
			ID: aws.ToString(m.MessageId), Body: FromSQS(aws.ToString(m.Body)),
			Attributes: attributesOf(m), ReceiveCount: MaxReceives, Sent: sentAt(m),
		}
	}
	return letters, nil
}

// Redrive implements [DeadLetters]. It sends each again, as a new message with a
// new id, and then deletes it; interrupted, it may leave one in both queues.
// (SQS's own task for this ends some time after it was asked, cannot say exactly
// how many it moved, and is not in every server.)
func (s *SQS) Redrive(ctx context.Context, queue string) (int, error) {
	name, err := s.full(queue)
	if err != nil {
		return 0, err
	}
	moved, err := s.redrive(ctx, name)
	if err != nil {
		return moved, unavailable(ctx, "redrive", queue, err)
	}
	return moved, nil
}

func (s *SQS) redrive(ctx context.Context, name string) (moved int, err error) {
	to, err := s.url(ctx, name)
	if err != nil {
		return 0, err
	}
	from, err := s.url(ctx, name+deadSuffix)
	if err != nil {
		return 0, err
	}
	// What dies again meanwhile is left for the next time, so that this ends.
	start := time.Now()
	var again []types.Message
	for err == nil {
		var letters []types.Message
		if letters, err = s.look(ctx, from, batchEntries); err != nil {
			err = s.said(name+deadSuffix, err)
			break
		}
		letters = slices.DeleteFunc(letters, func(m types.Message) bool {
			if sentAt(m).After(start) {
				again = append(again, m)
				return true
			}
			return false
		})
		if len(letters) == 0 {
			break
		}
		if err = s.move(ctx, from, to, letters); err == nil {
			moved += len(letters)
		}
	}
	for some := range slices.Chunk(again, batchEntries) {
		err = errors.Join(err, s.release(ctx, from, some))
	}
	return moved, err
}

// move sends up to ten messages as they are, and deletes them.
func (s *SQS) move(ctx context.Context, from, to string, letters []types.Message) error {
	receipts := make([]string, len(letters))
	for i, m := range letters {
		receipts[i] = aws.ToString(m.ReceiptHandle)
		// One by one: ten of the largest are too much for a batch.
		_, err := s.client.SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl: &to, MessageBody: m.Body, MessageAttributes: m.MessageAttributes,
		})
		if err != nil {
			return err
		}
	}
	return s.delete(ctx, from, receipts)
}

// look receives from a dead letter queue.
func (s *SQS) look(ctx context.Context, queueURL string, n int) ([]types.Message, error) {
	out, err := s.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &queueURL, MaxNumberOfMessages: int32(n),
		WaitTimeSeconds: seconds(lookWait), VisibilityTimeout: seconds(lookTime),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameSentTimestamp},
		MessageAttributeNames:       []string{"All"},
	})
	if err != nil {
		return nil, err
	}
	return out.Messages, nil
}

// sentAt is when a message was sent for the first time.
func sentAt(m types.Message) time.Time {
	ms, _ := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64)
	return time.UnixMilli(ms)
}

// EnsureQueues makes the queues that are missing, each with its dead letter
// queue and redrive policy: for development and tests. A deployment makes its
// own (template.yaml). ErrName, ErrUnavailable.
func (s *SQS) EnsureQueues(ctx context.Context, queues ...string) error {
	for _, queue := range queues {
		name, err := s.full(queue)
		if err != nil {
			return err
		}
		if err := s.ensure(ctx, name); err != nil {
			return unavailable(ctx, "make the queue", queue, err)
		}
	}
	return nil
}

func (s *SQS) ensure(ctx context.Context, name string) error {
	retention := strconv.Itoa(int(keepDead / time.Second))
	dead, err := s.client.CreateQueue(ctx, &sqs.CreateQueueInput{
		QueueName: aws.String(name + deadSuffix), Attributes: map[string]string{"MessageRetentionPeriod": retention},
	})
	if err != nil {
		return err
	}
	out, err := s.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: dead.QueueUrl, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn},
	})
	if err != nil {
		return err
	}
	policy, err := json.Marshal(map[string]any{
		"deadLetterTargetArn": out.Attributes[string(types.QueueAttributeNameQueueArn)],
		"maxReceiveCount":     MaxReceives,
	})
	if err != nil {
		return fmt.Errorf("redrive policy: %w", err)
	}
	_, err = s.client.CreateQueue(ctx, &sqs.CreateQueueInput{
		QueueName: &name,
		Attributes: map[string]string{
			"MessageRetentionPeriod": retention,
			"VisibilityTimeout":      strconv.Itoa(int(seconds(s.opts.Visibility + visibilityGrace))),
			"RedrivePolicy":          string(policy),
		},
	})
	return err
}
