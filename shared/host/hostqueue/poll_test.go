package hostqueue_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"docuvault/shared/dbtest"
	"docuvault/shared/host"
	"docuvault/shared/host/childtest"
	"docuvault/shared/queue"
)

func TestPolls(t *testing.T) {
	t.Parallel()
	url := "DATABASE_URL=" + dbtest.New(t).AppURL
	env, err := host.NewEnv([]string{url}, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = env.Close() })
	q, err := queue.Open(env)
	if err != nil {
		t.Fatal(err)
	}
	send := func(body string) {
		t.Helper()
		if err := q.Send(t.Context(), "analyze", queue.Message{Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}

	child := childtest.Start(t, "worker", url, "PORT=0")
	var line struct {
		Address string `json:"address"`
	}
	if err := json.Unmarshal([]byte(child.Await(t, `"msg":"listening"`)), &line); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		resp, err := http.Get("http://127.0.0.1" + strings.TrimPrefix(line.Address, "[::]") + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}

	send("panic")
	child.Await(t, "panic: a value of type string")
	send("a")
	child.Await(t, `"msg":"message done"`)
	send("drain")
	child.Await(t, "works slowly")
	child.Terminate(t)
	if code := child.Exit(t); code != 0 || !strings.Contains(child.Output(), `"msg":"drained"`) {
		t.Errorf("exit code %d:\n%s", code, child.Output())
	}
}
