package queue

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/jackc/pgx/v5"
)

// Depth says how a queue is.
type Depth struct {
	Waiting int64 // messages that no handler has
	Dead    int64 // dead letters
	// Oldest is how long ago the oldest that waits was sent; 0 if none does, -1
	// where the driver cannot tell.
	Oldest time.Duration
}

// Depths is for whoever watches. Drivers that can, implement it beside [Queue].
type Depths interface {
	// Depth counts, up to [MaxDepth] each. ErrName, ErrUnavailable.
	Depth(ctx context.Context, queue string) (Depth, error)
}

// MaxDepth is where counting ends.
const MaxDepth = 100_000

var (
	_ Depths = (*Postgres)(nil)
	_ Depths = (*SQS)(nil)
)

// Depth implements [Depths].
func (p *Postgres) Depth(ctx context.Context, queue string) (Depth, error) {
	if err := checkName(queue); err != nil {
		return Depth{}, err
	}
	var d Depth
	var age float64
	err := p.pool.QueryRow(ctx, `
		SELECT (SELECT count(*) FROM (SELECT FROM river.river_job
		          WHERE queue = @queue AND state IN ('available', 'retryable', 'scheduled') LIMIT @most) w),
		       (SELECT count(*) FROM (SELECT FROM river.river_job
		          WHERE queue = @queue AND state IN ('discarded', 'cancelled') LIMIT @most) d),
		       coalesce((SELECT extract(epoch FROM clock_timestamp() - min(created_at)) FROM (SELECT created_at FROM river.river_job
		          WHERE queue = @queue AND state IN ('available', 'retryable') LIMIT @most) o), 0)::float8`,
		pgx.NamedArgs{"queue": queue, "most": MaxDepth}).Scan(&d.Waiting, &d.Dead, &age)
	if err != nil {
		return Depth{}, unavailable(ctx, "count", queue, err)
	}
	d.Oldest = max(time.Duration(age*float64(time.Second)), 0)
	return d, nil
}

// Depth implements [Depths]. It asks for sqs:GetQueueAttributes on the queue and
// its dead letter queue. SQS tells ages to CloudWatch alone.
func (s *SQS) Depth(ctx context.Context, queue string) (Depth, error) {
	name, err := s.full(queue)
	if err != nil {
		return Depth{}, err
	}
	d := Depth{Oldest: -1}
	for _, of := range []struct {
		name string
		into *int64
	}{{name, &d.Waiting}, {name + deadSuffix, &d.Dead}} {
		if *of.into, err = s.count(ctx, of.name); err != nil {
			return Depth{}, unavailable(ctx, "count", queue, s.said(of.name, err))
		}
	}
	return d, nil
}

func (s *SQS) count(ctx context.Context, name string) (int64, error) {
	queueURL, err := s.url(ctx, name)
	if err != nil {
		return 0, err
	}
	wanted := []types.QueueAttributeName{types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesDelayed}
	out, err := s.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &queueURL, AttributeNames: wanted})
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, attribute := range wanted {
		n, err := strconv.ParseInt(out.Attributes[string(attribute)], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("SQS says no %s", attribute)
		}
		sum += n
	}
	return min(sum, MaxDepth), nil
}
