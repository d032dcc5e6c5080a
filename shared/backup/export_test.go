package backup

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// LockKey is for the test of two runs at once.
var LockKey = lockKey

// LeftOut are the tables of which no row is in a backup.
func LeftOut() []string { return slices.Sorted(maps.Keys(leftOut)) }

// Catalogue returns the names of all tables, and of those that are copied.
func Catalogue(ctx context.Context, conn *pgx.Conn) (all, some []string, err error) {
	tables, err := catalogue(ctx, conn)
	if err != nil {
		return nil, nil, err
	}
	chosen, err := copied(tables)
	for _, t := range tables {
		all = append(all, t.name)
	}
	for _, t := range chosen {
		some = append(some, t.name)
	}
	return all, some, err
}
