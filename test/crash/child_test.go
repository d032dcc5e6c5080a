package crash_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"docuvault/functions"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp"
	"docuvault/shared/host/hostqueue"
	"docuvault/shared/host/hostschedule"
	"docuvault/shared/id"
)

// childVariable holds the child's part, in the child only.
const childVariable = "DOCUVAULT_CRASH_CHILD"

// clockAhead is how far the reconciler's clock is ahead, so that objects count
// as old. Rows go by the database's clock, and are aged one by one.
const clockAhead = 48 * time.Hour

// part is what the parent tells the child to act.
type part struct {
	Story string
	Kill  int64
	After bool
	// Messages counts only what happens to messages.
	Messages bool
	Vars     map[string]string
	Subject  subject
}

// subject is who and what a story is about.
type subject struct {
	User     id.ID
	Token    string
	Document id.ID
	Key      string
	Bucket   string
	Cookie   string
	Body     json.RawMessage // of a request
}

func TestMain(m *testing.M) {
	if raw := os.Getenv(childVariable); raw != "" {
		if err := act(raw); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	points.report()
	os.Exit(code)
}

// act runs a story in this process; if it returns, the story ran through.
func act(raw string) error {
	var p part
	if err := json.Unmarshal([]byte(raw), &p); err != nil {
		return err
	}
	environ := make([]string, 0, len(p.Vars))
	for name, value := range p.Vars {
		environ = append(environ, name+"="+value)
	}
	env, err := host.NewEnv(environ, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		return err
	}
	ahead, err := host.NewEnv(environ, slog.New(slog.DiscardHandler), func() time.Time { return time.Now().Add(clockAhead) })
	if err != nil {
		return err
	}
	k := &killer{at: p.Kill, after: p.After, messages: p.Messages}
	for _, e := range []*host.Env{env, ahead} {
		if err := k.wrap(e); err != nil {
			return err
		}
	}
	conn, err := pgx.Connect(context.Background(), p.Vars["DATABASE_URL"])
	if err != nil {
		return err
	}
	mail, err := openMailbox(context.Background(), conn, p.Vars)
	if err != nil {
		return err
	}
	a := &actor{subject: p.Subject, env: env, ahead: ahead, k: k, mail: mail}
	if err := stories[p.Story].act(a); err != nil {
		return fmt.Errorf("story %s: %w", p.Story, err)
	}
	say("through")
	return nil
}

// actor is the child's side of a story.
type actor struct {
	subject
	env, ahead *host.Env
	k          *killer
	mail       mailbox // beside the count
}

// call sends a request to one HTTP function as the subject's user, and tells
// the parent what was answered: only that is acknowledged.
func (a *actor) call(function, method, path string, body []byte, headers ...string) error {
	fn, err := find(function)
	if err != nil {
		return err
	}
	handler, err := hosthttp.Handler(a.env, fn)
	if err != nil {
		return err
	}
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	r.RemoteAddr = "127.0.0.1:0"
	r.Header.Set("Authorization", "Bearer "+a.Token)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	say("answered", fmt.Sprint(w.Code))
	if w.Code >= http.StatusInternalServerError {
		return fmt.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return nil
}

// deliver gives every message of a queue to its worker, and takes it out of the
// queue once the worker is done: an effect of its own.
func (a *actor) deliver(worker string) error {
	fn, err := find("workers-" + worker)
	if err != nil {
		return err
	}
	handle, err := fn.Trigger.(*hostqueue.Consumer).Construct(a.env)
	if err != nil {
		return err
	}
	messages, err := a.mail.waiting(context.Background(), worker)
	if err != nil {
		return err
	}
	for _, m := range messages {
		if err := handle(context.Background(), m.message()); err != nil {
			return err
		}
		err := a.k.message(context.Background(), taking+worker, func(ctx context.Context) error { return a.mail.done(ctx, m) })
		if err != nil {
			return err
		}
	}
	return nil
}

// reconcile runs the schedule once.
func (a *actor) reconcile() error {
	fn, err := find("schedules-reconcile")
	if err != nil {
		return err
	}
	run, err := fn.Trigger.(*hostschedule.Job).Construct(a.ahead)
	if err != nil {
		return err
	}
	return run(context.Background())
}

func find(name string) (host.Function, error) {
	for _, fn := range functions.All {
		if fn.Name == name {
			return fn, nil
		}
	}
	return host.Function{}, fmt.Errorf("there is no function %s", name)
}
