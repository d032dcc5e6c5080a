// Command migrate is the function that brings the database's schema up to date
// in a deployment on AWS: CloudFormation calls it as a custom resource, before it
// makes or changes any other function. It alone has DATABASE_MIGRATE_URL.
//
// Deleting the stack deletes nothing in the database. A deployment that is rolled
// back leaves the newer schema, which the older functions work with: migrations
// expand first and contract a version later.
package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-lambda-go/lambda"

	"docuvault/db"
	"docuvault/db/migrate"
	"docuvault/shared/host"
	"docuvault/shared/secret"
)

type config struct {
	URL secret.Text `env:"DATABASE_MIGRATE_URL"`
}

// Validate names what is missing.
func (c *config) Validate() error {
	if c.URL.IsZero() {
		return errors.New("DATABASE_MIGRATE_URL is not set: it is the connection string of the role docuvault_migrate")
	}
	return nil
}

func main() {
	host.Main(func(_ context.Context, env *host.Env) error {
		handle, err := handler(env)
		if err != nil {
			return err
		}
		lambda.Start(cfn.LambdaWrap(handle))
		return nil
	})
}

// handler answers CloudFormation. The physical id stays the same for ever: a new
// one would make CloudFormation delete the old resource after an update.
func handler(env *host.Env) (cfn.CustomResourceFunction, error) {
	cfg, err := host.Config[config](env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, event cfn.Event) (string, map[string]any, error) {
		const id = "docuvault-schema"
		if event.RequestType == cfn.RequestDelete {
			return id, nil, nil
		}
		if err := migrate.Up(ctx, cfg.URL, lines{env.Log}); err != nil {
			return id, nil, err
		}
		env.Log.Info("the schema is up to date", "version", db.Latest())
		return id, map[string]any{"SchemaVersion": db.Latest()}, nil
	}, nil
}

// lines writes what the migration tool prints to the log.
type lines struct{ log *slog.Logger }

func (l lines) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		if line = strings.TrimSpace(line); line != "" {
			l.log.Info("migration", "line", line)
		}
	}
	return len(p), nil
}
