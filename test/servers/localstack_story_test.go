package servers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"docuvault/shared/dbtest"
	"docuvault/shared/host"
	"docuvault/shared/host/hosthttp/hosttest"
	"docuvault/shared/job"
	"docuvault/shared/queue"
	"docuvault/shared/queue/queuetest"
	"docuvault/shared/secret"
	"docuvault/shared/storage/storagetest"
	"docuvault/shared/testenv"
	"docuvault/shared/vaulttest"
	"docuvault/test/servers"
)

// readyFolder is what LocalStack runs when it is ready.
const readyFolder = "../../localstack/init/ready.d"

// localStack starts LocalStack for the length of a test, where it was asked for:
// it needs a newer Python than Debian 12 has, and takes its minutes.
func localStack(t *testing.T, ready string) *servers.Server {
	t.Helper()
	testenv.Asked(t, "localstack")
	s, err := servers.LocalStack(t.Context(), ready)
	if errors.Is(err, servers.ErrMissing) {
		t.Fatalf("NOT RUN: %s: %v", t.Name(), err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// LocalStack runs the script when it is ready, and a vault lives on what that
// makes: papers whole and in parts, of which S3 tells SQS; and what cannot be
// worked off becomes a dead letter, and is worked off when it is sent again.
func TestVaultOnLocalStack(t *testing.T) {
	t.Parallel()
	s := localStack(t, readyFolder)
	ran(t, s)
	const prefix = "docuvault-"
	before := attributes(t, s, prefix)
	readyScript(t, s, nil)
	if after := attributes(t, s, prefix); !slices.Equal(before, after) {
		t.Errorf("running the script again makes of\n%q\n%q", before, after)
	}

	// The vault's times between two tries are too long for a test.
	q, err := queue.NewSQS(queue.SQSConfig{Endpoint: s.URL, Prefix: prefix, AccessKey: s.AccessKey, SecretKey: secret.New(s.SecretKey)},
		queue.Options{Poll: time.Second, Backoff: func(int) time.Duration { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	w := vaulttest.New(t, map[string]string{
		"QUEUE_DRIVER": "sqs", "SQS_ENDPOINT": s.URL, "SQS_QUEUE_PREFIX": prefix,
		"AWS_ACCESS_KEY_ID": s.AccessKey, "AWS_SECRET_ACCESS_KEY": s.SecretKey,
		"S3_ENDPOINT": s.URL, "S3_ACCESS_KEY": s.AccessKey, "S3_SECRET_KEY": s.SecretKey,
		"S3_BUCKET": "docuvault", "S3_DERIVED_BUCKET": "docuvault-derived",
		"MULTIPART_PART_SIZE": "5242880", // that of vaulttest
	}, func(env *host.Env) { host.Provide[queue.Queue](env, q) })
	w.Work(t)
	anna := registered(t, w)

	content := []byte("Invoice no. 2024-0815: please transfer 119.00 EUR within 14 days.\n")
	paper := anna.Begin(t, "invoice.txt", "text/plain", content)
	if status := paper.Put(t, content); status != http.StatusOK {
		t.Fatalf("storage answered %d", status)
	}
	becomesReady(t, anna, paper, content)
	if status := paper.Put(t, content); status != http.StatusPreconditionFailed {
		t.Errorf("storage answered %d to a second object under one key", status)
	}

	large := vaulttest.Unique(t, 64<<20+1)
	parts := anna.Begin(t, "large.bin", "application/octet-stream", large)
	if parts.Upload.Multipart == nil {
		t.Fatal("a paper above 64 MiB is not sent in parts")
	}
	for number := range parts.Upload.Multipart.PartCount {
		anna.PutParts(t, parts, large, number+1)
	}
	anna.Call(t, http.MethodPost, "/v1/uploads/"+parts.Document.ID.String()+"/complete", nil).JSON(t, http.StatusOK, &struct{}{})
	becomesReady(t, anna, parts, large)

	for _, b := range []vaulttest.Begun{paper, parts} {
		key := w.Key(t, b.Document.ID)
		anna.Call(t, http.MethodDelete, "/v1/documents/"+b.Document.ID.String()+"?permanent=true", nil)
		testenv.Eventually(t, time.Minute, "the document and its object are gone", func() bool {
			return w.Status(t, b.Document.ID) == "" && !w.Has(t, key)
		})
	}
	noneDead(t, q)
	poison(t, anna, q)
}

// ran waits until LocalStack has run the script, and wants it to have gone well.
func ran(t *testing.T, s *servers.Server) {
	t.Helper()
	var ready struct {
		Completed bool
		Scripts   []struct{ Name, State string }
	}
	// It starts AWS's command line 26 times, which a busy machine does in minutes.
	testenv.Eventually(t, 5*time.Minute, "LocalStack has run its scripts", func() bool {
		resp, err := http.Get(s.URL + "/_localstack/init/ready")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if err := json.NewDecoder(resp.Body).Decode(&ready); err != nil {
			t.Fatal(err)
		}
		return ready.Completed
	})
	if len(ready.Scripts) != 1 || ready.Scripts[0].State != "SUCCESSFUL" {
		t.Fatalf("LocalStack ran %+v\n%s", ready.Scripts, s.Log())
	}
}

// registered is somebody who has made an account.
func registered(t *testing.T, w *vaulttest.World) *vaulttest.User {
	t.Helper()
	var made struct {
		AccessToken string `json:"access_token"`
	}
	hosttest.Call(t, http.DefaultClient, http.MethodPost, w.Server.URL+"/v1/auth/register", map[string]any{
		"email": "anna@example.org", "password": "correct horse battery staple",
	}).JSON(t, http.StatusCreated, &made)
	return &vaulttest.User{World: w, Token: made.AccessToken}
}

// becomesReady waits until a paper is, and downloads it.
func becomesReady(t *testing.T, u *vaulttest.User, b vaulttest.Begun, content []byte) {
	t.Helper()
	testenv.Eventually(t, 2*time.Minute, "the document is ready", func() bool { return u.World.Status(t, b.Document.ID) == "ready" })
	var d struct{ URL string }
	u.Call(t, http.MethodGet, "/v1/documents/"+b.Document.ID.String()+"/download", nil).JSON(t, http.StatusOK, &d)
	resp, err := http.Get(d.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if got, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK || !bytes.Equal(got, content) {
		t.Errorf("the download answered %d and %d bytes of %d, %v", resp.StatusCode, len(got), len(content), err)
	}
}

// poison has a message fail until it is a dead letter, twice, and then mends
// what was broken.
func poison(t *testing.T, u *vaulttest.User, q *queue.SQS) {
	t.Helper()
	w := u.World
	content := vaulttest.Unique(t, 300)
	paper := u.Begin(t, "late.bin", "application/octet-stream", content)
	if status := paper.Put(t, content); status != http.StatusOK {
		t.Fatalf("storage answered %d", status)
	}
	becomesReady(t, u, paper, content)
	w.Allow("broken")
	w.DB.Exec(t, `CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken'; END $$`)
	w.DB.Exec(t, `CREATE TRIGGER broken BEFORE DELETE ON documents FOR EACH ROW EXECUTE FUNCTION broken()`)
	u.Call(t, http.MethodDelete, "/v1/documents/"+paper.Document.ID.String()+"?permanent=true", nil)
	for _, mended := range []bool{false, true} {
		testenv.Eventually(t, time.Minute, "the message is a dead letter", func() bool {
			letters, err := q.Dead(t.Context(), job.Purge, 9)
			if err != nil {
				t.Fatal(err)
			}
			return slices.ContainsFunc(letters, func(m queue.Message) bool {
				return strings.Contains(string(m.Body), paper.Document.ID.String())
			})
		})
		if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM documents WHERE id = $1`, paper.Document.ID.String()); n != 1 {
			t.Error("the document was deleted all the same")
		}
		if mended {
			w.DB.Exec(t, `DROP FUNCTION broken CASCADE`)
		}
		if n, err := q.Redrive(t.Context(), job.Purge); err != nil || n != 1 {
			t.Fatalf("sent %d letters again, %v", n, err)
		}
	}
	testenv.Eventually(t, time.Minute, "the document is gone", func() bool { return w.Status(t, paper.Document.ID) == "" })
}

// LocalStack's S3 is held to what storage promises: it enforces the length, type
// and checksum that were signed, and If-None-Match. It lets in who signs
// nothing. Its SQS keeps all that queues promise.
func TestLocalStackConforms(t *testing.T) {
	t.Parallel()
	s := localStack(t, t.TempDir())
	t.Run("S3", func(t *testing.T) {
		t.Parallel()
		conforms(t, s, storagetest.ListOrder, storagetest.Signatures)
	})
	t.Run("SQS", func(t *testing.T) {
		t.Parallel()
		queuetest.Run(t, queuetest.SQS(s.URL))
	})
	t.Run("events", func(t *testing.T) {
		t.Parallel()
		events(t, s)
	})
}

// A start without a Python that is new enough says what it needs, and where it
// looked.
func TestLocalStackSaysWhereItLooked(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", dir)
	t.Setenv("HOME", dir)
	t.Setenv("PYENV_ROOT", "")
	t.Setenv("PATH", dir)
	program(t, dir, "python3", "echo 11")
	if _, err := servers.LocalStack(context.Background(), dir); !errors.Is(err, servers.ErrMissing) ||
		!strings.Contains(err.Error(), "Python 3.12 or newer") || !strings.Contains(err.Error(), dir+"/python3") {
		t.Errorf("with Python 3.11: %v", err)
	}
}

// Pyenv's versions are tried, newest first, the next one where one cannot take
// what is pinned.
func TestLocalStackFindsPyenv(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", dir)
	t.Setenv("PATH", dir)
	t.Setenv("PYENV_ROOT", dir)
	program(t, dir, "python3", "exit 127") // as pyenv's own name for a version that is not chosen
	for _, version := range []string{"12", "11", "13"} {
		program(t, filepath.Join(dir, "versions", "3."+version+".1", "bin"), "python", "[ \"$1\" = -c ] && echo "+version+" || { echo no 3."+version+"; exit 1; }")
	}
	_, err := servers.LocalStack(context.Background(), dir)
	if !errors.Is(err, servers.ErrMissing) {
		t.Fatal(err)
	}
	newest, next := strings.Index(err.Error(), "no 3.13"), strings.Index(err.Error(), "no 3.12")
	if newest < 0 || next < newest || strings.Contains(err.Error(), "no 3.11") {
		t.Errorf("it tried %v", err)
	}
}

// program writes a shell script.
func program(t *testing.T, dir, name, script string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// A command that fails ends the script with its failure, wherever it stands, and
// before the queue is made by which the container counts as healthy.
func TestLocalStackScriptFails(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"create-queue", "get-queue-attributes", "set-queue-attributes", "create-bucket", "put-bucket-notification-configuration"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			program(t, dir, "awslocal", "[ \"$2\" != head-bucket ] || exit 1\nprintf '%s\\n' \"$*\" >>"+filepath.Join(dir, "calls")+
				"\n[ \"$2\" != "+command+" ] || exit 9\necho answer")
			cmd := exec.CommandContext(t.Context(), "bash", filepath.Join(readyFolder, "10-docuvault.sh"))
			cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH")}
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Errorf("it ended well: %s", out)
			}
			calls, err := os.ReadFile(filepath.Join(dir, "calls"))
			if err != nil || strings.Count(string(calls), command) != 1 || strings.Contains(string(calls), "docuvault-purge") {
				t.Errorf("after a failure it went on: %s %v", calls, err)
			}
		})
	}
}
