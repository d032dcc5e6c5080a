// Package vault is the documents of a user and their SQL: reading, listing,
// changing, the trash, topics, tags and folders.
//
// It promises that what a person wrote is sealed before it is sent to the
// database and opened only for the actor it belongs to, and that every change
// is one transaction with its audit entry in it. Uploading is in package
// upload, analysis in package analysis.
package vault

import (
	"context"
	"errors"
	"fmt"

	"docuvault/shared/database"
	"docuvault/shared/fault"
	"docuvault/shared/host"
	"docuvault/shared/id"
	"docuvault/shared/keys"
)

// Vault reads and changes documents.
type Vault struct {
	db   *database.DB
	ring *keys.Ring
}

// Open returns the Env's one Vault.
func Open(env *host.Env) (*Vault, error) { return host.Resource(env, open) }

func open(env *host.Env) (*Vault, error) {
	db, err := database.Open(env)
	if err != nil {
		return nil, err
	}
	ring, err := keys.Open(env)
	if err != nil {
		return nil, err
	}
	v := &Vault{db: db, ring: ring}
	env.AtStart(func(ctx context.Context) error {
		if err := v.CheckMasterKeys(ctx); errors.Is(err, keys.ErrMasterMissing) {
			return err
		}
		return nil // a database that does not answer is no reason; see below
	})
	env.Ready("master_keys", v.CheckMasterKeys)
	return v, nil
}

// CheckMasterKeys returns keys.ErrMasterMissing, with the id, if users' data
// keys are wrapped under a master key that this process does not have: their
// values would not open. It is one query that reads a row of an index for each
// key.
func (v *Vault) CheckMasterKeys(ctx context.Context) error {
	var missing string
	err := v.db.Do(ctx, database.Actor{}, func(b *database.Batch) {
		b.Each(`SELECT master_id FROM master_keys_in_use()`, nil, func(scan func(...any) error) error {
			var master string
			err := scan(&master)
			if err == nil && !v.ring.Has(master) {
				missing = master
			}
			return err
		})
	})
	switch {
	case err != nil:
		return fmt.Errorf("master keys: %w", err)
	case missing != "":
		return fmt.Errorf("MASTER_KEYS: the key %q is missing, and users' data keys are still wrapped under it: put it back after the primary one, and remove it when docuvault keys rotate has said that nothing needs it (%w)",
			missing, keys.ErrMasterMissing)
	}
	return nil
}

// DB is the database behind the vault, for the packages that move documents
// from state to state.
func (v *Vault) DB() *database.DB { return v.db }

// Keys returns the actor's own keys; on first use they are made.
func (v *Vault) Keys(ctx context.Context, actor database.Actor) (*keys.User, error) {
	u, err := v.ring.For(ctx, keyRows{v.db, actor}, actor.User())
	if err != nil {
		return nil, fmt.Errorf("keys of the user: %w", err)
	}
	return u, nil
}

// keyRows is the keys.Store over user_keys, as one actor.
type keyRows struct {
	db    *database.DB
	actor database.Actor
}

const selectKey = `SELECT master_id, number, wrapped FROM user_keys
 WHERE user_id = app_user() ORDER BY number DESC LIMIT 1`

func (k keyRows) Load(ctx context.Context, _ id.ID) (keys.Wrapped, bool, error) {
	var w keys.Wrapped
	var found bool
	err := k.db.Do(ctx, k.actor, func(b *database.Batch) {
		b.Maybe(&found, selectKey, nil, &w.MasterID, &w.Number, &w.Bytes)
	})
	return w, found, err
}

func (k keyRows) Create(ctx context.Context, _ id.ID, w keys.Wrapped) (keys.Wrapped, error) {
	var won keys.Wrapped
	err := k.db.Do(ctx, k.actor, func(b *database.Batch) {
		// No new key for an account that was deleted: its keys are gone for good.
		b.Exec(`INSERT INTO user_keys (user_id, number, master_id, wrapped)
		        SELECT id, @number, @master_id, @wrapped FROM users WHERE id = app_user() AND deleted_at IS NULL
		        ON CONFLICT DO NOTHING`,
			database.Args{"number": int64(w.Number), "master_id": w.MasterID, "wrapped": w.Bytes})
		b.One(selectKey, nil, &won.MasterID, &won.Number, &won.Bytes)
	})
	if errors.Is(err, database.ErrNoRows) {
		return won, errNoAccount
	}
	return won, err
}

// errNoAccount is what workers get that come too late.
var errNoAccount = fault.New(fault.NotFound, "There is no such account any more.")
