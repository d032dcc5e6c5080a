package servers

import (
	"context"
	_ "embed" // the requirements
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"docuvault/shared/testenv"
)

//go:embed ministack.txt
var ministackRequirements string

// SQSVariable names a server of SQS and S3 for all tests of a run, as the test
// runner starts one: its address.
const SQSVariable = "DOCUVAULT_TEST_SQS"

// Ministack starts ministack: SQS, S3 and more of AWS, all in memory. SQS takes
// any keys; presigned URLs have to be signed with the Server's.
func Ministack(ctx context.Context) (*Server, error) {
	dir, err := venv(ctx, ministackRequirements)
	if err != nil {
		return nil, err
	}
	python, err := executable(filepath.Join(dir, binFolder()), "python")
	if err != nil {
		return nil, err
	}
	return start(ctx, "ministack", "/_ministack/health", func(address, dir string) program {
		host, port, _ := net.SplitHostPort(address)
		return program{
			Args: []string{python, "-c", "from ministack.app import main; main()"},
			Env: bare("GATEWAY_PORT="+port, "BIND_HOST="+host, "MINISTACK_HOST="+host, "LOG_LEVEL=WARNING",
				"AWS_ACCESS_KEY_ID="+accessKey, "AWS_SECRET_ACCESS_KEY="+secretKey,
				"HOME="+dir, "TMPDIR="+dir, "S3_DATA_DIR="+filepath.Join(dir, "s3"), "DOCKER_HOST=unix:///nonexistent"),
		}
	})
}

// ours is the process's one ministack. It ends with the process.
var ours = sync.OnceValues(func() (*Server, error) { return Ministack(context.Background()) })

// SQS returns the address of a server of SQS and S3 with S3's notifications:
// the one of SQSVariable, else one of this process. Without one the test is NOT
// RUN. Tests share it: they make queues and buckets of their own.
func SQS(t testing.TB) *Server {
	t.Helper()
	if address := os.Getenv(SQSVariable); address != "" {
		return &Server{URL: address, AccessKey: accessKey, SecretKey: secretKey}
	}
	s, err := ours()
	if errors.Is(err, ErrMissing) {
		testenv.NotRun(t, "no server of SQS: "+err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// bare is an environment without what would lead a server elsewhere.
func bare(more ...string) []string {
	var env []string
	for _, name := range []string{"PATH", "LANG", "LC_ALL", "TZ", "SystemRoot", "TEMP", "TMP"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return append(env, more...)
}
