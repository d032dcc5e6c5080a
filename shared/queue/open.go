package queue

import (
	"fmt"

	"docuvault/shared/database"
	"docuvault/shared/host"
)

// Config says where messages travel.
type Config struct {
	// Driver is "postgres": the database of DATABASE_URL carries the messages.
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
	case "postgres":
		return nil
	case "sqs":
		return fmt.Errorf("QUEUE_DRIVER: this build has no driver for sqs yet; leave it unset, or set it to postgres")
	default:
		return fmt.Errorf("QUEUE_DRIVER: %q is not a driver; leave it unset, or set it to postgres", c.Driver)
	}
}

// Open returns the Env's one queue. It reads QUEUE_DRIVER and, for postgres,
// what the database package reads; it shares that package's pool, and connects
// on first use.
func Open(env *host.Env) (Queue, error) { return host.Resource(env, open) }

func open(env *host.Env) (Queue, error) {
	cfg, err := host.Config[Config](env)
	if err != nil {
		return nil, err
	}
	db, err := database.Open(env)
	if err != nil {
		return nil, err
	}
	return NewPostgres(db.Pool(), Options{Log: env.Log, Concurrency: cfg.Concurrency})
}
