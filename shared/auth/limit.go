package auth

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"docuvault/shared/database"
	"docuvault/shared/fault"
)

// limit is a leaky bucket: burst at once, and one more every interval.
type limit struct {
	name  string
	burst int
	every time.Duration
}

// The limits. Those of an account hold together with the network, so that a
// stranger cannot lock its owner out; the owner's known device has a bucket of
// its own.
var (
	limitLoginAccount    = limit{"login.account", 10, time.Minute}
	limitLoginNetwork    = limit{"login.network", 100, 2 * time.Second}
	limitLoginDevice     = limit{"login.device", 20, 30 * time.Second}
	limitRegisterAddress = limit{"register.address", 5, 10 * time.Minute}
	limitVerify          = limit{"verify.network", 30, 10 * time.Second}
	limitRegister        = limit{"register.network", 20, 3 * time.Minute}
	limitReauth          = limit{"reauth.session", 10, time.Minute}
	limitPassword        = limit{"password.session", 10, time.Minute}
	limitForgotAddress   = limit{"forgot.address", 3, 10 * time.Minute}
	limitForgotNetwork   = limit{"forgot.network", 20, 30 * time.Second}
	limitReset           = limit{"reset.network", 30, 10 * time.Second}
	limitResetAddress    = limit{"reset.address", 10, 5 * time.Minute}
	// Codes have six digits, three of which count at a time: these are so slow
	// that a thief of the password needs years. Owners who are kept out by them
	// have their known device, and recovery codes, which are not counted.
	limitCodeAccount = limit{"code.account", 10, 10 * time.Minute}
	limitCodeDevice  = limit{"code.device", 10, 10 * time.Minute}
	limitCodeSession = limit{"code.session", 10, 10 * time.Minute}
)

// bucket is one limit for one subject.
type bucket struct {
	limit   limit
	subject string
}

// spending is a list of common table expressions that take one from each
// bucket: "verdict" has one row, that says of how many, and after how many
// seconds there is room in the slowest of the others. What is kept is a hash of
// the subject.
const spending = `asked AS (SELECT * FROM unnest(@keys::bytea[], @bursts::float8[], @rates::float8[]) a(key, burst, rate) ORDER BY key),
  spent AS (
    INSERT INTO rate_limits (bucket, spent) SELECT key, 1 FROM asked
    ON CONFLICT (bucket) DO UPDATE SET updated_at = clock_timestamp(),
      spent = GREATEST(0, rate_limits.spent - extract(epoch FROM clock_timestamp() - rate_limits.updated_at)
                * (SELECT rate FROM asked WHERE key = EXCLUDED.bucket)) + 1
    WHERE GREATEST(0, rate_limits.spent - extract(epoch FROM clock_timestamp() - rate_limits.updated_at)
                * (SELECT rate FROM asked WHERE key = EXCLUDED.bucket)) + 1
          <= (SELECT burst FROM asked WHERE key = EXCLUDED.bucket)
    RETURNING bucket),
  verdict AS (SELECT count(*)::integer AS granted, (SELECT count(*) FROM asked) AS wanted,
    coalesce((SELECT max(1 / a.rate) FROM asked a WHERE NOT EXISTS (SELECT FROM spent s WHERE s.bucket = a.key)), 0) AS wait FROM spent)`

// spendArgs adds the arguments of [spending].
func spendArgs(args database.Args, buckets ...bucket) database.Args {
	keys, bursts, rates := [][]byte{}, []float64{}, []float64{}
	for _, b := range buckets {
		key := sha256.Sum256([]byte(b.limit.name + "\x00" + b.subject))
		keys, bursts, rates = append(keys, key[:]), append(bursts, float64(b.limit.burst)), append(rates, 1/b.limit.every.Seconds())
	}
	args["keys"], args["bursts"], args["rates"] = keys, bursts, rates
	return args
}

// spend takes one from each bucket, in one statement, or refuses with
// fault.RateLimited and "retry_after" in seconds.
func spend(ctx context.Context, db *database.DB, buckets ...bucket) error {
	var granted int
	var wait float64
	err := db.Do(ctx, database.Actor{}, func(batch *database.Batch) {
		batch.One(`WITH `+spending+` SELECT granted, wait FROM verdict`, spendArgs(database.Args{}, buckets...), &granted, &wait)
	})
	if err != nil {
		return fmt.Errorf("rate limit: %w", err)
	}
	return refusal(granted, wait, buckets...)
}

func refusal(granted int, wait float64, buckets ...bucket) error {
	if granted == len(buckets) {
		return nil
	}
	after := int(wait) + 1
	return fault.Newf(fault.RateLimited, "Too many tries. Wait %d seconds.", after).With("retry_after", after)
}
