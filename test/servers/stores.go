package servers

import (
	"context"
	_ "embed" // the requirements
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

//go:embed seaweedfs.txt
var seaweedfsRequirements string

// MinIOVersion is the last release of MinIO (AGPL; archived in April 2026). It
// is built from its source, which takes minutes: see [MinIO].
const MinIOVersion = "v0.0.0-20260212201848-7aac2a2c5b7c"

// MinIOBinary is where MinIO's program is, in the folder of the project's tools
// (that of .ci/tool); "make tools" puts it there. ErrMissing where it does not
// lie.
func MinIOBinary() (string, error) {
	path, err := tool("minio-"+MinIOVersion, "minio")
	if err != nil {
		return "", errors.Join(err, errors.New("make tools builds it, in 4 to 12 minutes"))
	}
	return path, nil
}

// tool is a program in the folder of the project's tools.
func tool(folder, name string) (string, error) {
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrMissing, err)
		}
		cache = filepath.Join(home, ".cache")
	}
	return executable(filepath.Join(cache, "docuvault", "tools", folder), name)
}

// MinIO starts MinIO with its data in dir, or in a folder that goes with it if
// dir is "". Variables of env are MinIO's, like those of [Webhook].
func MinIO(ctx context.Context, dir string, env ...string) (*Server, error) {
	binary, err := MinIOBinary()
	if err != nil {
		return nil, err
	}
	return start(ctx, "MinIO", "/minio/health/ready", func(address, own string) program {
		data := dir
		if data == "" {
			data = filepath.Join(own, "data")
		}
		return program{
			Args: []string{binary, "server", "--quiet", "--address", address, "--console-address", "127.0.0.1:0", data},
			Env: append(bare("HOME="+own, "TMPDIR="+own, "MINIO_ROOT_USER="+accessKey, "MINIO_ROOT_PASSWORD="+secretKey,
				"MINIO_UPDATE=off", "MINIO_BROWSER=off", "MINIO_REGION=us-east-1"), env...),
		}
	})
}

// Webhook is the environment with which MinIO tells the function events-storage
// of a vault at url of its objects, and keeps what it could not tell in folder.
// The notification of a bucket names it as arn:minio:sqs::1:webhook.
func Webhook(url, token, folder string) []string {
	return []string{
		"MINIO_NOTIFY_WEBHOOK_ENABLE_1=on", "MINIO_NOTIFY_WEBHOOK_ENDPOINT_1=" + url + "/v1/events/storage",
		"MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_1=" + token, "MINIO_NOTIFY_WEBHOOK_QUEUE_DIR_1=" + folder,
	}
}

// SeaweedFS starts SeaweedFS with its S3 API, its data in a folder that goes
// with it. It takes 800 MB of memory.
func SeaweedFS(ctx context.Context) (*Server, error) {
	dir, err := venv(ctx, seaweedfsRequirements, 10)
	if err != nil {
		return nil, err
	}
	weed, err := executable(filepath.Join(dir, binFolder()), "weed")
	if err != nil {
		return nil, err
	}
	ports := make([]string, 4)
	for i := range ports {
		address, err := freeAddress(ctx)
		if err != nil {
			return nil, err
		}
		_, ports[i], _ = net.SplitHostPort(address)
	}
	return start(ctx, "SeaweedFS", "/healthz", func(address, own string) program {
		host, port, _ := net.SplitHostPort(address)
		return program{
			Args: []string{
				weed, "server", "-s3", "-ip", host, "-ip.bind", host, "-dir", own, "-s3.port", port,
				"-master.port", ports[0], "-volume.port", ports[1], "-filer.port", ports[2], "-s3.port.grpc", ports[3],
				"-volume.max", "50", "-master.volumeSizeLimitMB", "64",
			},
			Env: bare("HOME="+own, "TMPDIR="+own, "AWS_ACCESS_KEY_ID="+accessKey, "AWS_SECRET_ACCESS_KEY="+secretKey),
		}
	})
}
