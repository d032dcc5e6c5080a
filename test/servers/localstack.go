package servers

import (
	"context"
	_ "embed" // the requirements
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// localstackRequirements are what LocalStack imports for S3 and SQS, which is
// half of what it names: the rest is for other services, and has no wheels in
// part.
//
//go:embed localstack.txt
var localstackRequirements string

// localstackPython is the Python 3 that LocalStack needs.
const localstackPython = 12

// localstackMain starts it. It was written for Python 3.13, and of that misses
// one name in 3.12.
const localstackMain = `import typing_extensions, warnings
warnings.deprecated = getattr(warnings, "deprecated", typing_extensions.deprecated)
from localstack.runtime.main import main
main()`

// LocalStack starts LocalStack with SQS and S3, all in memory: its last release
// that wants no account, as a program without a container. It looks at
// signatures, as its image does not by default. When it is ready it runs the
// scripts of the folder ready, with AWS's command line as awslocal: as its image
// does with what is mounted there.
func LocalStack(ctx context.Context, ready string) (*Server, error) {
	dir, err := venv(ctx, localstackRequirements, localstackPython)
	if err != nil {
		return nil, err
	}
	python, err := executable(filepath.Join(dir, binFolder()), "python")
	if err != nil {
		return nil, err
	}
	cli, err := CLI()
	if err != nil {
		return nil, err
	}
	if ready, err = filepath.Abs(ready); err != nil {
		return nil, err
	}
	var made error
	s, err := start(ctx, "LocalStack", "/_localstack/health", func(address, own string) program {
		scripts := filepath.Join(own, "etc", "localstack", "init")
		made = errors.Join(os.MkdirAll(scripts, 0o700), os.Symlink(ready, filepath.Join(scripts, "ready.d")),
			os.WriteFile(filepath.Join(own, "awslocal"), []byte(Awslocal(cli, "http://"+address)), 0o700))
		return program{
			Args: []string{python, "-c", localstackMain},
			// In a container without its image it would take /var/lib for its own.
			Env: bare("OVERRIDE_IN_DOCKER=0", "PATH="+own+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+own, "FILESYSTEM_ROOT="+own,
				"SERVICES=sqs,s3", "GATEWAY_LISTEN="+address,
				"S3_SKIP_SIGNATURE_VALIDATION=0", "SKIP_SSL_CERT_DOWNLOAD=1", "DISABLE_EVENTS=1", "DNS_ADDRESS=0",
				"SQS_DISABLE_CLOUDWATCH_METRICS=1", "LS_LOG=warning"),
		}
	})
	if err != nil {
		return nil, err
	}
	if made != nil {
		return nil, errors.Join(made, s.Stop())
	}
	// The only keys that it can check a signature with.
	s.AccessKey, s.SecretKey = "test", "test"
	return s, nil
}

// Awslocal is a shell script that LocalStack's image has under that name: AWS's
// command line, which speaks to one server.
func Awslocal(cli, address string) string {
	return fmt.Sprintf("#!/bin/sh\nAWS_ACCESS_KEY_ID=${AWS_ACCESS_KEY_ID:-test} AWS_SECRET_ACCESS_KEY=${AWS_SECRET_ACCESS_KEY:-test} exec %q --endpoint-url %q --region us-east-1 \"$@\"\n", cli, address)
}
