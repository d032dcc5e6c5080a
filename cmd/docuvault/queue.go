package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"docuvault/cmd/docuvault/internal/embedded"
	"docuvault/functions"
	"docuvault/shared/host"
	"docuvault/shared/job"
	"docuvault/shared/notification"
	"docuvault/shared/objectkey"
	"docuvault/shared/queue"
)

type queueCmd struct {
	Dead    queueDeadCmd    `cmd:"" help:"Count the dead letters of every queue, or list those of one."`
	Redrive queueRedriveCmd `cmd:"" help:"Send the dead letters of a queue again, when their cause is mended."`
}

// queueOptions are what the commands share.
type queueOptions struct {
	operator
}

const queueSource = `Reads QUEUE_DRIVER, and DATABASE_URL or DATABASE_MIGRATE_URL for postgres, or the SQS_* and AWS_* variables for sqs; or with --data what a running embedded vault uses. On AWS, SQS_QUEUE_PREFIX is the stack's name and a hyphen.`

// open returns the queue of the vault, and what closes it.
func (o queueOptions) open() (queue.DeadLetters, func() error, error) {
	vars := embedded.Environment(os.Environ())
	if vars["QUEUE_DRIVER"] != "sqs" && !vars.Has("DATABASE_URL") {
		dsn, err := o.dsn()
		if err != nil {
			return nil, nil, err
		}
		vars.Set("DATABASE_URL", dsn.Reveal())
	}
	env, err := host.NewEnv(vars.Environ(), slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		return nil, nil, err
	}
	q, err := queue.Open(env)
	if err != nil {
		return nil, nil, errors.Join(err, env.Close())
	}
	dead, ok := q.(queue.DeadLetters)
	if !ok {
		return nil, nil, errors.Join(errors.New("this queue shows no dead letters"), env.Close())
	}
	return dead, env.Close, nil
}

// queueNames are those of the vault's queues, in order.
func queueNames() []string {
	var names []string
	for _, fn := range functions.Queue() {
		names = append(names, fn.Trigger.Source())
	}
	slices.Sort(names)
	return names
}

func knownQueue(name string) error {
	if names := queueNames(); !slices.Contains(names, name) {
		return usage("%q is not a queue; the queues are %s", name, strings.Join(names, ", "))
	}
	return nil
}

type queueDeadCmd struct {
	queueOptions
	Name  string `arg:"" optional:"" help:"The queue; none: all of them, counted."`
	Limit int    `default:"1000" help:"Look at so many of a queue, the oldest first; 1 to 10000."`
	JSON  bool   `help:"Print as JSON."`
}

// Help is shown by queue dead --help.
func (queueDeadCmd) Help() string {
	return `A dead letter is a message that failed five times. Nothing is lost by it: the reconciler sends what is due, and redrive sends it again. The list holds ids, never names or content; what failed is in the log, by the message's id.

` + queueSource + ` SQS cannot show a message without hiding it for a moment: two that look at once see less each.

Exit code 0, whether there are any or not.`
}

// letter is what is shown of a dead letter.
type letter struct {
	ID       string    `json:"id"`
	Sent     time.Time `json:"sent"`
	Receives int       `json:"receives"`
	About    []about   `json:"about"`
}

// about is an id in a message, and whose it is.
type about struct {
	Kind string `json:"kind"` // user, document, mail
	ID   string `json:"id"`
}

// count is what is shown of a queue.
type count struct {
	Queue string `json:"queue"`
	Dead  int    `json:"dead"`
	// More says that Dead is the limit, and that there may be more.
	More   bool       `json:"more"`
	Oldest *time.Time `json:"oldest,omitempty"`
}

// Run prints the counts, or the letters.
func (c *queueDeadCmd) Run(ctx context.Context, s streams) error {
	if c.Limit < 1 || c.Limit > 10_000 {
		return usage("--limit %d is not a number from 1 to 10000", c.Limit)
	}
	if c.Name != "" {
		if err := knownQueue(c.Name); err != nil {
			return err
		}
	}
	q, done, err := c.open()
	if err != nil {
		return err
	}
	defer func() { _ = done() }()
	if c.Name == "" {
		return c.counts(ctx, s, q)
	}
	dead, err := q.Dead(ctx, c.Name, c.Limit)
	if err != nil {
		return err
	}
	letters := make([]letter, len(dead))
	for i, m := range dead {
		letters[i] = letter{m.ID, m.Sent.UTC(), m.ReceiveCount, aboutOf(m.Body)}
	}
	if len(dead) == c.Limit {
		_, _ = fmt.Fprintf(s.err, "There may be more than these %d: --limit shows them.\n", len(dead))
	}
	if c.JSON {
		return printJSON(s, letters)
	}
	if len(letters) == 0 {
		_, _ = fmt.Fprintf(s.err, "There are no dead letters of %s.\n", c.Name)
		return nil
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "MESSAGE\tSENT\tAGE\tRECEIVED\tABOUT")
	for _, l := range letters {
		ids := make([]string, len(l.About))
		for i, a := range l.About {
			ids[i] = a.Kind + " " + a.ID
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", l.ID, l.Sent.Format(time.RFC3339), age(l.Sent), l.Receives, strings.Join(ids, ", "))
	}
	return w.Flush()
}

// counts prints how many each queue has.
func (c *queueDeadCmd) counts(ctx context.Context, s streams, q queue.DeadLetters) error {
	var all []count
	for _, name := range queueNames() {
		dead, err := q.Dead(ctx, name, c.Limit)
		if err != nil {
			return err
		}
		n := count{Queue: name, Dead: len(dead), More: len(dead) == c.Limit}
		if len(dead) > 0 {
			oldest := slices.MinFunc(dead, func(a, b queue.Message) int { return a.Sent.Compare(b.Sent) }).Sent.UTC()
			n.Oldest = &oldest
		}
		all = append(all, n)
	}
	if c.JSON {
		return printJSON(s, all)
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "QUEUE\tDEAD\tOLDEST")
	for _, n := range all {
		dead, oldest := fmt.Sprint(n.Dead), ""
		if n.More {
			dead += " or more"
		}
		if n.Oldest != nil {
			oldest = age(*n.Oldest)
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", n.Queue, dead, oldest)
	}
	return w.Flush()
}

// aboutOf reads the ids in a message's body; of any other body nothing is shown.
func aboutOf(body []byte) []about {
	ids := []about{}
	add := func(kind, id string) {
		if a := (about{kind, id}); !slices.Contains(ids, a) {
			ids = append(ids, a)
		}
	}
	if m, err := job.Decode(body); err == nil {
		add("user", m.User.String())
		add("document", m.Document.String())
	} else if m, err := job.DecodeLetter(body); err == nil {
		add("user", m.User.String())
		add("mail", m.Mail.String())
	} else if m, err := job.DecodeAccount(body); err == nil {
		add("user", m.User.String())
	} else if records, err := notification.Parse(body); err == nil {
		for _, r := range records {
			if user, document, ok := objectkey.Owner(r.Key); ok {
				add("user", user.String())
				add("document", document.String())
			}
		}
	}
	return ids
}

func age(since time.Time) string { return time.Since(since).Truncate(time.Second).String() }

func printJSON(s streams, value any) error {
	encoder := json.NewEncoder(s.out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

type queueRedriveCmd struct {
	queueOptions
	Name string `arg:"" help:"The queue."`
}

// Help is shown by queue redrive --help.
func (queueRedriveCmd) Help() string {
	return `Each message gets five tries again. The vault may run meanwhile. Every consumer is guarded by the state of its row: a message too many changes nothing. Interrupted, it has sent some again, and may be called again.

` + queueSource
}

// Run sends them, and prints how many they were.
func (c *queueRedriveCmd) Run(ctx context.Context, s streams) error {
	if err := knownQueue(c.Name); err != nil {
		return err
	}
	q, done, err := c.open()
	if err != nil {
		return err
	}
	defer func() { _ = done() }()
	n, err := q.Redrive(ctx, c.Name)
	if n > 0 || err == nil {
		_, _ = fmt.Fprintf(s.out, "Dead letters of %s that were sent again: %d\n", c.Name, n)
	}
	return err
}
