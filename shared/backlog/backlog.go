// Package backlog asks the worker of the analysis for the documents that a
// change of many left behind: their search index, and what their words taught.
//
// The change wrote them down (vault.Lag); the message only makes it sooner, since
// the reconciler asks as well.
package backlog

import (
	"context"
	"log/slog"

	"docuvault/shared/database"
	"docuvault/shared/host"
	"docuvault/shared/job"
	"docuvault/shared/queue"
	"docuvault/shared/vault"
)

// Sender asks.
type Sender struct {
	vault *vault.Vault
	jobs  queue.Queue
	log   *slog.Logger
}

// Open returns the Env's one Sender.
func Open(env *host.Env) (*Sender, error) { return host.Resource(env, open) }

func open(env *host.Env) (*Sender, error) {
	v, err := vault.Open(env)
	if err != nil {
		return nil, err
	}
	jobs, err := queue.Open(env)
	if err != nil {
		return nil, err
	}
	return &Sender{vault: v, jobs: jobs, log: env.Log}, nil
}

// Send asks for up to [vault.MaxLagging] of the actor's documents.
func (s *Sender) Send(ctx context.Context, actor database.Actor) {
	documents, err := s.vault.Lagging(ctx, actor)
	if err == nil {
		err = s.jobs.Send(ctx, job.Analyze, queue.Messages(job.Bodies(actor.User(), documents))...)
	}
	if err != nil {
		s.log.WarnContext(ctx, "documents that lag behind were not queued; the reconciler will do it", "documents", len(documents), "error", err)
	}
}
