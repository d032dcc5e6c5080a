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

// Of all programs only cmd/docuvault carries the server, directly or through
// another package; a function's binary never does.
func TestWhoLinksTheServer(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-f", `{{if eq .Name "main"}}{{.ImportPath}} {{join .Deps " "}}{{end}}`, "docuvault/...")
	cmd.Dir = packageDir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	programs := 0
	for line := range strings.Lines(string(out)) {
		program, deps, _ := strings.Cut(strings.TrimSpace(line), " ")
		if program == "" {
			continue
		}
		programs++
		if slices.Contains(strings.Fields(deps), "docuvault/shared/s3server") && program != "docuvault/cmd/docuvault" {
			t.Errorf("%s links the S3 server", program)
		}
	}
	if programs == 0 {
		t.Error("there are no programs: this test looked at nothing")
	}
}
