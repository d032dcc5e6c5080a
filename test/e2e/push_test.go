// Package e2e tests the programs that people run, as processes, on a vault that
// they start themselves.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"docuvault/shared/pgserver"
	"docuvault/shared/testenv"
	"docuvault/test/sample"
	"docuvault/test/throwaway"
)

// line is what push --json prints: a file, or last the summary.
type line struct {
	Path       string `json:"path"`
	Size       int64  `json:"size"`
	SHA256     string `json:"sha256"`
	Status     string `json:"status"`
	DocumentID string `json:"document_id"`
	Code       string `json:"code"`
	Detail     string `json:"detail"`
	Summary    *struct {
		Files       int  `json:"files"`
		Uploaded    int  `json:"uploaded"`
		AlreadyHere int  `json:"already_here"`
		Failed      int  `json:"failed"`
		Skipped     int  `json:"skipped"`
		Interrupted bool `json:"interrupted"`
	} `json:"summary"`
}

// pushed is how a push ended.
type pushed struct {
	files   []line
	summary line
	code    int
	stderr  string
}

// push runs the client; after sees each line as it comes, and may end it.
func push(t *testing.T, program string, v *throwaway.Vault, a throwaway.Account, after func(line, *os.Process), args ...string) pushed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, append([]string{"push", "--json", "--url", v.URL}, args...)...)
	cmd.Env = throwaway.Environ(a.Environ()...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var p pushed
	for s := bufio.NewScanner(out); s.Scan(); {
		var l line
		if err := json.Unmarshal(s.Bytes(), &l); err != nil {
			t.Fatalf("push printed %q: %v", s.Text(), err)
		}
		if l.Summary != nil {
			p.summary = l
			continue
		}
		p.files = append(p.files, l)
		if after != nil {
			after(l, cmd.Process)
		}
	}
	_ = cmd.Wait() // the exit code says it
	p.code, p.stderr = cmd.ProcessState.ExitCode(), stderr.String()
	if p.summary.Summary == nil {
		t.Fatalf("push ended without a summary: exit %d\n%s\n%s", p.code, p.stderr, v.Tail())
	}
	return p
}

// tree makes twelve files, one of them empty, one of 40 MiB, with unicode and
// the longest name that a file system takes.
func tree(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{
		"Papiere/leer.txt": {},
		"Papiere/" + strings.Repeat("ä", 125) + ".txt":    []byte("a name of 254 bytes"),
		"Papiere/日本語/契約書 ✓.md":                            []byte("# 契約書\n"),
		"Papiere/2024/tief/tiefer/noch tiefer/notiz.txt":  []byte("far down\n"),
		"Papiere/2024/e\u0301clair.txt":                   []byte("a name in two characters that are one\n"),
		"Papiere/odd 'name' \"with\" & <signs>; $(x).txt": []byte("quoted\n"),
		"Papiere/ohne Endung":                             []byte("%PDF-1.4 says its head"),
	}
	for i, d := range sample.Documents()[:4] {
		files[fmt.Sprintf("Papiere/muster/%d-%s", i, filepath.Base(d.Path))] = d.Bytes
	}
	large := make([]byte, 40<<20)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(large)
	files["Papiere/groß.bin"] = large
	for name, content := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		err := os.MkdirAll(filepath.Dir(p), 0o700)
		if err == nil {
			err = os.WriteFile(p, content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(files) != 12 {
		t.Fatalf("%d files", len(files))
	}
	return files
}

type document struct {
	ID       string `json:"id"`
	Filename string `json:"filename"`
	Size     int64  `json:"size"`
	SHA256   string `json:"sha256"`
	Status   string `json:"status"`
}

// documents lists all of a user's.
func documents(t *testing.T, v *throwaway.Vault, token string) []document {
	t.Helper()
	var out struct {
		Items []document `json:"items"`
	}
	if _, err := v.Call(t.Context(), http.MethodGet, "/v1/documents?limit=200", token, nil, &out); err != nil {
		t.Fatal(err)
	}
	return out.Items
}

// start builds the program, starts a vault and registers a user.
func start(t *testing.T) (string, *throwaway.Vault, throwaway.Account) {
	t.Helper()
	if _, err := pgserver.Find(t.Context(), 0); err != nil {
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
	v, err := throwaway.Start(t.Context(), program, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Stop(); err != nil {
			t.Error(err)
		}
	})
	a, err := v.Register(t.Context(), "e2e@example.org")
	if err != nil {
		t.Fatal(err)
	}
	return program, v, a
}

// TestPushInterruptedAndOnAgain is the story of the client: a tree, Ctrl-C in
// the middle, once more, and all of it is there exactly once.
func TestPushInterruptedAndOnAgain(t *testing.T) {
	t.Parallel()
	program, v, a := start(t)
	dir := t.TempDir()
	files := tree(t, dir)
	folder := filepath.Join(dir, "Papiere")

	var once sync.Once // a second one would kill it, as it should
	first := push(t, program, v, a, func(_ line, p *os.Process) {
		once.Do(func() { _ = p.Signal(os.Interrupt) })
	}, folder)
	if first.code != 130 || !first.summary.Summary.Interrupted || !strings.Contains(first.stderr, "run the same command again") {
		t.Errorf("interrupted push: exit %d, %+v\n%s", first.code, first.summary.Summary, first.stderr)
	}
	if first.summary.Summary.Uploaded >= len(files) {
		t.Error("the interruption came too late to show anything")
	}

	second := push(t, program, v, a, nil, "--wait", folder)
	if s := second.summary.Summary; second.code != 0 || s.Uploaded+s.AlreadyHere != len(files) || s.AlreadyHere < first.summary.Summary.Uploaded {
		t.Fatalf("second push: exit %d, %+v\n%+v\n%s", second.code, s, second.files, second.stderr)
	}
	third := push(t, program, v, a, nil, folder)
	if s := third.summary.Summary; third.code != 0 || s.AlreadyHere != len(files) {
		t.Errorf("third push: exit %d, %+v\n%s", third.code, s, third.stderr)
	}

	got := documents(t, v, a.Token)
	if len(got) != len(files) {
		t.Errorf("%d documents for %d files", len(got), len(files))
	}
	byHash := map[string]document{}
	for _, d := range got {
		byHash[d.SHA256] = d
		if d.Status != "ready" && d.Status != "failed" {
			t.Errorf("%s is %s", d.Filename, d.Status)
		}
	}
	for _, f := range second.files {
		d, ok := byHash[f.SHA256]
		if !ok || d.ID != f.DocumentID || d.Size != f.Size {
			t.Errorf("%s: document %+v, reported %+v", f.Path, d, f)
			continue
		}
		rel, err := filepath.Rel(dir, f.Path)
		if err != nil {
			t.Fatal(err)
		}
		if content := download(t.Context(), t, v, a.Token, d.ID); !bytes.Equal(content, files[filepath.ToSlash(rel)]) {
			t.Errorf("%s came back with %d other bytes", rel, len(content))
		}
	}
	var me struct {
		Quota struct {
			Used     int64 `json:"used_bytes"`
			Reserved int64 `json:"reserved_bytes"`
		} `json:"quota"`
	}
	if _, err := v.Call(t.Context(), http.MethodGet, "/v1/me", a.Token, nil, &me); err != nil {
		t.Fatal(err)
	}
	var size int64
	for _, content := range files {
		size += int64(len(content))
	}
	if me.Quota.Used != size || me.Quota.Reserved != 0 {
		t.Errorf("quota: %+v, want %d used", me.Quota, size)
	}
}

func download(ctx context.Context, t *testing.T, v *throwaway.Vault, token, id string) []byte {
	t.Helper()
	var at struct {
		URL string `json:"url"`
	}
	if _, err := v.Call(ctx, http.MethodGet, "/v1/documents/"+id+"/download", token, nil, &at); err != nil {
		t.Error(err)
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer func() { _ = res.Body.Close() }()
	content, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("download: %d, %v", res.StatusCode, err)
	}
	return content
}

// TestPushWrongly: what a person gets for a mistake.
func TestPushWrongly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program, err := throwaway.Build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		env  []string
		code int
		says string
	}{
		"no path":        {[]string{"push"}, nil, 2, `expected "<path> ..."`},
		"wrong flag":     {[]string{"push", "--jso", "x"}, nil, 2, `did you mean "--json"?`},
		"wrong address":  {[]string{"push", "--url", "vault", "x"}, []string{"DOCUVAULT_TOKEN=x"}, 2, "looks like http://localhost:8080"},
		"no credentials": {[]string{"push", "x"}, nil, 2, "DOCUVAULT_EMAIL and DOCUVAULT_PASSWORD"},
		"no command":     {nil, nil, 2, "docuvault --help"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, program, c.args...)
			cmd.Env = throwaway.Environ(c.env...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			_ = cmd.Run() // the exit code says it
			if cmd.ProcessState.ExitCode() != c.code || !strings.Contains(stderr.String(), c.says) || stdout.Len() > 0 {
				t.Errorf("exit %d, stdout %q, stderr %q", cmd.ProcessState.ExitCode(), stdout.String(), stderr.String())
			}
		})
	}
}
