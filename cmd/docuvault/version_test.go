package main

import (
	"bytes"
	"runtime"
	"testing"
)

// No t.Parallel: the version of a release is a variable of the program.
func TestVersion(t *testing.T) {
	release = "v1.2.3"
	t.Cleanup(func() { release = "" })
	var out bytes.Buffer
	if code := run(t.Context(), []string{"--version"}, streams{nil, &out, &out}); code != exitOK || out.String() != "docuvault v1.2.3 "+runtime.Version()+"\n" {
		t.Errorf("exit code %d: %s", code, &out)
	}
}
