package secretsmanager

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"docuvault/test/servers"
)

const anARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:vault/keys-AbCdEf"

func client(vars map[string]string) *Client {
	return New(func(name string) string { return vars[name] }, time.Now)
}

func role(endpoint string) map[string]string {
	return map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		"AWS_SESSION_TOKEN": "a/token+with=signs", "AWS_ENDPOINT_URL": endpoint,
	}
}

// The signature is the one that AWS's own SDK makes.
func TestSignatureIsThatOfTheSDK(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"", "a/token+with=signs"} {
		vars := role("")
		vars["AWS_SESSION_TOKEN"] = token
		c := client(vars)
		at := time.Date(2026, 11, 24, 23, 59, 58, 0, time.FixedZone("", 3600))
		c.now = func() time.Time { return at }
		body := []byte(`{"SecretId":"` + anARN + `"}`)
		request := func() *http.Request {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, c.endpoint("eu-central-1", "aws"), bytes.NewReader(body))
			req.Header.Set("Content-Type", "application/x-amz-json-1.1")
			req.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
			req.ContentLength = -1 // the SDK signs the length too, if it knows it
			return req
		}
		ours, theirs := request(), request()
		if err := c.sign(ours, body, "eu-central-1"); err != nil {
			t.Fatal(err)
		}
		credentials := aws.Credentials{AccessKeyID: vars["AWS_ACCESS_KEY_ID"], SecretAccessKey: vars["AWS_SECRET_ACCESS_KEY"], SessionToken: token}
		if err := v4.NewSigner().SignHTTP(t.Context(), credentials, theirs, digest(body), service, "eu-central-1", at); err != nil {
			t.Fatal(err)
		}
		if got, want := ours.Header.Get("Authorization"), theirs.Header.Get("Authorization"); got != want {
			t.Errorf("signed\n%s\nthe SDK\n%s", got, want)
		}
	}
}

// A real server that looks at signatures and at what it holds.
func TestReadsFromAServer(t *testing.T) {
	t.Parallel()
	s := servers.SQS(t)
	name, value := "s"+rand.Text(), "k1:"+rand.Text()+" \"ü\"\nline"
	body, err := json.Marshal(map[string]string{"Name": name, "SecretString": value})
	if err != nil {
		t.Fatal(err)
	}
	vars := map[string]string{"AWS_ENDPOINT_URL_SECRETS_MANAGER": s.URL, "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
		"AWS_ACCESS_KEY_ID": s.AccessKey, "AWS_SECRET_ACCESS_KEY": s.SecretKey}
	c := client(vars)
	defer c.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "secretsmanager.CreateSecret")
	if err := c.sign(req, body, "us-east-1"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var made struct{ ARN string }
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil || made.ARN == "" {
		t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	got, err := c.Read(t.Context(), map[string]string{"MASTER_KEYS": made.ARN, "SESSION_KEYS": made.ARN})
	if err != nil || got["MASTER_KEYS"].Reveal() != value || got["SESSION_KEYS"].Reveal() != value {
		t.Fatalf("%v", err)
	}
	if _, err := c.Read(t.Context(), map[string]string{"SMTP_URL": made.ARN + "x"}); err == nil ||
		!strings.HasPrefix(err.Error(), "SMTP_URL_SECRET_ARN: Secrets Manager says ResourceNotFoundException") {
		t.Errorf("a secret that is not there: %v", err)
	}
}

// What a server may answer besides, which none does on demand.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const planted = "planted-secret"
	for name, c := range map[string]struct {
		answers []string // status and body
		calls   int32
		err     string
	}{
		"at once":            {[]string{`200 {"SecretString":"planted-secret"}`}, 1, ""},
		"after two failures": {[]string{`500 {}`, `400 {"__type":"ThrottlingException"}`, `200 {"SecretString":"planted-secret"}`}, 3, ""},
		"never":              {[]string{`503 planted-secret`, `503 `, `503 `, `200 {"SecretString":"x"}`}, 3, "is 503"},
		"not allowed":        {[]string{`400 {"__type":"com.amazon#AccessDeniedException","Message":"not authorized to perform"}`}, 1, "AccessDeniedException not authorized"},
		"binary":             {[]string{`200 {"SecretBinary":"cGxhbnRlZC1zZWNyZXQ="}`}, 1, "SecretString"},
		"no JSON":            {[]string{`200 <planted-secret>`, `200 <x>`, `200 <x>`}, 3, "no JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				n := int(calls.Add(1))
				var status int
				said := c.answers[min(n, len(c.answers))-1]
				_, _ = fmt.Sscanf(said, "%d", &status)
				w.WriteHeader(status)
				_, _ = io.WriteString(w, said[4:])
			}))
			defer server.Close()
			got, err := client(role(server.URL)).Read(t.Context(), map[string]string{"MASTER_KEYS": anARN})
			switch {
			case c.err == "" && (err != nil || got["MASTER_KEYS"].Reveal() != planted):
				t.Errorf("%v", err)
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || !strings.HasPrefix(err.Error(), "MASTER_KEYS_SECRET_ARN: ")):
				t.Errorf("got %v", err)
			case err != nil && strings.Contains(err.Error(), planted):
				t.Errorf("the error holds the secret: %v", err)
			}
			if n := calls.Load(); n != c.calls {
				t.Errorf("asked %d times, want %d", n, c.calls)
			}
		})
	}
}

// silent is a service that takes a request and never answers.
type silent struct{}

func (silent) RoundTrip(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

func TestASilentServiceEndsTheStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := client(role("http://silent"))
		c.http = &http.Client{Transport: silent{}}
		began := time.Now()
		_, err := c.Read(context.Background(), map[string]string{"MASTER_KEYS": anARN})
		if took := time.Since(began); err == nil || took != Timeout {
			t.Errorf("%v after %s", err, took)
		}
	})
}

func TestWhatCannotBeAsked(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"vault/keys", "arn:aws:s3:::bucket", "arn:aws:secretsmanager::123456789012:secret:x", "arn:aws:secretsmanager:eu-central-1:123456789012:key:x"} {
		if _, err := client(role("http://127.0.0.1:1")).Read(t.Context(), map[string]string{"SMTP_URL": bad}); err == nil || !strings.Contains(err.Error(), "no ARN of a secret") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := client(nil).Read(t.Context(), map[string]string{"SMTP_URL": anARN}); err == nil || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") {
		t.Errorf("without credentials: %v", err)
	}
	for partition, want := range map[string]string{"aws": "https://secretsmanager.eu-central-1.amazonaws.com/", "aws-cn": "https://secretsmanager.eu-central-1.amazonaws.com.cn/"} {
		if got := client(nil).endpoint("eu-central-1", partition); got != want {
			t.Errorf("%s: %s", partition, got)
		}
	}
}
