package lambdatest

import (
	"embed"
	"path"
	"testing"
)

//go:embed events
var samples embed.FS

// Events returns real events by file name: those of one folder of events, whose
// README says where they come from. None is a failure.
func Events(t testing.TB, kind string) map[string][]byte {
	t.Helper()
	dir := path.Join("events", kind)
	entries, err := samples.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatalf("no events in %s: %v", dir, err)
	}
	found := make(map[string][]byte, len(entries))
	for _, entry := range entries {
		if found[entry.Name()], err = samples.ReadFile(path.Join(dir, entry.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return found
}
