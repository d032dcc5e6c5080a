package main

import (
	"context"

	"docuvault/shared/chain"
)

type auditCmd struct {
	Verify auditVerifyCmd `cmd:"" help:"Check the hash chain of the audit log."`
}

type auditVerifyCmd struct {
	operator
	Head string `placeholder:"HASH" help:"A head that somebody kept: it has to be in the chain."`
	JSON bool   `help:"Print the report as JSON."`
}

// Help is shown by audit verify --help.
func (auditVerifyCmd) Help() string {
	return `Walks all seals and compares them with the entries, with the heads in storage, and with --head. Finds entries that were changed, removed, put into another order or put in later, and a log that was cut off or rewritten after a head was kept.

Reads DATABASE_MIGRATE_URL and the S3_* variables, or with --data what a running embedded vault uses. It changes nothing, and the vault may run meanwhile. docuvault verify checks the same as its invariant 7.

Exit code 1 when something is wrong.`
}

// Run prints the report.
func (c *auditVerifyCmd) Run(ctx context.Context, s streams) error {
	v := verifyCmd{operator: c.operator, JSON: c.JSON}
	o, err := v.options()
	if err != nil {
		return err
	}
	o.Only = []int{7}
	if c.Head != "" {
		head, err := chain.ParseHash(c.Head)
		if err != nil {
			return usage("--head: %v", err)
		}
		o.Head = &head
	}
	return v.check(ctx, s, o)
}
