package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
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
	emulator, err := runtimeEmulator()
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
	program, err := b.functionProgram(ctx, "me/get")
	if err != nil {
		return nil, err
	}
	request, err := event(http.MethodGet, "/v1/me", "", users[0].token, nil)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	if err := v.settle(ctx); err != nil {
		return nil, err
	}
	var cold, warm []float64
	for range pick(b, 21, 2) {
		if err := v.emulated(ctx, emulator, program, nil, func(invoke invoker) error {
			for _, into := range []*[]float64{&cold, &warm} {
				_, took, err := invoke(raw)
				if err != nil {
					return err
				}
				*into = append(*into, milliseconds(took))
			}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return []Figure{
		{Name: "cold start: init and the first answer with a row", Value: median(cold), Unit: "ms", Goal: atMost(25), Note: "GET /v1/me; the emulator and its start of a process included, secrets in the environment"},
		{Name: "the next answer", Value: median(warm), Unit: "ms"},
	}, nil
}

// invoker sends an event to a function and takes what it answers.
type invoker func(event []byte) (answer []byte, took time.Duration, err error)

// emulated starts the emulator with a function, whose process starts with the first
// event, and ends both when they have been used.
func (v *vault) emulated(ctx context.Context, emulator, program string, more map[string]string, use func(invoke invoker) error) (err error) {
	addresses := make([]string, 2)
	for i := range addresses {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		addresses[i] = l.Addr().String()
		_ = l.Close()
	}
	cmd := exec.Command(emulator, "--runtime-interface-emulator-address", addresses[0], "--runtime-api-address", addresses[1], program)
	cmd.Dir = filepath.Dir(program)
	env := []string{"AWS_REGION=us-east-1"}
	vars := maps.Clone(v.vars)
	maps.Copy(vars, more)
	for key, value := range vars {
		env = append(env, key+"="+value)
	}
	cmd.Env = throwaway.Environ(env...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		return err
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
			return err
		}
	}
	return use(func(event []byte) (answer []byte, took time.Duration, err error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addresses[0]+"/2015-03-31/functions/function/invocations", bytes.NewReader(event))
		if err != nil {
			return nil, 0, err
		}
		begun := time.Now()
		resp, err := sender.Do(req)
		if err != nil {
			return nil, 0, err
		}
		answer, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		took = time.Since(begun)
		if err == nil && !strings.Contains(string(answer), `"statusCode":20`) {
			err = fmt.Errorf("it answered %s", answer)
		}
		return answer, took, err
	})
}

// functionProgram builds a function as it is deployed.
func (b *bench) functionProgram(ctx context.Context, folder string) (string, error) {
	program := filepath.Join(b.dir, strings.ReplaceAll(folder, "/", "-"), "bootstrap")
	build := exec.CommandContext(ctx, "go", "build", "-tags", "lambda.norpc", "-trimpath", "-ldflags=-s -w", "-o", program, "docuvault/functions/"+folder+"/bootstrap")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the function: %w\n%s", err, out)
	}
	return program, nil
}

// runtimeEmulator is AWS's, with SAM.
func runtimeEmulator() (string, error) {
	emulator, err := servers.RuntimeEmulator()
	if errors.Is(err, servers.ErrMissing) {
		return "", &notRun{err}
	}
	return emulator, err
}
