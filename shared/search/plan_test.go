package search

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"docuvault/shared/database"
)

// everything is a scan of the index of words without a word.
var everything = regexp.MustCompile(`Index Scan (?:on|using) tokens_search .*\n\s*Index Cond: \(user_id = [^@]*\n`)

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
	searchAs := func(actor database.Actor, q string) {
		u, err := w.searcher.vault.Keys(t.Context(), actor)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), `SELECT set_config('app.user_id', $1, false)`, actor.User().String()); err != nil {
			t.Fatal(err)
		}
		query, err := Parse("q", q)
		if err != nil {
			t.Fatal(err)
		}
		args := query.args(u)
		(*cursor)(nil).into(args, DefaultPage+1)
		plans = nil
		if _, err := conn.Exec(t.Context(), pageSQL, args); err != nil {
			t.Fatal(err)
		}
	}
	// A connection keeps its plans, and the first user may have nothing.
	nobody, _ := w.user(t)
	searchAs(nobody, scaleWord(3))
	random := mathrand.New(mathrand.NewPCG(1, 2))
	for _, kind := range scaleKinds {
		searchAs(large, scaleQuery(random, kind))
		matches := 0
		for _, plan := range plans {
			if strings.Contains(plan, "Seq Scan on tokens") {
				t.Errorf("%s: reads the whole table:\n%s", kind, plan)
			}
			if everything.MatchString(plan) {
				t.Errorf("%s: reads all that the user has in the index:\n%s", kind, plan)
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
