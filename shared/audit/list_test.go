package audit

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"docuvault/shared/dbtest"
	"docuvault/shared/id"
)

// TestHistoryReadsOnlyItsDocument looks at the plan for a document whose
// entries are the oldest of very many.
func TestHistoryReadsOnlyItsDocument(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	user, document := id.New(), id.New()
	db.Exec(t, `INSERT INTO audit_log (user_id, actor, action, target)
	  SELECT $1, 'user', 'document.changed', CASE WHEN i <= 5 THEN $2::uuid ELSE gen_random_uuid() END FROM generate_series(1, 20000) i`, user.String(), document.String())
	db.Exec(t, `VACUUM ANALYZE audit_log`)
	conn := db.AsApp(t)
	if _, err := conn.Exec(t.Context(), `SELECT set_config('app.user_id', $1, false)`, user.String()); err != nil {
		t.Fatal(err)
	}
	after := int64(1 << 40)
	for _, cursor := range []*int64{nil, &after} {
		args := pgx.NamedArgs{"target": document.String(), "after": cursor, "limit": 51}
		rows, err := conn.Query(t.Context(), `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) `+listing, pgx.QueryExecModeExec, args)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		if plan := strings.Join(lines, "\n"); !strings.Contains(plan, "using audit_log_target") || strings.Contains(plan, "Removed by Filter") {
			t.Errorf("plan:\n%s", plan)
		}
	}
}
