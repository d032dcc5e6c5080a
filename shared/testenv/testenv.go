// Package testenv says which real servers a test run has, and makes a missing
// one visible.
//
// A suite whose server is missing is not skipped in silence: it prints a line
// that starts with "NOT RUN", which the test runner lists last, and with
// REQUIRE=all (as CI sets it) it fails, unless it is one of those that say
// [Asked]. What servers do in their own time is waited for by [Eventually].
package testenv

import (
	"os"
	"testing"
	"time"
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

// Asked leaves a test out, with its NOT RUN line, unless REQUIRE names its suite,
// as that suite's own make target does: also where REQUIRE=all. It is for suites
// that take long, and that few machines can run.
func Asked(t testing.TB, suite string) {
	t.Helper()
	if os.Getenv("REQUIRE") != suite {
		t.Skipf("NOT RUN: %s: make test-%s runs it", t.Name(), suite)
	}
}

// Eventually asks until something is so, and ends the test when it was not
// within a time.
func Eventually(t testing.TB, within time.Duration, what string, is func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(within); time.Now().Before(end); <-ticker.C {
		if is() {
			return
		}
	}
	t.Fatalf("in vain: %s", what)
}
