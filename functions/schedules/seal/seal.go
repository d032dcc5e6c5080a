// Package seal is the schedule that seals the audit log.
package seal

import (
	"context"
	"log/slog"
	"time"

	"docuvault/shared/host"
	"docuvault/shared/host/hostschedule"
	"docuvault/shared/notary"
)

// Function runs every minute. Two at once do no harm.
var Function = host.Function{Name: "schedules-seal", Trigger: hostschedule.Every(time.Minute, New)}

// New builds the job.
func New(env *host.Env) (func(context.Context) error, error) {
	n, err := notary.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		report, err := n.Run(ctx)
		if report != (notary.Report{}) {
			env.Log.InfoContext(ctx, "sealed the audit log", slog.Int("seals", report.Seals), slog.Int64("entries", report.Entries), slog.Int("heads", report.Heads))
		}
		return err
	}, nil
}
