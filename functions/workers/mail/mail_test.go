package mail_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"docuvault/shared/auth/authtest"
	"docuvault/shared/dbtest"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/id"
	"docuvault/shared/job"
	"docuvault/shared/letter"
	"docuvault/shared/mail"
	"docuvault/shared/mail/mailtest"
	"docuvault/shared/vaulttest"
)

const site = mailtest.Site

// vault is a World whose mails go to a mail server.
func vault(t *testing.T, flags ...string) (*vaulttest.World, *mailtest.Inbox) {
	t.Helper()
	inbox := mailtest.Open(t, flags...)
	return vaulttest.New(t, inbox.Vars(), at(site)), inbox
}

func at(site string) func(env *host.Env) {
	return func(env *host.Env) { host.Provide(env, mail.Site(site)) }
}

func clients(w *vaulttest.World) *authtest.Vault {
	return &authtest.Vault{DB: w.DB, Env: w.Env, Log: w.Log, Vars: w.Vars, Server: w.Server}
}

// owe writes a mail that is owed, as an event would.
func owe(t *testing.T, w *vaulttest.World, user id.ID, kind letter.Kind, dedupe string) job.Letter {
	t.Helper()
	l := job.Letter{User: user, Mail: id.New()}
	w.DB.Exec(t, `INSERT INTO mails (id, user_id, kind, dedupe) VALUES ($1, $2, $3, $4)`, l.Mail.String(), user.String(), string(kind), dedupe)
	return l
}

// owed are the mails of a user that were not sent.
func owed(t *testing.T, w *vaulttest.World, user string) (all []job.Letter) {
	t.Helper()
	for _, text := range dbtest.Query1[[]string](t, w.DB, `SELECT coalesce(array_agg(id::text ORDER BY id), '{}') FROM mails WHERE user_id = $1 AND sent_at IS NULL`, user) {
		mail, err := id.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		owner, err := id.Parse(user)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, job.Letter{User: owner, Mail: mail})
	}
	return all
}

func deliver(t *testing.T, w *vaulttest.World, l job.Letter) {
	t.Helper()
	if err := w.Deliver(t, "mail", l.Encode()); err != nil {
		t.Errorf("deliver: %v", err)
	}
}

func TestEachKindArrivesOnce(t *testing.T) {
	t.Parallel()
	w, inbox := vault(t)
	for n, kind := range letter.Kinds {
		u := w.User(t)
		if n%2 == 1 {
			w.DB.Exec(t, `UPDATE users SET locale = 'de' WHERE id = $1`, u.ID.String())
		}
		l := owe(t, w, u.ID, kind, id.New().String())
		w.Handler(t, "mail")
		var twice sync.WaitGroup
		for range 2 {
			twice.Go(func() { deliver(t, w, l) })
		}
		twice.Wait()
		deliver(t, w, l)
		if err := w.Schedule(t, "reconcile"); err != nil {
			t.Error(err)
		}
		got := inbox.To(t, u.ID.String()+"@example.org")
		if len(got) != 1 {
			t.Errorf("%s: %d mails, want 1", kind, len(got))
			continue
		}
		m := got[0]
		if m.MessageID != l.Mail.String()+"@docuvault" || m.From.Address != "vault@example.org" || !strings.Contains(m.Text, site+"/") {
			t.Errorf("%s: %+v", kind, m)
		}
		if german := strings.Contains(m.HTML, `lang="de"`); german != (n%2 == 1) {
			t.Errorf("%s: german %t", kind, german)
		}
		token := m.Token()
		if want := kind == letter.Verify || kind == letter.Reset; (token != "") != want {
			t.Errorf("%s: token %t, want %t", kind, token != "", want)
		}
		if token != "" && (strings.Contains(string(w.DB.Dump(t)), token) || strings.Contains(w.Log.String(), token)) {
			t.Errorf("%s: its token is in the database or in the log", kind)
		}
		if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM mails WHERE user_id = $1 AND sent_at IS NOT NULL AND claimed_at IS NOT NULL
			AND next_due_at IS NULL AND attempts = 1`, u.ID.String()); n != 1 {
			t.Errorf("%s: %d rows that say it was sent", kind, n)
		}
	}
	if n := w.Queued(t, "mail"); n != 0 {
		t.Errorf("the reconciler has sent %d mails again", n)
	}
	if strings.Contains(w.Log.String(), "@example.org") {
		t.Errorf("the log holds an address:\n%s", w.Log)
	}
}

// An old refresh token that comes again, many times at once, is one alert and
// one mail.
func TestAReplayIsToldOnce(t *testing.T) {
	t.Parallel()
	inbox := mailtest.Open(t)
	w := vaulttest.New(t, map[string]string{"SMTP_URL": inbox.URL(), "EMAIL_VERIFICATION": "off", "REFRESH_GRACE": "0s"}, at(site))
	c := clients(w).SignUp(t, "ada@example.org")
	stolen := c.Copy()
	for range 2 {
		c.Refresh(t).JSON(t, http.StatusOK, nil)
	}
	var thieves sync.WaitGroup
	for range 6 {
		thieves.Go(func() { stolen.Copy().Refresh(t) })
	}
	thieves.Wait()
	stolen.Refresh(t).Problem(t, fault.SessionRevoked)
	for range 2 {
		if err := w.Schedule(t, "reconcile"); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.Queued(t, "mail"); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
	for _, l := range owed(t, w, c.Grant.User.ID) {
		deliver(t, w, l)
		deliver(t, w, l)
	}
	got := inbox.To(t, "ada@example.org")
	if len(got) != 1 || !strings.Contains(got[0].Text, "Firefox on Linux") {
		t.Errorf("mails %+v", got)
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM alerts WHERE kind = 'refresh_replayed'`); n != 1 {
		t.Errorf("%d alerts", n)
	}
}

func TestWhatTheServerDidNotTakeIsSentLater(t *testing.T) {
	t.Parallel()
	inbox := mailtest.Open(t, "--enable-chaos")
	w := vaulttest.New(t, inbox.Vars(), at(site))
	u, other := w.User(t), w.User(t)
	l := owe(t, w, u.ID, letter.Reset, "1")
	inbox.Chaos(t, "Recipient", 451)
	deliver(t, w, l)
	deliver(t, w, l) // a message that comes twice is one more try at most
	if !dbtest.Query1[bool](t, w.DB, `SELECT claimed_at IS NULL AND token_hash IS NULL AND attempts = 2
		AND next_due_at BETWEEN clock_timestamp() + interval '90 seconds' AND clock_timestamp() + interval '2 minutes' FROM mails`) {
		t.Error("it is not due again in two minutes, without its token")
	}
	inbox.Chaos(t, "", 0)
	if err := w.Schedule(t, "reconcile"); err != nil || w.Queued(t, "mail") != 0 {
		t.Errorf("%v, or sent before its time", err)
	}
	w.DB.Exec(t, `UPDATE mails SET next_due_at = clock_timestamp()`)
	if err := w.Schedule(t, "reconcile"); err != nil || w.Queued(t, "mail") != 1 {
		t.Errorf("%v, %d messages", err, w.Queued(t, "mail"))
	}
	deliver(t, w, l)
	deliver(t, w, l)
	if n := len(inbox.To(t, u.ID.String()+"@example.org")); n != 1 {
		t.Errorf("%d mails", n)
	}
	// What it will never take is not tried again.
	w.Allow("a mail was refused")
	refused := owe(t, w, other.ID, letter.Reset, "2")
	inbox.Chaos(t, "Recipient", 550)
	deliver(t, w, refused)
	inbox.Chaos(t, "", 0)
	deliver(t, w, refused)
	if n := len(inbox.To(t, other.ID.String()+"@example.org")); n != 0 {
		t.Errorf("%d mails", n)
	}
	if !dbtest.Query1[bool](t, w.DB, `SELECT claimed_at IS NOT NULL AND sent_at IS NULL AND next_due_at IS NULL AND token_hash IS NULL FROM mails WHERE id = $1`, refused.Mail.String()) {
		t.Error("it is not at its end")
	}
}

// Without the answer to the last line nobody knows; the mail is there once.
func TestALostAnswerIsNotSentTwice(t *testing.T) {
	t.Parallel()
	inbox := mailtest.Open(t)
	w := vaulttest.New(t, map[string]string{"SMTP_URL": "smtp://" + deafTo(t, inbox.SMTP) + "?from=vault@example.org", "EMAIL_VERIFICATION": "off"}, at(site))
	w.Allow("a mail may have been lost")
	u := w.User(t)
	l := owe(t, w, u.ID, letter.Replayed, "1")
	deliver(t, w, l)
	deliver(t, w, l)
	if err := w.Schedule(t, "reconcile"); err != nil {
		t.Fatal(err)
	}
	if n := len(inbox.To(t, u.ID.String()+"@example.org")); n != 1 {
		t.Errorf("%d mails, want 1", n)
	}
	if !dbtest.Query1[bool](t, w.DB, `SELECT claimed_at IS NOT NULL AND sent_at IS NULL AND attempts = 1 FROM mails`) {
		t.Error("the row does not say that nobody knows")
	}
}

// deafTo is a way to an SMTP server that ends when the server has taken a
// message, before the sender hears of it.
func deafTo(t *testing.T, server string) (address string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			sender, err := listener.Accept()
			if err != nil {
				return
			}
			go relay(sender, server)
		}
	}()
	return listener.Addr().String()
}

func relay(sender net.Conn, server string) {
	defer func() { _ = sender.Close() }()
	upstream, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer func() { _ = upstream.Close() }()
	go func() { _, _ = io.Copy(upstream, sender) }()
	buffer, data := make([]byte, 4096), false
	for {
		n, err := upstream.Read(buffer)
		said := string(buffer[:n])
		if err != nil || data && strings.HasPrefix(said, "250 ") {
			return
		}
		data = data || strings.HasPrefix(said, "354")
		if _, err := fmt.Fprint(sender, said); err != nil {
			return
		}
	}
}

func TestNobodyIsWrittenToAfterTheEnd(t *testing.T) {
	t.Parallel()
	w, inbox := vault(t)
	for what, sql := range map[string]string{
		"a disabled account": `UPDATE users SET disabled_at = now() WHERE id = $1`,
		"a deleted account":  `UPDATE users SET disabled_at = now(), deleted_at = now(), email = NULL WHERE id = $1`,
		"a mail of old":      `UPDATE mails SET created_at = now() - interval '49 hours' WHERE user_id = $1`,
		"a link of old":      `UPDATE mails SET kind = 'reset', created_at = now() - interval '61 minutes' WHERE user_id = $1`,
	} {
		u := w.User(t)
		l := owe(t, w, u.ID, letter.Quota80, "1")
		w.DB.Exec(t, sql, u.ID.String())
		deliver(t, w, l)
		if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM mails`); n != 0 {
			t.Errorf("%s: %d rows are left, and due for ever", what, n)
		}
		if n := len(inbox.To(t, u.ID.String()+"@example.org")); n != 0 {
			t.Errorf("%s: %d mails", what, n)
		}
	}
	// A message whose user there never was, and one that is not ours.
	deliver(t, w, job.Letter{User: id.New(), Mail: id.New()})
	if err := w.Deliver(t, "mail", []byte(`{}`)); err != nil {
		t.Error(err)
	}
	// Another user's mail is not there.
	u, other := w.User(t), w.User(t)
	l := owe(t, w, u.ID, letter.Quota80, "1")
	deliver(t, w, job.Letter{User: other.ID, Mail: l.Mail})
	if !dbtest.Query1[bool](t, w.DB, `SELECT claimed_at IS NULL FROM mails`) {
		t.Error("another user's message claims it")
	}
}

func TestWithoutMailWhatIsOwedIsForgotten(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	u := w.User(t)
	l := owe(t, w, u.ID, letter.Quota80, "1")
	if err := w.Schedule(t, "reconcile"); err != nil || w.Queued(t, "mail") != 1 {
		t.Errorf("%v, %d messages", err, w.Queued(t, "mail"))
	}
	deliver(t, w, l)
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM mails`); n != 0 {
		t.Errorf("%d rows", n)
	}
	if !strings.Contains(w.Log.String(), "no mail is sent") {
		t.Error("the log does not say so")
	}
}

func environment(t *testing.T, vars map[string]string) *host.Env {
	t.Helper()
	env, _ := hosttest.Env(t, vars)
	return env
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	vars := map[string]string{"DATABASE_URL": "postgres://docuvault_app:p@localhost:1/x"}
	for _, c := range []struct{ mail, url, public, says string }{
		{"", "", "", ""},
		{"off", "", "", ""},
		{"off", "smtp://h?from=v@example.org", "", ""},
		{"on", "", site, "SMTP_URL is not set"},
		{"perhaps", "", site, "MAIL: on"},
		{"", "smtp://h?from=v@example.org", "", "PUBLIC_URL is not set"},
		{"on", "smtp://h?from=v@example.org", site, ""},
	} {
		vars["MAIL"], vars["SMTP_URL"], vars["PUBLIC_URL"] = c.mail, c.url, c.public
		_, err := mail.Open(environment(t, vars))
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
