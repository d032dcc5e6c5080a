// Command captor is a Lambda function for tests: it passes each event, byte for
// byte, on to the address in CAPTURE_URL, and says that all went well, in a form
// that HTTP APIs and SQS's poller both take.
package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

type captor struct{ url string }

func main() { lambda.Start(captor{os.Getenv("CAPTURE_URL")}) }

// Invoke implements [lambda.Handler].
func (c captor) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(event))
	if err != nil {
		return nil, fmt.Errorf("CAPTURE_URL: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("pass the event on: %w", err)
	}
	return []byte(`{"statusCode":200,"body":"","batchItemFailures":[]}`), resp.Body.Close()
}
