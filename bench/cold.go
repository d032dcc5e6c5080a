package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"docuvault/test/servers"
	"docuvault/test/throwaway"
)

// coldLambda measures the start of a function of Lambda under AWS's own runtime
// emulator: from the first event, which starts the process, to the answer with a
// row of the database; and the answers after it.
func coldLambda(ctx context.Context, b *bench) ([]Figure, error) {
	emulator, err := servers.RuntimeEmulator()
	if errors.Is(err, servers.ErrMissing) {
		return nil, &notRun{err}
	}
	if err != nil {
		return nil, err
	}
	v, err := b.vault(ctx, "cold", nil, nil)
	if err != nil {
		return nil, err
	}
	users, err := v.users(ctx, 1)
	if err != nil {
		return nil, err
	}
	program := filepath.Join(b.dir, "cold", "bootstrap")
	build := exec.CommandContext(ctx, "go", "build", "-tags", "lambda.norpc", "-trimpath", "-ldflags=-s -w", "-o", program, "docuvault/functions/me/get/bootstrap")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the function: %w\n%s", err, out)
	}
	event, err := json.Marshal(map[string]any{
		"version": "2.0", "routeKey": "GET /v1/me", "rawPath": "/v1/me",
		"headers": map[string]string{"authorization": "Bearer " + users[0].token, "host": "vault.example.org"},
		"requestContext": map[string]any{
			"domainName": "vault.example.org", "http": map[string]string{"method": "GET", "path": "/v1/me", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
		},
	})
	if err != nil {
		return nil, err
	}
	if err := v.settle(ctx); err != nil {
		return nil, err
	}
	var cold, warm []float64
	for range pick(b, 21, 2) {
		first, next, err := v.emulated(ctx, emulator, program, event)
		if err != nil {
			return nil, err
		}
		cold, warm = append(cold, milliseconds(first)), append(warm, milliseconds(next))
	}
	return []Figure{
		{Name: "cold start: init and the first answer with a row", Value: median(cold), Unit: "ms", Goal: atMost(25), Note: "GET /v1/me; the emulator and its start of a process included, secrets in the environment"},
		{Name: "the next answer", Value: median(warm), Unit: "ms"},
	}, nil
}

// emulated runs the function once: the time of its first answer and of its second.
func (v *vault) emulated(ctx context.Context, emulator, program string, event []byte) (first, next time.Duration, err error) {
	addresses := make([]string, 2)
	for i := range addresses {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return 0, 0, err
		}
		addresses[i] = l.Addr().String()
		_ = l.Close()
	}
	cmd := exec.Command(emulator, "--runtime-interface-emulator-address", addresses[0], "--runtime-api-address", addresses[1], program)
	cmd.Dir = filepath.Dir(program)
	env := []string{"AWS_REGION=us-east-1"}
	for key, value := range v.vars {
		env = append(env, key+"="+value)
	}
	cmd.Env = throwaway.Environ(env...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it ends the function, and itself
		late := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		late.Stop()
		if err != nil {
			err = fmt.Errorf("the function: %w: %s", err, log.String())
		}
	}()
	for {
		c, bad := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", addresses[0])
		if bad == nil {
			_ = c.Close()
			break
		}
		if err := wait(ctx, 2*time.Millisecond); err != nil {
			return 0, 0, err
		}
	}
	for _, took := range []*time.Duration{&first, &next} {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addresses[0]+"/2015-03-31/functions/function/invocations", bytes.NewReader(event))
		if err != nil {
			return 0, 0, err
		}
		begun := time.Now()
		resp, err := sender.Do(req)
		if err != nil {
			return 0, 0, err
		}
		answer, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		*took = time.Since(begun)
		if err != nil {
			return 0, 0, err
		}
		if !strings.Contains(string(answer), `"statusCode":200`) {
			return 0, 0, fmt.Errorf("it answered %s", answer)
		}
	}
	return first, next, nil
}
