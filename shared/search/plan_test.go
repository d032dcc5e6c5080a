package search

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// TestSearchUsesTheIndex looks at the plans inside the functions, as the app
// role, with 100,000 documents of one user. With SEARCH_PLANS=1 it prints them.
func TestSearchUsesTheIndex(t *testing.T) {
	if testing.Short() {
		t.Skip("fills a table with 100,000 documents")
	}
	w, _, large := scale(t, 20)
	for _, setting := range []string{"session_preload_libraries = 'auto_explain'", "auto_explain.log_min_duration = 0", "auto_explain.log_analyze = on",
		"auto_explain.log_nested_statements = on", "auto_explain.log_level = notice"} {
		w.db.Exec(t, fmt.Sprintf("ALTER ROLE docuvault_app IN DATABASE %s SET %s", w.db.Name, setting))
	}
	config, err := pgx.ParseConfig(w.db.AppURL)
	if err != nil {
		t.Fatal(err)
	}
	var plans []string
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { plans = append(plans, n.Message) }
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(t.Context(), `SELECT set_config('app.user_id', $1, false)`, large.User().String()); err != nil {
		t.Fatal(err)
	}
	u, err := w.searcher.vault.Keys(t.Context(), large)
	if err != nil {
		t.Fatal(err)
	}
	random := mathrand.New(mathrand.NewPCG(1, 2))
	for _, kind := range scaleKinds {
		query, err := Parse("q", scaleQuery(random, kind))
		if err != nil {
			t.Fatal(err)
		}
		args := query.args(u)
		(*cursor)(nil).into(args, DefaultPage+1)
		plans = nil
		if _, err := conn.Exec(t.Context(), pageSQL, args); err != nil {
			t.Fatal(err)
		}
		matches := 0
		for _, plan := range plans {
			if strings.Contains(plan, "Seq Scan on tokens") {
				t.Errorf("%s: reads the whole table:\n%s", kind, plan)
			}
			if !strings.Contains(plan, "FROM search_rows(") {
				continue
			}
			matches++
			if !strings.Contains(plan, "Bitmap Index Scan on tokens_search") || !strings.Contains(plan, "Index Cond: ((user_id = ") || !strings.Contains(plan, "(tsv @@ ") {
				t.Errorf("%s: not by the index:\n%s", kind, plan)
			}
		}
		if matches == 0 {
			t.Errorf("%s: no plan of the search was seen among %d", kind, len(plans))
		}
		if os.Getenv("SEARCH_PLANS") != "" {
			t.Logf("%s:\n%s", kind, strings.Join(plans, "\n"))
		}
	}
	w.db.Exec(t, fmt.Sprintf("ALTER ROLE docuvault_app IN DATABASE %s RESET ALL", w.db.Name))
}
