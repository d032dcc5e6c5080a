package crash_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/jackc/pgx/v5"

	"docuvault/functions"
	"docuvault/shared/queue"
	"docuvault/shared/secret"
	"docuvault/test/servers"
)

// mailbox is what waits in the queues of a vault, seen from beside the driver:
// the stories deliver by themselves, and look what a dead process has left.
// Nothing of it counts as an effect.
type mailbox interface {
	// waiting reads a queue ("": all) and leaves it as it is. It may be some of
	// the messages: whoever wants all takes them out and reads again.
	waiting(ctx context.Context, name string) ([]delivery, error)
	// done takes a message out, as a consumer does that has handled it.
	done(ctx context.Context, d delivery) error
	// count is how many messages there are, waiting or not.
	count(ctx context.Context) (int, error)
	// lose takes all messages out of all queues.
	lose(ctx context.Context) error
}

// delivery is a message that waits in a queue.
type delivery struct {
	ID     string // in the driver's own form; what done asks for
	Queue  string
	Body   []byte
	Tries  int    // how often it was received
	Handle string // SQS: the receipt
}

func (d delivery) message() queue.Message {
	return queue.Message{ID: d.ID, Body: d.Body, ReceiveCount: 1,
		Extend: func(context.Context, time.Duration) error { return nil }}
}

// openMailbox opens the mailbox of the driver that the variables name; conn is to
// the vault's database.
func openMailbox(ctx context.Context, conn *pgx.Conn, vars map[string]string) (mailbox, error) {
	if vars["QUEUE_DRIVER"] == "sqs" {
		return openSQS(ctx, vars)
	}
	return postgresMailbox{conn}, nil
}

// postgresMailbox reads the jobs as River keeps them.
type postgresMailbox struct{ conn *pgx.Conn }

func (p postgresMailbox) waiting(ctx context.Context, name string) ([]delivery, error) {
	rows, err := p.conn.Query(ctx, `SELECT id::text, queue, decode(args->>'body', 'base64'), attempt, '' FROM river.river_job
	   WHERE state = 'available' AND ($1 = '' OR queue = $1) ORDER BY id`, name)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[delivery])
}

func (p postgresMailbox) done(ctx context.Context, d delivery) error {
	_, err := p.conn.Exec(ctx, `DELETE FROM river.river_job WHERE id = $1::text::bigint`, d.ID)
	return err
}

func (p postgresMailbox) count(ctx context.Context) (n int, err error) {
	err = p.conn.QueryRow(ctx, `SELECT count(*) FROM river.river_job`).Scan(&n)
	return n, err
}

func (p postgresMailbox) lose(ctx context.Context) error {
	_, err := p.conn.Exec(ctx, `DELETE FROM river.river_job`)
	return err
}

// sqsMailbox speaks to SQS as any client may.
type sqsMailbox struct {
	client *sqs.Client
	names  []string          // of all queues
	urls   map[string]string // by name
}

// looks is how often a message may be received before SQS sets it aside, the
// most that it takes. SQS cannot show a message without counting that as a
// delivery, and looking must not make dead letters.
const looks = 1000

// sqsVars are the variables of a vault on queues of its own, which are made.
func sqsVars(t testing.TB) map[string]string {
	t.Helper()
	server := servers.SQS(t)
	vars := map[string]string{
		"QUEUE_DRIVER": "sqs", "SQS_ENDPOINT": server.URL, "SQS_QUEUE_PREFIX": "crash-" + strings.ToLower(rand.Text()) + "-",
		"AWS_ACCESS_KEY_ID": server.AccessKey, "AWS_SECRET_ACCESS_KEY": server.SecretKey,
	}
	q, err := queue.NewSQS(queue.SQSConfig{
		Endpoint: server.URL, Prefix: vars["SQS_QUEUE_PREFIX"], AccessKey: server.AccessKey, SecretKey: secret.New(server.SecretKey),
	}, queue.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := q.EnsureQueues(t.Context(), queues()...); err != nil {
		t.Fatal(err)
	}
	m, err := openSQS(t.Context(), vars)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	return vars
}

// queues are all that the vault's workers consume.
func queues() []string {
	var names []string
	for _, fn := range functions.Queue() {
		names = append(names, fn.Trigger.Source())
	}
	return names
}

func openSQS(ctx context.Context, vars map[string]string) (*sqsMailbox, error) {
	m := &sqsMailbox{names: queues(), urls: map[string]string{}, client: sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(vars["SQS_ENDPOINT"]),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: vars["AWS_ACCESS_KEY_ID"], SecretAccessKey: vars["AWS_SECRET_ACCESS_KEY"]}, nil
		}),
	})}
	for _, name := range m.names {
		out, err := m.client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(vars["SQS_QUEUE_PREFIX"] + name)})
		if err != nil {
			return nil, err
		}
		m.urls[name] = aws.ToString(out.QueueUrl)
	}
	return m, nil
}

// keep lets messages be looked at often, and hides none that was looked at: the
// SDK does not send a visibility of 0 with a receive, so that the queue's counts.
func (m *sqsMailbox) keep(ctx context.Context) error {
	for _, name := range m.names {
		attributes, err := m.attributes(ctx, name, types.QueueAttributeNameRedrivePolicy)
		if err != nil {
			return err
		}
		var policy map[string]any
		if err := json.Unmarshal([]byte(attributes[string(types.QueueAttributeNameRedrivePolicy)]), &policy); err != nil {
			return fmt.Errorf("the redrive policy of %s: %w", name, err)
		}
		policy["maxReceiveCount"] = looks
		encoded, err := json.Marshal(policy)
		if err != nil {
			return err
		}
		if _, err := m.client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: aws.String(m.urls[name]),
			Attributes: map[string]string{
				string(types.QueueAttributeNameRedrivePolicy): string(encoded), string(types.QueueAttributeNameVisibilityTimeout): "0",
			}}); err != nil {
			return err
		}
	}
	return nil
}

func (m *sqsMailbox) attributes(ctx context.Context, name string, names ...types.QueueAttributeName) (map[string]string, error) {
	out, err := m.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: aws.String(m.urls[name]), AttributeNames: names})
	if err != nil {
		return nil, err
	}
	return out.Attributes, nil
}

// waiting receives, and lets everybody else receive the same at once: a process
// that dies now holds nothing. The receipt is good until the next look.
func (m *sqsMailbox) waiting(ctx context.Context, name string) ([]delivery, error) {
	var found []delivery
	for _, q := range m.names {
		if name != "" && name != q {
			continue
		}
		out, err := m.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: aws.String(m.urls[q]), MaxNumberOfMessages: 10,
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameApproximateReceiveCount},
		})
		if err != nil {
			return nil, err
		}
		for _, received := range out.Messages {
			tries, err := strconv.Atoi(received.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
			if err != nil || tries >= looks {
				return nil, errors.Join(err, fmt.Errorf("a message of %s was received %d times: the next look would set it aside", q, tries))
			}
			found = append(found, delivery{ID: aws.ToString(received.MessageId), Queue: q, Tries: tries,
				Body: queue.FromSQS(aws.ToString(received.Body)), Handle: aws.ToString(received.ReceiptHandle)})
		}
	}
	return found, nil
}

func (m *sqsMailbox) done(ctx context.Context, d delivery) error {
	_, err := m.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: aws.String(m.urls[d.Queue]), ReceiptHandle: aws.String(d.Handle)})
	return err
}

func (m *sqsMailbox) count(ctx context.Context) (int, error) {
	total := 0
	for _, name := range m.names {
		attributes, err := m.attributes(ctx, name, types.QueueAttributeNameApproximateNumberOfMessages,
			types.QueueAttributeNameApproximateNumberOfMessagesNotVisible, types.QueueAttributeNameApproximateNumberOfMessagesDelayed)
		if err != nil {
			return 0, err
		}
		if len(attributes) != 3 {
			return 0, fmt.Errorf("SQS does not say how many messages %s holds: %v", name, attributes)
		}
		for _, text := range attributes {
			n, err := strconv.Atoi(text)
			if err != nil {
				return 0, err
			}
			total += n
		}
	}
	return total, nil
}

func (m *sqsMailbox) lose(ctx context.Context) error {
	for _, name := range m.names {
		if _, err := m.client.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: aws.String(m.urls[name])}); err != nil {
			return err
		}
	}
	return nil
}
