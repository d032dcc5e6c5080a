package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"docuvault/shared/vaulttest"
)

// No t.Parallel: the command reads the process's environment.
func TestVerifyPrintsAndEndsWithItsCode(t *testing.T) {
	w := vaulttest.New(t, nil)
	w.User(t).Analyzed(t, "letter.txt", "text/plain", []byte("Dear Anna, all is well."))
	for name, value := range w.Vars {
		t.Setenv(name, value)
	}
	t.Setenv("DATABASE_MIGRATE_URL", w.DB.MigrateURL)
	call := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		code := run(context.Background(), append([]string{"verify"}, args...), streams{nil, &out, &errs})
		if errs.Len() > 0 {
			t.Logf("stderr: %s", &errs)
		}
		return code, out.String()
	}
	if code, out := call("--strict"); code != exitOK || !strings.Contains(out, "Nothing is broken; 1 of 10 not checked.") {
		t.Errorf("healthy: exit code %d:\n%s", code, out)
	}
	w.DB.Exec(t, `UPDATE quotas SET used_bytes = used_bytes + 1`)
	if code, out := call(); code != exitFailed || !strings.Contains(out, "used_bytes_differ") || !strings.Contains(out, "1 invariant is broken.") {
		t.Errorf("broken: exit code %d:\n%s", code, out)
	}
	code, out := call("--json")
	var report struct {
		OK         bool
		Invariants []struct{ Number int }
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitFailed || report.OK || len(report.Invariants) != 10 {
		t.Errorf("as JSON: exit code %d, %v:\n%s", code, err, out)
	}
	if strings.Contains(out, "letter") || !strings.Contains(out, "used_bytes_differ") {
		t.Errorf("as JSON:\n%s", out)
	}
}

func TestVerifyWithoutAVaultSaysWhatToDo(t *testing.T) {
	t.Setenv("DATABASE_MIGRATE_URL", "")
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"verify", "--data", t.TempDir()}, streams{nil, &out, &errs})
	if code != exitFailed || !strings.Contains(errs.String(), "docuvault serve --data") {
		t.Errorf("exit code %d: %s", code, &errs)
	}
}
