package embedded

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"docuvault/shared/pgserver"
	"docuvault/shared/secret"
)

func TestRunningFindsWhatServeNoted(t *testing.T) {
	t.Parallel()
	f, err := OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Running(Vars{}); err == nil || !strings.Contains(err.Error(), "no vault runs") {
		t.Errorf("nothing runs: %v", err)
	}
	data := pgserver.DataDir(f.postgres())
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "postmaster.pid"), []byte("1\n/data\n0\n5433\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Running(Vars{}); err == nil || !strings.Contains(err.Error(), "app-password is missing") {
		t.Errorf("a secret that is missing is not made: %v", err)
	}
	for name, value := range map[string]string{"app-password": "app", "master-keys": "k1:abc", "s3-secret-key": "s3"} {
		if err := writeOnce(filepath.Join(f.secrets(), name), secret.New(value)); err != nil {
			t.Fatal(err)
		}
	}
	vars := Vars{}
	if err := f.Running(vars); err != nil {
		t.Fatal(err)
	}
	if vars["MASTER_KEYS"] != "k1:abc" || !strings.Contains(vars["DATABASE_URL"], "127.0.0.1:5433") || vars.Has("S3_ENDPOINT") {
		t.Errorf("without embedded storage: %v", vars)
	}

	if err := f.noteRunning(running{Endpoint: "http://127.0.0.1:9000", Bucket: "b", DerivedBucket: "d"}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(f.runFile()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: readable by the owner alone", info, err)
	}
	vars = Vars{"MASTER_KEYS": "k2:def"}
	if err := f.Running(vars); err != nil {
		t.Fatal(err)
	}
	if vars["S3_ENDPOINT"] != "http://127.0.0.1:9000" || vars["S3_BUCKET"] != "b" || vars["S3_DERIVED_BUCKET"] != "d" || vars["S3_SECRET_KEY"] != "s3" || vars["MASTER_KEYS"] != "k2:def" {
		t.Errorf("with embedded storage: %v", vars)
	}
}
