package database

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"docuvault/shared/id"
)

// Claim is the key under which a client may repeat a request. Whatever changes
// first in this user's name, within a context that carries it, is committed
// together with the key, once. It serves one request, whose batches run one
// after the other.
type Claim struct {
	User id.ID
	// Key and Request are hashes of 32 bytes.
	Key, Request []byte
	// Status is what the request answers with when it has worked.
	Status int

	taken bool
}

type claimKey struct{}

// WithClaim returns a context whose batches carry the claim; nil: none.
func WithClaim(ctx context.Context, c *Claim) context.Context {
	return context.WithValue(ctx, claimKey{}, c)
}

// claimOf is the claim that a batch of actor still has to carry, or nil.
func claimOf(ctx context.Context, actor Actor) *Claim {
	c, _ := ctx.Value(claimKey{}).(*Claim)
	if c == nil || c.taken || c.User != actor.user {
		return nil
	}
	return c
}

func (c *Claim) open(b *pgx.Batch) {
	b.Queue(`SELECT claim_key($1::bytea, $2::bytea, $3::integer)`, c.Key, c.Request, c.Status)
}

// close asks whether something took the key; true only once it is committed.
func (c *Claim) close(b *pgx.Batch, taken *bool) {
	b.Queue(`SELECT coalesce(current_setting('app.claim', true), '') = ''`).QueryRow(func(row pgx.Row) error { return row.Scan(taken) })
}

// Done is the error of [DB.Do] for a request that was done before under its
// key. Nothing happened this time.
type Done struct {
	// Resource is what it changed; Nil for nothing that has an id.
	Resource id.ID
	// At is when.
	At time.Time
}

// doneOf reads the detail of DV023: microseconds since 1970, and the id if there
// is one.
func doneOf(detail string) error {
	at, resource, _ := strings.Cut(detail, " ")
	micros, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return fmt.Errorf("database: a repeated request: %w", err)
	}
	d := &Done{At: time.UnixMicro(micros)}
	d.Resource, _ = id.Parse(resource)
	return d
}

// Error says so.
func (*Done) Error() string { return "this request was done before" }
