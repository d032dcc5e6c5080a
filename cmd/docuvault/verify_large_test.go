//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"docuvault/shared/database"
	"docuvault/shared/id"
	"docuvault/shared/objectkey"
	"docuvault/shared/storage"
	"docuvault/shared/vault"
	"docuvault/shared/vaulttest"
)

// crowd gives a user n documents that are ready: rows, text, audit entries and
// objects, written past the functions, since it is many.
func crowd(t testing.TB, w *vaulttest.World, u *vaulttest.User, n int) {
	t.Helper()
	v, err := vault.Open(w.Env)
	if err != nil {
		t.Fatal(err)
	}
	own, err := v.Keys(t.Context(), database.OnBehalfOf(u.ID))
	if err != nil {
		t.Fatal(err)
	}
	seal := func(table, column string, record id.ID, text string) []byte {
		sealed, err := own.Seal(table, column, record, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	type row struct {
		document id.ID
		key      string
		content  []byte
	}
	all := make([]row, n)
	for i := range all {
		document := id.New()
		all[i] = row{document, objectkey.Key(u.ID, document, "x.txt"), fmt.Appendf(nil, "paper number %d of %s", i, u.ID)}
	}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				if err := w.Store.Documents.Put(t.Context(), all[i].key, bytes.NewReader(all[i].content), int64(len(all[i].content)), storage.PutOptions{ContentType: "text/plain"}); err != nil {
					t.Errorf("put: %v", err)
					return
				}
			}
		})
	}
	db := w.DB.AsSuper(t)
	copyRows := func(table string, columns []string, values func(i int) []any) {
		if _, err := db.CopyFrom(t.Context(), pgx.Identifier{table}, columns, pgx.CopyFromSlice(n, func(i int) ([]any, error) { return values(i), nil })); err != nil {
			t.Fatalf("copy into %s: %v", table, err)
		}
	}
	user, now := u.ID.String(), time.Now()
	copyRows("documents", []string{"id", "user_id", "status", "object_key", "size", "sha256", "content_type", "upload_expires_at", "filename_sealed", "title_sealed"}, func(i int) []any {
		r := all[i]
		sum := sha256.Sum256(r.content)
		return []any{r.document.String(), user, "ready", r.key, len(r.content), sum[:], "text/plain", now,
			seal("documents", "filename_sealed", r.document, "x.txt"), seal("documents", "title_sealed", r.document, "A paper")}
	})
	copyRows("texts", []string{"user_id", "document_id", "sealed", "source"}, func(i int) []any {
		return []any{user, all[i].document.String(), seal("texts", "sealed", all[i].document, strings.Repeat("words ", 300)), "text"}
	})
	for _, action := range []string{"upload.begun", "upload.stored", "document.analyzed"} {
		copyRows("audit_log", []string{"user_id", "actor", "action", "target"}, func(i int) []any {
			return []any{user, "user", action, all[i].document.String()}
		})
	}
	w.DB.Exec(t, `UPDATE quotas SET documents = s.n, used_bytes = s.bytes
	   FROM (SELECT count(*) AS n, sum(size) AS bytes FROM documents WHERE user_id = $1) s WHERE user_id = $1`, user)
	w.DB.Exec(t, `ANALYZE`)
	workers.Wait()
}

// verifying is docuvault verify as a process.
func verifying(t testing.TB, w *vaulttest.World, args string, vars ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"=verify --strict --json "+args, "DATABASE_MIGRATE_URL="+w.DB.MigrateURL)
	for name, value := range w.Vars {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Env = append(cmd.Env, vars...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	return cmd, &out
}

type verified struct {
	OK         bool
	Begun      time.Time
	Invariants []struct {
		Number   int
		Status   string
		Checked  string
		Problems []struct{ Code string }
	}
}

func parse(t testing.TB, out *bytes.Buffer) (v verified) {
	t.Helper()
	if err := json.Unmarshal(out.Bytes(), &v); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return v
}

// peak runs verify on what is there and returns its largest resident memory in
// MiB.
func peak(t testing.TB, w *vaulttest.World) float64 {
	t.Helper()
	status := filepath.Join(t.TempDir(), "status")
	cmd, out := verifying(t, w, "", statusVariable+"="+status)
	began := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("verify: %v\n%s", err, out)
	}
	text, err := os.ReadFile(status)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	var kib float64
	if _, err := fmt.Sscanf(rest, "%f kB", &kib); err != nil {
		t.Fatalf("no peak in %s", text)
	}
	mib := kib / 1024
	v := parse(t, out)
	t.Logf("%.1f MiB, %.1f s; %s", mib, time.Since(began).Seconds(), v.Invariants[1].Checked)
	for _, i := range v.Invariants {
		if i.Number != 9 && i.Status != "ok" {
			t.Errorf("number %d: %s %v", i.Number, i.Status, i.Problems)
		}
	}
	return mib
}

// The memory of verify does not grow with the vault. DOCUVAULT_TEST_DOCUMENTS is
// how many documents there are in the end: 100000 takes some minutes.
func TestVerifyNeedsNoMoreMemoryForMoreDocuments(t *testing.T) {
	few, many := 500, 5000
	if text := os.Getenv("DOCUVAULT_TEST_DOCUMENTS"); text != "" {
		var err error
		if many, err = strconv.Atoi(text); err != nil || many <= few {
			t.Fatalf("DOCUVAULT_TEST_DOCUMENTS: %q", text)
		}
	}
	w := vaulttest.New(t, nil)
	crowd(t, w, w.User(t), few)
	before := peak(t, w)
	crowd(t, w, w.User(t), many-few)
	after := peak(t, w)
	// Texts are read one by one, rows and keys by the thousand: that is less than
	// 16 MiB, however many there are.
	if after-before > 16 {
		t.Errorf("%.1f MiB for %d documents, %.1f MiB for %d", before, few, after, many)
	}
}

// stopping is the S3 server behind a proxy that answers n HEAD requests and lets
// all later ones hang, so that a verify can be killed in the middle.
func stopping(t *testing.T, w *vaulttest.World, n int64) (endpoint string, hangs <-chan struct{}) {
	t.Helper()
	target, err := url.Parse(w.Vars["S3_ENDPOINT"])
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(pr *httputil.ProxyRequest) {
		pr.SetURL(target)
		pr.Out.Host = pr.In.Host // it is signed
	}}
	var heads atomic.Int64
	var once sync.Once
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead && strings.Count(r.URL.Path, "/") > 2 && heads.Add(1) > n {
			once.Do(func() { close(hang) })
			<-r.Context().Done()
			return
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, hang
}

func TestAVerifyThatWasKilledContinues(t *testing.T) {
	w := vaulttest.New(t, nil)
	u := w.User(t)
	crowd(t, w, u, 2500)
	state := filepath.Join(t.TempDir(), "state")
	endpoint, hangs := stopping(t, w, 1500)
	first, _ := verifying(t, w, "--state "+state, "S3_ENDPOINT="+endpoint)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-hangs:
	case <-t.Context().Done():
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	info, err := os.Stat(state)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the state: %v, %v", info, err)
	}

	// With other options it is not the same check.
	other, _ := verifying(t, w, "--state "+state, "MASTER_KEYS=")
	other.Stderr = io.Discard
	if err := other.Run(); err == nil {
		t.Error("a state of other options was taken")
	}

	// Damage in what was looked at already is not seen, that behind it is.
	keys := sortedKeys(t, w)
	for _, n := range []int{0, 999, 1000, 2499} {
		if err := w.Store.Documents.Delete(t.Context(), keys[n]); err != nil {
			t.Fatal(err)
		}
	}
	w.DB.Exec(t, `UPDATE quotas SET used_bytes = used_bytes + 1 WHERE user_id = $1`, u.ID.String())
	second, out := verifying(t, w, "--state "+state)
	if err := second.Run(); err == nil {
		t.Error("nothing is broken")
	}
	v := parse(t, out)
	if v.Begun.IsZero() || v.Invariants[0].Status != "ok" {
		t.Errorf("it began anew: begun %v, number 1 %s", v.Begun, v.Invariants[0].Status)
	}
	if got := len(v.Invariants[1].Problems); got != 2 {
		t.Errorf("%d objects are missing, not the two behind the place where it was killed: %v", got, v.Invariants[1].Problems)
	}
	if want := "2500 rows that need an object, 2496 objects"; v.Invariants[1].Checked != want {
		t.Errorf("checked %q, want %q", v.Invariants[1].Checked, want)
	}
	if _, err := os.Stat(state); !os.IsNotExist(err) {
		t.Errorf("the state is still there: %v", err)
	}

	// Without it, all is seen.
	whole, out := verifying(t, w, "")
	if err := whole.Run(); err == nil {
		t.Error("nothing is broken")
	}
	if v := parse(t, out); len(v.Invariants[1].Problems) != 4 || v.Invariants[0].Status != "broken" || !v.Begun.IsZero() {
		t.Errorf("anew: %v", v)
	}
}

func sortedKeys(t *testing.T, w *vaulttest.World) (keys []string) {
	t.Helper()
	rows, err := w.DB.AsSuper(t).Query(context.Background(), `SELECT object_key FROM documents ORDER BY object_key`)
	if err != nil {
		t.Fatal(err)
	}
	if keys, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		t.Fatal(err)
	}
	return keys
}
