package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"docuvault/shared/dbtest"
	"docuvault/shared/vaulttest"
)

// No t.Parallel: the command reads the process's environment.
func TestAuditVerify(t *testing.T) {
	w := vaulttest.New(t, nil)
	w.User(t).Analyzed(t, "letter.txt", "text/plain", []byte("Dear Anna, all is well."))
	w.DB.WaitForOthers(t, "")
	if err := w.Schedule(t, "seal"); err != nil {
		t.Fatal(err)
	}
	for name, value := range w.Vars {
		t.Setenv(name, value)
	}
	t.Setenv("DATABASE_MIGRATE_URL", w.DB.MigrateURL)
	call := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		code := run(context.Background(), append([]string{"audit", "verify"}, args...), streams{nil, &out, &errs})
		return code, out.String() + errs.String()
	}
	head := dbtest.Query1[string](t, w.DB, `SELECT encode(hash, 'hex') FROM audit_seals ORDER BY number DESC LIMIT 1`)
	for _, args := range [][]string{{}, {"--head", head}, {"--head", strings.ToUpper(head)}} {
		if code, out := call(args...); code != exitOK || !strings.Contains(out, "Nothing is broken.") || !strings.Contains(out, "head "+head) {
			t.Errorf("%q of a whole log: exit code %d:\n%s", args, code, out)
		}
	}
	if code, out := call("--head", strings.Repeat("0", 64)); code != exitFailed || !strings.Contains(out, "head_unknown") {
		t.Errorf("with a head that is not in the chain: exit code %d:\n%s", code, out)
	}
	if code, out := call("--head", "xyz"); code != exitUsage || !strings.Contains(out, "64 hexadecimal digits") {
		t.Errorf("with no head: exit code %d:\n%s", code, out)
	}
	w.DB.Exec(t, `UPDATE audit_log SET action = 'document.downloaded' WHERE action = 'upload.stored'`)
	if code, out := call(); code != exitFailed || !strings.Contains(out, "entry_changed") || !strings.Contains(out, "audit entry") {
		t.Errorf("of a log that was changed: exit code %d:\n%s", code, out)
	}
	code, out := call("--json")
	var report struct {
		OK         bool
		Invariants []struct{ Number int }
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitFailed || report.OK || len(report.Invariants) != 1 || report.Invariants[0].Number != 7 {
		t.Errorf("as JSON: exit code %d, %v:\n%s", code, err, out)
	}
}
