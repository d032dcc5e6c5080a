// Package secretsmanager reads secrets of AWS Secrets Manager, by ARN, when a
// process starts.
//
// It is one signed request and no SDK: every function links it, and a cold start
// pays for it. It promises that no error of it holds a secret, and that a
// reading ends within [Timeout], whatever the service does.
package secretsmanager

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"docuvault/shared/secret"
)

// Timeout bounds a [Client.Read] with all its attempts. Lambda gives ten seconds
// to all of an init.
const Timeout = 6 * time.Second

const (
	attempts  = 3
	firstWait = 100 * time.Millisecond
	// A secret has at most 64 KiB.
	maxAnswer = 256 << 10
)

// Client reads with the credentials and the region of the environment.
type Client struct {
	lookup func(name string) string
	http   *http.Client
	now    func() time.Time
}

// New makes a client. lookup gives the platform's variables: AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of the function's role, and
// AWS_ENDPOINT_URL_SECRETS_MANAGER or AWS_ENDPOINT_URL for a service that is not
// AWS's own. It connects to nothing.
func New(lookup func(name string) string, now func() time.Time) *Client {
	return &Client{lookup: lookup, now: now, http: &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 3 * time.Second,
	}}}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Read returns the values of secrets. wanted has an ARN for each variable; the
// values come by the same names. An error names the variable.
func (c *Client) Read(ctx context.Context, wanted map[string]string) (map[string]secret.Text, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	var (
		mu     sync.Mutex
		group  sync.WaitGroup
		values = make(map[string]secret.Text, len(wanted))
		errs   []error
	)
	for name, arn := range wanted {
		group.Go(func() {
			value, err := c.get(ctx, arn)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, fmt.Errorf("%s_SECRET_ARN: %w", name, err))
				return
			}
			values[name] = value
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return values, nil
}

// refused is an answer that another attempt does not change.
type refused struct{ code, message string }

func (e *refused) Error() string {
	return "Secrets Manager says " + strings.TrimSpace(e.code+" "+e.message)
}

// get reads one secret, and tries again what may pass.
func (c *Client) get(ctx context.Context, arn string) (secret.Text, error) {
	region, partition, err := parse(arn)
	if err != nil {
		return secret.Text{}, err
	}
	wait := firstWait
	for attempt := 1; ; attempt++ {
		value, err := c.once(ctx, region, partition, arn)
		if _, final := errors.AsType[*refused](err); err == nil || final || attempt == attempts || ctx.Err() != nil {
			return value, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return value, err
		case <-timer.C:
		}
		wait *= 4
	}
}

// parse takes the region and the partition out of an ARN of a secret.
func parse(arn string) (region, partition string, err error) {
	parts := strings.SplitN(arn, ":", 7)
	if len(parts) != 7 || parts[0] != "arn" || parts[2] != "secretsmanager" || parts[3] == "" || parts[5] != "secret" {
		return "", "", fmt.Errorf("%q is no ARN of a secret, like arn:aws:secretsmanager:eu-central-1:123456789012:secret:name-AbCdEf", arn)
	}
	return parts[3], parts[1], nil
}

func (c *Client) endpoint(region, partition string) string {
	for _, name := range []string{"AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL"} {
		if address := c.lookup(name); address != "" {
			return strings.TrimRight(address, "/") + "/"
		}
	}
	suffix := "amazonaws.com"
	if partition == "aws-cn" {
		suffix = "amazonaws.com.cn"
	}
	return "https://secretsmanager." + region + "." + suffix + "/"
}

// once asks the service for the current version of a secret.
func (c *Client) once(ctx context.Context, region, partition, arn string) (secret.Text, error) {
	body, err := json.Marshal(map[string]string{"SecretId": arn})
	if err != nil {
		return secret.Text{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint(region, partition), bytes.NewReader(body))
	if err != nil {
		return secret.Text{}, errors.New("the address of Secrets Manager is none")
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
	if err := c.sign(req, body, region); err != nil {
		return secret.Text{}, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return secret.Text{}, fmt.Errorf("ask Secrets Manager: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		SecretString *string
		Type         string `json:"__type"`
		Message      string // "message" too: names match whatever their case
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&answer); err != nil && resp.StatusCode == http.StatusOK {
		return secret.Text{}, errors.New("the answer of Secrets Manager is no JSON")
	}
	code := answer.Type[strings.LastIndex(answer.Type, "#")+1:]
	switch {
	case resp.StatusCode == http.StatusOK && answer.SecretString != nil && *answer.SecretString != "":
		return secret.New(*answer.SecretString), nil
	case resp.StatusCode == http.StatusOK:
		return secret.Text{}, &refused{message: "that the secret has no text: store it as a SecretString"}
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || strings.Contains(code, "Throttling"):
		return secret.Text{}, fmt.Errorf("the answer of Secrets Manager is %d %s", resp.StatusCode, code)
	}
	return secret.Text{}, &refused{code: code, message: answer.Message}
}
