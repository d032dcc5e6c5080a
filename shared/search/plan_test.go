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
	"docuvault/shared/id"
	"docuvault/shared/vault"
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
	conn, plans := w.explained(t)
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
		args["statuses"], args["only"] = []string{"ready"}, nil
		query.filterArgs(args)
		(*cursor)(nil).into(args, DefaultPage+1)
		*plans = nil
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
		for _, plan := range *plans {
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
			t.Errorf("%s: no plan of the search was seen among %d", kind, len(*plans))
		}
		if os.Getenv("SEARCH_PLANS") != "" {
			t.Logf("%s:\n%s", kind, strings.Join(*plans, "\n"))
		}
	}
	w.db.Exec(t, fmt.Sprintf("ALTER ROLE docuvault_app IN DATABASE %s RESET ALL", w.db.Name))
}

// explained connects as the app role, with the plans of all statements that run
// there, also inside functions.
func (w *world) explained(t *testing.T) (conn *pgx.Conn, plans *[]string) {
	t.Helper()
	for _, setting := range []string{"session_preload_libraries = 'auto_explain'", "auto_explain.log_min_duration = 0", "auto_explain.log_analyze = on",
		"auto_explain.log_nested_statements = on", "auto_explain.log_level = notice", "statement_timeout = 0"} {
		w.db.Exec(t, fmt.Sprintf("ALTER ROLE docuvault_app IN DATABASE %s SET %s", w.db.Name, setting))
	}
	config, err := pgx.ParseConfig(w.db.AppURL)
	if err != nil {
		t.Fatal(err)
	}
	plans = &[]string{}
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { *plans = append(*plans, n.Message) }
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err = pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn, plans
}

// A page of words beside filters that few or many of 6,000 documents pass reads
// a bounded number of rows, each by its key, and no table.
func TestFiltersAreTriedOnABoundedNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	actor, u := w.user(t)
	w.fill(t, actor, u, scaleTemplates(20), 6000)
	w.searcher.fewPassing = 200
	w.db.Exec(t, `ALTER TABLE documents DISABLE TRIGGER USER`)
	for name, condition := range map[string]string{"few": "size % 1000 = 0", "third": "size % 3 = 1"} {
		record := id.New()
		sealed, err := vault.SealName(u, vault.TopicNames, record, name)
		if err != nil {
			t.Fatal(err)
		}
		w.db.Exec(t, `INSERT INTO topics (id, user_id, name_key, name_sealed) VALUES ($1, $2, $3, $4)`, record.String(), actor.User().String(), sealed.Key, sealed.Sealed)
		w.db.Exec(t, `UPDATE documents SET topic_id = $1, topic_source = 'user' WHERE user_id = $2 AND topic_id IS NULL AND `+condition, record.String(), actor.User().String())
	}
	w.db.Exec(t, `VACUUM ANALYZE documents, tokens, topics`)
	conn, plans := w.explained(t)
	if _, err := conn.Exec(t.Context(), `SELECT set_config('app.user_id', $1, false)`, actor.User().String()); err != nil {
		t.Fatal(err)
	}
	common := scaleWord(0)
	for q, few := range map[string]bool{
		common + " topic:few": true, common + " topic:third": false, common + " size:<500": true, common + " date:2024-02": true, common + " date:>2009": false,
		common + " type:pdf": false, common + " -topic:third is:ready": false, `"` + common + " " + scaleWord(1) + `" topic:third`: false,
	} {
		query, err := Parse("q", q)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.searcher.resolve(t.Context(), actor, u, query, q); err != nil {
			t.Fatal(err)
		}
		only, err := w.searcher.few(t.Context(), actor, query)
		if err != nil || (only != nil) != few {
			t.Errorf("%s: %d documents are looked at first, %v; want few: %v", q, len(only), err, few)
		}
		args := query.args(u)
		query.filterArgs(args)
		args["only"], args["statuses"] = nil, []string{"ready"}
		if only != nil {
			var ids []string
			for _, document := range only {
				ids = append(ids, document.String())
			}
			args["only"] = ids
		}
		(*cursor)(nil).into(args, DefaultPage+1)
		*plans = nil
		if _, err := conn.Exec(t.Context(), pageSQL, args); err != nil {
			t.Fatal(err)
		}
		passing := 0
		for _, plan := range *plans {
			if strings.Contains(plan, "Seq Scan on tokens") || strings.Contains(plan, "Seq Scan on documents") {
				t.Errorf("%s: reads a whole table:\n%s", q, plan)
			}
			if strings.Contains(plan, "FROM search_passing(") {
				passing++
			}
		}
		if most := map[bool]int{true: 1, false: 60}[few]; passing == 0 || passing > most {
			t.Errorf("%s: filters were tried %d times, want at most %d", q, passing, most)
		}
	}
}
