package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"docuvault/cmd/docuvault/internal/embedded"
	"docuvault/shared/host"
	"docuvault/shared/keys"
	"docuvault/shared/secret"
	"docuvault/shared/storage"
	"docuvault/shared/verify"
)

type verifyCmd struct {
	operator
	JSON   bool   `help:"Print the report as JSON."`
	Strict bool   `help:"Also count what time or an operator may explain: rows that are due just now, young objects without a row, accounts above their limit. For a vault at rest."`
	State  string `placeholder:"FILE" help:"Keep in this file how far the check has come. Called again after it was killed, it continues there; at the end the file is removed."`
}

// Help is shown by verify --help.
func (verifyCmd) Help() string {
	return `Checks the ten invariants of the design and changes nothing. The vault may run meanwhile.

Reads DATABASE_MIGRATE_URL, DATABASE_URL, the S3_* variables and MASTER_KEYS, or with --data what a running embedded vault uses. What is missing is said by the invariant that needs it. The report holds ids and codes, never names or content.

Exit code 1 when an invariant is broken.`
}

// Run prints the report.
func (c *verifyCmd) Run(ctx context.Context, s streams) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	return c.check(ctx, s, o)
}

// check runs what o names and prints it.
func (c *verifyCmd) check(ctx context.Context, s streams, o verify.Options) error {
	if o.Store != nil {
		defer func() { _ = o.Store.Close() }()
	}
	report, err := verify.Run(ctx, o)
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(report)
	} else {
		err = report.WriteText(s.out)
	}
	if err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	if !report.OK {
		return &exitError{code: exitFailed}
	}
	return nil
}

// options gathers what the environment or the data folder of a running vault
// names; what neither does is left out.
func (c *verifyCmd) options() (verify.Options, error) {
	vars := embedded.Environment(os.Environ())
	o := verify.Options{Strict: c.Strict, State: c.State}
	var err error
	if o.Owner, err = c.dsn(); err != nil {
		return o, err
	}
	if !vars.Has("DATABASE_MIGRATE_URL") {
		folder, err := c.folder()
		if err != nil {
			return o, err
		}
		if err := folder.Running(vars); err != nil {
			return o, err
		}
	}
	env, err := host.NewEnv(vars.Environ(), slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		return o, err
	}
	o.App = secret.New(env.Lookup("DATABASE_URL"))
	if vars.Has("S3_ENDPOINT") || vars.Has("S3_ACCESS_KEY") || vars.Has("S3_BUCKET") {
		if o.Store, err = storage.Open(env); err != nil {
			return o, err
		}
	}
	if env.Lookup("MASTER_KEYS") != "" {
		if o.Ring, err = keys.Open(env); err != nil {
			return o, err
		}
	}
	return o, nil
}
