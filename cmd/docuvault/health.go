package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"docuvault/cmd/docuvault/internal/client"
)

type healthCmd struct {
	URL     string        `name:"url" env:"DOCUVAULT_URL" default:"http://localhost:8080" help:"Address of the vault."`
	Connect string        `env:"DOCUVAULT_CONNECT" placeholder:"HOST:PORT" help:"Ask this address, under the name of --url: the vault of a container beside its public name."`
	Timeout time.Duration `default:"5s" help:"How long the answer may take."`
}

// Help is the long text of health --help.
func (healthCmd) Help() string {
	return `Asks /readyz: the vault runs, its database answers, and has a schema that is new enough. For a container, whose image has no curl.

Exit codes: 0 ready, 1 not ready or no answer, 2 wrong usage.`
}

// Run asks once.
func (c *healthCmd) Run(ctx context.Context, s streams) error {
	if _, err := client.New(c.URL, client.Credentials{}, client.Options{}); err != nil {
		return usage("--url: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	transport := &http.Transport{ForceAttemptHTTP2: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if c.Connect != "" {
			address = c.Connect
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(c.URL, "/")+"/readyz", nil)
	if err != nil {
		return usage("--url: %w", err)
	}
	answer, err := transport.RoundTrip(req) // no redirect is followed
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %d %s", answer.StatusCode, strings.TrimSpace(string(body)))
	}
	_, err = fmt.Fprintln(s.out, "ready")
	return err
}
