package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"
)

// Tries is how often a request is sent that fails for a moment.
const Tries = 6

// maxWaits is how often a request waits because the server says 429: that is
// the server's pace, not a failure.
const maxWaits = 30

// maxWait is the longest single wait that a server may ask for.
const maxWait = 5 * time.Minute

// Pause waits before try n+1 (n from 1): base, doubled with each try up to 64
// times, of which a random half is left out so that clients do not come back
// together. It returns early with the context's error.
func Pause(ctx context.Context, base time.Duration, n int) error {
	d := base << min(n-1, 6)
	return Wait(ctx, d/2+rand.N(d/2+1))
}

// Wait waits d, or returns early with the context's error.
func Wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// call sends a request of the signed-in user.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	for renewed := 0; ; renewed++ {
		token, err := c.session.token(ctx)
		if err != nil {
			return err
		}
		err = c.do(ctx, method, path, token.Reveal(), in, out)
		var p *Problem
		if !errors.As(err, &p) || p.Status != http.StatusUnauthorized || renewed == 2 || !c.session.drop(token) {
			return err
		}
	}
}

// do sends a request, again when it failed for a moment.
func (c *Client) do(ctx context.Context, method, path, bearer string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("write request %s: %w", path, err)
		}
	}
	tries, waits := 0, 0
	for {
		err := c.once(ctx, method, path, bearer, body, out)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var p *Problem
		if errors.As(err, &p) {
			switch {
			case p.Status == http.StatusTooManyRequests:
				if waits++; waits > maxWaits || p.RetryAfter > maxWait {
					return err
				}
				if p.RetryAfter <= 0 {
					p.RetryAfter = c.options.Backoff
				}
				if p.RetryAfter >= 2*time.Second {
					c.options.Notice(fmt.Sprintf("The server asks to wait %s.", p.RetryAfter.Round(time.Second)))
				}
				if err := Wait(ctx, p.RetryAfter); err != nil {
					return err
				}
				continue
			case p.Status < 500:
				return err
			}
		}
		if tries++; tries == Tries {
			return err
		}
		if tries == 2 {
			c.options.Notice(fmt.Sprintf("%v; trying again.", err))
		}
		if p != nil && p.RetryAfter > 0 && p.RetryAfter <= maxWait {
			if err := Wait(ctx, p.RetryAfter); err != nil {
				return err
			}
			continue
		}
		if err := Pause(ctx, c.options.Backoff, tries); err != nil {
			return err
		}
	}
}

// once sends a request once. Errors that are not a *Problem come from the
// network.
func (c *Client) once(ctx context.Context, method, path, bearer string, body []byte, out any) error {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base.JoinPath(path).String(), reader)
	if err != nil {
		return fmt.Errorf("make request %s: %w", path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	if c.options.UserAgent != "" {
		req.Header.Set("User-Agent", c.options.UserAgent)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("the vault at %s does not answer: %w", c.base.Host, WithoutURL(err))
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= 300 {
		return problemOf(res)
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", c.base.Host, err)
	}
	if out == nil || res.StatusCode == http.StatusNoContent {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		// Not repeated: the same server would say the same again.
		return &Problem{Status: http.StatusNotAcceptable, Detail: fmt.Sprintf("The answer of %s is not the vault's: is the address right?", c.base.Host)}
	}
	return nil
}

// WithoutURL is a network error without its address: a presigned one is as good
// as a password until it expires.
func WithoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
