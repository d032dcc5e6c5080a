package servers

import (
	"context"
	_ "embed" // the requirements
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
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
	python, err := ministackPython(ctx)
	if err != nil {
		return nil, err
	}
	return start(ctx, "ministack", "/_ministack/health", func(address, dir string) program {
		return ministack(python, "", address, dir)
	})
}

// ministackPython is the python that has ministack.
func ministackPython(ctx context.Context) (string, error) {
	dir, err := venv(ctx, ministackRequirements, 10)
	if err != nil {
		return "", err
	}
	return executable(filepath.Join(dir, binFolder()), "python")
}

// AWS starts ministack as an account: it takes templates of SAM, each function
// has the credentials of its role, and what a policy does not allow is refused.
// The Server's own keys are the account's root.
func AWS(ctx context.Context) (*Server, error) {
	python, err := ministackPython(ctx)
	if err != nil {
		return nil, err
	}
	sam, err := SAM()
	if err != nil {
		return nil, err
	}
	// The transform of templates is a package of the deployer's; after ministack's
	// own packages, so that of those that both have its own are taken.
	found, err := filepath.Glob(filepath.Join(filepath.Dir(sam), "venv", "lib", "python3*", "site-packages"))
	if err != nil || len(found) != 1 {
		return nil, fmt.Errorf("%w: the packages beside %s", ErrMissing, sam)
	}
	return start(ctx, "ministack", "/_ministack/health", func(address, dir string) program {
		p := ministack(python, fmt.Sprintf("import sys; sys.path.append(%q); ", found[0]), address, dir)
		// By this the processes of functions find its services, as on AWS by the
		// names of AWS.
		p.Env = append(p.Env, "AUTH=true", "AWS_ENDPOINT_URL=http://"+address)
		return p
	})
}

func ministack(python, before, address, dir string) program {
	host, port, _ := net.SplitHostPort(address)
	return program{
		Args: []string{python, "-c", before + "from ministack.app import main; main()"},
		Env: bare("GATEWAY_PORT="+port, "BIND_HOST="+host, "MINISTACK_HOST="+host, "LOG_LEVEL=WARNING",
			"AWS_ACCESS_KEY_ID="+accessKey, "AWS_SECRET_ACCESS_KEY="+secretKey,
			"HOME="+dir, "TMPDIR="+dir, "S3_DATA_DIR="+filepath.Join(dir, "s3"), "DOCKER_HOST=unix:///nonexistent"),
	}
}

// SAMVersion is the release of AWS's deployer that .ci/tool installs.
const SAMVersion = "1.170.0"

// SAM is where AWS's deployer is, in the folder of the project's tools. With it
// comes [RuntimeEmulator]. ErrMissing where it was not installed.
func SAM() (string, error) {
	path, err := tool("sam-"+SAMVersion, "sam")
	if err != nil {
		return "", errors.Join(err, errors.New("make tools installs it"))
	}
	return path, nil
}

// CLIVersion is the release of AWS's command line that .ci/tool installs.
const CLIVersion = "1.46.3"

// CLI is where AWS's command line is, in the folder of the project's tools.
// ErrMissing where it was not installed.
func CLI() (string, error) {
	path, err := tool("aws-"+CLIVersion, "aws")
	if err != nil {
		return "", errors.Join(err, errors.New("make tools installs it"))
	}
	return path, nil
}

// RuntimeEmulator is AWS's emulator of Lambda's runtime for this machine's
// processor, which SAM carries along. It runs on Linux.
func RuntimeEmulator() (string, error) {
	sam, err := SAM()
	if err != nil {
		return "", err
	}
	name := map[string]string{"amd64": "aws-lambda-rie-x86_64", "arm64": "aws-lambda-rie-arm64"}[runtime.GOARCH]
	found, err := filepath.Glob(filepath.Join(filepath.Dir(sam), "venv", "lib", "python3*", "site-packages", "samcli", "local", "rapid", name))
	if err != nil || len(found) != 1 || runtime.GOOS != "linux" {
		return "", fmt.Errorf("%w: AWS's runtime emulator, which is for Linux on amd64 and arm64", ErrMissing)
	}
	return found[0], nil
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
