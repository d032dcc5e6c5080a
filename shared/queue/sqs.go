package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"docuvault/shared/secret"
)

const (
	// deadSuffix ends the name of a queue's dead letter queue.
	deadSuffix = "-dead"
	// maxSQSName is the longest name of a queue in SQS.
	maxSQSName = 80
	// A batch call takes ten entries and 1 MiB in all; some are left for what
	// SQS counts besides.
	batchEntries = 10
	batchBytes   = 1000 << 10
	// sendsAtOnce is how many batches of one Send are under way.
	sendsAtOnce = 4
	// attempts of a call that is throttled or fails on the way.
	attempts = 5
	// maxWait between two attempts.
	maxWait = 2 * time.Second
	// callTimeout is longer than the longest poll, which SQS holds for 20 s.
	callTimeout = 35 * time.Second
)

// SQSConfig is the part of the environment that says where SQS is.
type SQSConfig struct {
	// Endpoint is the address of the SQS API; empty means AWS in Region.
	Endpoint string `env:"SQS_ENDPOINT"`
	// Prefix comes before a queue's name: queue analyze of the prefix
	// docuvault- is docuvault-analyze, with docuvault-analyze-dead for its dead
	// letters.
	Prefix string `env:"SQS_QUEUE_PREFIX"`
	// Region is set by the platform on Lambda, ECS and EKS. With an Endpoint it
	// may be empty: us-east-1.
	Region string `env:"AWS_REGION"`

	// The keys, which Lambda sets, session token included. Without them
	// credentials come from the container's or machine's role, or from
	// Kubernetes' web identity.
	AccessKey    string      `env:"AWS_ACCESS_KEY_ID"`
	SecretKey    secret.Text `env:"AWS_SECRET_ACCESS_KEY"`
	SessionToken secret.Text `env:"AWS_SESSION_TOKEN"`
}

var prefixForm = regexp.MustCompile(`^[A-Za-z0-9_-]{0,60}$`)

// Validate names the variable and what would be right.
func (c *SQSConfig) Validate() error {
	if c.Endpoint != "" {
		// The address itself stays out of the message: it may hold a password.
		u, err := url.Parse(c.Endpoint)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" ||
			strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return errors.New("SQS_ENDPOINT: this has to be scheme, host and port only, like http://127.0.0.1:4566; leave it unset for AWS")
		}
	}
	switch {
	case !prefixForm.MatchString(c.Prefix):
		return fmt.Errorf("SQS_QUEUE_PREFIX: %.70q is not up to 60 letters, digits, hyphens and underscores", c.Prefix)
	case c.Region == "" && c.Endpoint == "":
		return errors.New("AWS_REGION is not set: name the region of the queues (AWS sets it itself), or set SQS_ENDPOINT")
	case c.AccessKey == "" && !c.SecretKey.IsZero():
		return errors.New("AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not: set both, or neither to use the platform's role")
	case c.AccessKey != "" && c.SecretKey.IsZero():
		return errors.New("AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not: set both, or neither to use the platform's role")
	}
	return nil
}

// SQS is the driver for Amazon SQS and what speaks its protocol: standard
// queues, which a deployment makes ([SQS.EnsureQueues] does for development).
//
// A queue's redrive policy sets its dead letters aside: [MaxReceives] receives,
// then the queue of the same name with -dead. It asks for sqs:GetQueueUrl,
// SendMessage, and where it consumes ReceiveMessage, DeleteMessage,
// ChangeMessageVisibility and GetQueueAttributes.
type SQS struct {
	client *sqs.Client
	prefix string
	opts   Options

	mu   sync.Mutex
	urls map[string]string // by full name; what SQS said once
}

var (
	_ Queue       = (*SQS)(nil)
	_ DeadLetters = (*SQS)(nil)
)

// NewSQS makes the driver. It connects to nothing, and reads no environment and
// no files but those of the platform's role.
func NewSQS(cfg SQSConfig, opts Options) (*SQS, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Concurrency == 0 {
		opts.Concurrency = max(4, runtime.GOMAXPROCS(0))
	}
	if opts.Visibility == 0 {
		opts.Visibility = visibility
	}
	if opts.Drain == 0 {
		opts.Drain = drainTime
	}
	if opts.Backoff == nil {
		opts.Backoff = backoff
	}
	if opts.Poll == 0 {
		opts.Poll = pollTime
	}
	o := sqs.Options{
		Region:      cfg.Region,
		Credentials: credentialsOf(cfg),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff = attempts, maxWait
		}),
		HTTPClient: awshttp.NewBuildableClient().WithTimeout(callTimeout).WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConnsPerHost = 32
		}),
	}
	if cfg.Endpoint != "" {
		o.BaseEndpoint = aws.String(strings.TrimRight(cfg.Endpoint, "/"))
		if o.Region == "" {
			o.Region = "us-east-1"
		}
	}
	return &SQS{client: sqs.New(o), prefix: cfg.Prefix, opts: opts, urls: map[string]string{}}, nil
}

// credentialsOf returns the configured keys, or what the platform's role gives
// when it is first asked, and again before that ends. It is the storage client's
// provider: the SDK's own would cost a client of STS, and more at each start.
func credentialsOf(cfg SQSConfig) aws.CredentialsProvider {
	if cfg.AccessKey != "" {
		return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{
				AccessKeyID: cfg.AccessKey, SecretAccessKey: cfg.SecretKey.Reveal(), SessionToken: cfg.SessionToken.Reveal(),
			}, nil
		})
	}
	role := credentials.New(&credentials.IAM{Region: cfg.Region})
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		v, err := role.GetWithContext(nil) // it remembers them until they end
		if err != nil {
			return aws.Credentials{}, fmt.Errorf("AWS_ACCESS_KEY_ID is not set, and the platform gives no role credentials: %w", err)
		}
		return aws.Credentials{AccessKeyID: v.AccessKeyID, SecretAccessKey: v.SecretAccessKey, SessionToken: v.SessionToken}, nil
	})
}

// full is the queue's name in SQS.
func (s *SQS) full(queue string) (string, error) {
	if err := checkName(queue); err != nil {
		return "", err
	}
	name := s.prefix + queue
	if len(name)+len(deadSuffix) > maxSQSName {
		return "", fmt.Errorf("queue %s is too long with SQS_QUEUE_PREFIX, %d characters with %s, SQS takes %d: %w",
			queue, len(name)+len(deadSuffix), deadSuffix, maxSQSName, ErrName)
	}
	return name, nil
}

// url asks SQS for the queue's address, once.
func (s *SQS) url(ctx context.Context, name string) (string, error) {
	s.mu.Lock()
	known := s.urls[name]
	s.mu.Unlock()
	if known != "" {
		return known, nil
	}
	out, err := s.client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		return "", s.said(name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.urls[name] = aws.ToString(out.QueueUrl)
	return s.urls[name], nil
}

// said puts a missing queue into words, and forgets its address.
func (s *SQS) said(name string, err error) error {
	if _, missing := errors.AsType[*types.QueueDoesNotExist](err); !missing {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.urls, name)
	return fmt.Errorf("there is no queue %s in SQS", name)
}

// Send implements [Queue].
func (s *SQS) Send(ctx context.Context, queue string, messages ...Message) error {
	name, err := s.full(queue)
	if err != nil {
		return err
	}
	if messages, err = outgoing(ctx, messages); err != nil {
		return err
	}
	if len(messages) == 0 {
		return nil
	}
	queueURL, err := s.url(ctx, name)
	if err != nil {
		return unavailable(ctx, "send", queue, err)
	}
	if err := s.sendAll(ctx, queueURL, messages); err != nil {
		return unavailable(ctx, "send", queue, s.said(name, err))
	}
	return nil
}

// sendAll sends batches, some at once, and returns the first failure.
func (s *SQS) sendAll(ctx context.Context, queueURL string, messages []Message) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var running sync.WaitGroup
	slots := make(chan struct{}, sendsAtOnce)
	for len(messages) > 0 && ctx.Err() == nil {
		var batch []types.SendMessageBatchRequestEntry
		batch, messages = nextBatch(messages)
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			if err := s.sendBatch(ctx, queueURL, batch); err != nil {
				stop(err)
			}
		})
	}
	running.Wait()
	return context.Cause(ctx)
}

// nextBatch takes as many messages as one call carries.
func nextBatch(messages []Message) (batch []types.SendMessageBatchRequestEntry, rest []Message) {
	size := 0
	for i, m := range messages {
		text := ToSQS(m.Body)
		size += len(text)
		attributes := make(map[string]types.MessageAttributeValue, len(m.Attributes))
		for name, value := range m.Attributes {
			size += len(name) + len(value) + len("String")
			attributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(value)}
		}
		if len(batch) == batchEntries || len(batch) > 0 && size > batchBytes {
			return batch, messages[i:]
		}
		batch = append(batch, types.SendMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(len(batch))), MessageBody: &text, MessageAttributes: attributes,
		})
	}
	return batch, nil
}

// sendBatch sends a batch, and again what of it SQS did not take.
func (s *SQS) sendBatch(ctx context.Context, queueURL string, batch []types.SendMessageBatchRequestEntry) error {
	return repeat(ctx, func() (bool, error) {
		out, err := s.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &queueURL, Entries: batch})
		if err != nil {
			return false, err
		}
		failed, retry, err := failures(out.Failed)
		left := batch[:0:0]
		for _, entry := range batch {
			if failed[*entry.Id] {
				left = append(left, entry)
			}
		}
		batch = left
		return retry, err
	})
}

// repeat runs a batch call until it returns no error, or one that another
// attempt does not mend, with waits between. The SDK has already tried again
// what failed as a whole.
func repeat(ctx context.Context, call func() (retry bool, err error)) error {
	wait := 50 * time.Millisecond
	for attempt := 1; ; attempt++ {
		retry, err := call()
		if err == nil || !retry || attempt == attempts {
			return err
		}
		if !pause(ctx, wait+rand.N(wait)) {
			return err
		}
		wait = min(2*wait, maxWait)
	}
}

// pause waits, and reports false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// failures reads the list of what SQS did not do of a batch: which entries, one
// of the reasons as an error, and whether each may pass another time.
func failures(entries []types.BatchResultErrorEntry) (failed map[string]bool, retry bool, err error) {
	failed, retry = map[string]bool{}, true
	for _, e := range entries {
		failed[aws.ToString(e.Id)] = true
		code := aws.ToString(e.Code)
		if e.SenderFault && !strings.Contains(code, "Throttl") {
			retry = false
		}
		err = fmt.Errorf("%d messages of a batch: %s: %s", len(entries), code, aws.ToString(e.Message))
	}
	return failed, retry, err
}

// codeOf is SQS's name for an error, "" for one that is not SQS's.
func codeOf(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}
