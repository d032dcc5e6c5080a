package s3server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// syncer returns what makes a stored object durable. versitygw itself never
// syncs: without this an acknowledged upload is lost with the power.
func syncer(cfg Config, d dirs) func(bucket, key string) error {
	if cfg.NoSync {
		return func(string, string) error { return nil }
	}
	return func(bucket, key string) error {
		if err := syncUp(d.objects, filepath.Join(bucket, filepath.FromSlash(key))); err != nil {
			return fmt.Errorf("sync object: %w", err)
		}
		if d.metadata == "" {
			return nil
		}
		// The sidecar of bucket/key is a folder bucket/key/meta with one file
		// an attribute.
		dir := filepath.Join(bucket, filepath.FromSlash(key), "meta")
		attributes, err := os.ReadDir(filepath.Join(d.metadata, dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sync metadata: %w", err)
		}
		for _, a := range attributes {
			if err := syncPath(filepath.Join(d.metadata, dir, a.Name())); err != nil {
				return fmt.Errorf("sync metadata: %w", err)
			}
		}
		if err := syncUp(d.metadata, dir); err != nil {
			return fmt.Errorf("sync metadata: %w", err)
		}
		return nil
	}
}

// syncUp syncs root/name and every folder above it, up to root: the folders of
// a first object are as new as the object.
func syncUp(root, name string) error {
	for ; ; name = filepath.Dir(name) {
		if err := syncPath(filepath.Join(root, name)); err != nil {
			return err
		}
		if name == "." {
			return nil
		}
	}
}

// syncPath syncs one file or folder. One that is gone was deleted meanwhile.
func syncPath(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if runtime.GOOS == "windows" {
		// Windows syncs neither folders nor files opened for reading.
		return nil
	}
	return f.Sync()
}

// pinName is an empty folder, and therefore no object, in each folder that
// several objects share.
const pinName = ".keep"

// pinner returns what keeps the folder that a key's own folder lies in.
// versitygw removes a folder with its last object, and a write of another
// object that just found it there then fails with a 409 for no fault of the
// client. A folder that is not empty stays. The folders of single objects come
// and go: versitygw makes those again itself.
func pinner(d dirs) func(bucket, key string) error {
	return func(bucket, key string) error {
		shared := filepath.Dir(filepath.Dir(filepath.FromSlash(key)))
		if shared == "." || !filepath.IsLocal(shared) {
			return nil
		}
		if _, err := os.Stat(filepath.Join(d.objects, bucket)); errors.Is(err, fs.ErrNotExist) {
			return nil // versitygw has the answer for a bucket that is not there
		}
		dir := filepath.Join(d.objects, bucket, shared, pinName)
		err := os.MkdirAll(dir, 0o750)
		for errors.Is(err, fs.ErrNotExist) { // removed between two of its steps
			err = os.MkdirAll(dir, 0o750)
		}
		if errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTDIR) {
			return nil // an object has that name: versitygw has the answer
		}
		if err != nil {
			return fmt.Errorf("keep folder: %w", err)
		}
		return nil
	}
}
