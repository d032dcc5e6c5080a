// Package testenv says which real servers a test run has, and makes a missing
// one visible.
//
// A suite whose server is missing is not skipped in silence: it prints a line
// that starts with "NOT RUN", which the test runner lists last, and with
// REQUIRE=all (as CI sets it) it fails.
package testenv

import (
	"os"
	"testing"
)

// NotRun ends the test: as skipped with a NOT RUN line, or as failed where the
// environment says REQUIRE=all.
func NotRun(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("REQUIRE") == "all" {
		t.Fatalf("NOT RUN: %s: %s (REQUIRE=all)", t.Name(), reason)
	}
	t.Skipf("NOT RUN: %s: %s", t.Name(), reason)
}
