package mail_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"docuvault/shared/dbtest"
	"docuvault/shared/host"
	"docuvault/shared/host/childtest"
	"docuvault/shared/job"
	"docuvault/shared/letter"
	"docuvault/shared/mail"
	"docuvault/shared/mail/mailtest"
	"docuvault/shared/vaulttest"
)

func TestMain(m *testing.M) {
	if childtest.Program() == "worker" {
		fmt.Println("ended:", worker(os.Environ()))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// slow says that it is about to send, and then never does.
type slow struct{}

func (slow) Send(ctx context.Context, _ mail.Message) error {
	fmt.Println("sending")
	<-ctx.Done()
	return ctx.Err()
}

// worker is the mail worker as a process, with one message.
func worker(environ []string) error {
	env, err := host.NewEnv(environ, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		return err
	}
	host.Provide[mail.Sender](env, slow{})
	office, err := mail.Open(env)
	if err != nil {
		return err
	}
	var l job.Letter
	if err := json.Unmarshal([]byte(env.Lookup("MESSAGE")), &l); err != nil {
		return err
	}
	return office.Deliver(context.Background(), l.User, l.Mail)
}

// A worker that is killed when it has claimed a mail, and before the server has
// it: nobody knows that, so the mail is not sent again, and a link of it never
// works, since nobody has seen its token.
func TestAWorkerIsKilledBetweenClaimAndSend(t *testing.T) {
	t.Parallel()
	inbox := mailtest.Open(t)
	w := vaulttest.New(t, inbox.Vars(), at(site))
	u := w.User(t)
	l := owe(t, w, u.ID, letter.Reset, "1")
	child := childtest.Start(t, "worker", "DATABASE_URL="+w.Vars["DATABASE_URL"], "MAIL=on", "PUBLIC_URL="+site, "MESSAGE="+string(l.Encode()))
	child.Await(t, "sending")
	child.Kill(t)
	if code := child.Exit(t); code != -1 || strings.Contains(child.Output(), "ended") {
		t.Fatalf("code %d: %s", code, child.Output())
	}
	if !dbtest.Query1[bool](t, w.DB, `SELECT claimed_at IS NOT NULL AND sent_at IS NULL AND next_due_at IS NULL FROM mails`) {
		t.Fatal("the row is not claimed")
	}
	deliver(t, w, l) // the message comes again
	if err := w.Schedule(t, "reconcile"); err != nil {
		t.Fatal(err)
	}
	if n := len(inbox.To(t, u.ID.String()+"@example.org")) + w.Queued(t, "mail"); n != 0 {
		t.Errorf("it was sent again: %d", n)
	}
}
