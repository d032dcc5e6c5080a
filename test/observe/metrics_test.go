package observe_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"docuvault/functions"
	"docuvault/shared/database"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/host/hostserver"
	"docuvault/shared/host/supervise"
	"docuvault/shared/storage"
	"docuvault/shared/testenv"
	"docuvault/shared/vaulttest"
)

var update = flag.Bool("update", false, "write testdata/metrics.txt anew")

// scraper asks a vault's port for its metrics, as Prometheus does.
func scraper(t *testing.T, w *vaulttest.World) func(token string) (int, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- (&hostserver.Server{Env: w.Env}).Run(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return func(token string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String()+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if len(resp.Cookies()) > 0 || resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("cookies %v, Cache-Control %q", resp.Cookies(), resp.Header.Get("Cache-Control"))
		}
		return resp.StatusCode, string(body)
	}
}

var (
	typeLine = regexp.MustCompile(`^# TYPE (\S+) (\S+)$`)
	helpLine = regexp.MustCompile(`^# HELP \S+ .+$`)
	sample   = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$`)
	label    = regexp.MustCompile(`([a-z_]+)="((?:[^"\\]|\\.)*)"(?:,|$)`)
)

// families are the metrics of an answer: name, type and labels.
func families(t *testing.T, text string) []string {
	t.Helper()
	var all []string
	labels := map[string]bool{}
	name := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if m := typeLine.FindStringSubmatch(line); m != nil {
			name = m[1]
			all = append(all, m[1]+" "+m[2])
			continue
		}
		m := sample.FindStringSubmatch(line)
		if m == nil {
			if !helpLine.MatchString(line) {
				t.Errorf("a line that Prometheus does not read: %s", line)
			}
			continue
		}
		if !strings.HasPrefix(m[1], name) {
			t.Errorf("%s stands below the type of %s", m[1], name)
		}
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			if l[1] != "le" {
				labels[name+" "+l[1]] = true
			}
		}
	}
	for i, family := range all {
		name, _, _ := strings.Cut(family, " ")
		var own []string
		for l := range labels {
			if of, label, _ := strings.Cut(l, " "); of == name {
				own = append(own, label)
			}
		}
		slices.Sort(own)
		all[i] = strings.TrimSpace(family + " " + strings.Join(own, ","))
	}
	slices.SortFunc(all, cmp.Compare[string])
	return all
}

// value is a sample of an answer; -1 if there is none.
func value(text, series string) float64 {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, series+" "); ok {
			var v float64
			if _, err := fmt.Sscan(rest, &v); err == nil {
				return v
			}
		}
	}
	return -1
}

// A vault's whole story, and what of it a scraper gets: each number where it has
// to be, nothing of who did it, and exactly the metrics of testdata/metrics.txt,
// which the alerts and docs/operations.md are held to.
func TestMetricsOfAStory(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, map[string]string{"MAIL": "off"})
	w.Allow("broken on purpose")
	scrape := scraper(t, w)
	w.Work(t)
	anna, bert := w.User(t), w.User(t)
	ready(t, w, anna, "One paper about the rent of May.")
	ready(t, w, bert, "Another one about the rent of June.")

	// Bytes that lie, an upload that is aborted, one that has no room.
	lied := anna.Begin(t, "lie.txt", "text/plain", []byte("as announced"))
	if err := w.Store.Documents.Put(t.Context(), w.Key(t, lied.Document.ID), strings.NewReader("other"), 5, storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	anna.Call(t, http.MethodPost, "/v1/uploads/"+lied.Document.ID.String()+"/complete", nil)
	gone := anna.Begin(t, "gone.txt", "text/plain", []byte("given up"))
	anna.Call(t, http.MethodDelete, "/v1/uploads/"+gone.Document.ID.String(), nil)
	w.DB.Exec(t, `UPDATE quotas SET limit_bytes = used_bytes WHERE user_id = $1`, bert.ID.String())
	bert.Call(t, http.MethodPost, "/v1/uploads", vaulttest.Announce("much.txt", "text/plain", []byte("no room"))).Problem(t, "quota_exceeded")

	// Sign-ins, and an old refresh token.
	call := func(path string, body any, headers ...string) hosttest.Answer {
		return hosttest.Call(t, http.DefaultClient, http.MethodPost, w.Server.URL+path, body, headers...)
	}
	account := map[string]any{"email": "carla@example.org", "password": "Correct Horse Battery 9!"}
	call("/v1/auth/register", account)
	call("/v1/auth/login", map[string]any{"email": "carla@example.org", "password": "not the password"})
	cookie := ""
	for _, c := range call("/v1/auth/login", account).Cookies() {
		if strings.HasSuffix(c.Name, "docuvault_refresh") {
			cookie = c.Name + "=" + c.Value
		}
	}
	next := call("/v1/auth/refresh", nil, "Cookie", cookie)
	for range 2 { // each with what the last one answered
		for _, c := range next.Cookies() {
			if strings.HasSuffix(c.Name, "docuvault_refresh") {
				next = call("/v1/auth/refresh", nil, "Cookie", c.Name+"="+c.Value)
			}
		}
	}
	call("/v1/auth/refresh", nil, "Cookie", cookie).Problem(t, "refresh_replayed")

	// A dead letter, a letter to nobody, and both schedules.
	w.DB.Exec(t, `INSERT INTO river.river_job (state, queue, kind, args, max_attempts, attempt, finalized_at) VALUES ('discarded', 'purge', 'message', '{"body":""}', 5, 5, now())`)
	for _, schedule := range []string{"reconcile", "seal"} {
		if err := w.Schedule(t, schedule); err != nil {
			t.Fatal(err)
		}
	}
	for _, token := range []string{"", "wrong", vaulttest.MetricsToken[1:], vaulttest.MetricsToken + "x"} {
		if status, body := scrape(token); status != http.StatusNotFound || strings.Contains(body, "docuvault") {
			t.Errorf("with token %q: %d %s", token, status, body)
		}
	}
	var text string
	testenv.Eventually(t, time.Minute, "all is measured", func() bool {
		var status int
		if status, text = scrape(vaulttest.MetricsToken); status != http.StatusOK {
			t.Fatalf("answered with %d", status)
		}
		return value(text, `docuvault_analysis_duration_seconds_count{outcome="ready"}`) == 2 &&
			value(text, `messaging_process_duration_seconds_count{messaging_destination_name="uploadcomplete",outcome="done"}`) >= 2
	})
	for series, want := range map[string]float64{
		`docuvault_uploads_ended_total{outcome="stored"}`: 2, `docuvault_uploads_ended_total{outcome="rejected"}`: 1,
		`docuvault_uploads_ended_total{outcome="aborted"}`: 1, `docuvault_uploads_ended_total{outcome="expired"}`: 0,
		`docuvault_quota_refusals_total{reason="bytes"}`: 1, `docuvault_logins_total{outcome="ok"}`: 1, `docuvault_logins_total{outcome="refused"}`: 1,
		`docuvault_refresh_replays_total`: 1, `docuvault_queue_dead{queue="purge"}`: 1, `docuvault_queue_dead{queue="analyze"}`: 0,
		`docuvault_queue_waiting{queue="analyze"}`: 0, `docuvault_queue_oldest_age_seconds{queue="analyze"}`: 0,
		`http_server_request_duration_seconds_count{http_request_method="POST",http_response_status_code="409",http_route="/v1/uploads"}`: -1,
		`messaging_process_duration_seconds_count{messaging_destination_name="uploadcomplete",outcome="done"}`:                            2,
	} {
		if got := value(text, series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	for _, series := range []string{"docuvault_reconcile_last_run_timestamp_seconds", "docuvault_audit_last_seal_timestamp_seconds"} {
		if got := value(text, series); time.Since(time.Unix(int64(got), 0)) > time.Hour {
			t.Errorf("%s is %v", series, got)
		}
	}
	for _, leak := range hosttest.Leaks([]byte(text)) {
		t.Errorf("/metrics has %s", leak)
	}
	for _, who := range []string{anna.ID.String(), bert.ID.String(), "example.org", "127.0.0.1", "paper.txt"} {
		if strings.Contains(text, who) {
			t.Errorf("/metrics has %s", who)
		}
	}
	if lines := strings.Count(text, "\n"); lines > 1500 {
		t.Errorf("%d lines: a label has too many values", lines)
	}

	got := strings.Join(families(t, text), "\n") + "\n"
	const file = "testdata/metrics.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the metrics are\n%s\n%s says\n%s\nmend it: go test ./test/observe -run %s -update", got, file, want, t.Name())
	}
	documented, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(got) {
		if name, _, _ := strings.Cut(line, " "); !strings.Contains(string(documented), "`"+name+"`") {
			t.Errorf("docs/operations.md does not say what %s is", name)
		}
	}
}

// While nothing of the pool is left, /metrics says that, and leaves out only what
// it would have to ask the database.
func TestMetricsOfAnExhaustedPool(t *testing.T) {
	t.Parallel()
	w := vaulttest.New(t, nil)
	if _, err := supervise.New(w.Env, functions.Queue()); err != nil { // they are watched, and do not run
		t.Fatal(err)
	}
	scrape := scraper(t, w)
	db, err := database.Open(w.Env)
	if err != nil {
		t.Fatal(err)
	}
	held := int(db.Pool().Config().MaxConns)
	for range held {
		c, err := db.Pool().Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Release)
	}
	status, text := scrape(vaulttest.MetricsToken)
	if status != http.StatusOK || value(text, `db_client_connection_count{state="used"}`) != float64(held) || value(text, "db_client_connection_max") != float64(held) {
		t.Errorf("%d: %s", status, text)
	}
	if strings.Contains(text, "docuvault_queue_waiting{") {
		t.Error("a queue was counted without a connection: this test proves nothing")
	}
}
