package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"docuvault/shared/dbtest"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/id"
	"docuvault/shared/keyrotation"
	"docuvault/shared/keys"
	"docuvault/shared/secret"
	"docuvault/shared/vault"
	"docuvault/shared/vaulttest"
)

// childVariable makes this test binary the command: what is to be killed has to
// be a process.
const childVariable = "DOCUVAULT_TEST_COMMAND"

// statusVariable names a file for what Linux says of the process at its end: its
// peak of memory, which the parent cannot know (what wait tells counts the
// parent's own, from before exec).
const statusVariable = "DOCUVAULT_TEST_STATUS"

func TestMain(m *testing.M) {
	if args := os.Getenv(childVariable); args != "" {
		code := run(context.Background(), strings.Fields(args), streams{os.Stdin, os.Stdout, os.Stderr})
		if file := os.Getenv(statusVariable); file != "" {
			text, err := os.ReadFile("/proc/self/status")
			if err == nil {
				err = os.WriteFile(file, text, 0o600)
			}
			if err != nil {
				panic(err)
			}
		}
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// masters makes three master keys, as text by name.
func masters(t *testing.T) map[string]string {
	t.Helper()
	m := map[string]string{}
	for _, name := range []string{"old", "new", "other"} {
		text, err := keys.Generate(name)
		if err != nil {
			t.Fatal(err)
		}
		m[name] = text.Reveal()
	}
	return m
}

func ring(t *testing.T, text string) *keys.Ring {
	t.Helper()
	set, err := keys.ParseSet("MASTER_KEYS", secret.New(text))
	if err != nil {
		t.Fatal(err)
	}
	return keys.NewRing(set, time.Now)
}

// people makes n users with a data key each under the primary of r, and returns
// a value sealed by each.
func people(t *testing.T, d *dbtest.Database, r *keys.Ring, n int) map[id.ID][]byte {
	t.Helper()
	sealed := map[id.ID][]byte{}
	conn := d.AsSuper(t)
	for range n {
		user := id.New()
		w, err := r.NewWrapped(user)
		if err != nil {
			t.Fatal(err)
		}
		u, err := r.Unwrap(user, w)
		if err != nil {
			t.Fatal(err)
		}
		if sealed[user], err = u.Seal("tags", "name_sealed", user, []byte("a word")); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), `WITH u AS (INSERT INTO users (id, email) VALUES ($1::uuid, $1::text || '@example.org') RETURNING id)
		   INSERT INTO user_keys (user_id, number, master_id, wrapped) SELECT id, $2, $3, $4 FROM u`, user.String(), int64(w.Number), w.MasterID, w.Bytes); err != nil {
			t.Fatal(err)
		}
	}
	return sealed
}

// opens wants every value to open with these master keys.
func opens(t *testing.T, d *dbtest.Database, r *keys.Ring, sealed map[id.ID][]byte) {
	t.Helper()
	rows, err := d.AsSuper(t).Query(t.Context(), `SELECT user_id, number, master_id, wrapped FROM user_keys`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var user id.ID
		var number int64
		var w keys.Wrapped
		if err := rows.Scan(&user, &number, &w.MasterID, &w.Bytes); err != nil {
			t.Fatal(err)
		}
		w.Number = uint32(number)
		u, err := r.Unwrap(user, w)
		if err != nil {
			t.Errorf("%v", err)
			return
		}
		if _, err := u.Open("tags", "name_sealed", user, sealed[user]); err != nil {
			t.Errorf("another data key than before: %v", err)
			return
		}
		n++
	}
	if n != len(sealed) {
		t.Errorf("%d data keys, want %d", n, len(sealed))
	}
}

// The process is killed while it waits for a row in the middle; the next one
// does the rest, beside writes.
func TestKeysRotateSurvivesAKill(t *testing.T) {
	d, m := dbtest.New(t), masters(t)
	sealed := people(t, d, ring(t, m["old"]), 1200)
	both := m["new"] + "," + m["old"]
	count := func(key string) int {
		return dbtest.Query1[int](t, d, `SELECT count(*) FROM user_keys WHERE master_id = $1`, key)
	}
	command := func(args string) *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childVariable+"="+args, "DATABASE_MIGRATE_URL="+d.MigrateURL, "MASTER_KEYS="+both)
		return cmd
	}

	conn := d.AsSuper(t)
	lock, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Exec(t.Context(), `SELECT FROM user_keys WHERE user_id = (SELECT user_id FROM user_keys ORDER BY user_id OFFSET 700 LIMIT 1) FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	first := command("keys rotate")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = first.Wait() }()
	// It is there when it waits for us.
	for dbtest.Query1[int](t, d, `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%UPDATE user_keys SET%' AND datname = current_database()`) == 0 {
		select {
		case <-ended:
			t.Fatal("it ended by itself")
		default:
		}
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-ended
	if err := lock.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for count("new") != 500 { // the server gives up the killed one's batch
		if n := count("new"); n > 500 {
			t.Fatalf("%d were done", n)
		}
	}
	opens(t, d, ring(t, both), sealed)

	// Meanwhile: somebody goes, and somebody comes by a process that still has
	// the old key first.
	for user, s := range people(t, d, ring(t, m["old"]), 3) {
		sealed[user] = s
	}
	var out bytes.Buffer
	second := command("keys rotate --json")
	second.Stdout = &out
	if err := second.Run(); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	var report keyrotation.Report
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	if report.Rewrapped != 703 || !report.Done || report.Failed != 0 || len(report.InUse) != 1 || report.InUse[0] != (keyrotation.Use{Key: "new", DataKeys: 1203, Known: true}) {
		t.Errorf("report %+v", report)
	}
	opens(t, d, ring(t, m["new"]), sealed) // the old one can go
}

// Not parallel: the commands read the environment.
func TestKeysCommandsSayWhatRemains(t *testing.T) {
	d, m := dbtest.New(t), masters(t)
	people(t, d, ring(t, m["old"]), 3)
	people(t, d, ring(t, m["other"]), 2)
	t.Setenv("DATABASE_MIGRATE_URL", d.MigrateURL)
	call := func(args ...string) (int, string) {
		var out, messages bytes.Buffer
		code := run(context.Background(), append([]string{"keys"}, args...), streams{in: strings.NewReader(""), out: &out, err: &messages})
		return code, out.String() + messages.String()
	}
	if code, said := call("rotate"); code != exitFailed || !strings.Contains(said, "MASTER_KEYS is not set") {
		t.Errorf("without keys: %d %q", code, said)
	}
	t.Setenv("MASTER_KEYS", m["new"]+","+m["old"])
	code, said := call("status")
	if code != exitOK || !strings.Contains(said, "old         3          still needed") || !strings.Contains(said, "other       2          not in MASTER_KEYS") {
		t.Errorf("status: %d\n%s", code, said)
	}
	if n := dbtest.Query1[int](t, d, `SELECT count(*) FROM user_keys WHERE master_id = 'new'`); n != 0 {
		t.Error("status has changed something")
	}
	code, said = call("rotate")
	if code != exitFailed || !strings.Contains(said, "3 data keys are newly wrapped") || !strings.Contains(said, "2 data keys do not open") || strings.Contains(said, m["new"][4:]) {
		t.Errorf("rotate: %d\n%s", code, said)
	}
	t.Setenv("MASTER_KEYS", m["new"]+","+m["other"])
	if code, said = call("rotate"); code != exitOK || !strings.Contains(said, "2 data keys are newly wrapped") {
		t.Errorf("with the key: %d\n%s", code, said)
	}
	if code, said = call("rotate"); code != exitOK || !strings.Contains(said, "0 data keys are newly wrapped") {
		t.Errorf("again: %d\n%s", code, said)
	}
}

// A key that is still in use must not be missing: neither serve nor a function
// that opens sealed values starts.
func TestAMissingMasterKeyStopsTheStart(t *testing.T) {
	d, m := dbtest.New(t), masters(t)
	people(t, d, ring(t, m["old"]), 2)
	vars := vaulttest.Vars(t, d)
	vars["MASTER_KEYS"] = m["new"]
	for name, value := range vars {
		t.Setenv(name, value)
	}
	var out, messages bytes.Buffer
	code := run(t.Context(), []string{"serve", "--listen", "127.0.0.1:0"}, streams{in: strings.NewReader(""), out: &out, err: &messages})
	if said := messages.String(); code != exitFailed || !strings.Contains(said, `MASTER_KEYS: the key "old" is missing`) || !strings.Contains(said, "docuvault keys rotate") {
		t.Errorf("serve: %d %q", code, said)
	}
	for text, want := range map[string]string{m["new"]: `"old" is missing`, m["new"] + "," + m["old"]: ""} {
		vars["MASTER_KEYS"] = text
		env, _ := hosttest.Env(t, vars)
		if _, err := vault.Open(env); err != nil {
			t.Fatal(err)
		}
		err := env.Start(t.Context())
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
		if names, _ := env.Unready(t.Context()); (len(names) == 0) != (want == "") {
			t.Errorf("not ready: %v", names)
		}
	}
	// A database that is down stops no start: it is not ready.
	vars["DATABASE_URL"] = "postgres://docuvault_app:x@127.0.0.1:1/none"
	env, _ := hosttest.Env(t, vars)
	if _, err := vault.Open(env); err != nil {
		t.Fatal(err)
	}
	if err := env.Start(t.Context()); err != nil {
		t.Error(err)
	}
	if names, _ := env.Unready(t.Context()); len(names) == 0 {
		t.Error("ready without a database")
	}
}
