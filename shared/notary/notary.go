// Package notary seals the audit log and lays its head down in storage.
//
// It promises that what is sealed was final, that two notaries at once do no
// harm, and that one that dies anywhere is made good by the next run. The seals
// themselves are made in the database (SQL function audit_seal): a process that
// holds the app role's password can make one, and cannot make a wrong one.
package notary

import (
	"context"
	"fmt"
	"strings"
	"time"

	"docuvault/shared/chain"
	"docuvault/shared/database"
	"docuvault/shared/host"
	"docuvault/shared/storage"
	"docuvault/shared/telemetry"
)

// Bounds.
const (
	perSeal = 10000
	seals   = 100 // in one run
	// headEvery is how often the head of the day that has not ended is written
	// again. A bucket with versions keeps each.
	headEvery = time.Hour
	// patience is for the one look at all entries after a restore.
	patience = 5 * time.Minute
)

const cursor = "audit.head"

// Notary seals.
type Notary struct {
	db      *database.DB
	derived storage.Backend
	now     func() time.Time
	ran     telemetry.Value
}

// Open returns the Env's one Notary.
func Open(env *host.Env) (*Notary, error) { return host.Resource(env, open) }

func open(env *host.Env) (*Notary, error) {
	db, err := database.Open(env)
	if err != nil {
		return nil, err
	}
	store, err := storage.Open(env)
	if err != nil {
		return nil, err
	}
	measured, err := telemetry.Open(env)
	if err != nil {
		return nil, err
	}
	ran := measured.Gauge("docuvault.audit.last.seal.timestamp", "When the audit log was last sealed as far as it can be, in seconds since 1970.", "s")
	return &Notary{ran: ran, db: db, derived: store.Derived, now: env.Now}, nil
}

// Report is what one run did.
type Report struct {
	Seals   int   `json:"seals"`
	Entries int64 `json:"entries"`
	Heads   int   `json:"heads"` // written to storage
}

// Run seals what is final, and lays down heads that are due. It returns
// fault.Unavailable; the next run goes on.
func (n *Notary) Run(ctx context.Context) (Report, error) {
	var report Report
	for range seals {
		var made bool
		var number, entries int64
		err := n.db.Do(ctx, database.Actor{}, func(b *database.Batch) {
			b.Exec(`SELECT set_config('statement_timeout', @patience, true)`, database.Args{"patience": fmt.Sprint(patience.Milliseconds())})
			b.Maybe(&made, `SELECT sealed, entries FROM audit_seal(@limit::integer)`, database.Args{"limit": perSeal}, &number, &entries)
		})
		if err != nil {
			return report, fmt.Errorf("seal the audit log: %w", err)
		}
		if !made {
			break
		}
		report.Seals++
		report.Entries += entries
		if entries < perSeal {
			break
		}
	}
	if err := n.heads(ctx, &report); err != nil {
		return report, err
	}
	n.ran(ctx, float64(n.now().Unix()))
	return report, nil
}

// head is the last head of a day.
type head struct {
	chain.Head
	day string
}

// heads writes the last head of each day that has one which storage does not
// have. The rows of these objects are there: audit_seal made them.
func (n *Notary) heads(ctx context.Context, report *Report) error {
	var found bool
	var position string
	var written time.Time
	var due []head
	err := n.db.Do(ctx, database.Actor{}, func(b *database.Batch) {
		b.Maybe(&found, `SELECT position, updated_at FROM cursors WHERE name = @name`, database.Args{"name": cursor}, &position, &written)
		b.Each(`SELECT DISTINCT ON (s.day) s.day, s.number, s.hash, s.created_at
		          FROM (SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, number, hash, created_at FROM audit_seals
		                 WHERE number > coalesce((SELECT split_part(position, ' ', 2)::bigint FROM cursors WHERE name = @name), 0)) s
		         ORDER BY s.day, s.number DESC`, database.Args{"name": cursor}, func(scan func(...any) error) error {
			var h head
			var hash []byte
			if err := scan(&h.day, &h.Number, &hash, &h.At); err != nil {
				return err
			}
			copy(h.Hash[:], hash)
			due = append(due, h)
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("heads that are due: %w", err)
	}
	day, _, _ := strings.Cut(position, " ")
	if len(due) == 1 && due[0].day == day && n.now().Sub(written) < headEvery {
		return nil
	}
	for _, h := range due {
		text := h.Text()
		if err := n.derived.Put(ctx, chain.HeadKey(h.day), strings.NewReader(text), int64(len(text)), storage.PutOptions{ContentType: "text/plain"}); err != nil {
			return fmt.Errorf("lay down the head of %s: %w", h.day, err)
		}
		report.Heads++
		err := n.db.Do(ctx, database.Actor{}, func(b *database.Batch) {
			b.Exec(`INSERT INTO cursors (name, position) VALUES (@name, @day || ' ' || @number::bigint)
			        ON CONFLICT (name) DO UPDATE SET position = EXCLUDED.position, updated_at = clock_timestamp()
			        WHERE split_part(cursors.position, ' ', 2)::bigint < split_part(EXCLUDED.position, ' ', 2)::bigint`,
				database.Args{"name": cursor, "day": h.day, "number": h.Number})
		})
		if err != nil {
			return fmt.Errorf("note the head of %s: %w", h.day, err)
		}
	}
	return nil
}
