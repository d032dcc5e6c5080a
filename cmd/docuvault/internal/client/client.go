// Package client speaks the vault's HTTP API for the commands that people run.
//
// It promises that an access token and a password stay in memory, that a
// session is renewed before it ends and opened again when it is gone, and that
// a request which failed for a moment (the network, 5xx, 429) is sent again a
// bounded number of times, with pauses that grow and differ. It knows the wire
// contract only; it shares no code with the server.
package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"docuvault/shared/secret"
)

// Credentials are how to sign in: an API token, or an email and a password.
type Credentials struct {
	Email    string
	Password secret.Text
	// Token, when set, is sent as Bearer as it is, and no session is opened.
	Token secret.Text
	// TOTP, when set, is asked for a code when the account wants one.
	TOTP func(context.Context) (secret.Text, error)
}

// Options are what a caller may change. The zero value is right for a person's
// machine.
type Options struct {
	// Backoff is the first pause between two tries; each further one is twice
	// as long, at most 64 times Backoff. Zero: 500 ms.
	Backoff time.Duration
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
	// Notice is told, in a sentence, when something takes longer than usual.
	Notice func(string)
	// UserAgent is sent with each request.
	UserAgent string
}

// Client is one user's connection to one vault. Its methods may be called from
// many goroutines.
type Client struct {
	base    *url.URL
	http    *http.Client
	options Options
	session session
}

// requestTimeout is how long one try of a request may take: these are small
// JSON messages.
const requestTimeout = 60 * time.Second

// New returns a client of the vault at base, for example
// http://localhost:8080. It sends nothing yet.
func New(base string, c Credentials, o Options) (*Client, error) {
	u, err := url.Parse(strings.TrimRight(base, "/"))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return nil, fmt.Errorf("%q is not the address of a vault: it looks like http://localhost:8080 or https://vault.example.org", base)
	}
	if o.Backoff == 0 {
		o.Backoff = 500 * time.Millisecond
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Notice == nil {
		o.Notice = func(string) {}
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("make cookie jar: %w", err)
	}
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     60 * time.Second,
		ForceAttemptHTTP2:   true,
	}
	cl := &Client{base: u, options: o}
	cl.http = &http.Client{
		Transport: transport, Jar: jar, Timeout: requestTimeout,
		// A redirect would carry a password somewhere else than the user said.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	cl.session = session{client: cl, credentials: c, turn: make(chan struct{}, 1)}
	return cl, nil
}

// Insecure reports that passwords and papers would cross a network in the
// clear: plain http to another machine.
func (c *Client) Insecure() bool {
	if c.base.Scheme == "https" {
		return false
	}
	host := c.base.Hostname()
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return false
	}
	ip := net.ParseIP(host)
	return ip == nil || !ip.IsLoopback()
}

// Host is the vault's host and port, for messages.
func (c *Client) Host() string { return c.base.Host }

// BeginRequest announces a file.
type BeginRequest struct {
	Filename           string     `json:"filename"`
	Size               int64      `json:"size"`
	ContentType        string     `json:"content_type"`
	SHA256             string     `json:"sha256"`
	Path               string     `json:"path,omitempty"`
	Tags               []string   `json:"tags,omitempty"`
	OriginalModifiedAt *time.Time `json:"original_modified_at,omitempty"`
	AllowDuplicate     bool       `json:"allow_duplicate,omitempty"`
}

// Document is what the commands use of a document.
type Document struct {
	ID          string       `json:"id"`
	Filename    string       `json:"filename"`
	Size        int64        `json:"size"`
	Status      string       `json:"status"`
	Failure     string       `json:"failure,omitempty"`
	Topic       string       `json:"topic,omitempty"`
	Suggestions []Suggestion `json:"suggestions"`
}

// Suggestion is what the analysis proposes.
type Suggestion struct {
	Kind       string  `json:"kind"`
	Value      string  `json:"value"`
	Confidence float64 `json:"confidence"`
}

// Upload says what to send to storage. Exactly one of URL and Multipart is set.
type Upload struct {
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	ExpiresAt time.Time         `json:"expires_at"`
	Multipart *Multipart        `json:"multipart"`
}

// Multipart is the form of large uploads: parts of PartSize bytes, the last one
// with the rest, numbered from 1 to PartCount.
type Multipart struct {
	PartSize  int64     `json:"part_size"`
	PartCount int       `json:"part_count"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Begun is the answer to Begin.
type Begun struct {
	Document Document `json:"document"`
	Upload   Upload   `json:"upload"`
}

// SignIn opens the session, so that wrong credentials show before anything
// else happens. An API token of any scope that can push may ask for the parts of
// an upload: there is none of this id, and only a token that counts learns that.
func (c *Client) SignIn(ctx context.Context) error {
	if c.session.credentials.Token.IsZero() {
		_, err := c.session.token(ctx)
		return err
	}
	_, err := c.Parts(ctx, "00000000-0000-0000-0000-000000000000")
	if CodeOf(err) == "not_found" {
		return nil
	}
	return err
}

// SignOut revokes the session. With an API token it does nothing.
func (c *Client) SignOut(ctx context.Context) error { return c.session.end(ctx) }

// Begin announces a file: POST /v1/uploads. A *Problem carries
// duplicate_document, quota_exceeded and the other codes.
func (c *Client) Begin(ctx context.Context, r BeginRequest) (Begun, error) {
	var out Begun
	err := c.call(ctx, http.MethodPost, "/v1/uploads", r, &out)
	if err == nil && out.Document.ID == "" {
		err = errors.New("the server's answer has no document: is this address a vault?")
	}
	return out, err
}

// Complete says that the bytes are in storage. It may be called any number of
// times.
func (c *Client) Complete(ctx context.Context, document string) (Document, error) {
	var out struct {
		Document Document `json:"document"`
	}
	err := c.call(ctx, http.MethodPost, "/v1/uploads/"+url.PathEscape(document)+"/complete", nil, &out)
	return out.Document, err
}

// Part is one part of a large upload. To ask for an address Number, Size and
// SHA256 are set; the answer has URL and Headers; a list of what storage has has
// Number, Size and, where storage keeps one, SHA256.
type Part struct {
	Number    int               `json:"number"`
	Size      int64             `json:"size,omitempty"`
	SHA256    string            `json:"sha256,omitempty"`
	URL       string            `json:"url,omitempty"`
	Headers   map[string]string `json:"headers,omitempty"`
	ExpiresAt time.Time         `json:"expires_at,omitzero"`
}

type parts struct {
	Parts []Part `json:"parts"`
}

// SignParts asks for addresses of up to 100 parts.
func (c *Client) SignParts(ctx context.Context, document string, ask []Part) ([]Part, error) {
	var out parts
	err := c.call(ctx, http.MethodPost, "/v1/uploads/"+url.PathEscape(document)+"/parts", parts{ask}, &out)
	return out.Parts, err
}

// Parts lists the parts that storage has.
func (c *Client) Parts(ctx context.Context, document string) ([]Part, error) {
	var out parts
	err := c.call(ctx, http.MethodGet, "/v1/uploads/"+url.PathEscape(document)+"/parts", nil, &out)
	return out.Parts, err
}

// Abort gives an upload up and its reservation back.
func (c *Client) Abort(ctx context.Context, document string) error {
	return c.call(ctx, http.MethodDelete, "/v1/uploads/"+url.PathEscape(document), nil, nil)
}

// Document reads one document.
func (c *Client) Document(ctx context.Context, document string) (Document, error) {
	var out Document
	err := c.call(ctx, http.MethodGet, "/v1/documents/"+url.PathEscape(document), nil, &out)
	return out, err
}
