package s3server_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// packageDir is where this package lies; servers move the working folder later.
var packageDir, _ = os.Getwd()

// No function's binary may carry the server: only cmd/docuvault does, and
// storagetest, which in turn only tests import.
func TestWhoLinksTheServer(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "docuvault/...")
	cmd.Dir = packageDir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	// Besides the packages below cmd/docuvault.
	allowed := map[string][]string{
		"docuvault/shared/s3server":            {"docuvault/shared/storage/storagetest"},
		"docuvault/shared/storage/storagetest": nil,
	}
	found := 0
	for line := range strings.Lines(string(out)) {
		importer, imports, _ := strings.Cut(strings.TrimSpace(line), " ")
		for imported := range strings.FieldsSeq(imports) {
			importers, guarded := allowed[imported]
			if !guarded {
				continue
			}
			found++
			// storagetest is not for programs either: its list is empty.
			ours := strings.HasPrefix(importer+"/", "docuvault/cmd/docuvault/") && len(importers) > 0
			if !ours && !slices.Contains(importers, importer) {
				t.Errorf("%s imports %s: only tests, cmd/docuvault's own packages and %v may", importer, imported, importers)
			}
		}
	}
	if found == 0 {
		t.Error("nobody imports the server: this test looked at nothing")
	}
}
