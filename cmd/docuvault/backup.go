package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"docuvault/cmd/docuvault/internal/embedded"
	"docuvault/cmd/docuvault/internal/push"
	"docuvault/db/migrate"
	"docuvault/shared/backup"
	"docuvault/shared/host"
	"docuvault/shared/keys"
	"docuvault/shared/storage"
)

// backupOptions are what backup and restore share.
type backupOptions struct {
	operator
	Dir  string `arg:"" placeholder:"DIR" help:"Folder of the backup."`
	Keys string `placeholder:"DIR" help:"Folder of the users' wrapped keys (default: keys in the backup's folder)."`
	JSON bool   `help:"Print the report as JSON."`
}

// options gathers what the environment or the data folder of a running vault
// names.
func (b backupOptions) options(s streams) (backup.Options, error) {
	o := backup.Options{Dir: b.Dir, Keys: b.Keys, Progress: progressOf(s), Program: version()}
	vars := embedded.Environment(os.Environ())
	var err error
	if o.Owner, err = b.dsn(); err != nil {
		return o, err
	}
	if !vars.Has("DATABASE_MIGRATE_URL") {
		folder, err := b.folder()
		if err != nil {
			return o, err
		}
		if err := folder.Running(vars); err != nil {
			return o, err
		}
	}
	if !vars.Has("S3_ENDPOINT") && !vars.Has("S3_ACCESS_KEY") && !vars.Has("S3_BUCKET") {
		return o, errors.New("the S3_* variables of the vault are not set: a backup is of the database and both buckets")
	}
	env, err := host.NewEnv(vars.Environ(), slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		return o, err
	}
	if o.Store, err = storage.Open(env); err != nil {
		return o, err
	}
	if env.Lookup("MASTER_KEYS") != "" {
		if o.Ring, err = keys.Open(env); err != nil {
			return o, err
		}
	}
	return o, nil
}

// progressOf tells a person at a terminal how far it is, a few times a second,
// and anybody else each step once.
func progressOf(s streams) func(backup.Progress) {
	t := terminalOf(s)
	var last time.Time
	step := ""
	return func(p backup.Progress) {
		live := t.messages && !t.dumb
		if p.Step == step && (!live || time.Since(last) < 200*time.Millisecond && p.Objects != p.Of) {
			return
		}
		if p.Step != step && step != "" && live {
			_, _ = fmt.Fprintln(s.err)
		}
		last, step = time.Now(), p.Step
		line := p.Step
		if p.Objects > 0 && live {
			line += fmt.Sprintf(": %d", p.Objects)
			if p.Of > 0 {
				line += fmt.Sprintf(" of %d", p.Of)
			}
			line += fmt.Sprintf(", %s", push.Bytes(p.Bytes))
		}
		if live {
			_, _ = fmt.Fprintf(s.err, "\r\x1b[K%s", line)
			return
		}
		_, _ = fmt.Fprintln(s.err, line+" …")
	}
}

func (b backupOptions) endProgress(s streams) {
	if t := terminalOf(s); t.messages && !t.dumb {
		_, _ = fmt.Fprintln(s.err)
	}
}

func (b backupOptions) printJSON(s streams, r backup.Report) error {
	encoder := json.NewEncoder(s.out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return nil
}

type backupCmd struct{ backupOptions }

// Help is shown by backup --help.
func (backupCmd) Help() string {
	return `Writes the vault into DIR: all tables as one moment had them, then the papers. The vault may run meanwhile. DIR is made, or has to be empty, or the backup of the same vault: that one is renewed, copies only papers that are new, and loses those that were purged since. Killed, it leaves the backup before as it was; start it again.

Reads DATABASE_MIGRATE_URL and the S3_* variables, or with --data what a running embedded vault uses. Whoever reads DIR reads the papers, which are in it as they are in the bucket. Sessions, mails under way and jobs are not in it.

The users' keys, wrapped under MASTER_KEYS, are in DIR/keys or where --keys says. MASTER_KEYS themselves are in no backup: without them it restores papers, and no name, text or note.

Exit code 1 also when the vault has lost a paper that it should have: the backup is complete without it, and the paper is named.`
}

// Run backs up.
func (c *backupCmd) Run(ctx context.Context, s streams) error {
	o, err := c.options(s)
	if err != nil {
		return err
	}
	defer func() { _ = o.Store.Close() }()
	report, err := backup.Write(ctx, o)
	c.endProgress(s)
	if err != nil {
		return err
	}
	if c.JSON {
		err = c.printJSON(s, report)
	} else {
		_, err = fmt.Fprintf(s.out, "%s: %d rows of %d tables, %d objects (%s); %d copied now, %s. As of %s.\n", c.Dir,
			report.Rows, report.Tables, report.Objects, push.Bytes(report.Bytes), report.Copied, push.Bytes(report.CopiedBytes), report.At.Format(time.RFC3339))
	}
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(s.err, "MASTER_KEYS are NOT in this backup. Keep them apart from it, on paper or in a vault for secrets: without them no name, text or note of it can ever be read.")
	for _, l := range report.Losses {
		_, _ = fmt.Fprintf(s.err, "%s: %s\n", l.Code, l.Object)
	}
	if report.Lost > 0 {
		return fmt.Errorf("the vault has lost %d objects that it should have; all else is in the backup. See docuvault verify", report.Lost)
	}
	return nil
}

type restoreCmd struct {
	backupOptions
	Check bool `help:"Only read all of the backup and compare it with its hashes. Needs no vault."`
}

// Help is shown by restore --help.
func (restoreCmd) Help() string {
	return `Makes a vault of the backup in DIR: in an empty database, which it migrates, and in the buckets of the S3_* variables. A database with rows in it is refused and left alone. Every file is compared with its hash before it is used. Killed, it can be started again.

Reads DATABASE_MIGRATE_URL, the S3_* variables and MASTER_KEYS, which have to be those of the vault that was backed up; or --data beside an embedded vault that runs and is empty. To start one with the old master keys, put them into MASTER_KEYS or its file of master keys first.

Everybody signs in anew. What was changed, shared or revoked after the backup is as it was before it: look at API tokens and at who is disabled. With --keys, keys that are newer than the backup: accounts that were deleted in between are deleted again.

PostgreSQL may be another major, and the program newer than the backup, not older. Rows come into the schema that they were in, and are migrated on from there. A database that has a newer schema already is refused where a migration in between fills rows.`
}

// Run restores.
func (c *restoreCmd) Run(ctx context.Context, s streams) error {
	if c.Check {
		report, err := backup.Check(ctx, backup.Options{Dir: c.Dir, Keys: c.Keys, Progress: progressOf(s)})
		c.endProgress(s)
		if err == nil {
			err = c.print(s, report, "is as it was written")
		}
		return err
	}
	o, err := c.options(s)
	if err != nil {
		return err
	}
	defer func() { _ = o.Store.Close() }()
	if vars := embedded.Environment(os.Environ()); vars.Has("DATABASE_MIGRATE_URL") {
		o.Migrate = func(ctx context.Context, version string) error { return migrate.To(ctx, o.Owner, version, nil) }
	}
	report, err := backup.Restore(ctx, o)
	c.endProgress(s)
	if err != nil {
		return err
	}
	if err := c.print(s, report, "is restored"); err != nil {
		return err
	}
	if o.Ring == nil {
		_, _ = fmt.Fprintln(s.err, "MASTER_KEYS is not set here, so that nobody has tried whether they open this vault. Give it those of the vault that was backed up.")
	}
	_, _ = fmt.Fprintln(s.err, "Everybody signs in anew. docuvault verify says whether all is well.")
	return nil
}

func (c *restoreCmd) print(s streams, r backup.Report, what string) error {
	if c.JSON {
		return c.printJSON(s, r)
	}
	text := fmt.Sprintf("The backup of %s %s: %d rows of %d tables, %d objects (%s)", r.At.Format(time.RFC3339), what, r.Rows, r.Tables, r.Objects, push.Bytes(r.Bytes))
	if r.Gone > 0 {
		text += fmt.Sprintf("; %d documents were being deleted, and are", r.Gone)
	}
	if r.Lost > 0 {
		text += fmt.Sprintf("; %d objects were lost before the backup", r.Lost)
	}
	if r.Erased > 0 {
		text += fmt.Sprintf("; %d accounts have no key any more and are being deleted", r.Erased)
	}
	if _, err := fmt.Fprintln(s.out, text+"."); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return nil
}
