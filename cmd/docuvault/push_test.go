package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"docuvault/shared/dbtest"
	"docuvault/shared/vaulttest"
)

// A scanner's token that may only add is all that push needs, also when it runs
// again. No t.Parallel: the command reads the process's environment.
func TestPushWithAnUploadToken(t *testing.T) {
	w := vaulttest.New(t, nil)
	u := w.User(t)
	var made struct{ ID, Token string }
	u.Call(t, http.MethodPost, "/v1/me/tokens", map[string]any{"name": "scanner", "scopes": []string{"upload"}}).JSON(t, http.StatusCreated, &made)
	paper := filepath.Join(t.TempDir(), "scan.txt")
	if err := os.WriteFile(paper, []byte("A scanned letter."), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCUVAULT_TOKEN", made.Token)
	push := func() (code int, statuses, messages string) {
		var out, errs bytes.Buffer
		code = run(t.Context(), []string{"push", "--json", "--url", w.Server.URL, paper}, streams{nil, &out, &errs})
		for line := range strings.Lines(out.String()) {
			var result struct{ Status string }
			if err := json.Unmarshal([]byte(line), &result); err == nil && result.Status != "" {
				statuses += result.Status + " "
			}
		}
		return code, statuses, errs.String()
	}
	if code, statuses, messages := push(); code != exitOK || !strings.HasPrefix(statuses, "uploaded") {
		t.Errorf("exit code %d, %s: %s", code, statuses, messages)
	}
	if code, statuses, messages := push(); code != exitOK || !strings.HasPrefix(statuses, "already_here") {
		t.Errorf("again: exit code %d, %s: %s", code, statuses, messages)
	}
	if n := dbtest.Query1[int](t, w.DB, `SELECT count(*) FROM documents WHERE user_id = $1`, u.ID.String()); n != 1 {
		t.Errorf("%d documents, want 1", n)
	}
	u.Call(t, http.MethodDelete, "/v1/me/tokens/"+made.ID, nil).JSON(t, http.StatusNoContent, nil)
	if code, _, messages := push(); code != exitFailed || !strings.Contains(messages, "API token is not known") {
		t.Errorf("revoked: exit code %d: %s", code, messages)
	}
}
