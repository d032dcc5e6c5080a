package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"

	"docuvault/cmd/docuvault/internal/embedded"
	"docuvault/shared/host"
	"docuvault/shared/keyrotation"
	"docuvault/shared/keys"
)

type keysCmd struct {
	Rotate keysRotateCmd `cmd:"" help:"Wrap every user's data key under the primary master key."`
	Status keysStatusCmd `cmd:"" help:"Count users' data keys by master key, and change nothing."`
	Add    keysAddCmd    `cmd:"" help:"Put a new primary master key in front of an embedded vault's; the vault must not run."`
}

// keysOptions are what rotate and status share.
type keysOptions struct {
	operator
	JSON bool `help:"Print the report as JSON."`
}

// open connects, and reads MASTER_KEYS from the environment or the data folder
// of the vault that runs.
func (o keysOptions) open(ctx context.Context) (*pgx.Conn, *keys.Ring, error) {
	vars := embedded.Environment(os.Environ())
	dsn, err := o.dsn()
	if err != nil {
		return nil, nil, err
	}
	if !vars.Has("DATABASE_MIGRATE_URL") {
		folder, err := o.folder()
		if err != nil {
			return nil, nil, err
		}
		if err := folder.Running(vars); err != nil {
			return nil, nil, err
		}
	}
	env, err := host.NewEnv(vars.Environ(), slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		return nil, nil, err
	}
	ring, err := keys.Open(env)
	if err != nil {
		return nil, nil, err
	}
	conn, err := pgx.Connect(ctx, dsn.Reveal())
	if err != nil {
		return nil, nil, errors.New("cannot connect as docuvault_migrate: is the database running, and DATABASE_MIGRATE_URL right?")
	}
	return conn, ring, nil
}

// print writes the report to out.
func (o keysOptions) print(r keyrotation.Report, s streams) error {
	if o.JSON {
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "MASTER KEY\tDATA KEYS\t")
	for _, u := range r.InUse {
		note := ""
		switch {
		case u.Key == r.Primary:
			note = "primary"
		case !u.Known:
			note = "not in MASTER_KEYS: put it back"
		default:
			note = "still needed"
		}
		_, _ = fmt.Fprintf(w, "%s\t%d\t%s\n", u.Key, u.DataKeys, note)
	}
	return w.Flush()
}

type keysRotateCmd struct{ keysOptions }

// Help is shown by keys rotate --help.
func (keysRotateCmd) Help() string {
	return `The primary master key is the first of MASTER_KEYS. Every process of the vault has to know it before this runs: add it second everywhere, restart, make it first, restart, then rotate, and only then remove the old one.

The vault may run meanwhile. Killed, it goes on where it was when it is started again. Needs MASTER_KEYS and DATABASE_MIGRATE_URL, or --data beside a running embedded vault.

Exit code 1 when data keys remain that need another master key.`
}

// Run rotates and prints what remains.
func (c *keysRotateCmd) Run(ctx context.Context, s streams) error {
	conn, ring, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	report, err := keyrotation.Rotate(ctx, conn, ring, nil)
	if err != nil {
		return err
	}
	if !c.JSON {
		_, _ = fmt.Fprintf(s.err, "%d data keys are newly wrapped under %q.\n", report.Rewrapped, report.Primary)
	}
	if err := c.print(report, s); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	if report.Done {
		return nil
	}
	if report.Failed > 0 {
		return fmt.Errorf("%d data keys do not open with MASTER_KEYS; docuvault verify names their users", report.Failed)
	}
	return errors.New("some data keys are under another master key again: a process still has it first in MASTER_KEYS. Change that, then run this once more")
}

type keysStatusCmd struct{ keysOptions }

// Run prints the counts.
func (c *keysStatusCmd) Run(ctx context.Context, s streams) error {
	conn, ring, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	report, err := keyrotation.Status(ctx, conn, ring)
	if err != nil {
		return err
	}
	return c.print(report, s)
}

type keysAddCmd struct{ operator }

// Run adds a key to the file of the embedded vault.
func (c *keysAddCmd) Run(_ context.Context, s streams) error {
	if embedded.Environment(os.Environ()).Has("MASTER_KEYS") {
		return usage("MASTER_KEYS is set: the keys of this vault come from there; add one there (openssl rand -base64 32)")
	}
	folder, err := c.folder()
	if err != nil {
		return err
	}
	added, err := folder.AddMasterKey()
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(s.err, "%s is now the primary master key, in %s.\nBack that file up, start the vault, and run docuvault keys rotate.\n", added, folder.MasterKeys())
	return nil
}
