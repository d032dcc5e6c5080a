package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"docuvault/test/throwaway"
)

// largeMiB is the size of the large file; LARGE_MIB asks for another.
func largeMiB(t *testing.T) int {
	t.Helper()
	s := os.Getenv("LARGE_MIB")
	if s == "" {
		return 200
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 100 || n > 5000 {
		t.Fatalf("LARGE_MIB is %q: a number of MiB from 100 to 5000", s)
	}
	return n
}

// large writes a file of so many MiB and returns its hash.
func large(t *testing.T, name string, mib int) string {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	random := rand.NewChaCha8([32]byte{7})
	block := make([]byte, 1<<20)
	for range mib {
		_, _ = random.Read(block)
		_, _ = h.Write(block)
		if _, err := f.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// resident is the largest resident memory of a process so far, in MiB; 0 where
// the system does not say.
func resident(pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.Atoi(strings.Fields(rest)[0])
			return kib >> 10
		}
	}
	return 0
}

// arrived counts the parts that storage has of the one pending document.
func arrived(t *testing.T, v *throwaway.Vault, a throwaway.Account, document string) int {
	t.Helper()
	var l struct {
		Parts []struct {
			Number int `json:"number"`
		} `json:"parts"`
	}
	if _, err := v.Call(t.Context(), http.MethodGet, "/v1/uploads/"+document+"/parts", a.Token, nil, &l); err != nil {
		return -1 // complete
	}
	return len(l.Parts)
}

// TestALargeFileKilledAndResumed: push is killed in the middle of a large file,
// and the next one sends only what is missing.
func TestALargeFileKilledAndResumed(t *testing.T) {
	t.Parallel()
	program, v, a := start(t)
	mib := largeMiB(t)
	name := filepath.Join(t.TempDir(), "groß.bin")
	sum := large(t, name, mib)
	parts := (mib + 15) / 16

	first := exec.CommandContext(t.Context(), program, "push", "--json", "--url", v.URL, name)
	first.Env = throwaway.Environ(a.Environ()...)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	// The document that the push begins is found by beginning it as well.
	announced := map[string]any{"filename": "groß.bin", "size": mib << 20, "sha256": sum, "content_type": "application/octet-stream"}
	var begun struct {
		Document document `json:"document"`
	}
	if _, err := v.Call(t.Context(), http.MethodPost, "/v1/uploads", a.Token, announced, &begun); err != nil {
		t.Fatal(err)
	}
	sent := 0
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(time.Minute); sent < 2 && time.Now().Before(deadline); <-ticker.C {
		sent = arrived(t, v, a, begun.Document.ID)
		if sent < 0 {
			t.Fatal("the push was complete before it could be killed")
		}
	}
	clientMiB := resident(first.Process.Pid)
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait() // killed
	sent = arrived(t, v, a, begun.Document.ID)
	if sent < 2 || sent >= parts {
		t.Fatalf("killed with %d of %d parts sent: it shows nothing", sent, parts)
	}

	from := time.Now()
	out, secondMiB := measured(t, program, v, a, name)
	took := time.Since(from)
	var l line
	if err := json.NewDecoder(bytes.NewReader(out)).Decode(&l); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if l.Status != "uploaded" || l.DocumentID != begun.Document.ID || l.SHA256 != sum {
		t.Fatalf("second push: %+v, want document %s", l, begun.Document.ID)
	}
	t.Logf("%d MiB in %d parts, killed after %d; the rest, hash and check took %s; most memory: push %d and %d MiB, whole vault %d MiB",
		mib, parts, sent, took.Round(time.Millisecond), clientMiB, secondMiB, resident(v.PID()))

	for _, d := range documents(t, v, a.Token) {
		if d.ID != begun.Document.ID || d.Size != int64(mib)<<20 || d.Status == "pending" {
			t.Errorf("document %+v", d)
		}
	}
	if got := hashOf(t, v, a.Token, begun.Document.ID); got != sum {
		t.Errorf("it came back as %s, want %s", got, sum)
	}
	if secondMiB > 100 {
		t.Errorf("push needed %d MiB of memory for a file of %d MiB", secondMiB, mib)
	}
}

// measured runs a push and returns what it printed and its most memory in MiB.
func measured(t *testing.T, program string, v *throwaway.Vault, a throwaway.Account, name string) ([]byte, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "push", "--json", "--url", v.URL, name)
	cmd.Env = throwaway.Environ(a.Environ()...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	most := 0
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("push: %v\n%s\n%s\n%s", err, &stdout, &stderr, v.Tail())
			}
			return stdout.Bytes(), most
		case <-ticker.C:
			most = max(most, resident(cmd.Process.Pid))
		}
	}
}

// hashOf downloads a document and hashes it.
func hashOf(t *testing.T, v *throwaway.Vault, token, id string) string {
	t.Helper()
	var at struct {
		URL string `json:"url"`
	}
	if _, err := v.Call(t.Context(), http.MethodGet, "/v1/documents/"+id+"/download", token, nil, &at); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, res.Body); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}
