package queue

import (
	"fmt"

	"docuvault/shared/database"
	"docuvault/shared/host"
)

// Config says where messages travel.
type Config struct {
	// Driver is "postgres": the database of DATABASE_URL carries the messages; or
	// "sqs": Amazon SQS does, or what speaks its protocol (see [SQSConfig]).
	Driver string `env:"QUEUE_DRIVER" envDefault:"postgres"`
	// Concurrency is how many handlers of one queue run at a time in one
	// process, 1 to 100; 0: the number of CPUs, at least 4.
	Concurrency int `env:"QUEUE_CONCURRENCY"`
}

// Validate names the variable and what would be right.
func (c *Config) Validate() error {
	if c.Concurrency < 0 || c.Concurrency > 100 {
		return fmt.Errorf("QUEUE_CONCURRENCY: %d is not a number from 1 to 100", c.Concurrency)
	}
	switch c.Driver {
	case "postgres", "sqs":
		return nil
	default:
		return fmt.Errorf("QUEUE_DRIVER: %q is not a driver; set it to sqs or postgres, or leave it unset for postgres", c.Driver)
	}
}

// Open returns the Env's one queue. It reads QUEUE_DRIVER and, for postgres,
// what the database package reads, whose pool it shares; for sqs, [SQSConfig].
// It connects on first use.
func Open(env *host.Env) (Queue, error) { return host.Resource(env, open) }

func open(env *host.Env) (Queue, error) {
	cfg, err := host.Config[Config](env)
	if err != nil {
		return nil, err
	}
	opts := Options{Log: env.Log, Concurrency: cfg.Concurrency}
	if cfg.Driver == "sqs" {
		sqsConfig, err := host.Config[SQSConfig](env)
		if err != nil {
			return nil, err
		}
		return NewSQS(sqsConfig, opts)
	}
	db, err := database.Open(env)
	if err != nil {
		return nil, err
	}
	return NewPostgres(db.Pool(), opts)
}
