package servers_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"docuvault/shared/storage/storagetest"
	"docuvault/shared/testenv"
	"docuvault/test/servers"
)

// conformance is the test that the child processes of the others run.
const conformance = "TestConformance"

// TestConformance is the storage suite on the server of TEST_S3_ENDPOINT. The
// suite has one server a process, so the tests below run it in children.
func TestConformance(t *testing.T) {
	t.Parallel()
	if os.Getenv("TEST_S3_ENDPOINT") == "" {
		t.Skip("run by the tests of MinIO and SeaweedFS")
	}
	storagetest.Run(t, storagetest.S3)
}

// conforms runs the suite on a server, with what that lacks declared.
func conforms(t *testing.T, s *servers.Server, lacks ...storagetest.Lack) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, lack := range lacks {
		names = append(names, string(lack))
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+conformance+"$", "-test.v", "-test.parallel=4")
	cmd.Env = append(os.Environ(), "TEST_S3_ENDPOINT="+s.URL, "TEST_S3_ACCESS_KEY="+s.AccessKey,
		"TEST_S3_SECRET_KEY="+s.SecretKey, "TEST_S3_LACKS="+strings.Join(names, ","))
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	passed := strings.Count(out.String(), "    --- PASS: "+conformance+"/")
	if err != nil || passed == 0 {
		t.Fatalf("%d tests of the suite passed, %v\n%s\n%s", passed, err, out.String(), s.Log())
	}
	t.Logf("%d tests of the suite passed; lacks: %v\n%s", passed, names, notes(out.String()))
}

// notes are the lines of a suite that say what it skipped.
func notes(out string) string {
	var lines []string
	for line := range strings.Lines(out) {
		if strings.Contains(line, "--- SKIP") || strings.Contains(line, "lacks") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines, "\n")
}

// running starts a server for the length of a test, or ends the test as not
// run.
func running(t *testing.T, start func(ctx context.Context) (*servers.Server, error)) *servers.Server {
	t.Helper()
	s, err := start(t.Context())
	if errors.Is(err, servers.ErrMissing) {
		testenv.NotRun(t, err.Error())
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

func TestMinIOConforms(t *testing.T) {
	t.Parallel()
	s := running(t, func(ctx context.Context) (*servers.Server, error) { return servers.MinIO(ctx, "") })
	// ListMultipartUploads by prefix is empty.
	conforms(t, s, storagetest.ListUploads)
}

func TestSeaweedFSConforms(t *testing.T) {
	t.Parallel()
	conforms(t, running(t, servers.SeaweedFS),
		storagetest.PartChecksums, storagetest.ResentParts, storagetest.ListOrder, storagetest.MissingBucket)
}
