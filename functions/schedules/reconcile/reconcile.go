// Package reconcile is the schedule that puts right what events and processes
// lost.
package reconcile

import (
	"context"
	"time"

	"docuvault/shared/host"
	"docuvault/shared/host/hostschedule"
	"docuvault/shared/reconcile"
)

// Function runs every minute. A second run right after it changes nothing.
var Function = host.Function{Name: "schedules-reconcile", Trigger: hostschedule.Every(time.Minute, New)}

// New builds the job.
func New(env *host.Env) (func(context.Context) error, error) {
	r, err := reconcile.Open(env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		report, err := r.Run(ctx)
		env.Log.InfoContext(ctx, "reconciled", "report", report)
		return err
	}, nil
}
