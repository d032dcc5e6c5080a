// Package mailtest gives tests a real mail server (Mailpit) and reads what it
// got.
package mailtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"docuvault/shared/dbtest"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/mail"
	"docuvault/shared/testenv"
	"docuvault/test/servers"
)

// Inbox is a mail server of one test.
type Inbox struct {
	// SMTP is its address, host and port.
	SMTP string
	api  string
}

// Open starts a server that ends with the test; flags are Mailpit's own.
func Open(t testing.TB, flags ...string) *Inbox {
	t.Helper()
	server, smtp, err := servers.Mailpit(t.Context(), flags...)
	if errors.Is(err, servers.ErrMissing) {
		testenv.NotRun(t, err.Error())
	}
	if err != nil {
		t.Fatalf("mailtest: %v", err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	return &Inbox{SMTP: smtp, api: server.URL + "/api/v1/"}
}

// URL is what SMTP_URL would be.
func (i *Inbox) URL() string { return "smtp://" + i.SMTP + "?from=vault@example.org" }

// Message is one that arrived.
type Message struct {
	ID, MessageID, Subject, Text, HTML string
	From                               struct{ Address string }
	To                                 []struct{ Address string }
}

// To returns what arrived for an address, oldest first.
func (i *Inbox) To(t testing.TB, address string) []Message {
	t.Helper()
	var found struct{ Messages []struct{ ID string } }
	i.get(t, "search?limit=1000&query="+url.QueryEscape(`to:"`+address+`"`), &found)
	all := make([]Message, len(found.Messages))
	for n, m := range found.Messages { // newest first
		i.get(t, "message/"+m.ID, &all[len(all)-1-n])
	}
	return all
}

// Source is a message as it came over the wire.
func (i *Inbox) Source(t testing.TB, m Message) []byte {
	t.Helper()
	var raw json.RawMessage
	i.get(t, "message/"+m.ID+"/headers", &raw)
	return append(raw, []byte(m.Subject+"\n"+m.Text+"\n"+m.HTML)...)
}

func (i *Inbox) get(t testing.TB, path string, out any) {
	t.Helper()
	if err := json.Unmarshal(i.call(t, http.MethodGet, path, nil), out); err != nil {
		t.Fatalf("mailtest: %s: %v", path, err)
	}
}

// call asks Mailpit's API, and returns the body of its answer.
func (i *Inbox) call(t testing.TB, method, path string, body []byte) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, i.api+path, bytes.NewReader(body))
	if err != nil {
		t.Fatalf("mailtest: %v", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("mailtest: %v", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("mailtest: %s: %s", path, res.Status)
	}
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("mailtest: %s: %v", path, err)
	}
	return answer
}

// Chaos lets the server answer each command of a kind (Sender, Recipient,
// Authentication) with a code; "" lets it be good again. It wants the flag
// --enable-chaos.
func (i *Inbox) Chaos(t testing.TB, command string, code int) {
	t.Helper()
	triggers := map[string]any{}
	for _, name := range []string{"Sender", "Recipient", "Authentication"} {
		probability := 0
		if name == command {
			probability = 100
		}
		triggers[name] = map[string]int{"ErrorCode": max(code, 400), "Probability": probability}
	}
	body, err := json.Marshal(triggers)
	if err != nil {
		t.Fatalf("mailtest: %v", err)
	}
	i.call(t, http.MethodPut, "chaos", body)
}

// Site is what links in mails of tests begin with.
const Site = "https://vault.example.org"

// Vars are the variables of a vault that sends its mails here.
func (i *Inbox) Vars() map[string]string {
	return map[string]string{"SMTP_URL": i.URL(), "EMAIL_VERIFICATION": "off"}
}

// Deliver delivers what is owed and due, as the worker does.
func Deliver(t testing.TB, env *host.Env, db *dbtest.Database) {
	t.Helper()
	host.Provide(env, mail.Site(Site))
	office, err := mail.Open(env)
	if err != nil {
		t.Fatalf("mailtest: %v", err)
	}
	for _, owed := range dbtest.Query1[[]string](t, db, `SELECT coalesce(array_agg(user_id || ' ' || id ORDER BY created_at), '{}') FROM mails WHERE next_due_at <= clock_timestamp()`) {
		user, err := id.Parse(owed[:36])
		if err != nil {
			t.Fatalf("mailtest: %v", err)
		}
		letter, err := id.Parse(owed[37:])
		if err != nil {
			t.Fatalf("mailtest: %v", err)
		}
		if err := office.Deliver(t.Context(), user, letter); err != nil {
			t.Errorf("mailtest: %v", err)
		}
	}
}

// Token is the token of the link in a message; "" without one.
func (m Message) Token() string {
	_, token, _ := strings.Cut(m.Text, "#token=")
	token, _, _ = strings.Cut(token, "\n")
	return strings.TrimSpace(token)
}

// Last is the newest message to an address, which has to be about a subject.
func (i *Inbox) Last(t testing.TB, address, subject string) Message {
	t.Helper()
	all := i.To(t, address)
	if len(all) == 0 {
		t.Fatalf("mailtest: no mail for %s", address)
	}
	last := all[len(all)-1]
	if !strings.Contains(last.Subject, subject) {
		t.Fatalf("mailtest: the last mail for %s is %q, want %q", address, last.Subject, subject)
	}
	return last
}
