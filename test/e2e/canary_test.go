package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"docuvault/shared/canary"
	"docuvault/shared/dbtest"
	"docuvault/shared/pgserver"
	"docuvault/shared/telemetry/telemetrytest"
	"docuvault/shared/testenv"
	"docuvault/shared/vaulttest"
	"docuvault/test/sample"
	"docuvault/test/throwaway"
)

// teller tells a story to a vault, and keeps what may be seen of it nowhere.
type teller struct {
	t        *testing.T
	v        *throwaway.Vault
	planted  canary.Set
	members  canary.Set // names that a problem repeats to whoever sent them: of members and parameters
	token    string
	cookies  []*http.Cookie
	problems bytes.Buffer
}

// word is a new word of a person: name says where it goes.
func (s *teller) word(name string) string {
	s.planted.Plant("the word of "+name, letters(name))
	return letters(name)
}

// member is a new name of something that no operation takes.
func (s *teller) member(name string) string {
	s.members.Plant("the name of "+name, letters(name))
	return letters(name)
}

// letters are sixteen that stand for a name.
func letters(name string) string {
	sum := sha256.Sum256([]byte("canary " + name))
	return strings.Map(func(r rune) rune { return 'a' + (r-'0'+26)%26 }, hex.EncodeToString(sum[:8]))
}

// secret plants what somebody could use.
func (s *teller) secret(name, value string) string {
	if value == "" {
		s.t.Fatalf("there is no %s to plant", name)
	}
	s.planted.Plant(name, value)
	return value
}

// call sends a body as it is, or as JSON, and keeps problems and cookies.
func (s *teller) call(method, path string, body any, headers ...string) (int, []byte) {
	s.t.Helper()
	var reader io.Reader
	if text, ok := body.(string); ok {
		reader = strings.NewReader(text)
	} else if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		reader = bytes.NewReader(encoded)
	}
	address := path
	if strings.HasPrefix(path, "/") {
		address = s.v.URL + path
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, address, reader)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if s.token != "" && strings.HasPrefix(path, "/v1/") {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	for _, c := range s.cookies {
		req.AddCookie(c)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{Timeout: time.Minute}
	resp, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if resp.StatusCode >= 400 {
		fmt.Fprintf(&s.problems, "%d %s\n", resp.StatusCode, answer)
	}
	for _, c := range resp.Cookies() {
		if c.MaxAge >= 0 {
			s.secret("the cookie "+c.Name, c.Value)
			s.cookies = append(s.cookies, c)
		}
	}
	// Whatever it is about, no answer may be run, framed or kept.
	for name, value := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Frame-Options": "DENY"} {
		if got := resp.Header.Get(name); got != value && !strings.HasSuffix(path, "jwks.json") {
			s.t.Errorf("%s %.30s: %s is %q", method, path, name, got)
		}
	}
	if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		s.t.Errorf("%s %.30s: the policy is %q", method, path, policy)
	}
	return resp.StatusCode, answer
}

// want is call for an answer that has to be there.
func (s *teller) want(status int, out any, method, path string, body any, headers ...string) {
	s.t.Helper()
	got, answer := s.call(method, path, body, headers...)
	if got != status {
		s.t.Fatalf("%s %.40s: %d, want %d: %s\n%s", method, path, got, status, answer, s.v.Tail())
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			s.t.Fatal(err)
		}
	}
}

// signIn keeps the access token of an answer to register, login and refresh.
func (s *teller) signIn(status int, path string, body any) {
	s.t.Helper()
	var out struct {
		AccessToken string `json:"access_token"`
	}
	s.token = ""
	s.want(status, &out, http.MethodPost, path, body)
	s.token = s.secret("an access token", out.AccessToken)
}

// upload sends a document by the real path, and returns its id.
func (s *teller) upload(name, kind string, content []byte, more map[string]any) string {
	s.t.Helper()
	body := vaulttest.Announce(name, kind, content)
	for member, value := range more {
		body[member] = value
	}
	var begun struct {
		Document struct{ ID string }
		Upload   struct {
			Method, URL string
			Headers     map[string]string
		}
	}
	s.want(http.StatusCreated, &begun, http.MethodPost, "/v1/uploads", body)
	s.presigned(begun.Upload.URL)
	var headers []string
	for name, value := range begun.Upload.Headers {
		headers = append(headers, name, value)
	}
	s.want(http.StatusOK, nil, begun.Upload.Method, begun.Upload.URL, string(content), headers...)
	s.want(http.StatusPreconditionFailed, nil, begun.Upload.Method, begun.Upload.URL, string(content), headers...)
	s.want(http.StatusOK, nil, http.MethodPost, "/v1/uploads/"+begun.Document.ID+"/complete", nil)
	return begun.Document.ID
}

// presigned plants what a presigned URL proves itself with.
func (s *teller) presigned(address string) {
	s.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.secret("a presigned query", u.Query().Get("X-Amz-Signature"))
}

// until waits for a condition in the vault.
func (s *teller) until(what string, there func() bool) {
	s.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * time.Minute); !there(); <-tick.C {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s does not happen\n%s", what, s.v.Tail())
		}
	}
}

// status waits until a document has it.
func (s *teller) status(document, status string) {
	s.t.Helper()
	s.until("a document that is "+status, func() bool {
		var d struct{ Status string }
		s.want(http.StatusOK, &d, http.MethodGet, "/v1/documents/"+document, nil)
		return d.Status == status
	})
}

// The whole program with its log at debug, and a story with a word or a secret
// wherever there can be one: signing in and failing to, a second factor, tokens,
// papers, searches, requests that are wrong in every way, a worker that fails
// until its message is a dead letter, an administrator, and the end of the
// account. Of all that nothing is in the log, a problem, a queue's message, a
// dead letter, the mails, or what pg_dump writes of the database.
func TestNothingPlantedIsSeen(t *testing.T) {
	t.Parallel()
	binaries, err := pgserver.Find(t.Context(), 0)
	if err != nil {
		testenv.NotRun(t, "no PostgreSQL: "+err.Error())
	}
	dir, err := throwaway.Folder()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	program, err := throwaway.Build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	db := dbtest.New(t)
	s := &teller{t: t}
	env := []string{"LOG_LEVEL=debug"}
	for name, value := range vaulttest.Vars(t, db) {
		if strings.HasPrefix(name, "S3_") {
			continue // the embedded server, whose URLs pass our own port
		}
		env = append(env, name+"="+value)
		if _, key, ok := strings.Cut(value, ":"); ok && strings.HasSuffix(name, "_KEYS") && name != "JWT_PUBLIC_KEYS" {
			raw, err := base64.StdEncoding.DecodeString(s.secret(name, key))
			if err != nil {
				t.Fatal(err)
			}
			s.secret(name+", the bytes", string(raw))
		}
	}
	s.secret("STORAGE_EVENT_TOKEN", vaulttest.EventToken)
	collector := telemetrytest.New(t)
	env = append(env, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL, "OTEL_EXPORTER_OTLP_HEADERS=x-key="+s.secret("the collector's key", s.word("the collector's key")),
		"OTEL_METRIC_EXPORT_INTERVAL=2000", "METRICS_TOKEN="+s.secret("METRICS_TOKEN", vaulttest.MetricsToken))
	if s.v, err = throwaway.Start(t.Context(), program, dir, env...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.v.Stop(); err != nil {
			t.Error(err)
		}
	})
	for _, path := range []string{"/", "/healthz", "/readyz", "/openapi.yaml", "/docuvault/", "/docuvault/a/b?x=" + s.word("a storage query"), "/nothing/" + s.word("an address")} {
		s.call(http.MethodGet, path, nil)
	}

	// Signing in, and failing to.
	password := s.secret("the password", s.word("the password")+" Horse 9!")
	account := map[string]any{"email": "canary@example.org", "password": password}
	s.signIn(http.StatusCreated, "/v1/auth/register", account)
	s.call(http.MethodPost, "/v1/auth/register", account)
	s.call(http.MethodPost, "/v1/auth/register", map[string]any{"email": "x@example.org", "password": s.word("a short one")[:7], "role": s.word("a role")})
	s.call(http.MethodPost, "/v1/auth/register", map[string]any{"email": "x@example.org", "password": s.word("an invited one"), "invite": s.word("a wrong invite")})
	s.call(http.MethodPost, "/v1/auth/login", map[string]any{"email": "canary@example.org", "password": s.word("a wrong password")})
	s.call(http.MethodPost, "/v1/auth/login", map[string]any{"email": s.word("an unknown account") + "@example.org", "password": s.word("another wrong one")})
	s.signIn(http.StatusOK, "/v1/auth/refresh", nil)
	var enrolled struct {
		Secret string
	}
	s.want(http.StatusCreated, &enrolled, http.MethodPost, "/v1/me/totp", nil)
	s.secret("the secret of the second factor", enrolled.Secret)
	code, err := totp.GenerateCode(enrolled.Secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var recovery struct {
		Codes []string `json:"recovery_codes"`
	}
	s.want(http.StatusOK, &recovery, http.MethodPost, "/v1/me/totp/confirm", map[string]any{"code": code})
	for _, code := range recovery.Codes {
		s.secret("a recovery code", code)
	}
	s.signIn(http.StatusOK, "/v1/auth/login", map[string]any{"email": "canary@example.org", "password": password, "totp_code": recovery.Codes[0]})
	s.want(http.StatusNoContent, nil, http.MethodPost, "/v1/auth/reauth", map[string]any{"password": password, "totp_code": recovery.Codes[1]})
	var made struct{ Token string }
	s.want(http.StatusCreated, &made, http.MethodPost, "/v1/me/tokens", map[string]any{"name": s.word("a token's name"), "scopes": []string{"write"}})
	s.secret("an API token", made.Token)
	s.want(http.StatusOK, nil, http.MethodGet, "/v1/documents", nil, "Authorization", "Bearer "+made.Token)
	s.call(http.MethodGet, "/v1/documents", nil, "Authorization", "Bearer "+s.word("a made-up token"))
	s.call(http.MethodGet, "/v1/documents", nil, "Authorization", "Bearer "+s.token[:len(s.token)-4]+"AAAA")

	// Papers, searches, and what comes back.
	text := s.word("the text")
	d := s.upload(s.word("the file")+".txt", "text/plain", fmt.Appendf(nil, "Invoice for %s. Amount due within 14 days, total 119.00 EUR.\n", text),
		map[string]any{"title": s.word("the title"), "correspondent": s.word("the correspondent"), "tags": []string{s.word("a tag")}, "path": s.word("a folder")})
	s.status(d, "ready")
	pdf := s.upload(s.word("the PDF")+".pdf", "application/pdf", sample.PDF("Paper", "A paper about "+s.word("the PDF's text")), nil)
	s.status(pdf, "ready")
	broken := s.upload("x.pdf", "application/pdf", []byte("%PDF-1.4 "+s.word("a broken PDF")), nil)
	s.status(broken, "failed")
	s.want(http.StatusOK, nil, http.MethodPatch, "/v1/documents/"+d, map[string]any{"notes": s.word("the notes"), "reference": s.word("the reference"), "topic": s.word("the topic")})
	found := 0
	for _, q := range []string{text, `"` + text + ` amount"`, s.word("a search"), s.word("an odd search") + " AND ("} {
		_, answer := s.call(http.MethodPost, "/v1/search", map[string]any{"q": q})
		found += bytes.Count(answer, []byte(d))
		s.call(http.MethodGet, "/v1/documents?q="+url.QueryEscape(q), nil)
	}
	if found == 0 {
		t.Error("the story was not told: the search finds nothing")
	}
	var download struct{ URL string }
	s.want(http.StatusOK, &download, http.MethodGet, "/v1/documents/"+d+"/download", nil)
	s.presigned(download.URL)
	if _, answer := s.call(http.MethodGet, download.URL, nil); !bytes.Contains(answer, []byte(text)) {
		t.Errorf("the download is %s", answer)
	}
	s.call(http.MethodGet, strings.Replace(download.URL, "X-Amz-Expires=60", "X-Amz-Expires=61", 1), nil)
	s.call(http.MethodGet, "/v1/documents/"+d+"/text", nil)

	// Requests that are wrong in every way.
	for _, body := range []string{`{"filename": "` + s.word("broken JSON"), `{"` + s.member("an unknown member") + `": 1}`, `["` + s.word("a list") + `"]`, s.word("no JSON"),
		`{"filename":"` + s.word("a number's place") + `","size":"` + s.word("a size") + `","content_type":"` + s.word("a type") + `","sha256":"` + s.word("a hash") + `"}`,
		`{"filename":"x","size":99999999999999,"content_type":"a/b","sha256":"` + strings.Repeat("a", 64) + `","path":"` + strings.Repeat(s.word("a deep folder")+"/", 60) + `"}`} {
		s.call(http.MethodPost, "/v1/uploads", body)
		s.call(http.MethodPatch, "/v1/documents/"+d, body)
		s.call(http.MethodPost, "/v1/search", body)
		s.call(http.MethodPost, "/v1/events/storage", body, "Authorization", "Bearer "+vaulttest.EventToken)
	}
	for _, path := range []string{"/v1/documents/" + s.word("an id"), "/v1/documents?cursor=" + s.word("a cursor"), "/v1/documents?" + s.member("a parameter") + "=1",
		"/v1/documents?sort=" + s.word("an order"), "/v1/documents?folder_id=" + s.word("a folder's id"), "/v1/" + s.word("a route"), "/v1/documents?topic=%zz" + s.word("a broken query")} {
		s.call(http.MethodGet, path, nil)
	}
	s.call(http.MethodGet, "/v1/me", nil, "If-Match", s.word("a version"), "X-Request-Id", "'"+s.word("a request id")+"'", "User-Agent", s.word("a browser"), "Traceparent", s.word("a trace"))
	s.call(http.MethodPost, "/v1/auth/login", "{}", "Origin", "https://"+s.word("another site")+".example", "Sec-Fetch-Site", "cross-site")

	// A worker that fails, until its message is a dead letter.
	db.Exec(t, `CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken on purpose: %', NEW; END $$`)
	db.Exec(t, `CREATE FUNCTION once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.max_attempts := 1; RETURN NEW; END $$`)
	db.Exec(t, `CREATE TRIGGER fails BEFORE INSERT OR UPDATE ON texts FOR EACH ROW EXECUTE FUNCTION fails()`)
	db.Exec(t, `CREATE TRIGGER once BEFORE INSERT ON river.river_job FOR EACH ROW WHEN (NEW.queue = 'analyze') EXECUTE FUNCTION once()`)
	s.upload(s.word("a paper that fails")+".txt", "text/plain", []byte("Words about "+s.word("a failing text")), nil)
	s.until("a dead letter", func() bool {
		return dbtest.Query1[int](t, db, `SELECT count(*) FROM river.river_job WHERE state = 'discarded' AND queue = 'analyze'`) > 0
	})
	db.Exec(t, `DROP TRIGGER fails ON texts`)

	// An administrator, by the command and over HTTP.
	boss := &teller{t: t, v: s.v}
	bossPassword := s.secret("the administrator's password", s.word("the administrator")+" Stable 7?")
	command := exec.CommandContext(t.Context(), program, "admin", "create", "boss@example.org")
	command.Env = throwaway.Environ("DATABASE_MIGRATE_URL="+db.MigrateURL, "DOCUVAULT_PASSWORD="+bossPassword)
	printed, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("admin create: %v: %s", err, printed)
	}
	boss.signIn(http.StatusOK, "/v1/auth/login", map[string]any{"email": "boss@example.org", "password": bossPassword})
	s.secret("the administrator's token", boss.token)
	var invite struct{ Token string }
	boss.want(http.StatusCreated, &invite, http.MethodPost, "/v1/admin/invites", map[string]any{})
	s.secret("an invite", invite.Token)
	var listed bytes.Buffer
	for _, path := range []string{"/v1/admin/users", "/v1/admin/stats", "/v1/admin/audit?limit=200", "/v1/admin/invites", "/v1/documents/" + d, "/v1/documents/" + d + "/text"} {
		_, answer := boss.call(http.MethodGet, path, nil)
		listed.Write(answer)
	}

	// Whoever has not the scraper's token sees what stands at any address.
	_, unknown := s.call(http.MethodGet, "/nothing", nil)
	for _, token := range []string{"", s.word("a scraper's wrong token"), s.token, vaulttest.EventToken} {
		if status, answer := s.call(http.MethodGet, "/metrics", nil, "Authorization", "Bearer "+token); status != http.StatusNotFound || len(answer) != len(unknown) {
			t.Errorf("/metrics answers %d: %s\n/nothing: %s", status, answer, unknown)
		}
	}
	status, scraped := s.call(http.MethodGet, "/metrics", nil, "Authorization", "Bearer "+vaulttest.MetricsToken)
	if status != http.StatusOK || !bytes.Contains(scraped, []byte(`docuvault_queue_dead{queue="analyze"} `)) || !bytes.Contains(scraped, []byte(`docuvault_logins_total{outcome="refused"} `)) {
		t.Errorf("/metrics answers %d: %s", status, scraped)
	}

	// The end.
	s.want(http.StatusNoContent, nil, http.MethodDelete, "/v1/documents/"+pdf, nil)
	s.want(http.StatusNoContent, nil, http.MethodDelete, "/v1/documents/"+broken+"?permanent=true", nil)
	halfway := db.Dump(t)
	s.want(http.StatusNoContent, nil, http.MethodDelete, "/v1/me", nil)
	s.until("the end of the account", func() bool {
		return dbtest.Query1[int](t, db, `SELECT count(*) FROM documents`) == 0
	})
	if err := s.v.Stop(); err != nil {
		t.Error(err)
	}

	log, err := os.ReadFile(s.v.Log)
	if err != nil {
		t.Fatal(err)
	}
	places := map[string][]byte{
		"the log": log, "a problem": s.problems.Bytes(), "a problem of the administrator": boss.problems.Bytes(), "what the administrator sees": listed.Bytes(),
		"admin create": printed, "the database, and the queue with its dead letters": halfway, "the database after the end": db.Dump(t), "the mails": mails(t, dir),
		"the traces and metrics": collector.Raw(), "/metrics": scraped,
	}
	if program := filepath.Join(binaries.Dir, "pg_dump"); exists(program) {
		dump := exec.CommandContext(t.Context(), program, "--dbname", db.SuperURL)
		out, err := dump.CombinedOutput()
		if err != nil {
			t.Fatalf("pg_dump: %v: %.300s", err, out)
		}
		places["pg_dump"] = out
	}
	// An address is in the database, and administrators see it; nobody else.
	for _, place := range []string{"the log", "a problem", "a problem of the administrator", "the traces and metrics", "/metrics"} {
		for _, address := range []string{"canary@example.org", "boss@example.org"} {
			if bytes.Contains(places[place], []byte(address)) {
				t.Errorf("%s: %s", place, address)
			}
		}
	}
	for place, content := range places {
		leaks := append(s.planted.Find(content), boss.planted.Find(content)...)
		if place != "a problem" {
			leaks = append(leaks, s.members.Find(content)...)
		}
		for _, leak := range append(leaks, canary.Shapes(content)...) {
			t.Errorf("%s: %s", place, leak)
		}
	}
	if lines := bytes.Count(log, []byte(`"msg":"request"`)); lines < 80 || !bytes.Contains(log, []byte("broken on purpose")) && !bytes.Contains(log, []byte(`"level":"ERROR"`)) {
		t.Errorf("the log has only %d requests, or no error:\n%s", lines, s.v.Tail())
	}
	if spans := collector.Spans(); len(spans) < 400 || !slices.ContainsFunc(spans, func(s telemetrytest.Span) bool { return s.Failed }) || collector.Metric("docuvault.logins") == nil {
		t.Errorf("only %d spans arrived, or none of what failed, or no metric", len(spans))
	}
	if s.planted.Planted() < 500 || s.problems.Len() < 5000 {
		t.Errorf("only %d forms planted, and %d bytes of problems", s.planted.Planted(), s.problems.Len())
	}
}

// mails reads what the vault would have sent, where it writes mails into a
// folder.
func mails(t *testing.T, dir string) []byte {
	t.Helper()
	var all bytes.Buffer
	err := filepath.WalkDir(filepath.Join(dir, "data"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".eml" {
			var content []byte
			content, err = os.ReadFile(path)
			all.Write(content)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.Bytes()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
