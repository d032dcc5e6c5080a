package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/host/lambdatest"
	"docuvault/shared/testenv"
	"docuvault/shared/vaulttest"
	"docuvault/test/servers"
)

// emulator is one function under AWS's own runtime emulator.
type emulator struct {
	url string
	log *hosttest.Log
}

// emulate builds a function and starts the emulator with it. The function itself
// starts with the first event.
func emulate(t *testing.T, folder string, vars map[string]string) *emulator {
	t.Helper()
	architecture(t)
	program := runtimeEmulator(t)
	dir := t.TempDir()
	run(t, goBuild, "go", "build", "-o", filepath.Join(dir, "bootstrap"), "./functions/"+folder+"/bootstrap")
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "AWS_LAMBDA_FUNCTION_TIMEOUT=60", "AWS_REGION=us-east-1"}
	for name, value := range onLambda(vars) {
		env = append(env, name+"="+value)
	}
	return listen(t, dir, env, filepath.Join(dir, "bootstrap"), program)
}

// onLambda are a vault's variables without the one that a function on Lambda
// refuses: it has no metrics of its own to ask for.
func onLambda(vars map[string]string) map[string]string {
	vars = maps.Clone(vars)
	delete(vars, "METRICS_TOKEN")
	return vars
}

// runtimeEmulator is the program that AWS ships with SAM.
func runtimeEmulator(t *testing.T) string {
	t.Helper()
	program, err := servers.RuntimeEmulator()
	if errors.Is(err, servers.ErrMissing) {
		testenv.NotRun(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// listen starts a command that ends in the emulator's name, with a function.
func listen(t *testing.T, dir string, env []string, function string, command ...string) *emulator {
	t.Helper()
	addresses := make([]string, 2)
	for i := range addresses {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addresses[i] = l.Addr().String()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	command = append(command, "--runtime-interface-emulator-address", addresses[0], "--runtime-api-address", addresses[1], function)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Env = dir, env
	e := &emulator{url: "http://" + addresses[0] + "/2015-03-31/functions/function/invocations", log: &hosttest.Log{}}
	cmd.Stdout, cmd.Stderr = e.log, e.log
	end(cmd)
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait() // it was told to end
		if t.Failed() {
			t.Log(e.log.String())
		}
	})
	testenv.Eventually(t, 90*time.Second, "the emulator listens", func() bool {
		c, err := net.DialTimeout("tcp", addresses[0], time.Second)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
	return e
}

// invoke sends an event and returns what the function answered, and when.
func (e *emulator) invoke(t *testing.T, event []byte) (answer []byte, took time.Duration) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.url, bytes.NewReader(event))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if answer, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	took = time.Since(began)
	if resp.StatusCode != http.StatusOK || bytes.Contains(answer, []byte(`"errorType"`)) {
		t.Fatalf("status %d: %s", resp.StatusCode, answer)
	}
	return answer, took
}

// warm is the median of some more invocations.
func (e *emulator) warm(t *testing.T, event []byte) time.Duration {
	t.Helper()
	times := make([]time.Duration, 21)
	for i := range times {
		_, times[i] = e.invoke(t, event)
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// batch is an event of SQS with one message.
func batch(t *testing.T, body string) []byte {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"Records": []any{map[string]any{
		"messageId": "one", "body": body, "eventSource": "aws:sqs", "attributes": map[string]string{"ApproximateReceiveCount": "1"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestRuntimeEmulator runs a function of each kind as AWS's runtime runs it, on a
// real database and a real S3 server.
func TestRuntimeEmulator(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	anna := w.User(t)
	t.Run("http", func(t *testing.T) {
		event := map[string]any{}
		if err := json.Unmarshal(lambdatest.Events(t, "http")["aws-no-authorizer.json"], &event); err != nil {
			t.Fatal(err)
		}
		event["rawPath"] = "/v1/me"
		event["headers"].(map[string]any)["authorization"] = "Bearer " + anna.Token
		event["requestContext"].(map[string]any)["http"].(map[string]any)["path"] = "/v1/me"
		raw, err := json.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		e := emulate(t, "me/get", w.Vars)
		answer, cold := e.invoke(t, raw)
		var got struct {
			StatusCode int
			Body       string
			Headers    map[string]string
		}
		if err := json.Unmarshal(answer, &got); err != nil || got.StatusCode != http.StatusOK || !strings.Contains(got.Body, anna.ID.String()) || got.Headers["Cache-Control"] != "no-store" {
			t.Errorf("answered %s, %v", answer, err)
		}
		t.Logf("http: cold %s, warm %s", cold, e.warm(t, raw))
	})
	t.Run("queue", func(t *testing.T) {
		content := vaulttest.Unique(t, 500)
		b := anna.Begin(t, "note.bin", "application/octet-stream", content)
		if status := b.Put(t, content); status != http.StatusOK {
			t.Fatalf("storage answered %d", status)
		}
		e := emulate(t, "workers/uploadcomplete", w.Vars)
		told := batch(t, w.Event(w.Key(t, b.Document.ID)))
		answer, cold := e.invoke(t, told)
		if string(answer) != `{"batchItemFailures":[]}` {
			t.Errorf("answered %s", answer)
		}
		if status := w.Status(t, b.Document.ID); status == "pending" {
			t.Errorf("the document is %s", status)
		}
		t.Logf("queue: cold %s, warm %s", cold, e.warm(t, told))
		// What fails is named, so that it alone comes again.
		late := anna.Begin(t, "late.bin", "application/octet-stream", vaulttest.Unique(t, 501))
		w.DB.Exec(t, `ALTER TABLE documents RENAME TO documents_away`)
		defer w.DB.Exec(t, `ALTER TABLE documents_away RENAME TO documents`)
		if answer, _ := e.invoke(t, batch(t, w.Event(anna.ID.String()+"/"+late.Document.ID.String()+"/x.bin"))); string(answer) != `{"batchItemFailures":[{"itemIdentifier":"one"}]}` {
			t.Errorf("answered %s to a message that fails", answer)
		}
	})
	t.Run("schedule", func(t *testing.T) {
		content := vaulttest.Unique(t, 502)
		b := anna.Begin(t, "lost.bin", "application/octet-stream", content)
		if status := b.Put(t, content); status != http.StatusOK {
			t.Fatalf("storage answered %d", status)
		}
		w.Due(t, b.Document.ID)
		turn := lambdatest.Events(t, "schedule")["ministack-scheduled.json"]
		e := emulate(t, "schedules/reconcile", w.Vars)
		answer, cold := e.invoke(t, turn)
		if status := w.Status(t, b.Document.ID); status == "pending" {
			t.Errorf("answered %s, and the document that nobody told of is %s", answer, status)
		}
		t.Logf("schedule: cold %s, warm %s", cold, e.warm(t, turn))
		if !strings.Contains(e.log.String(), "run done") {
			t.Error("the function's log is not in the emulator's")
		}
	})
}
