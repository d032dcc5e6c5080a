package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"docuvault/shared/dbtest"
	"docuvault/shared/id"
	"docuvault/shared/keys"
	"docuvault/shared/secret"
	"docuvault/shared/storage"
	"docuvault/shared/vaulttest"
	"docuvault/shared/verify"
)

// backupCommand is one of the two as a process of its own, for a vault.
func backupCommand(t *testing.T, w *vaulttest.World, args string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childVariable+"="+args, "DATABASE_MIGRATE_URL="+w.DB.MigrateURL)
	for name, value := range w.Vars {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// killed starts a command and kills it when the condition holds; it returns
// false if the command was faster than this test could look.
func killed(t *testing.T, cmd *exec.Cmd, when func() bool) bool {
	t.Helper()
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for !when() {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("it failed before it could be killed: %v %s", err, &errs)
			}
			return false
		default:
		}
	}
	_ = cmd.Process.Kill()
	return <-ended != nil
}

func through(t *testing.T, cmd *exec.Cmd) (out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	return stdout.String(), stderr.String()
}

func filesIn(dir string) (n int) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasPrefix(d.Name(), ".part-") {
			n++
		}
		return nil
	})
	return n
}

// waits reports whether the database has a statement that waits for a lock.
func waits(t *testing.T, d *dbtest.Database) func() bool {
	conn := d.AsSuper(t)
	return func() bool {
		var n int
		err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		return n > 0
	}
}

// holding holds a lock until it is told to let go.
func holding(t *testing.T, d *dbtest.Database, statement string) (letGo func()) {
	t.Helper()
	conn := d.AsSuper(t)
	for _, s := range []string{"BEGIN", statement} {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBackupAndRestoreStandBeingKilled(t *testing.T) {
	w := vaulttest.New(t, nil)
	u := w.User(t)
	contents := map[id.ID][]byte{}
	for n := range 40 {
		content := vaulttest.Unique(t, 64<<10+n)
		contents[u.Store(t, fmt.Sprintf("paper-%d.txt", n), "text/plain", content).ID] = content
	}
	first := u.Analyzed(t, "first.txt", "text/plain", vaulttest.Unique(t, 100))
	dir := t.TempDir() + "/backup"

	// While it reads the tables; and while it copies objects, in pieces.
	letGo := holding(t, w.DB, `LOCK TABLE texts IN ACCESS EXCLUSIVE MODE`)
	if !killed(t, backupCommand(t, w, "backup "+dir), waits(t, w.DB)) {
		t.Fatal("it did not wait for the lock")
	}
	letGo()
	for _, at := range []int{1, 15} {
		if !killed(t, backupCommand(t, w, "backup "+dir), func() bool { return filesIn(dir+"/objects") >= at }) {
			t.Log("it was done before it could be killed")
			break
		}
		if code := run(t.Context(), []string{"restore", "--check", dir}, streams{nil, new(bytes.Buffer), new(bytes.Buffer)}); code != exitFailed {
			t.Errorf("half a backup is one: exit code %d", code)
		}
	}
	out, errs := through(t, backupCommand(t, w, "backup --json "+dir))
	var report struct{ Objects, Copied, Bytes int64 }
	if err := json.Unmarshal([]byte(out), &report); err != nil || report.Objects != 41 || report.Copied > 40 {
		t.Errorf("%v %s", err, out)
	}
	if !strings.Contains(errs, "MASTER_KEYS are NOT in this backup") || strings.Contains(out+errs, "paper-") {
		t.Errorf("%s", errs)
	}
	var text bytes.Buffer
	if code := run(t.Context(), []string{"restore", "--check", dir}, streams{nil, &text, new(bytes.Buffer)}); code != exitOK || !strings.Contains(text.String(), "is as it was written") {
		t.Errorf("exit code %d: %s", code, &text)
	}

	// A database without a schema, as a new one is.
	vars := map[string]string{}
	for _, name := range []string{"MASTER_KEYS", "SESSION_KEYS", "JWT_SIGNING_KEYS", "JWT_PUBLIC_KEYS"} {
		vars[name] = w.Vars[name]
	}
	back := vaulttest.On(t, dbtest.New(t), vars)
	lister, err := storage.As[storage.Lister](back.Store.Documents)
	if err != nil {
		t.Fatal(err)
	}
	// It cannot come to its end while somebody holds this.
	letGo = holding(t, back.DB, `ALTER SEQUENCE audit_log_id_seq CACHE 1`)
	for _, at := range []int{1, 15} {
		killed(t, backupCommand(t, back, "restore "+dir), func() bool {
			n := 0
			for _, err := range lister.List(t.Context(), "", "") {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
			return n >= at
		})
	}
	if !killed(t, backupCommand(t, back, "restore "+dir), waits(t, back.DB)) {
		t.Fatal("it did not wait for the lock")
	}
	letGo()
	if n := dbtest.Query1[int](t, back.DB, `SELECT count(*) FROM users`); n != 0 {
		t.Fatalf("%d users of half a restore", n)
	}
	_, errs = through(t, backupCommand(t, back, "restore "+dir))
	if !strings.Contains(errs, "Everybody signs in anew") {
		t.Errorf("%s", errs)
	}
	for _, schedule := range []string{"seal", "reconcile"} {
		if err := back.Schedule(t, schedule); err != nil {
			t.Fatal(err)
		}
	}
	ring, err := keys.Open(back.Env)
	if err != nil {
		t.Fatal(err)
	}
	r, err := verify.Run(t.Context(), verify.Options{Owner: secret.New(back.DB.MigrateURL), App: secret.New(back.DB.AppURL), Store: back.Store, Ring: ring})
	if err != nil || !r.OK {
		t.Errorf("%v %+v", err, r)
	}
	if s := back.Status(t, first.ID); s != "ready" {
		t.Errorf("the first paper is %s", s)
	}

	// Into what is a vault by now, it is not restored again.
	var refusal bytes.Buffer
	cmd := backupCommand(t, back, "restore "+dir)
	cmd.Stderr = &refusal
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != exitFailed || !strings.Contains(refusal.String(), "not empty") {
		t.Errorf("%v: %s", err, &refusal)
	}
}

func TestBackupIsCalledRightly(t *testing.T) {
	for _, name := range []string{"DATABASE_MIGRATE_URL", "S3_ENDPOINT", "S3_BUCKET", "S3_ACCESS_KEY"} {
		t.Setenv(name, "")
	}
	for args, want := range map[string]struct {
		code int
		text string
	}{
		"backup":                          {exitUsage, "docuvault backup --help"},
		"restore":                         {exitUsage, "docuvault restore --help"},
		"backup --data /nowhere/at/all x": {exitFailed, "docuvault serve --data"},
		"restore --check /nowhere/at/all": {exitFailed, "no finished backup"},
		"backup --fast x":                 {exitUsage, "--fast"},
		"backup --help":                   {exitOK, "MASTER_KEYS themselves are in no backup"},
		"restore --help":                  {exitOK, "Everybody signs in anew"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), strings.Fields(args), streams{nil, &out, &errs}); code != want.code || !strings.Contains(strings.Join(strings.Fields(out.String()+errs.String()), " "), want.text) {
			t.Errorf("%s: exit code %d\n%s%s", args, code, &out, &errs)
		}
	}
	t.Setenv("DATABASE_MIGRATE_URL", "postgres://docuvault_migrate@127.0.0.1:1/x")
	var errs bytes.Buffer
	if code := run(t.Context(), []string{"backup", t.TempDir()}, streams{nil, new(bytes.Buffer), &errs}); code != exitFailed || !strings.Contains(errs.String(), "S3_*") {
		t.Errorf("without buckets: exit code %d: %s", code, &errs)
	}
}
